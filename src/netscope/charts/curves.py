"""The points of a chart: all lines thinned together, in as few bytes as give the same picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netscope.analyse.thin import columns, pick
from netscope.charts import lines
from netscope.charts.lines import ChartLine
from netscope.schema.series import SeriesInfo, SeriesReply, SeriesRequest
from netscope.store.read.series_reader import ChartView
from netscope.store.several import Runs

_F32_ERROR = 2.0**-24  # of a value, when it is rounded
BLOCK = 1 << 17  # points that are thinned together: as many as stay in a processor's cache
_FLAT = 2.0**-44  # of a value: lower curves are rounding, and the page draws them flat
_LARGEST_WHOLE = 2.0**53  # what is larger is whole by its format alone
_VISIBLE = 1e-4  # of a curve's height: a tenth of a pixel on the tallest screen


class Curves(NamedTuple):
    """Points of all series, concatenated, and the place of each."""

    x: np.ndarray
    beside: dict[str, np.ndarray]
    """Columns of the points: `y`, `smoothed`, `time` (seconds since the run began)."""
    reply: SeriesReply


def curves(store: Runs, request: SeriesRequest) -> Curves:
    """The points that a chart shows. Runs that lack the key or were deleted are left out.

    Raises:
        UsageError: The request cannot mean anything.
        NotFoundError: None of the runs is there.
    """
    lines.check(request)
    runs = list(lines.revisions(store, request.runs))
    columns = _wanted(store, request)
    view = ChartView(request.px, request.low, request.high)
    drawn: list[Drawn] = []
    infos: list[SeriesInfo] = []
    at = x_at = 0
    for key in dict.fromkeys(request.keys):
        chart = list(lines.of_key(store, runs, key, request.x, request.kind, view=view, smooth=request.smooth))
        places = np.zeros((len(chart), 3), np.int64)
        for group in thinned(chart, request.px, request.low, request.high, _tall(request)):
            points = _drawn([chart[i] for i in group.lines], group, columns)
            places[group.lines] = points.places + np.array([at, x_at, 0])
            at, x_at = at + int(points.places[:, 2].sum()), x_at + len(points.x)
            drawn.append(points)
        infos += [
            SeriesInfo(line.run, key, start, x_start, n, line.n_logged, line.ghost, line.revision)
            for line, (start, x_start, n) in zip(chart, places.tolist(), strict=True)
        ]
    beside = {name: np.concatenate([np.zeros(0, np.float32), *(one.beside[name] for one in drawn)]) for name in columns}
    beside |= {name: _compact_y(beside[name], infos) for name in ("y", "smoothed") if name in beside}
    return Curves(_compact_x([one.x for one in drawn]), beside, SeriesReply(infos))


Column = Callable[[ChartLine], np.ndarray]
"""Maps a line to one column of its points."""


def _logged(line: ChartLine) -> np.ndarray:
    return line.y


def _mean(line: ChartLine) -> np.ndarray:
    assert line.smoothed is not None
    return line.smoothed


def _wanted(store: Runs, request: SeriesRequest) -> dict[str, Column]:
    """The requested columns."""
    found: dict[str, Column] = {"y": _logged} if request.logged or not request.smooth else {}
    if request.smooth:
        found["smoothed"] = _mean
    if request.times:
        began = {run.id: run.created for run in lines.everyone(store).values()}
        # Of a run that was deleted a moment ago nobody knows any more.
        found["time"] = lambda line: (line.points.times - began.get(line.run, np.nan)).astype(np.float32)
    return found


def _tall(request: SeriesRequest) -> list[Column]:
    """The columns that are drawn: thinning keeps their extremes."""
    return [_logged] * (request.logged or not request.smooth) + [_mean] * (request.smooth > 0)


class LineGroup(NamedTuple):
    """Lines with the same x, and which of their points to draw."""

    lines: list[int]
    """Indices of the lines in the chart."""
    window: slice
    """Visible points."""
    keep: np.ndarray | None
    """Which visible points to draw, bool [line, point]; None: all."""


class Drawn(NamedTuple):
    """Points of a group, line after line. Lines with the same selection of points share their x."""

    x: np.ndarray
    beside: dict[str, np.ndarray]
    places: np.ndarray
    """[line, (start beside, start in x, number)]"""


def _drawn(members: list[ChartLine], group: LineGroup, columns: Mapping[str, Column]) -> Drawn:
    x = members[0].x[group.window]
    keep = group.keep
    beside = {name: _rows([of(line)[group.window] for line in members]).ravel() for name, of in columns.items()}
    if keep is None:
        starts = np.arange(len(members)) * len(x)
        return Drawn(x, beside, np.column_stack(np.broadcast_arrays(starts, 0, len(x))))
    n = np.count_nonzero(keep, axis=1)
    kept = np.flatnonzero(keep)  # several times as fast as indexing by a mask
    is_new = np.concatenate(([True], (keep[1:] != keep[:-1]).any(axis=1)))
    of_x = (kept - np.repeat(np.arange(len(keep)) * len(x), n))[np.repeat(is_new, n)]
    x_starts = np.cumsum(n[is_new]) - n[is_new]
    places = np.column_stack((np.cumsum(n) - n, x_starts[np.cumsum(is_new) - 1], n))
    return Drawn(x[of_x], {name: values[kept] for name, values in beside.items()}, places)


def _rows(lines: list[np.ndarray]) -> np.ndarray:
    return lines[0][None] if len(lines) == 1 else np.stack(lines)


def thinned(
    chart: Sequence[ChartLine], px: int, low: float | None, high: float | None, drawn: Sequence[Column]
) -> Iterator[LineGroup]:
    """Choose the points to draw: those in the window, or the extremes per pixel column if there are more than two.

    The columns are those of the chart, which is as wide as its widest line unless `low` and `high` say otherwise.
    """
    alike = _alike(chart)
    windows = [lines.window(chart[group[0]].x, low, high) for group in alike]
    shown = [chart[group[0]].x[window] for group, window in zip(alike, windows, strict=True)]
    left = min((float(x[0]) for x in shown if len(x)), default=0.0) if low is None else low
    right = max((float(x[-1]) for x in shown if len(x)), default=0.0) if high is None else high
    for group, window, x in zip(alike, windows, shown, strict=True):
        # The points beside the window only lead a line in and out. They must not hide an extreme of the first column.
        start = int(low is not None and len(x) > 0 and x[0] < low)
        end = len(x) - int(high is not None and len(x) > start and x[-1] > high)
        if end - start <= 2 * px:
            yield LineGroup(group, window, None)
            continue
        inner = slice(window.start + start, window.start + end)
        starts = columns(x[start:end], px, left, right)
        n_lines = max(BLOCK // len(x), 1)
        for some in (group[i : i + n_lines] for i in range(0, len(group), n_lines)):
            keep = np.ones((len(some), len(x)), np.bool_)
            for number, of in enumerate(drawn):
                extremes = pick(_rows([of(chart[i])[inner] for i in some]), starts)
                keep[:, start:end] = extremes | keep[:, start:end] if number else extremes
            keep[:, [start, end - 1]] = True
            yield LineGroup(some, window, keep)


def _alike(chart: Sequence[ChartLine]) -> list[list[int]]:
    """Indices of lines grouped by equal x."""
    same: dict[int, list[int]] = {}  # most share the very array
    for i, line in enumerate(chart):
        same.setdefault(id(line.x), []).append(i)
    groups: dict[tuple[int, float, float], list[list[int]]] = {}
    for members in same.values():
        x = chart[members[0]].x
        ends = (x[0], x[-1]) if len(x) else (0, 0)
        candidates = groups.setdefault((len(x), *ends), [])
        for group in candidates:
            if np.array_equal(chart[group[0]].x, x):
                group += members
                break
        else:
            candidates.append(members)
    return [group for candidates in groups.values() for group in candidates]


def _compact_x(parts: list[np.ndarray]) -> np.ndarray:
    x = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    if x.dtype.kind != "i":
        return x
    low, high = (int(x.min()), int(x.max())) if len(x) else (0, 0)
    fits = (kind for kind in (np.uint16, np.int32) if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return x.astype(next(fits, np.float64))


def _compact_y(y: np.ndarray, infos: Sequence[SeriesInfo]) -> np.ndarray:
    """Convert to f32 unless that would change an integer or be visible in a curve far from zero."""
    with np.errstate(over="ignore"):
        short = y.astype(np.float32, copy=False)
    if y.dtype == np.float32 or np.array_equal(short, y, equal_nan=True):
        return short
    if bool(np.any((short != y) & (np.abs(y) <= _LARGEST_WHOLE) & (y == np.rint(y)))):
        return y
    finite = np.isfinite(y)
    if (np.isinf(short) & finite).any():
        return y
    starts = np.sort([info.start for info in infos if info.n])
    low = np.minimum.reduceat(np.where(finite, y, np.inf), starts)
    high = np.maximum.reduceat(np.where(finite, y, -np.inf), starts)
    size = np.maximum(np.abs(low), np.abs(high))
    with np.errstate(over="ignore"):
        heights = high - low
    some = heights > size * _FLAT
    height, size = heights[some], size[some]
    return y if (size * _F32_ERROR > height * _VISIBLE).any() else short
