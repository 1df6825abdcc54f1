"""Norms of the rows and columns of a matrix, block by block, and the rows that are zero or equal another row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Shaped

_SEED = 9
MOST_EXACT = 1 << 16
"""With more rows or columns, neighbours share a norm."""


@dataclass(frozen=True)
class Channels:
    """Norms are NaN if a value is."""

    row_norms: Float64[np.ndarray, " row"]
    """Euclidean norm of each row, or the root mean square of the norms of `per_row` neighbours."""
    column_norms: Float64[np.ndarray, " column"]
    per_row: int
    per_column: int
    zero_rows: Int64[np.ndarray, " zero_row"]
    """Rows of zeros only. Empty if neighbours share a norm."""
    equal_rows: Int64[np.ndarray, "pair 2"]
    """Rows that equal an earlier row, after that row; rows of zeros are not listed."""


class ChannelsBuilder:
    """Takes blocks of a matrix."""

    def __init__(self, rows: int, columns: int, per_row: int = 1, per_column: int = 1, column_group: int = 1) -> None:
        """No block yet.

        Args:
            rows: Of the matrix.
            columns: Of the matrix.
            per_row: Neighbouring rows that share a norm.
            per_column: Neighbouring columns that share a norm.
            column_group: Columns that are one channel, as those of one kernel.
        """
        self.per_row, self.per_column, self.group = per_row, per_column, column_group
        self._rows, self._n_rows = np.zeros(-(-rows // per_row)), np.zeros(-(-rows // per_row))
        n_columns = -(-columns // column_group // per_column)
        self._columns, self._n_columns = np.zeros(n_columns), np.zeros(n_columns)
        self._of = rows, columns
        # Equal rows have equal sums modulo 2^64; others practically never (multilinear hashing, Lemire 2014).
        is_told_apart = per_row == 1 and rows > 1 and columns * rows <= 1 << 28 and columns <= 1 << 20
        rng = np.random.default_rng(_SEED)
        self._factors = rng.integers(1, 1 << 63, columns, np.uint64) if is_told_apart else None
        self._sums = np.zeros(rows if is_told_apart else 0, np.uint64)

    def add(self, block: Shaped[np.ndarray, "row column"], row: int, column: int) -> None:
        """Take a block of real numbers whose first element is at this row and column."""
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.square(block, dtype=np.float64)
        n_rows, n_columns = block.shape
        _gather(self._rows, self._n_rows, squares.sum(axis=1), n_columns, row, self.per_row)
        _gather(self._columns, self._n_columns, squares.sum(axis=0), n_rows, column, self.group * self.per_column)
        if self._factors is not None:
            bits = np.ascontiguousarray(block, np.float64).view(np.uint64) if block.dtype.itemsize > 4 else _bits(block)
            factors = self._factors[column : column + n_columns]
            self._sums[row : row + n_rows] += (bits * factors).sum(axis=1, dtype=np.uint64)

    def result(self) -> Channels:
        """The norms of all blocks; sums are scaled up where not every element was taken."""
        rows, columns = self._of
        row_norms = _norms(self._rows, self._n_rows, columns)
        column_norms = _norms(self._columns, self._n_columns, rows * self.group)
        nothing = np.zeros(0, np.int64)
        if self._factors is None:
            return Channels(row_norms, column_norms, self.per_row, self.per_column, nothing, nothing.reshape(0, 2))
        is_zero = self._rows == 0
        first, inverse = np.unique(self._sums, return_index=True, return_inverse=True)[1:]
        earlier = first[inverse]
        later = np.flatnonzero((earlier != np.arange(rows)) & ~is_zero)
        pairs = np.stack((later, earlier[later]), axis=1).astype(np.int64)
        return Channels(row_norms, column_norms, self.per_row, self.per_column, np.flatnonzero(is_zero), pairs)


def _gather(sums: np.ndarray, n_seen: np.ndarray, squares: np.ndarray, n: int, start: int, per: int) -> None:
    """Add the sums of squares of neighbours, each of `n` elements, to those of their groups."""
    first, last = start // per, (start + len(squares) - 1) // per
    cuts = np.maximum(np.arange(first, last + 1) * per - start, 0)
    sums[first : last + 1] += squares if per == 1 else np.add.reduceat(squares, cuts)
    n_seen[first : last + 1] += np.diff(cuts, append=len(squares)) * n


def _norms(squares: np.ndarray, n_seen: np.ndarray, length: int) -> np.ndarray:
    """The norms of rows of this length, from the sums of the squares that were seen of each."""
    with np.errstate(invalid="ignore", divide="ignore"):
        norms: np.ndarray = np.sqrt(squares / n_seen * length)
    return norms


def _bits(block: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(block, np.float32).view(np.uint32).astype(np.uint64)
