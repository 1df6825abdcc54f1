"""Wait for another thread or process, with a generous timeout for busy machines."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 100.0


def until(is_so: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Return once the condition holds.

    Raises:
        AssertionError: It has not become so.
    """
    end = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < end, f"waited {patience_s:.0f} s"
        time.sleep(0.01)
