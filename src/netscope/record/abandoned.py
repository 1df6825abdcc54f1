"""End abandoned runs: their notebook cell ran again, or nothing refers to them any more.

A run without references stays open until another run begins in the same process: its script may rely on what the run
records by itself (console, system metrics), or may have returned from the function that trained.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from netscope.record import process_hooks
from netscope.record.notebook_cell import NotebookCell
from netscope.record.session import Session


def end_abandoned(cell: NotebookCell | None = None, keep: Session | None = None) -> Callable[[], None]:
    """End the abandoned runs of this process. Called before another run begins or watches a model.

    Args:
        cell: The notebook cell in which the next run begins, if any.
        keep: A run that must not be ended.

    Returns:
        A function that warns about the runs that ended; call it once the next run captures the console.
    """
    warnings: list[Callable[[], None]] = []
    others = [run for run in process_hooks.active_runs() if isinstance(run, Session) and run is not keep]
    for run in others:
        if cell is not None and run.cell is not None and run.cell.execution != cell.execution:
            if run is cell.replaced or run.cell.id == cell.id:
                warnings.append(run.abandon())
    if any(not run.is_unreferenced for run in others):
        gc.collect()  # a run may be referenced only from a dead reference cycle
    for run in others:
        if run.is_unreferenced and not run.is_over:
            warnings.append(run.abandon())

    def warn() -> None:
        for one in warnings:
            one()

    return warn
