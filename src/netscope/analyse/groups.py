"""Summarise several runs as one curve: their mean and a band around it, on a shared grid.

If all points of all runs fit on the screen, the grid consists of all x at which something was logged. Otherwise it
consists of the middles of the pixel columns, and a run contributes the mean of its points in each column, so that a
noisy run is not represented by an arbitrary point. Runs are interpolated linearly between their points. They do not
contribute before their first and after their last point, nor around nonfinite values up to the finite neighbours.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

Band = Literal["minmax", "std", "stderr"]


class Curve(NamedTuple):
    """One run: x ascends; y may contain NaN and infinities, where the run does not contribute."""

    x: Float[np.ndarray, " point"]
    y: Float[np.ndarray, " point"]


class MeanBand(NamedTuple):
    """The mean of several runs and a band around it; NaN where no run contributes."""

    x: Float[np.ndarray, " grid"]
    mean: Float[np.ndarray, " grid"]
    low: Float[np.ndarray, " grid"]
    high: Float[np.ndarray, " grid"]
    runs: Int[np.ndarray, " grid"]
    """Number of runs that contribute."""


def mean_and_band(
    curves: list[Curve], px: int, low: float, high: float, band: Band = "minmax", is_smooth: bool = False
) -> MeanBand:
    """Compute the mean and the band of curves.

    Args:
        curves: One per run.
        px: Number of pixel columns from `low` to `high`.
        low: Left edge of the chart.
        high: Right edge of the chart.
        band: From the smallest to the largest run, or one sample standard deviation or standard error either side.
        is_smooth: Whether the curves are moving averages. Then a run contributes its value at the grid's x instead of
            the mean of the column.

    >>> a, b = Curve(np.array([0.0, 2]), np.array([1.0, 3])), Curve(np.array([0.0, 1]), np.array([3.0, 3]))
    >>> group = mean_and_band([a, b], 100, 0.0, 2.0)
    >>> group.mean.tolist(), group.runs.tolist()
    ([2.0, 2.5, 3.0], [2, 2, 1])
    """
    gapped = [
        Curve(c.x[good], np.where(np.isfinite(c.y[good]), c.y[good], np.nan))
        for c in curves
        for good in [np.isfinite(c.x)]
    ]
    gapped = [c for c in gapped if len(c.x)]
    if not any(np.isfinite(c.y).any() for c in gapped):
        nothing = np.zeros(0)
        return MeanBand(nothing, nothing, nothing, nothing, np.zeros(0, np.int64))
    grid = np.unique(np.concatenate([c.x for c in gapped]))
    if len(grid) > px and high > low:
        edges = np.linspace(low, high, px + 1)
        grid = (edges[:-1] + edges[1:]) / 2
        gapped = gapped if is_smooth else [_by_column(c, edges) for c in gapped]
    return _band(grid, np.array([np.interp(grid, c.x, c.y, left=np.nan, right=np.nan) for c in gapped]), band)


def _by_column(curve: Curve, edges: Float[np.ndarray, " edge"]) -> Curve:
    """The mean of the finite points of each non-empty column, at the column's middle.

    Points outside the edges are kept at the ends of the curve.
    """
    px = len(edges) - 1
    column = np.clip(np.searchsorted(edges, curve.x, side="right") - 1, -1, px)
    column[curve.x == edges[-1]] = px - 1
    first = np.concatenate(([0], np.flatnonzero(np.diff(column)) + 1))
    finite = np.isfinite(curve.y)
    sums, numbers = (np.add.reduceat(what, first) for what in (np.where(finite, curve.y, 0.0), finite.astype(float)))
    with np.errstate(invalid="ignore"):  # a column without a finite point
        mean = sums / numbers
    middles = np.concatenate(([curve.x[0]], (edges[:-1] + edges[1:]) / 2, [curve.x[-1]]))
    return Curve(middles[column[first] + 1], mean)


def _band(x: Float[np.ndarray, " grid"], rows: Float[np.ndarray, "run grid"], band: Band) -> MeanBand:
    finite = np.isfinite(rows)
    counts = finite.sum(axis=0)
    divisor = np.where(counts > 0, counts, np.nan)
    mean = np.where(finite, rows, 0.0).sum(axis=0) / divisor
    if band == "minmax":
        return MeanBand(x, mean, np.fmin.reduce(rows), np.fmax.reduce(rows), counts)
    spread = np.sqrt((np.where(finite, rows - mean, 0.0) ** 2).sum(axis=0) / np.maximum(divisor - 1, 1))
    if band == "stderr":
        spread = spread / np.sqrt(divisor)
    return MeanBand(x, mean, mean - spread, mean + spread, counts)
