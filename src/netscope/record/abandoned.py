"""Runs that nobody goes on with: a notebook's cell ran again, or the last reference to a run is gone.

A run that was let go of stays open while no other run begins: a script may hold it for what it records by itself, or
return from the function that trained. When another run begins in the same process, it ends as "abandoned".
"""

from __future__ import annotations

import dis
import gc
import sys
from types import FrameType
from typing import Any, NamedTuple

from netscope.record import beside, lives
from netscope.record.caller import depth_of_caller
from netscope.record.recording import Recording


class Cell(NamedTuple):
    """Where in a notebook (or IPython) a run begins."""

    place: str
    """The cell's id, or the file that IPython made of its text."""
    execution: int
    """Number of the execution: a run of the same one was begun on purpose beside the others."""
    replaced: Recording | None
    """The run in the variable that the new one will be stored in."""


def end_abandoned(cell: Cell | None = None, but: Recording | None = None) -> None:
    """End the runs of this process that nobody goes on with, before another begins in `cell`, or watches a model.

    Args:
        cell: Where the next run begins.
        but: The run that goes on.
    """
    others = [run for run in lives.living() if isinstance(run, Recording) and run is not but]
    for run in others:
        if cell is not None and run.cell is not None and run.cell.execution != cell.execution:
            if run is cell.replaced or run.cell.place == cell.place:
                run.abandon()
    if any(not run.is_let_go for run in others):
        gc.collect()  # one may be held by a circle of dead objects alone
    for run in others:
        if run.is_let_go:
            run.abandon()


def current_cell() -> Cell | None:
    """The cell whose code is calling us; None outside IPython."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    return beside.attempt("finding the notebook's cell", lambda: _cell(shell), None) if shell is not None else None


def _cell(shell: Any) -> Cell | None:
    caller = frame = sys._getframe(depth_of_caller() - 1)
    while frame.f_code.co_name != "<module>" or frame.f_globals is not shell.user_global_ns:
        if frame.f_back is None:
            return None  # called by something else in this process
        frame = frame.f_back
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}  # the message that asked to run the cell
    place = (parent.get("metadata") or {}).get("cellId") or frame.f_code.co_filename
    replaced = shell.user_ns.get(_stored_in(caller)) if caller.f_globals is shell.user_global_ns else None
    return Cell(str(place), int(shell.execution_count), getattr(replaced, "_recording", None))


def _stored_in(frame: FrameType) -> str:
    """The global variable that takes the result of the call that a frame is in, or ''."""
    after = (one for one in dis.get_instructions(frame.f_code) if one.offset > frame.f_lasti)
    one = next(after, None)
    return str(one.argval) if one is not None and one.opname in ("STORE_NAME", "STORE_GLOBAL") else ""
