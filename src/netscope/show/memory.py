"""Return free memory to the system: a server runs for weeks beside a training that needs it.

glibc keeps what was freed, and keeps it once per thread. Reading a large folder for the first time would leave a server
a third larger than what it holds. On other C libraries nothing is done.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_ARENA_MAX = -8  # of mallopt in malloc.h
_ARENAS = 2


@cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None


def share_arenas() -> None:
    """Make all threads share a few heaps. Only for a process that runs nothing but the server."""
    library = _glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, _ARENAS)


def give_back() -> bool:
    """Return free memory, in a few milliseconds; returns whether there was any."""
    library = _glibc()
    return library is not None and bool(library.malloc_trim(0))
