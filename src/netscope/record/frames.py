"""Frames that hold arrays, fixed bins and histograms; apart, so that a run of plain scalars needs no NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from netscope.record.histogram import Histogram
from netscope.store import journal

_NOTHING = bytes(4)


def bins_frame(key_set: int, step: int, time: float, counts: Sequence[npt.ArrayLike | None]) -> bytes:
    """One row of fixed bins: per key 2,048 counts, or None for nothing. Only the stretch with counts is written."""
    parts = [journal.POINT.pack(step, time)]
    for row in counts:
        array = None if row is None else np.asarray(row)
        if array is None or not array.any():
            parts.append(_NOTHING)
            continue
        places = np.flatnonzero(array)
        first, last = int(places[0]), int(places[-1]) + 1
        parts.append(np.array([first, last - first], "<u2").tobytes())
        parts.append(array[first:last].clip(0, 2**32 - 1).astype("<u4").tobytes())
    return journal.frame(journal.BINS, b"".join(parts), key_set)


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
