"""Count floats by sign, exponent and two bits of mantissa: the histogram that every step, rank and run shares.

A value's bin is its float32 bits shifted right by 21 (FORMAT.md), so histograms add up without agreeing on a range
first, and zeros, infinities and NaN have bins of their own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

N_BINS = 2048
SHIFT = 21
NONFINITE = np.zeros(N_BINS, dtype=bool)
"""Which bins hold infinities and NaN."""
NONFINITE[1020:1024] = NONFINITE[2044:2048] = True

Counts = npt.NDArray[np.uint32]


def count(values: npt.NDArray[np.floating]) -> Counts:
    """The 2,048 counts of an array of any shape; float64 counts as the float32 nearest to it.

    >>> np.flatnonzero(count(np.array([0.0, 1.0, 1.2, -1.0, np.nan]))).tolist()
    [0, 508, 1022, 1532]
    """
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(values, dtype=np.float32).ravel()
    return np.bincount(single.view(np.uint32) >> SHIFT, minlength=N_BINS).astype(np.uint32)


def lower_edges() -> npt.NDArray[np.float64]:
    """The smallest magnitude of each bin, with its sign; bin 0 and 1024 begin at zero.

    >>> lower_edges()[[508, 509, 1532]].tolist()
    [1.0, 1.25, -1.0]
    """
    with np.errstate(invalid="ignore"):  # some are signalling NaN
        return (np.arange(N_BINS, dtype=np.uint32) << SHIFT).view(np.float32).astype(np.float64)
