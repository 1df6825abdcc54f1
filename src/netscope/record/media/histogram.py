"""Histograms with their own edges, from values or from counts."""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope.errors import UsageError
from netscope.record.media.item import as_numpy

Numbers = npt.NDArray[np.float64]

MOST_BINS = 100_000


class Histogram:
    """A histogram of an array of values, or given as counts between edges.

    NaN and infinities are left out and counted in `n_nonfinite`; if there are any, `log` records `key/nonfinite`.
    """

    def __init__(self, values: Any = None, bins: int = 64, *, counts: Any = None, edges: Any = None) -> None:
        """Count `values` in `bins` bins of equal width, or check `counts` [bin] and `edges` [bin + 1].

        Raises:
            UsageError: Neither or both are given, or a shape or value is invalid.
        """
        self.n_nonfinite = 0
        if values is not None:
            if counts is not None or edges is not None:
                raise UsageError("a histogram takes either values, or counts and edges; got both")
            bins = _whole(bins)
            if not 1 <= bins <= MOST_BINS:
                raise UsageError(f"bins must be an integer from 1 to {MOST_BINS:,}, got {bins!r}")
            pair = values if isinstance(values, tuple) else ()
            sizes = [part.size for part in pair if isinstance(part, np.ndarray)]
            if len(sizes) == 2 and sizes[1] == sizes[0] + 1:  # the result of numpy.histogram
                raise UsageError("values must be numbers, got counts and edges; write counts=…, edges=…")
            flat = _flat(values)
            if flat.dtype.kind not in "fiub":
                raise UsageError(f"a histogram takes numbers, got {flat.dtype}")
            flat = flat.astype(np.float64)
            finite = flat[np.isfinite(flat)]
            self.n_nonfinite = flat.size - finite.size
            self.counts, self.edges = _count(finite, bins)
            return
        if counts is None or edges is None:
            raise UsageError("a histogram takes values, or both counts and edges")
        self.counts = as_numpy(counts).astype(np.float64)
        self.edges = as_numpy(edges).astype(np.float64)
        if self.counts.ndim != 1 or self.edges.shape != (len(self.counts) + 1,) or not len(self.counts):
            raise UsageError(f"edges must be one more than counts, got {self.edges.shape} and {self.counts.shape}")
        if len(self.counts) > MOST_BINS:
            raise UsageError(f"a histogram has at most {MOST_BINS:,} bins, got {len(self.counts):,}")
        if not (np.isfinite(self.edges).all() and (np.diff(self.edges) > 0).all()):
            raise UsageError("the edges of a histogram must be finite and strictly ascending")
        if not (np.isfinite(self.counts).all() and (self.counts >= 0).all()):
            raise UsageError("the counts of a histogram must be finite and not negative")


def _flat(values: Any) -> npt.NDArray[Any]:
    """All values of an array, or of a list of arrays, as one axis."""
    if isinstance(values, list | tuple) and any(hasattr(part, "shape") for part in values):
        parts = [as_numpy(part).ravel() for part in values]
        if odd := next((part.dtype for part in parts if part.dtype.kind not in "fiub"), None):
            raise UsageError(f"a histogram takes numbers, got {odd}")
        return np.concatenate(parts)
    return as_numpy(values).ravel()


def _whole(bins: Any) -> int:
    try:
        return 0 if isinstance(bins, bool) else operator.index(bins)
    except TypeError:
        raise UsageError(f"bins must be an integer from 1 to {MOST_BINS:,}, got {bins!r:.60}") from None


def _count(finite: Numbers, bins: int) -> tuple[Numbers, Numbers]:
    """Counts and edges of bins of equal width."""
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if high - low < max(abs(low), abs(high), 1.0) * 2**-40 * bins:  # equal, or too close for this many edges
        room = max(abs(low), abs(high), 1.0) * 2**-20 * bins
        low, high = max(low - room, -sys.float_info.max), min(high + room, sys.float_info.max)
    if 2**-900 < high - low < 2**900:
        counts, edges = np.histogram(finite, bins, (low, high))
        return counts.astype(np.float64), edges
    # NumPy's computation of the edges overflows here.
    fraction = np.linspace(0, 1, bins + 1)
    with np.errstate(over="ignore"):
        edges = (low * (1 - fraction) + high * fraction).clip(low, high)
    return np.histogram(finite, edges)[0].astype(np.float64), edges
