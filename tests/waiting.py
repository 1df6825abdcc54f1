"""Wait for what another thread or process does, with more patience than any busy machine needs."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 100.0


def until(is_so: Callable[[], bool]) -> None:
    """Return once it is so.

    Raises:
        AssertionError: It has not become so.
    """
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, f"waited {PATIENCE_S:.0f} s"
        time.sleep(0.01)
