"""End abandoned runs: their notebook cell ran again, or the last reference to them is gone.

A run that was let go of stays open while no other run begins: a script may hold it for what it records by itself, or
return from the function that trained. When another run begins in the same process, it ends as "abandoned".
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from netscope.record import process_hooks
from netscope.record.notebook_cell import Cell
from netscope.record.session import Session


def end_abandoned(cell: Cell | None = None, but: Session | None = None) -> Callable[[], None]:
    """End the abandoned runs of this process, before another one begins in `cell` or watches a model.

    Args:
        cell: Where the next run begins.
        but: The run that goes on.

    Returns:
        What warns of those that ended, for when the next run's console listens.
    """
    warnings: list[Callable[[], None]] = []
    others = [run for run in process_hooks.living() if isinstance(run, Session) and run is not but]
    for run in others:
        if cell is not None and run.cell is not None and run.cell.execution != cell.execution:
            if run is cell.replaced or run.cell.place == cell.place:
                warnings.append(run.abandon())
    if any(not run.is_let_go for run in others):
        gc.collect()  # one may be held by a circle of dead objects alone
    for run in others:
        if run.is_let_go and not run.is_over:
            warnings.append(run.abandon())

    def warn() -> None:
        for one in warnings:
            one()

    return warn
