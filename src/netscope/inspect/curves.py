"""The points of a chart: all lines thinned together, and as few bytes as show the same picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netscope.analyse.thin import columns, pick
from netscope.inspect import lines
from netscope.inspect.lines import Line
from netscope.schema import SeriesInfo, SeriesReply, SeriesRequest
from netscope.store.store import Store

_I32 = np.iinfo(np.int32)
_F32_ERROR = 2.0**-24  # of a value, when it is rounded
_VISIBLE = 1e-4  # of a curve's height: a tenth of a pixel on the tallest screen


class Curves(NamedTuple):
    """Points of all series one after the other, and where each lies."""

    x: np.ndarray
    y: np.ndarray
    reply: SeriesReply


def curves(store: Store, request: SeriesRequest) -> Curves:
    """What a chart shows. Runs without the key, and runs that are gone, are left out.

    Raises:
        UsageError: The request cannot mean anything.
        NotFoundError: None of the runs is there.
    """
    lines.check(request)
    runs = list(lines.revisions(store, request.runs))
    x: list[np.ndarray] = []
    y: list[np.ndarray] = []
    infos: list[SeriesInfo] = []
    at = x_at = 0
    for key in dict.fromkeys(request.keys):
        chart = list(lines.of_key(store, runs, key, request.x, request.kind))
        shared: tuple[np.ndarray, int] | None = None
        for line, kept in zip(chart, thinned(chart, request.px, request.low, request.high), strict=True):
            of_x = line.x[kept]
            if shared and len(of_x) == len(shared[0]) and np.array_equal(of_x, shared[0]):
                x_start = shared[1]
            else:
                shared, x_start = (of_x, x_at), x_at
                x.append(of_x)
                x_at += len(of_x)
            y.append(line.y[kept])
            n = len(of_x)
            infos.append(SeriesInfo(line.run, key, at, x_start, n, line.n_logged, line.ghost, line.revision))
            at += n
    return Curves(_compact_x(x), _compact_y(y), SeriesReply(infos))


def thinned(chart: Sequence[Line], px: int, low: float | None, high: float | None) -> list[np.ndarray | slice]:
    """For each line the points to draw: those in the window, thinned if there are more than two a pixel column.

    The columns are those of the chart, which is as wide as its widest line unless `low` and `high` say otherwise.
    """
    windows = [lines.window(line.x, low, high) for line in chart]
    ends = [(line.x[w.start], line.x[w.stop - 1]) for line, w in zip(chart, windows, strict=True) if w.stop > w.start]
    if not ends:
        return list(windows)
    left = float(min(first for first, _ in ends)) if low is None else low
    right = float(max(last for _, last in ends)) if high is None else high
    # The points beside the window only lead the line in and out. They must not hide an extreme of the first column.
    inner = [
        slice(w.start + (low is not None and w.stop > w.start and line.x[w.start] < low),
              w.stop - (high is not None and w.stop > w.start and line.x[w.stop - 1] > high))
        for line, w in zip(chart, windows, strict=True)
    ]  # fmt: skip
    crowded = [i for i, part in enumerate(inner) if part.stop - part.start > 2 * px]
    result: list[np.ndarray | slice] = list(windows)
    if not crowded:
        return result
    parts = [chart[i].y[inner[i]] for i in crowded]
    offsets = np.cumsum([0, *map(len, parts)])
    starts = [
        columns(chart[i].x[inner[i]], px, left, right) + offset for i, offset in zip(crowded, offsets[:-1], strict=True)
    ]
    keep = pick(parts[0] if len(parts) == 1 else np.concatenate(parts), np.concatenate(starts))
    keep[offsets[:-1]] = keep[offsets[1:] - 1] = True
    kept = np.flatnonzero(keep)
    bounds = np.searchsorted(kept, offsets)
    for number, i in enumerate(crowded):
        points = kept[bounds[number] : bounds[number + 1]] + (inner[i].start - offsets[number])
        before, after = range(windows[i].start, inner[i].start), range(inner[i].stop, windows[i].stop)
        result[i] = np.concatenate((before, points, after)).astype(np.intp) if before or after else points
    return result


def _compact_x(parts: list[np.ndarray]) -> np.ndarray:
    x = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    if x.dtype.kind == "i":
        fits = not len(x) or (x.min() >= _I32.min and x.max() <= _I32.max)
        return x.astype(np.int32 if fits else np.float64)
    return x


def _compact_y(parts: list[np.ndarray]) -> np.ndarray:
    """As f32, unless a curve is so high above zero that one would see the steps of an f32."""
    y = np.concatenate(parts) if parts else np.zeros(0)
    with np.errstate(over="ignore"):
        short = y.astype(np.float32)
    if np.array_equal(short, y, equal_nan=True):
        return short
    starts = np.cumsum([0, *map(len, parts)])[:-1][[len(part) > 0 for part in parts]]
    finite = np.isfinite(y)
    low = np.minimum.reduceat(np.where(finite, y, np.inf), starts)
    high = np.maximum.reduceat(np.where(finite, y, -np.inf), starts)
    some = low < high
    height, size = high[some] - low[some], np.maximum(np.abs(low[some]), np.abs(high[some]))
    is_overflow = bool((np.isinf(short) & finite).any())
    return y if is_overflow or (size * _F32_ERROR > height * _VISIBLE).any() else short
