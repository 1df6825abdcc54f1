"""Compile functions with numba: released from the interpreter's lock, and cached on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(signature: str, fastmath: Any = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for one signature when it is defined, so that no call waits for the compiler.

    Args:
        signature: Types as numba writes them, such as "f4(f4[::1])".
        fastmath: Which rules of floating point the compiler may break, as numba takes them.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(signature, nogil=True, cache=True, fastmath=fastmath, error_model="numpy")(function)
        except RuntimeError:  # nowhere to keep the cache: no writable home, a zipped package
            return numba.njit(signature, nogil=True, fastmath=fastmath, error_model="numpy")(function)

    return decorate
