"""Frames that hold arrays, fixed bins and histograms; apart, so that a run of plain scalars needs no NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from netscope.record.histogram import Histogram
from netscope.store import journal, sparse


def bins_frame(key_set: int, step: int, time: float, counts: Sequence[npt.ArrayLike | None]) -> bytes:
    """One row of fixed bins: per key 2,048 counts, or None for nothing. Only bins with counts are written."""
    table = np.zeros((len(counts), sparse.N_BINS), np.uint32)
    for row, found in zip(table, counts, strict=True):
        if found is not None:
            row[:] = np.minimum(found, 2**32 - 1)
    return journal.frame(journal.SPARSE_BINS, journal.POINT.pack(step, time) + sparse.encode(table), key_set)


def histogram_frame(key: str, step: int, time: float, histogram: Histogram) -> bytes:
    """A histogram with its edges."""
    name = key.encode()
    return journal.frame(
        journal.HISTOGRAM,
        journal.POINT.pack(step, time)
        + len(name).to_bytes(4, "little")
        + name
        + bytes(-len(name) % 8)
        + histogram.edges.astype("<f8").tobytes()
        + histogram.counts.astype("<f8").tobytes(),
    )
