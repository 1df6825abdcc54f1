"""Find the user's line of code that called netscope, for warnings to point to."""

from __future__ import annotations

import sys
from types import FrameType


def depth_of_caller() -> int:
    """The `stacklevel` for a warning in the calling function that points to the user's code."""
    frame: FrameType | None = sys._getframe(1)
    depth = 1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("netscope."):
        frame, depth = frame.f_back, depth + 1
    return depth if frame is not None else 1
