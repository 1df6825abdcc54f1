"""Statistics of one array in a single pass over its blocks, so that an array of any size needs little memory.

Moments are exact. Quantiles are exact for small arrays; for others they come from 64 bins per octave, so their error
is below 1.6 % of the value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int, Shaped

from netscope.analyse.bins import N_BINS
from netscope.analyse.moments import NOTHING, Moments, merge, moments

MOST_KEPT = 1 << 20
"""Elements that are kept for exact quantiles."""
MOST_LEVELS = 256
_FINE_SHIFT = 17  # 64 bins an octave: the sign, the exponent and six bits of the mantissa
_N_FINE = 1 << (32 - _FINE_SHIFT)
_PROBED = 4096


@dataclass(frozen=True)
class ArrayStatistics:
    """What the numbers of an array are like."""

    moments: Moments
    nan: int
    infinite: int
    l1: float
    """Sum of the magnitudes of the finite values."""
    bins: Int[np.ndarray, " 2048"]
    """Counts in the fixed bins of `netscope.analyse.bins`."""
    levels: Float64[np.ndarray, " level"] | None
    """All distinct finite values, ascending, if there are at most 256."""
    precision: str
    """The narrower float type ("bfloat16", "float16") that holds every value exactly; '' if none does."""
    _kept: Float64[np.ndarray, " value"] | None
    _fine: Int[np.ndarray, " 32768"]

    @property
    def step(self) -> float:
        """The step of which all levels are multiples, as after uniform quantisation; NaN if there is none."""
        return math.nan if self.levels is None else _step(self.levels)

    def quantiles(self, shares: Any) -> Float64[np.ndarray, " share"]:
        """Values below which these shares (0 to 1) of the finite values lie; NaN if there are none."""
        shares = np.asarray(shares, np.float64)
        if not self.moments.n_finite:
            return np.full(len(shares), np.nan)
        if self._kept is not None:
            return np.asarray(np.quantile(self._kept, shares))
        order, low, high = _fine_bins()
        found = _quantiles(self._fine[order], low, high, shares)
        return np.asarray(np.clip(found, self.moments.min, self.moments.max))

    def magnitude_quantiles(self, shares: Any) -> Float64[np.ndarray, " share"]:
        """Magnitudes below which these shares of the finite values lie; NaN if there are none."""
        shares = np.asarray(shares, np.float64)
        if not self.moments.n_finite:
            return np.full(len(shares), np.nan)
        if self._kept is not None:
            return np.asarray(np.quantile(np.abs(self._kept), shares))
        half = _N_FINE // 2
        order, low, high = _fine_bins()
        is_positive = order < half
        counts = (self._fine[:half] + self._fine[half:])[order[is_positive]]
        most = max(abs(self.moments.min), abs(self.moments.max))
        return np.asarray(np.minimum(_quantiles(counts, low[is_positive], high[is_positive], shares), most))


class StatisticsBuilder:
    """Takes the blocks of an array in any order."""

    def __init__(self) -> None:
        """No block yet."""
        self._moments = NOTHING
        self._nan = 0
        self._l1 = 0.0
        self._fine = np.zeros(_N_FINE, np.int64)
        self._kept: list[np.ndarray] | None = []
        self._n_kept = 0
        self._levels: np.ndarray | None = np.zeros(0)
        self._precisions = {"bfloat16", "float16"}

    def add(self, block: Shaped[np.ndarray, "*shape"]) -> None:
        """Count a block of real numbers."""
        values = block.ravel()
        if values.dtype.kind != "f":
            values = values.astype(np.float64)
        self._moments = merge([self._moments, moments(values)])
        with np.errstate(over="ignore", invalid="ignore"):
            single = np.ascontiguousarray(values, np.float32)
        self._fine += np.bincount(single.view(np.uint32) >> _FINE_SHIFT, minlength=_N_FINE)
        self._nan += int(np.count_nonzero(np.isnan(values)))
        if block.dtype.kind == "f":
            self._narrow(values, single)
        else:
            self._precisions.clear()
        is_finite = np.isfinite(values)
        finite = values if is_finite.all() else values[is_finite]
        self._l1 += float(np.abs(finite.astype(np.float64)).sum())
        self._keep(finite)
        self._distinguish(finite)

    def _narrow(self, values: np.ndarray, single: np.ndarray) -> None:
        """Strike out the types that do not hold these values exactly."""
        if not self._precisions:
            return
        if values.dtype.itemsize < 4 or (values.dtype.itemsize > 4 and not np.array_equal(single, values, True)):
            self._precisions.clear()
            return
        bits = single.view(np.uint32)[np.isfinite(single)]
        used = int(np.bitwise_or.reduce(bits)) if len(bits) else 0
        if used & 0xFFFF:
            self._precisions.discard("bfloat16")
        if used & 0x1FFF:
            self._precisions.discard("float16")
        if "float16" in self._precisions:
            with np.errstate(over="ignore"):
                if not np.array_equal(single.astype(np.float16).astype(np.float32), single, True):
                    self._precisions.discard("float16")

    def _keep(self, finite: np.ndarray) -> None:
        if self._kept is None:
            return
        self._n_kept += len(finite)
        self._kept = None if self._n_kept > MOST_KEPT else [*self._kept, finite.astype(np.float64)]

    def _distinguish(self, finite: np.ndarray) -> None:
        """Add new values to the levels, until there are too many."""
        for part in (finite[:_PROBED], finite[_PROBED:]):
            if self._levels is None or not len(part):
                return
            if len(self._levels):
                at = np.searchsorted(self._levels, part).clip(0, len(self._levels) - 1)
                part = part[self._levels[at] != part]
            if len(part) > _PROBED and len(np.unique(part[:_PROBED])) > MOST_LEVELS:
                self._levels = None
                return
            levels = np.union1d(self._levels, part).astype(np.float64)
            self._levels = levels if len(levels) <= MOST_LEVELS else None

    def result(self) -> ArrayStatistics:
        """The statistics of all blocks."""
        bins = self._fine.reshape(N_BINS, -1).sum(axis=1)
        precision = min(self._precisions, default="") if self._moments.n_finite > self._moments.zeros else ""
        infinite = int(self._moments.nonfinite) - self._nan
        kept = None if self._kept is None else np.concatenate([np.zeros(0), *self._kept])
        return ArrayStatistics(
            self._moments, self._nan, infinite, self._l1, bins, self._levels, precision, kept, self._fine
        )


def _step(levels: np.ndarray) -> float:
    """The greatest step of which all levels are multiples, within a thousandth of it; NaN if they have no such step."""
    if len(levels) < 3:
        return math.nan
    step = float(np.diff(levels).min())
    multiples = levels / step
    # One of many levels lies off by chance, if there are few to compare.
    is_even = np.abs(multiples - np.round(multiples)).max() < 1e-3
    return step if is_even and np.abs(multiples).max() < 1 << 16 else math.nan


def _fine_bins() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The fine bins of finite values in ascending order, and both edges of each."""
    half = _N_FINE // 2
    n_finite = 255 << (23 - _FINE_SHIFT)  # exponent 255 is for infinity and NaN
    with np.errstate(invalid="ignore"):
        edges = (np.arange(n_finite + 1, dtype=np.uint32) << _FINE_SHIFT).view(np.float32).astype(np.float64)
    edges[-1] = 2.0**128
    order = np.concatenate((half + np.arange(n_finite)[::-1], np.arange(n_finite)))
    low = np.concatenate((-edges[1:][::-1], edges[:-1]))
    high = np.concatenate((-edges[:-1][::-1], edges[1:]))
    low[n_finite - 1] = high[n_finite - 1] = low[n_finite] = high[n_finite] = 0.0  # exact zeros
    return order, low, high


def _quantiles(counts: np.ndarray, low: np.ndarray, high: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Linear within each bin."""
    ends = np.cumsum(counts)
    goals = shares * ends[-1]
    at = np.searchsorted(ends, np.minimum(goals, ends[-1]), side="left")
    at = np.maximum(at, np.flatnonzero(counts)[0])
    share = (goals - (ends[at] - counts[at])) / np.maximum(counts[at], 1)
    found: np.ndarray = low[at] + np.clip(share, 0, 1) * (high[at] - low[at])
    return found
