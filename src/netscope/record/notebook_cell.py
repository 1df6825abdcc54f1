"""Find the notebook (or IPython) cell in which a run begins. When that cell runs again, the new run replaces it."""

from __future__ import annotations

import dis
import sys
from types import FrameType
from typing import Any, NamedTuple

from netscope.record import guard
from netscope.record.stacklevel import depth_of_caller


class NotebookCell(NamedTuple):
    """One execution of a cell."""

    id: str
    """The cell's id, or the name of the file that IPython compiled its code as."""
    execution: int
    """The execution count. Several runs begun in the same execution are meant to run side by side."""
    replaced: object
    """The session of the run in the variable that the new run is about to be assigned to, if any."""


def current_cell() -> NotebookCell | None:
    """The cell that is calling; None outside IPython."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    return guard.attempt("finding the notebook cell", lambda: _cell(shell), None) if shell is not None else None


def _cell(shell: Any) -> NotebookCell | None:
    names = getattr(shell, "user_global_ns", None)  # the globals of code at the top level of a cell
    caller = frame = sys._getframe(depth_of_caller() - 1)
    while frame.f_code.co_name != "<module>" or frame.f_globals is not names:
        if frame.f_back is None:
            return None  # called from outside a cell
        frame = frame.f_back
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}  # the message that requested the execution
    cell_id = (parent.get("metadata") or {}).get("cellId") or frame.f_code.co_filename
    replaced = shell.user_ns.get(_stored_in(caller)) if caller.f_globals is names else None
    return NotebookCell(str(cell_id), int(shell.execution_count), getattr(replaced, "_session", None))


def _stored_in(frame: FrameType) -> str:
    """The global variable that the frame's current call is assigned to, or ''."""
    after = (one for one in dis.get_instructions(frame.f_code) if one.offset > frame.f_lasti)
    one = next(after, None)
    return str(one.argval) if one is not None and one.opname in ("STORE_NAME", "STORE_GLOBAL") else ""
