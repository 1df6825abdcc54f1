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
    time: np.ndarray | None = None
    """Seconds since the run began, beside y, if asked for."""


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
    time: list[np.ndarray] = []
    began = {run.id: run.created for run in lines.everyone(store).values()} if request.times else {}
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
            if request.times:
                # Of a run that was deleted a moment ago nobody knows any more.
                time.append((line.times[kept] - began.get(line.run, np.nan)).astype(np.float32))
            n = len(of_x)
            infos.append(SeriesInfo(line.run, key, at, x_start, n, line.n_logged, line.ghost, line.revision))
            at += n
    times = np.concatenate([np.zeros(0, np.float32), *time]) if request.times else None
    return Curves(_compact_x(x), _compact_y(y), SeriesReply(infos), times)


def thinned(chart: Sequence[Line], px: int, low: float | None, high: float | None) -> list[np.ndarray | slice]:
    """For each line the points to draw: those in the window, thinned if there are more than two a pixel column.

    The columns are those of the chart, which is as wide as its widest line unless `low` and `high` say otherwise.
    """
    result: list[np.ndarray | slice] = [slice(0, 0)] * len(chart)
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
            for i in group:
                result[i] = window
            continue
        y = [chart[i].y[window][start:end] for i in group]
        keep = np.ones((len(group), len(x)), np.bool_)
        keep[:, start:end] = pick(y[0][None] if len(y) == 1 else np.stack(y), columns(x[start:end], px, left, right))
        keep[:, [start, end - 1]] = True
        for i, row in zip(group, keep, strict=True):
            result[i] = np.flatnonzero(row) + window.start
    return result


def _alike(chart: Sequence[Line]) -> list[list[int]]:
    """Numbers of the lines that were logged at the same places, group by group."""
    groups: dict[tuple[int, float, float], list[list[int]]] = {}
    for i, line in enumerate(chart):
        ends = (line.x[0], line.x[-1]) if len(line.x) else (0, 0)
        candidates = groups.setdefault((len(line.x), *ends), [])
        for group in candidates:
            if np.array_equal(chart[group[0]].x, line.x):
                group.append(i)
                break
        else:
            candidates.append([i])
    return [group for candidates in groups.values() for group in candidates]


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
