"""Compute the moments and bins of arrays, with compiled kernels when they are ready, with NumPy until then.

Compiling takes seconds once per machine, and half a second from the cache; the training must not wait for it.
"""

from __future__ import annotations

import ctypes
import functools
import math
import threading
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from netscope.analyse import bins
from netscope.analyse.moments import Moments, moments

if TYPE_CHECKING:
    from collections.abc import Callable

    from netscope.analyse.bins import BinCounts

LARGE = 1 << 16
"""`measure_sample` samples arrays with more values than this."""
SAMPLE = 1 << 14
"""Largest number of values in such a sample; the standard error of its mean is 0.8 % of the standard deviation."""
_FIRST_ROWS = 64
_SAFE = 1e140  # the squares of smaller float64 values, and their sums, do not overflow
_C_TYPES: dict[Any, Any] = {np.float32: ctypes.c_float, np.float64: ctypes.c_double}
_kernels: Any = None
_start_lock = threading.Lock()
_started: threading.Thread | None = None


def measure(values: npt.NDArray[np.floating], counts: BinCounts) -> Moments:
    """The moments of an array of any shape and float dtype; its bins are added to `counts`.

    Dense float32 and float64 arrays are not copied, whatever their memory order.

    >>> counts = np.zeros(bins.N_BINS, np.uint32)
    >>> measure(np.array([0.0, 2.0], np.float32), counts).mean, int(counts.sum())
    (1.0, 2)
    """
    flat = _flat(values)
    if _kernels is None:
        counts += bins.count(flat)
        return moments(flat)
    row = np.empty(7)
    kernel: Callable[..., None] = _kernels.measure_32 if flat.dtype == np.float32 else _kernels.measure_64
    kernel(flat, row, counts)
    found = Moments(*row.tolist())
    if flat.dtype == np.float64:
        largest = max(abs(found.min), abs(found.max))
        if not 1 / _SAFE < largest < _SAFE and largest != 0:
            return moments(flat)
    return found


class Measured(NamedTuple):
    """The moments and histograms of many arrays."""

    moments: npt.NDArray[np.float64]
    """[array, field of `Moments`]"""
    histograms: bins.Histograms


class MeasuredTable:
    """A growing table of the moments and histograms of arrays, one row per array.

    Arrays are given by their addresses and sizes; the caller keeps them alive.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._moments = np.empty((_FIRST_ROWS, 7))
        self._filled = np.empty(_FIRST_ROWS, np.int64)
        self._places = np.empty(_FIRST_ROWS * bins.N_BINS // 8, np.uint16)
        self._counts = np.empty(len(self._places), np.uint32)
        self._n = 0
        self._end = 0

    def __len__(self) -> int:
        """The number of rows."""
        return self._n

    def measure(
        self,
        addresses: npt.NDArray[np.int64],
        sizes: npt.NDArray[np.int64],
        dtype: type[np.float32 | np.float64],
        before: npt.NDArray[np.int64] | None = None,
    ) -> int:
        """Measure many arrays in one call, which is ten times faster than a call per array for small arrays.

        Args:
            addresses: Addresses of contiguous arrays.
            sizes: Numbers of values.
            dtype: The type of all arrays.
            before: Per array, 0 or the address of an earlier value of the same size and dtype. Then the difference
                `array - before` is measured, and overwrites `before`.

        Returns:
            The row of the first array; the others follow.
        """
        before = np.zeros_like(addresses) if before is None else before
        if _kernels is None:
            return self.add(_measure_views(addresses, sizes, dtype, before))
        first, n, done = self._n, len(sizes), 0
        self._grow(n, 0)
        kernel = _kernels.table_32 if dtype == np.float32 else _kernels.table_64
        while done < n:
            row = first + done
            done, self._end = kernel(
                addresses, before, sizes, self._moments, self._filled, self._places, self._counts, done, row, self._end
            )
            if done < n:
                self._grow(0, bins.N_BINS)
        self._n += n
        if dtype == np.float64:
            for i in np.flatnonzero(~_is_safe(self._moments[first : self._n])).tolist():
                values = _view(int(before[i] or addresses[i]), int(sizes[i]), dtype)
                self._moments[first + i] = moments(values)
        return first

    def sample(self, address: int, size: int, dtype: type[np.float32 | np.float64]) -> int:
        """Measure one array as `measure_sample` does.

        Returns:
            The row of the array.
        """
        if _kernels is None or dtype != np.float32:
            counts = np.zeros((1, bins.N_BINS), np.uint32)
            found = measure_sample(_view(address, size, dtype), counts[0])
            return self.add(Measured(np.array([found]), bins.Histograms.of(counts)))
        row = self._n
        if row == len(self._filled) or self._end + bins.N_BINS > len(self._places):
            self._grow(1, bins.N_BINS)
        self._end = _kernels.append_32(
            address, size, stride(size), self._moments, self._filled, self._places, self._counts, row, self._end
        )
        self._n = row + 1
        return row

    def add(self, found: Measured) -> int:
        """Append results that were measured elsewhere.

        Returns:
            The row of the first; the others follow.
        """
        first, n = self._n, len(found.moments)
        end = self._end + len(found.histograms.places)
        self._grow(n, end - self._end)
        self._moments[first : first + n], self._filled[first : first + n] = found.moments, found.histograms.sizes
        self._places[self._end : end] = found.histograms.places
        self._counts[self._end : end] = found.histograms.counts
        self._n, self._end = first + n, end
        return first

    def found(self) -> Measured:
        """All rows so far."""
        n, end = self._n, self._end
        return Measured(self._moments[:n], bins.Histograms(self._filled[:n], self._places[:end], self._counts[:end]))

    def _grow(self, n_rows: int, n_bins: int) -> None:
        """Ensure capacity for further rows and non-empty bins."""
        while self._n + n_rows > len(self._filled):
            self._moments, self._filled = _doubled(self._moments), _doubled(self._filled)
        while self._end + n_bins > len(self._places):
            self._places, self._counts = _doubled(self._places), _doubled(self._counts)


def _doubled(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate([array, np.empty_like(array)])


def _measure_views(
    addresses: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    dtype: type[np.float32 | np.float64],
    before: npt.NDArray[np.int64],
) -> Measured:
    found, counts = np.empty((len(sizes), 7)), np.empty((len(sizes), bins.N_BINS), np.uint32)
    for i, (address, size, other) in enumerate(zip(addresses.tolist(), sizes.tolist(), before.tolist(), strict=True)):
        values = _view(address, size, dtype)
        if other:
            with np.errstate(all="ignore"):
                values = np.subtract(values, changed := _view(other, size, dtype), out=changed)
        found[i], counts[i] = moments(values), bins.count(values)
    return Measured(found, bins.Histograms.of(counts))


def _view(address: int, size: int, dtype: type[np.float32 | np.float64]) -> npt.NDArray[np.floating]:
    if not size:
        return np.empty(0, dtype)
    values: npt.NDArray[np.floating] = np.ctypeslib.as_array((_C_TYPES[dtype] * size).from_address(address))
    return values


def _is_safe(found: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Per array, whether the squares of its values and their sums are within the range of float64."""
    largest = np.maximum(np.abs(found[:, 5]), np.abs(found[:, 6]))
    safe: npt.NDArray[np.bool_] = (largest > 1 / _SAFE) & (largest < _SAFE)
    safe |= (largest == 0) | (found[:, 0] == found[:, 2])
    return safe


def measure_sample(values: npt.NDArray[np.floating], counts: BinCounts) -> Moments:
    """Like `measure`, but samples large arrays, which takes a fifth of the time.

    Zeros, min and max are of all values. Mean and std are of every `stride`-th value in memory order; these count
    `stride` times in the bins, so that bins of several arrays can be added. Arrays with NaN or infinities, or with up
    to `LARGE` values, are measured completely.

    >>> counts = np.zeros(bins.N_BINS, np.uint32)
    >>> measure_sample(np.arange(100_000, dtype=np.float32), counts).max, stride(100_000)
    (99999.0, 7)
    """
    every = stride(values.size)
    if every == 1:
        return measure(values, counts)
    flat = _flat(values)
    zeros, low, high, sample = _survey(flat, every)
    if not (math.isfinite(low) and math.isfinite(high)):
        return measure(flat, counts)
    seen = np.zeros(bins.N_BINS, np.uint32)
    found = measure(sample, seen)
    counts += seen * np.uint32(every)
    return found._replace(n=float(flat.size), zeros=zeros, min=low, max=high)


def mark_active(address: int, shape: tuple[int, int, int], active: npt.NDArray[np.bool_]) -> None:
    """Mark the units of a contiguous float32 array [outer, unit, inner] that are above zero or NaN anywhere.

    >>> values, active = np.array([[0.0, 2.0, -1.0], [0.0, 0.0, np.nan]], np.float32), np.zeros(3, bool)
    >>> mark_active(values.ctypes.data, (2, 3, 1), active)
    >>> active.tolist()
    [False, True, True]
    """
    if _kernels is not None:
        _kernels.active_32(address, *shape, active)
    else:
        active |= ~(_view(address, math.prod(shape), np.float32).reshape(shape) <= 0).all(axis=(0, 2))


@functools.lru_cache(maxsize=1024)
def stride(n: int) -> int:
    """The sampling stride for n values: 1, or the smallest prime that leaves at most `SAMPLE` values.

    A prime, because a stride that divides the length of a row would sample the same columns only.
    """
    if n <= LARGE:
        return 1
    every = -(-n // SAMPLE)
    while any(every % divisor == 0 for divisor in range(2, math.isqrt(every) + 1)):
        every += 1
    return every


def _flat(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Flatten in memory order, as float32 or float64."""
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    return values.ravel(order="K")


def _survey(flat: npt.NDArray[np.floating], every: int) -> tuple[float, float, float, npt.NDArray[np.floating]]:
    """Number of zeros, min and max (nonfinite if any value is), and every `every`-th value."""
    if _kernels is None or flat.dtype != np.float32:
        return float(flat.size - np.count_nonzero(flat)), float(flat.min()), float(flat.max()), flat[::every]
    row, sample = np.empty(3), np.empty(-(-flat.size // every), np.float32)
    _kernels.survey_32(flat, every, sample, row)
    zeros, low, high = row.tolist()
    return zeros, low, high, sample


def load_kernels(wait: bool = False) -> None:
    """Load or compile the kernels on a background thread, once per process.

    The thread is not a daemon, because the interpreter must not exit while the compiler is running.
    """
    global _started
    with _start_lock:
        if _started is None:
            _started = threading.Thread(target=_load, name="netscope-compile")
            _started.start()
    if wait:
        _started.join()


def _load() -> None:
    global _kernels
    try:
        from netscope.analyse import kernels  # noqa: PLC0415  (numba compiles for seconds)

        _kernels = kernels
    except (ImportError, RuntimeError, OSError) as reason:
        warnings.warn(f"measuring is ten times slower, with NumPy: numba does not work here ({reason})", stacklevel=1)
