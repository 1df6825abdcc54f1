"""Reduce a matrix to fewer cells, so that it fits a screen: of each block, the largest magnitude or the mean.

The largest keeps its sign, so that a single outlier among a million values is still visible. Both are NaN if a value of
the block is.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32, Shaped

How = Literal["largest", "mean"]


class Cells(NamedTuple):
    """A matrix reduced in both ways."""

    largest: Float32[np.ndarray, "row column"]
    mean: Float32[np.ndarray, "row column"]

    def of(self, how: How) -> Float32[np.ndarray, "row column"]:
        """One of both."""
        return self.largest if how == "largest" else self.mean


def reduce_blocks(values: Shaped[np.ndarray, "row column"], rows: int, columns: int) -> Cells:
    """Reduce blocks of `rows` by `columns`; those at the lower and right border may be smaller.

    >>> cells = reduce_blocks(np.array([[1.0, -3.0, 2.0], [0.0, 2.0, np.inf]]), 2, 2)
    >>> cells.largest.tolist(), cells.mean.tolist()
    ([[-3.0, inf]], [[0.0, inf]])
    """
    if rows == columns == 1:
        same = values.astype(np.float32)
        return Cells(same, same)
    rows_at, columns_at = (
        np.append(np.arange(0, n, per), n) for n, per in zip(values.shape, (rows, columns), strict=True)
    )
    sizes = np.diff(rows_at)[:, None] * np.diff(columns_at)
    high, low = (_fold(_fold(values, how, rows).T, how, columns).T for how in (np.maximum, np.minimum))
    with np.errstate(invalid="ignore", over="ignore"):
        total = _fold(_fold(values.astype(np.float64), np.add, rows).T, np.add, columns).T
        largest = np.where(high.astype(np.float64) >= -low.astype(np.float64), high, low)
        return Cells(_single(np.where(np.isnan(high), high, largest)), _single(total / sizes))


def _fold(values: Shaped[np.ndarray, "row column"], how: np.ufunc, per: int) -> Shaped[np.ndarray, "cell column"]:
    """Combine each `per` rows; the last ones may be fewer. The transpose of an array folds its columns."""
    if per == 1 or len(values) == 1:
        return values
    full = len(values) // per * per
    rest = [how.reduce(values[full:], axis=0)[None]] if full < len(values) else []
    part = values[:full]
    while per % 2 == 0:  # halves are whole arrays, whatever the order in memory; `reduce` over short runs is slow
        part = how(part[::2], part[1::2])
        per //= 2
    if per > 1 and len(part):
        part = how.reduce(part.reshape(len(part) // per, per, -1), axis=1)
    return np.concatenate([part, *rest]) if rest else part


def coarser(cells: Cells, rows: int, columns: int) -> Cells:
    """Reduce cells further, each counting the same.

    >>> coarser(Cells(np.array([[1, -2]], np.float32), np.array([[0.5, -1.0]], np.float32)), 1, 2).mean.tolist()
    [[-0.25]]
    """
    if rows == columns == 1:
        return cells
    return Cells(reduce_blocks(cells.largest, rows, columns).largest, reduce_blocks(cells.mean, rows, columns).mean)


def _single(values: Shaped[np.ndarray, "row column"]) -> Float32[np.ndarray, "row column"]:
    """As float32; finite values beyond its range become its largest ones rather than infinite."""
    most = np.finfo(np.float32).max
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    beyond = np.isinf(single) & np.isfinite(values)
    single[beyond] = np.copysign(most, values[beyond])
    return single
