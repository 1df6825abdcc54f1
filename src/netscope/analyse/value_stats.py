"""Describe one value of a network: moments, quantiles, a histogram, its largest elements and a small picture.

Large arrays are read in blocks, so that the memory this takes does not depend on their size. Quantiles and histogram
are of a sample, of at most `SAMPLE` and `HISTOGRAM_SAMPLE` elements; everything else is of all elements.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from netscope.analyse.moments import Moments, merge, moments
from netscope.analyse.reduce import reduce_blocks

BLOCK = 1 << 17
"""Elements that are looked at at once: a megabyte in float64, which fits in the cache."""
_SAFE = 1e140  # squares of smaller numbers, and their sums, are within float64
SAMPLE, HISTOGRAM_SAMPLE = 1 << 16, 1 << 20
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
HISTOGRAM_BINS = 48
N_LARGEST = 8
MAP_PX, MATRIX_PX, STRIP_PX, MOST_MAPS = 32, 64, 256, 64
_BRIGHTEST = 3.0
"""The colours of several maps end at so many times the size of the median map; maps far above it are saturated."""
OUTLIER_FACTOR = 6.0
"""A channel stands out if its largest magnitude is so many times that of the median channel."""


class ValueStats(NamedTuple):
    """One value in numbers. Mean, std, min, max and quantiles are of its finite elements; NaN without any."""

    n: int
    """Elements."""
    zeros: int
    """Elements that are exactly zero."""
    nan: int
    infinite: int
    mean: float
    std: float
    min: float
    max: float
    quantiles: tuple[float, ...]
    """At `QUANTILES`."""
    histogram: npt.NDArray[np.int64]
    """Counts in `HISTOGRAM_BINS` bins of equal width; those beyond the limits are in the first and the last one."""
    histogram_low: float
    histogram_high: float
    largest_index: npt.NDArray[np.int64]
    """Flat indices of the elements of largest magnitude, the largest first; -1 where there are fewer."""
    largest: npt.NDArray[np.float64]
    """Those elements; NaN where there are fewer."""


class Channels(NamedTuple):
    """The channels of a value, by their largest magnitude."""

    n: int
    dead: int
    """Channels whose elements are all zero."""
    outliers: npt.NDArray[np.int64]
    """Channels that stand out (`OUTLIER_FACTOR`), the most extreme first; -1 where there are fewer."""
    outlier_magnitudes: npt.NDArray[np.float64]
    median: float
    """Largest magnitude of the median channel."""


class Picture(NamedTuple):
    """A value as small pictures."""

    pixels: npt.NDArray[np.uint8]
    """[map, row, column]: 0 is NaN, 1 to 255 go evenly from `low` to `high`."""
    low: float
    high: float


def real(values: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """The numbers of an array of any type: complex numbers by their magnitude, None for texts and objects.

    >>> real(np.array([True, False])).tolist(), real(np.array(["a"]))
    ([1.0, 0.0], None)
    """
    kind = values.dtype.kind
    if kind == "c":
        magnitudes: npt.NDArray[Any] = np.abs(values)
        return magnitudes
    if kind == "f" and values.dtype.itemsize <= 8:
        return values
    if kind in "biu":
        return values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32)
    try:  # bfloat16 and the 8-bit floats of ml_dtypes
        return values.astype(np.float32) if kind == "V" or "float" in values.dtype.name else None
    except (TypeError, ValueError):
        return None


def describe(values: npt.NDArray[Any]) -> ValueStats:
    """The statistics of an array of real numbers of any shape.

    >>> found = describe(np.array([[0.0, 3.0], [-5.0, np.nan]]))
    >>> found.n, found.zeros, found.nan, found.min, found.max
    (4, 1, 1, -5.0, 3.0)
    >>> found.largest[:2].tolist(), found.largest_index[:2].tolist()
    ([-5.0, 3.0], [2, 1])
    """
    parts, nan, top, room = [], 0, _Largest(), np.empty(BLOCK)
    for start, block in _blocks(values):
        finite = block
        if not np.isfinite(block.sum()):  # seldom
            finite = block[np.isfinite(block)]
            nan += int(np.isnan(block).sum())
        parts.append(_moments(block, finite, room))
        top.add(start, block, parts[-1])
    whole = merge(parts)
    quantiles = _quantiles(values)
    low, high = _limits(whole.min, whole.max, quantiles)
    has_finite = whole.n_finite > 0
    return ValueStats(
        int(whole.n),
        int(whole.zeros),
        nan,
        int(whole.nonfinite) - nan,
        whole.mean,
        whole.std,
        whole.min if has_finite else np.nan,
        whole.max if has_finite else np.nan,
        quantiles,
        _histogram(values, low, high),
        low,
        high,
        *top.padded(),
    )


def channels(values: npt.NDArray[Any], axis: int) -> Channels:
    """The channels along an axis.

    >>> found = channels(np.array([[1.0, 0.0, 2.0, -40.0]]), 1)
    >>> found.n, found.dead, found.median, found.outliers.tolist()[:2], found.outlier_magnitudes.tolist()[0]
    (4, 1, 1.5, [3, -1], 40.0)
    """
    others = tuple(i for i in range(values.ndim) if i != axis % values.ndim)
    magnitudes = np.maximum(values.max(axis=others, initial=0), -values.min(axis=others, initial=0))
    if not np.isfinite(magnitudes).all():
        magnitudes = np.where(np.isfinite(values), np.abs(values), 0).max(axis=others, initial=0)
    median = float(np.median(magnitudes)) if len(magnitudes) else np.nan
    order = np.argsort(-magnitudes, kind="stable")[:N_LARGEST]
    order = order[(magnitudes[order] > OUTLIER_FACTOR * median) & (magnitudes[order] > 0)]
    found, sizes = np.full(N_LARGEST, -1, np.int64), np.full(N_LARGEST, np.nan)
    found[: len(order)], sizes[: len(order)] = order, magnitudes[order]
    return Channels(len(magnitudes), int((magnitudes == 0).sum()), found, sizes, median)


def picture(values: npt.NDArray[Any], channel_axis: int | None) -> Picture | None:
    """A value as small pictures: the maps of its first example, a matrix, or a strip; None for a single number.

    Each pixel shows the element of largest magnitude of its block, and is NaN if one of them is.

    Args:
        values: Real numbers of any shape.
        channel_axis: The axis of the maps, if it has maps of two axes or more.
    """
    if values.ndim == 0 or values.size <= 1:
        return None
    maps = _maps(values, channel_axis)
    low, high = _ends(maps)
    scale = 254 / (high - low) if high > low else 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        shares = np.clip((maps.astype(np.float64) - low) * scale, 0, 254)
    pixels = np.where(np.isnan(maps), 0, 1 + np.nan_to_num(shares)).astype(np.uint8)
    return Picture(pixels, low, high)


def _ends(maps: npt.NDArray[Any]) -> tuple[float, float]:
    """The numbers of the darkest and the brightest pixel: nearly all are between, and no single map decides.

    Of numbers of both signs, the middle is 0.
    """
    per_map = [one[np.isfinite(one)] for one in maps]
    ends = np.array([_ends_of_map(one) for one in per_map if one.size]).reshape(-1, 2)
    if not ends.size:
        return 0.0, 0.0
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    sizes = np.abs(ends).max(axis=1)
    if len(ends) > 1 and sizes.any():
        most = _BRIGHTEST * float(np.median(sizes[sizes > 0]))
        low, high = max(low, -most), min(high, most)
    if low < 0 < high:
        return -max(-low, high), max(-low, high)
    return low, high


def _ends_of_map(values: npt.NDArray[Any]) -> tuple[float, float]:
    low, high = np.quantile(values, (0.005, 0.995))
    return (float(low), float(high)) if low < high else (float(values.min()), float(values.max()))


def _maps(values: npt.NDArray[Any], channel_axis: int | None) -> npt.NDArray[Any]:
    """[map, row, column]"""
    if channel_axis is not None and values.ndim >= 4:
        inner = np.moveaxis(values, channel_axis, 1)[0][:MOST_MAPS]
        while inner.ndim > 3:  # of a volume, the slice in the middle
            inner = inner[:, inner.shape[1] // 2]
        return np.stack([_shrunk(one, MAP_PX, MAP_PX) for one in inner])
    while values.ndim > 2:
        values = values[0]
    if values.ndim == 1 or values.shape[0] == 1:
        return _shrunk(values.reshape(1, -1), 1, STRIP_PX)[None]
    return _shrunk(values, MATRIX_PX, MATRIX_PX)[None]


def _shrunk(matrix: npt.NDArray[Any], rows: int, columns: int) -> npt.NDArray[Any]:
    """A matrix of at most so many rows and columns."""
    height, width = matrix.shape
    return reduce_blocks(matrix, -(-height // rows), -(-width // columns)).largest


def _blocks(values: npt.NDArray[Any]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Parts of the flat array, each with its first index."""
    flat = values.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        yield start, flat[start : start + BLOCK]


def _sample(values: npt.NDArray[Any], most: int) -> npt.NDArray[np.float64]:
    """At most so many finite elements, evenly spread. A prime distance meets all channels, whatever their number."""
    flat = values.reshape(-1)
    every = max(1, -(-flat.size // most))
    while any(every % divisor == 0 for divisor in range(2, math.isqrt(every) + 1)):
        every += 1
    sample = flat[::every]
    finite: npt.NDArray[np.float64] = sample[np.isfinite(sample)].astype(np.float64)
    return finite


def _quantiles(values: npt.NDArray[Any]) -> tuple[float, ...]:
    sample = _sample(values, SAMPLE)
    if not sample.size:
        return (np.nan,) * len(QUANTILES)
    return tuple(float(one) for one in np.quantile(sample, QUANTILES))


def _limits(low: float, high: float, quantiles: tuple[float, ...]) -> tuple[float, float]:
    """Limits of a histogram: the whole range, or of a range with far outliers the part that holds nearly all."""
    if not low <= high:
        return np.nan, np.nan
    spread = quantiles[-1] - quantiles[0]
    if spread > 0 and high - low > 6 * spread:
        return max(low, quantiles[0] - spread), min(high, quantiles[-1] + spread)
    return low, high


def _histogram(values: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.int64]:
    sample = _sample(values, HISTOGRAM_SAMPLE)
    sample -= low
    sample *= HISTOGRAM_BINS / (high - low) if high > low else 0.0
    bins = np.clip(sample, 0, HISTOGRAM_BINS - 1, out=sample).astype(np.intp)
    return np.bincount(bins, minlength=HISTOGRAM_BINS)


def _moments(block: npt.NDArray[Any], finite: npt.NDArray[Any], room: npt.NDArray[np.float64]) -> Moments:
    """The moments of a block, of which `finite` are the finite elements; `room` is for as many."""
    if not finite.size:
        return moments(block)
    low, high = float(finite.min()), float(finite.max())
    if not max(-low, high) < _SAFE:
        return moments(block)
    zeros = float(np.count_nonzero(finite == 0))
    wide = room[: finite.size]
    wide[:] = finite
    mean = float(wide.mean())
    wide -= mean
    wide *= wide  # not `dot`, whose threads cost more than they save
    std = math.sqrt(float(wide.mean()))
    return Moments(float(block.size), zeros, float(block.size - finite.size), mean, std, low, high)


class _Largest:
    """The elements of largest magnitude so far."""

    def __init__(self) -> None:
        self.index, self.found = np.empty(0, np.int64), np.empty(0)

    def add(self, start: int, block: npt.NDArray[Any], known: Moments) -> None:
        """Add a block, whose first element has the flat index `start`."""
        if len(self.found) == N_LARGEST and not max(-known.min, known.max) > abs(self.found[-1]):
            return
        sizes = np.abs(block)
        sizes[~np.isfinite(sizes)] = -1
        top = np.argpartition(-sizes, N_LARGEST - 1)[:N_LARGEST] if len(block) > N_LARGEST else np.arange(len(block))
        top = top[sizes[top] >= 0]
        index = np.concatenate([self.index, top + start])
        found = np.concatenate([self.found, block[top].astype(np.float64)])
        order = np.lexsort((index, -np.abs(found)))[:N_LARGEST]
        self.index, self.found = index[order], found[order]

    def padded(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Flat indices and elements, -1 and NaN where there are fewer."""
        more = N_LARGEST - len(self.index)
        return np.append(self.index, np.full(more, -1)), np.append(self.found, np.full(more, np.nan))
