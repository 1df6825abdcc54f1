"""Encode frames with fixed bins or histograms. A module of its own, so that plain scalars do not need NumPy."""

from __future__ import annotations

from netscope.analyse.bins import Histograms
from netscope.record.media.histogram import Histogram
from netscope.store.journal import frames, sparse_bins


def bins_frame(key_set: int, step: int, time: float, found: Histograms) -> bytes:
    """One row: a histogram with fixed bins per key. Only non-empty bins are written."""
    return frames.frame(frames.SPARSE_BINS, frames.POINT.pack(step, time) + sparse_bins.encode(found), key_set)


def histogram_frame(key: str, step: int, time: float, histogram: Histogram) -> bytes:
    """A histogram with its own edges."""
    name = key.encode()
    return frames.frame(
        frames.HISTOGRAM,
        frames.POINT.pack(step, time)
        + len(name).to_bytes(4, "little")
        + name
        + bytes(-len(name) % 8)
        + histogram.edges.astype("<f8").tobytes()
        + histogram.counts.astype("<f8").tobytes(),
    )
