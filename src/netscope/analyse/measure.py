"""Measure an array: its moments and its bins, by the compiled kernels when they are ready, by NumPy until then.

Compiling takes seconds once on a machine and half a second from its cache; training must not wait for it.
"""

from __future__ import annotations

import importlib
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netscope.analyse import bins
from netscope.analyse.moments import Moments, moments

if TYPE_CHECKING:
    from collections.abc import Callable

    from netscope.analyse.bins import Counts

_SAFE = 1e140  # float64 whose squares, and sums of them, are within range
_kernels: Any = None
_warming = threading.Lock()
_started: threading.Thread | None = None


def measure(values: npt.NDArray[np.floating], counts: Counts) -> Moments:
    """Moments of an array of any shape and float dtype; its bins are added to `counts`.

    Takes no copy of dense float32 and float64 arrays, whatever the order of their axes.

    >>> counts = np.zeros(bins.N_BINS, np.uint32)
    >>> measure(np.array([0.0, 2.0], np.float32), counts).mean, int(counts.sum())
    (1.0, 2)
    """
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    flat = values.ravel(order="K")
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


def warm(wait: bool = False) -> None:
    """Make the kernels ready, aside; once a process.

    Not a daemon thread: Python waits for it at exit, since a compiler must not be torn down at work.
    """
    global _started
    with _warming:
        if _started is None:
            _started = threading.Thread(target=_load, name="netscope-compile")
            _started.start()
    if wait:
        _started.join()


def _load() -> None:
    global _kernels
    try:
        _kernels = importlib.import_module("netscope.analyse.kernels")
    except (ImportError, RuntimeError, OSError) as reason:
        warnings.warn(f"measuring with NumPy, ten times slower: numba does not work here ({reason})", stacklevel=1)
