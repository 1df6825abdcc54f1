"""Count floats in fixed bins by sign, exponent and two bits of mantissa, the same for every step, rank and run.

The bin of a value is its float32 bits shifted right by 21 (FORMAT.md). So histograms can be added without agreeing on a
range, and zeros, infinities and NaN have their own bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

N_BINS = 2048
NEGATIVE = N_BINS // 2
"""The first bin of negative values; lower bins are for positive values and zero."""
N_FINITE = 1020
"""Number of bins for the finite values of one sign; the four bins after them hold infinity and NaN."""
SHIFT = 21
NONFINITE = np.zeros(N_BINS, dtype=bool)
"""A mask of the bins that hold infinities and NaN."""
NONFINITE[N_FINITE:NEGATIVE] = NONFINITE[NEGATIVE + N_FINITE :] = True

BinCounts = npt.NDArray[np.uint32]


def count(values: npt.NDArray[np.floating]) -> BinCounts:
    """The counts [2048] of an array of any shape; float64 values are rounded to float32.

    >>> np.flatnonzero(count(np.array([0.0, 1.0, 1.2, -1.0, np.nan]))).tolist()
    [0, 508, 1022, 1532]
    """
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(values, dtype=np.float32).ravel()
    return np.bincount(single.view(np.uint32) >> SHIFT, minlength=N_BINS).astype(np.uint32)


def lower_edges() -> npt.NDArray[np.float64]:
    """The edge of each bin that is closest to zero, with its sign; it is zero for bins 0 and 1024.

    >>> lower_edges()[[508, 509, 1532]].tolist()
    [1.0, 1.25, -1.0]
    """
    with np.errstate(invalid="ignore"):  # some are signalling NaN
        return (np.arange(N_BINS, dtype=np.uint32) << SHIFT).view(np.float32).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Histograms:
    """Sparse histograms of many arrays: only non-empty bins, about 150 of the 2,048 for a typical weight.

    >>> table = np.zeros((2, N_BINS), np.uint32)
    >>> table[1, [508, 1532]] = 3, 4
    >>> found = Histograms.of(table)
    >>> found.sizes.tolist(), found.places.tolist(), found.counts.tolist()
    ([0, 2], [508, 1532], [3, 4])
    """

    sizes: npt.NDArray[np.int64]
    """The number of non-empty bins of each array."""
    places: npt.NDArray[np.uint16]
    """The bin numbers, array after array, ascending within each."""
    counts: BinCounts
    """Their counts."""

    @staticmethod
    def of(dense: BinCounts) -> Histograms:
        """Convert counts [array, 2048]."""
        filled = dense != 0
        places = np.flatnonzero(filled.ravel()) & (N_BINS - 1)
        return Histograms(filled.sum(axis=1), places.astype(np.uint16), dense[filled])

    def __len__(self) -> int:
        """The number of arrays."""
        return len(self.sizes)

    def dense(self) -> BinCounts:
        """Convert to counts [array, 2048]."""
        table = np.zeros((len(self), N_BINS), np.uint32)
        table[np.repeat(np.arange(len(self)), self.sizes), self.places] = self.counts
        return table

    def part(self, start: int, stop: int) -> Histograms:
        """The histograms of arrays `start` to `stop` (exclusive)."""
        if start == 0 and stop >= len(self.sizes):
            return self
        begin, end = int(self.sizes[:start].sum()), int(self.sizes[:stop].sum())
        return Histograms(self.sizes[start:stop], self.places[begin:end], self.counts[begin:end])

    def take(self, rows: npt.NDArray[np.int64]) -> Histograms:
        """The histograms of the given arrays, in the given order.

        >>> Histograms.of(np.eye(3, N_BINS, dtype=np.uint32)).take(np.array([2, 0])).places.tolist()
        [2, 0]
        """
        sizes = self.sizes[rows]
        begins = np.cumsum(self.sizes) - self.sizes
        shifts = begins[rows] - (np.cumsum(sizes) - sizes)
        index = np.repeat(shifts, sizes) + np.arange(sizes.sum())
        return Histograms(sizes, self.places[index], self.counts[index])


def join(several: Sequence[Histograms]) -> Histograms:
    """Concatenate histograms."""
    if len(several) == 1:
        return several[0]
    return Histograms(
        np.concatenate([one.sizes for one in several]),
        np.concatenate([one.places for one in several]),
        np.concatenate([one.counts for one in several]),
    )
