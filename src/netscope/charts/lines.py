"""The lines of a chart before they are thinned: y over step, time since the run began, time of day, or another key."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from netscope.analyse.thin import ascending
from netscope.errors import NotFoundError, UsageError
from netscope.schema.run import Run
from netscope.schema.series import GroupRequest, Kind, SeriesRequest
from netscope.store.journal.points import Points
from netscope.store.read.moving_averages import Means
from netscope.store.read.series_reader import ChartView, SeriesColumns, unknown_run
from netscope.store.series import check_weight
from netscope.store.several import Runs

WIDEST_PX = 10_000


class ChartLine(NamedTuple):
    """One series, or the ghost of one; x ascends and is finite."""

    run: str
    key: str
    x: np.ndarray
    y: np.ndarray
    n_logged: int
    ghost: bool
    revision: int
    points: Points
    """The points of x and y, for their times."""
    smoothed: np.ndarray | None = None
    """The moving average of y, if requested."""


def check(request: SeriesRequest | GroupRequest) -> None:
    """Validate a request.

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
    check_weight(request.smooth)


def everyone(store: Runs) -> dict[str, Run]:
    """All runs by id, cached until something changes: every request needs it."""
    seen = _seen.get(store)
    if seen is None or seen[0] != store.revision:
        table = store.table()
        seen = _seen[store] = (table.revision, {run.id: run for run in table.runs})
    return seen[1]


_seen: WeakKeyDictionary[Runs, tuple[int, dict[str, Run]]] = WeakKeyDictionary()


def revisions(store: Runs, runs: Sequence[str]) -> dict[str, int]:
    """Revisions of the runs that exist, by id. A run may be deleted while a chart shows it.

    Raises:
        NotFoundError: None of them is there.
    """
    there = everyone(store)
    if unread := [run for run in runs if run not in there]:
        store.begin_with(unread)
        there = everyone(store)
    found = {run: there[run].revision for run in runs if run in there}
    if runs and not found:
        raise NotFoundError(unknown_run(runs[0], list(there)))
    return found


def of_key(
    store: Runs,
    runs: Sequence[str],
    key: str,
    x: str,
    kind: Kind = "scalar",
    ghosts: bool = True,
    view: ChartView | None = None,
    smooth: float = 0.0,
) -> Iterator[ChartLine]:
    """The lines of one key, in the order of `runs`, each followed by its ghosts.

    With a view (in units of x) a line may be the outline of its series, if nobody can see the difference. With `smooth`
    it comes with its moving average, which is over all that was logged in the order of its steps, whatever x is.
    """
    is_axis = x in ("step", "time", "relative")
    if view is not None and x != "step":  # edges that are no steps need every point
        is_whole = is_axis and view.low is None and view.high is None
        view = view._replace(is_over_time=True) if is_whole else None
    there = everyone(store) if x == "relative" else {}  # before the points: a run may be deleted any time
    columns = store.columns(list(runs), key, kind, None if smooth else view)
    means = store.means(columns, key, kind, smooth) if smooth else {}
    if is_axis:
        for run, series in columns.items():
            smoothed = _smoothed(means.get(run), series)
            for number, (points, mean) in enumerate(zip([series.points, *series.ghosts], smoothed, strict=True)):
                if number and not ghosts:
                    break
                if x == "step" and not number:  # these ascend already
                    yield ChartLine(
                        run, key, points.steps, points.values, points.n, False, series.revision, points, mean
                    )
                    continue
                at = points.steps if x == "step" else points.times
                if x == "relative":
                    at = at - there[run].created
                yield _line(run, key, at, points, mean, number > 0, series.revision)
        return
    others = store.columns(list(columns), x, "scalar")
    for run, series in columns.items():
        if run in others:
            mean, *_ = _smoothed(means.get(run), series)
            at, points, mean = _joined(others[run], series, mean)
            yield _line(run, key, at, points, mean, False, series.revision + others[run].revision)


def _smoothed(means: Means | None, series: SeriesColumns) -> Sequence[np.ndarray | None]:
    """The moving averages of a curve and its ghosts."""
    return [None] * (1 + len(series.ghosts)) if means is None else [means.curve, *means.ghosts]


def _joined(
    x: SeriesColumns, y: SeriesColumns, mean: np.ndarray | None
) -> tuple[np.ndarray, Points, np.ndarray | None]:
    """Join two keys on their steps: values of the one as x; points and mean of the other."""
    _, of_x, of_y = np.intersect1d(x.steps, y.steps, assume_unique=True, return_indices=True)
    return x.values[of_x].astype(np.float64), y.points.at(of_y), None if mean is None else mean[of_y]


def _line(
    run: str, key: str, x: np.ndarray, points: Points, mean: np.ndarray | None, ghost: bool, revision: int
) -> ChartLine:
    n = points.n
    # A clock that jumped, or a key that is not monotonic or not finite.
    if not ascending(x) or (len(x) and not np.isfinite(x[[0, -1]]).all()):
        order = np.argsort(x, kind="stable")
        order = order[np.isfinite(x[order])]
        x, points, mean = x[order], points.at(order), None if mean is None else mean[order]
    return ChartLine(run, key, x, points.values, n, ghost, revision, points, mean)


def window(x: np.ndarray, low: float | None, high: float | None) -> slice:
    """Points from `low` to `high` plus one on either side, so that lines reach the edges of the chart."""
    start = 0 if low is None else max(int(np.searchsorted(x, low, side="left")) - 1, 0)
    end = len(x) if high is None else min(int(np.searchsorted(x, high, side="right")) + 1, len(x))
    return slice(start, end)
