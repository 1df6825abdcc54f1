"""Where in the user's code a call of ours came from: warnings point there."""

from __future__ import annotations

import sys
from types import FrameType


def depth_of_caller() -> int:
    """How many frames above the one that warns the line of the user's is."""
    frame: FrameType | None = sys._getframe(1)
    depth = 1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("netscope."):
        frame, depth = frame.f_back, depth + 1
    return depth if frame is not None else 1
