"""How far two arrays are apart, in one pass over their blocks, in float64."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped


class Distance(NamedTuple):
    """From an array a to an array b of as many elements, over the pairs in which both are finite."""

    relative: float
    """||b - a|| / ||a||; infinite if only a is all zeros, NaN if no pair is finite."""
    largest: float
    """Largest |b - a|; NaN if no pair is finite."""
    cosine: float
    """Of the angle between both; NaN if one of them is all zeros."""
    differing: int
    """Elements that are not equal; NaN equals NaN."""
    nonfinite: int
    """Of these, pairs that are not both finite."""
    n: int
    """Elements of each array."""
    norm: float
    """||a||."""
    apart: float
    """||b - a||."""


class DistanceBuilder:
    """Takes the blocks of both arrays, in any order."""

    def __init__(self) -> None:
        """No block yet."""
        self._n = self._differing = self._nonfinite = self._finite = 0
        self._largest = 0.0
        self._a = self._b = self._apart = self._product = 0.0  # sums of squares and products, times 4^-scale
        self._scale: int | None = None

    def add(self, a: Shaped[np.ndarray, "*shape"], b: Shaped[np.ndarray, "*shape"]) -> None:
        """Count two blocks of real numbers, element by element."""
        x, y = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
        self._n += x.size
        is_other = (x != y) & ~(np.isnan(x) & np.isnan(y))
        self._differing += int(np.count_nonzero(is_other))
        is_finite = np.isfinite(x) & np.isfinite(y)
        if not is_finite.all():
            self._nonfinite += int(np.count_nonzero(is_other & ~is_finite))
            x, y = x[is_finite], y[is_finite]
        if not x.size:
            return
        self._finite += x.size
        top = max(float(np.abs(x).max()), float(np.abs(y).max()))
        if not top:
            return
        exponent = math.frexp(top)[1]  # squares of 1e200 are out of range; scaling by a power of two is exact
        x, y = np.ldexp(x, -exponent), np.ldexp(y, -exponent)
        with np.errstate(under="ignore"):
            apart = y - x
            sums = float(x @ x), float(y @ y), float(apart @ apart), float(x @ y)
        self._largest = max(self._largest, _scaled(float(np.abs(apart).max()), exponent))
        self._merge(sums, exponent)

    def _merge(self, sums: tuple[float, float, float, float], exponent: int) -> None:
        """Add sums of products of numbers that were scaled by 2^-exponent; all are kept at the largest scale."""
        scale = exponent if self._scale is None else self._scale
        high = max(scale, exponent)
        old, new = math.ldexp(1.0, 2 * (scale - high)), math.ldexp(1.0, 2 * (exponent - high))
        self._scale = high
        self._a, self._b, self._apart, self._product = (
            before * old + value * new
            for before, value in zip((self._a, self._b, self._apart, self._product), sums, strict=True)
        )

    def result(self) -> Distance:
        """The distance over all blocks."""
        if not self._finite:
            return Distance(math.nan, math.nan, math.nan, self._differing, self._nonfinite, self._n, 0.0, 0.0)
        if self._a:
            relative = math.sqrt(self._apart / self._a)
        else:
            relative = math.inf if self._apart else 0.0
        cosine = self._product / math.sqrt(self._a) / math.sqrt(self._b) if self._a and self._b else math.nan
        cosine = cosine if math.isnan(cosine) else max(-1.0, min(1.0, cosine))
        norm, apart = (_scaled(math.sqrt(total), self._scale or 0) for total in (self._a, self._apart))
        return Distance(relative, self._largest, cosine, self._differing, self._nonfinite, self._n, norm, apart)


def _scaled(value: float, exponent: int) -> float:
    """Value times 2 to the exponent; infinite beyond the range."""
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.inf


def distance(a: Shaped[np.ndarray, "*shape"], b: Shaped[np.ndarray, "*shape"]) -> Distance:
    """How far two arrays of one shape are apart.

    >>> distance(np.array([3.0, 4.0]), np.array([3.0, 9.0]))[:2]
    (1.0, 5.0)
    """
    builder = DistanceBuilder()
    builder.add(a, b)
    return builder.result()
