"""Summarise an array by seven numbers that can be merged: over calls of a layer, chunks of a tensor, replicas.

`netscope.analyse.kernels` computes them faster, in one pass with the histogram. This NumPy version is used until the
kernels are compiled or where they cannot be, and as their test oracle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Moments(NamedTuple):
    """Mean, std, min and max are over the finite values; without any: NaN, NaN, inf and -inf."""

    n: float
    """Number of values."""
    zeros: float
    """Number of values that are exactly zero."""
    nonfinite: float
    """Number of values that are NaN or infinite."""
    mean: float
    std: float
    """Population standard deviation: divided by n, not n - 1."""
    min: float
    max: float

    @property
    def n_finite(self) -> float:
        """Number of finite values."""
        return self.n - self.nonfinite

    @property
    def norm(self) -> float:
        """Euclidean norm of the finite values."""
        return math.sqrt(self.n_finite) * math.hypot(self.mean, self.std) if self.n_finite else math.nan


NOTHING = Moments(0.0, 0.0, 0.0, math.nan, math.nan, math.inf, -math.inf)


def moments(values: npt.NDArray[np.floating]) -> Moments:
    """Moments of an array of any shape, in float64.

    >>> moments(np.array([1.0, -1.0, np.nan, 0.0, 0.0]))
    Moments(n=5.0, zeros=2.0, nonfinite=1.0, mean=0.0, std=0.7071067811865476, min=-1.0, max=1.0)
    """
    n = float(values.size)
    is_finite = np.isfinite(values)
    kept = (values if is_finite.all() else values[is_finite]).astype(np.float64, copy=False)
    if not kept.size:
        return Moments(n, 0.0, n, math.nan, math.nan, math.inf, -math.inf)
    low, high = float(kept.min()), float(kept.max())
    # Scaled by a power of two, which is exact, because squares of 1e200 and 1e-200 are out of range.
    exponent = math.frexp(max(abs(low), abs(high)))[1]
    scaled = np.ldexp(kept, -exponent)
    with np.errstate(under="ignore"):
        mean, std = float(scaled.mean()), float(scaled.std())
    zeros = n - float(np.count_nonzero(values))
    return Moments(n, zeros, n - kept.size, math.ldexp(mean, exponent), math.ldexp(std, exponent), low, high)


def merge(parts: Iterable[Moments]) -> Moments:
    """The moments of the concatenation of all parts.

    >>> merge([moments(np.array([1.0])), moments(np.array([3.0, 5.0]))]).mean
    3.0
    """
    whole = NOTHING
    for part in parts:
        whole = _pair(whole, part)
    return whole


def _pair(a: Moments, b: Moments) -> Moments:
    """Chan, Golub & LeVeque 1979, with standard deviations instead of variances, which may be out of range."""
    counts = a.n + b.n, a.zeros + b.zeros, a.nonfinite + b.nonfinite
    low, high = min(a.min, b.min), max(a.max, b.max)
    if not a.n_finite or not b.n_finite:
        known = a if a.n_finite else b
        return Moments(*counts, known.mean, known.std, low, high)
    share = b.n_finite / (a.n_finite + b.n_finite)
    apart = b.mean - a.mean
    within = math.hypot(a.std * math.sqrt(1 - share), b.std * math.sqrt(share))
    return Moments(
        *counts, a.mean + share * apart, math.hypot(within, apart * math.sqrt(share * (1 - share))), low, high
    )
