"""Several runs as one curve: their mean and a band around it, on a grid that they share.

Where all points of all runs fit on the screen the grid is the places where something was logged: nothing is invented.
Otherwise it is the middle of each pixel column, and a run counts there with the mean of its points in that column, so
that a noisy run is not represented by whichever point came first. Between its points a run is a straight line; before
its first and after its last it does not count.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

Band = Literal["minmax", "std", "stderr"]


class Curve(NamedTuple):
    """One run: x ascends, values may hold NaN and infinities (they do not count)."""

    x: Float[np.ndarray, " point"]
    y: Float[np.ndarray, " point"]


class Group(NamedTuple):
    """The mean of some runs and the band around it. Where no run counts there is no point."""

    x: Float[np.ndarray, " grid"]
    mean: Float[np.ndarray, " grid"]
    low: Float[np.ndarray, " grid"]
    high: Float[np.ndarray, " grid"]


def together(curves: list[Curve], px: int, low: float, high: float, band: Band = "minmax") -> Group:
    """Mean and band of curves.

    Args:
        curves: One a run.
        px: Number of pixel columns from `low` to `high`.
        low: Left edge of the chart.
        high: Right edge of the chart.
        band: From smallest to largest run, one standard deviation (of the sample) either side, or one standard error.

    >>> a, b = Curve(np.array([0.0, 2]), np.array([1.0, 3])), Curve(np.array([0.0, 1]), np.array([3.0, 3]))
    >>> together([a, b], 100, 0.0, 2.0).mean.tolist()
    [2.0, 2.5, 3.0]
    """
    finite = [Curve(c.x[good], c.y[good]) for c in curves for good in [np.isfinite(c.x) & np.isfinite(c.y)]]
    finite = [c for c in finite if len(c.x)]
    if not finite:
        return Group(*(np.zeros(0) for _ in Group._fields))
    grid = np.unique(np.concatenate([c.x for c in finite]))
    if len(grid) > px and high > low:
        edges = np.linspace(low, high, px + 1)
        grid = (edges[:-1] + edges[1:]) / 2
        finite = [_by_column(c, edges) for c in finite]
    rows = np.array([np.interp(grid, c.x, c.y, left=np.nan, right=np.nan) for c in finite])
    counts = np.isfinite(rows).sum(axis=0)
    some = counts > 0
    return _band(grid[some], rows[:, some], counts[some], band)


def _by_column(curve: Curve, edges: Float[np.ndarray, " edge"]) -> Curve:
    """The mean of the points of each column that has any, placed at the column's middle; ends lose nothing."""
    px = len(edges) - 1
    column = np.clip(np.searchsorted(edges, curve.x, side="right") - 1, -1, px)
    column[curve.x == edges[-1]] = px - 1
    first = np.concatenate(([0], np.flatnonzero(np.diff(column)) + 1))
    number = np.diff(first, append=len(curve.x))
    middles = np.concatenate(([curve.x[0]], (edges[:-1] + edges[1:]) / 2, [curve.x[-1]]))
    return Curve(middles[column[first] + 1], np.add.reduceat(curve.y, first) / number)


def _band(
    x: Float[np.ndarray, " grid"], rows: Float[np.ndarray, "run grid"], counts: Int[np.ndarray, " grid"], band: Band
) -> Group:
    mean = np.nansum(rows, axis=0) / counts
    if band == "minmax":
        return Group(x, mean, np.nanmin(rows, axis=0), np.nanmax(rows, axis=0))
    spread = np.sqrt(np.nansum((rows - mean) ** 2, axis=0) / np.maximum(counts - 1, 1))
    if band == "stderr":
        spread = spread / np.sqrt(counts)
    return Group(x, mean, mean - spread, mean + spread)
