"""The lines of a chart before they are thinned: y over step, time since the run began, time of day, or another key."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from netscope.analyse.thin import ascending
from netscope.errors import NotFoundError, UsageError
from netscope.schema import GroupRequest, Kind, Run, SeriesRequest
from netscope.store.columns import Columns, unknown_run
from netscope.store.store import Store

WIDEST_PX = 10_000


class Line(NamedTuple):
    """One series, or the ghost of one; x ascends and is never NaN."""

    run: str
    key: str
    x: np.ndarray
    y: np.ndarray
    n_logged: int
    ghost: bool
    revision: int
    times: np.ndarray
    """Unix seconds, beside y."""


def check(request: SeriesRequest | GroupRequest) -> None:
    """Refuse what no chart can mean.

    Raises:
        UsageError: With the name of the field.
    """
    if not 1 <= request.px <= WIDEST_PX:
        raise UsageError(f"px is {request.px}; a chart is 1 to {WIDEST_PX:,} pixels wide")
    for name in ("low", "high"):
        edge = getattr(request, name)
        if edge is not None and not math.isfinite(edge):
            raise UsageError(f"{name} is {edge}; leave it out to see everything")
    if request.low is not None and request.high is not None and request.low > request.high:
        raise UsageError(f"low is {request.low:g}, which is beyond high, {request.high:g}")


def everyone(store: Store) -> dict[str, Run]:
    """All runs by id. Remembered as long as nothing changes, because every request begins with it."""
    seen = _seen.get(store)
    if seen is None or seen[0] != store.revision:
        table = store.table()
        seen = _seen[store] = (table.revision, {run.id: run for run in table.runs})
    return seen[1]


_seen: WeakKeyDictionary[Store, tuple[int, dict[str, Run]]] = WeakKeyDictionary()


def revisions(store: Store, runs: Sequence[str]) -> dict[str, int]:
    """Those of the runs that are there, once each, and their revisions. One may be deleted while a chart shows it.

    Raises:
        NotFoundError: None of them is there.
    """
    there = everyone(store)
    found = {run: there[run].revision for run in runs if run in there}
    if runs and not found:
        raise NotFoundError(unknown_run(runs[0], list(there)))
    return found


def of_key(
    store: Store, runs: Sequence[str], key: str, x: str, kind: Kind = "scalar", ghosts: bool = True
) -> Iterator[Line]:
    """The lines of one key, run after run in the order asked for, each followed by its ghosts."""
    columns = store.columns(list(runs), key, kind)
    if x in ("step", "time", "relative"):
        there = everyone(store) if x == "relative" else {}
        for run, series in columns.items():
            for is_ghost, (steps, times, values) in _parts(series, ghosts):
                if x == "step" and not is_ghost:  # these ascend already
                    yield Line(run, key, steps, values, len(steps), False, series.revision, times)
                    continue
                at = steps if x == "step" else times if x == "time" else times - there[run].created
                yield _line(run, key, at, values, is_ghost, series.revision, times)
        return
    others = store.columns(list(columns), x, "scalar")
    for run, series in columns.items():
        if run in others:
            at, values, times = _joined(others[run], series)
            yield _line(run, key, at, values, False, series.revision + others[run].revision, times)


def _parts(series: Columns, ghosts: bool) -> Iterator[tuple[bool, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    yield False, (series.steps, series.times, series.values)
    if ghosts:
        for ghost in series.ghosts:
            yield True, ghost


def _joined(x: Columns, y: Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of two keys at the steps that both have, and the times of the second."""
    _, of_x, of_y = np.intersect1d(x.steps, y.steps, assume_unique=True, return_indices=True)
    return x.values[of_x], y.values[of_y], y.times[of_y]


def _line(run: str, key: str, x: np.ndarray, y: np.ndarray, ghost: bool, revision: int, times: np.ndarray) -> Line:
    n = len(x)
    if not ascending(x) or (n == 1 and x[0] != x[0]):  # a clock that jumped, or a key that is not monotonic
        order = np.argsort(x, kind="stable")
        order = order[~np.isnan(x[order])]
        x, y, times = x[order], y[order], times[order]
    return Line(run, key, x, y, n, ghost, revision, times)


def window(x: np.ndarray, low: float | None, high: float | None) -> slice:
    """Points from `low` to `high` and one on either side, so that a line enters and leaves the chart."""
    start = 0 if low is None else max(int(np.searchsorted(x, low, side="left")) - 1, 0)
    end = len(x) if high is None else min(int(np.searchsorted(x, high, side="right")) + 1, len(x))
    return slice(start, end)
