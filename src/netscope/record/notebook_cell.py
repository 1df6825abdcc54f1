"""The notebook (or IPython) cell in which a run begins; when the cell runs again, the new run replaces the old one."""

from __future__ import annotations

import dis
import sys
from types import FrameType
from typing import Any, NamedTuple

from netscope.record import beside
from netscope.record.stacklevel import depth_of_caller


class Cell(NamedTuple):
    """One execution of a cell."""

    place: str
    """The cell's id, or the file that IPython made of its text."""
    execution: int
    """Number of the execution: a run of the same one was begun on purpose beside the others."""
    replaced: object
    """The session of the run in the variable that will take the new one; None where there is none."""


def current_cell() -> Cell | None:
    """The cell whose code is calling us; None outside IPython."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    return beside.attempt("finding the notebook's cell", lambda: _cell(shell), None) if shell is not None else None


def _cell(shell: Any) -> Cell | None:
    names = getattr(shell, "user_global_ns", None)  # of code at the top of a cell
    caller = frame = sys._getframe(depth_of_caller() - 1)
    while frame.f_code.co_name != "<module>" or frame.f_globals is not names:
        if frame.f_back is None:
            return None  # called by something else in this process
        frame = frame.f_back
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}  # the message that asked to run the cell
    place = (parent.get("metadata") or {}).get("cellId") or frame.f_code.co_filename
    replaced = shell.user_ns.get(_stored_in(caller)) if caller.f_globals is names else None
    return Cell(str(place), int(shell.execution_count), getattr(replaced, "_session", None))


def _stored_in(frame: FrameType) -> str:
    """The global variable that takes the result of the call that a frame is in, or ''."""
    after = (one for one in dis.get_instructions(frame.f_code) if one.offset > frame.f_lasti)
    one = next(after, None)
    return str(one.argval) if one is not None and one.opname in ("STORE_NAME", "STORE_GLOBAL") else ""
