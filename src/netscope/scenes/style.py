"""How a scene is drawn."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from netscope.errors import UsageError


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Size and opacity of nodes, or of edges, from their importance and depth.

    The opacity is ((1 - importance_opacity) + importance_opacity · importance) · ((1 - depth_opacity) + depth_opacity ·
    nearness ^ depth_exponent) · (1 - base_opacity) + base_opacity; nearness is 1 at the nearest point and 0 at the
    farthest.
    """

    size: float
    """Radius at an importance of 1, in layer widths; it grows with the square root of importance."""
    base_opacity: float = 0.0
    importance_opacity: float = 1.0
    depth_opacity: float = 0.5
    depth_exponent: float = 1.0
    importance_threshold: float = 0.01
    """What is less important is not drawn."""


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """How a scene is drawn."""

    nodes: Look = Look(size=0.024, base_opacity=0.9, depth_opacity=0.3)
    edges: Look = Look(size=0.0045, depth_opacity=0.5, importance_threshold=0.05)
    theme: Literal["light", "dark"] = "light"
    transparent: bool = False
    """Without a background."""
    supersample: int = 2
    """Pixels are drawn this many times as fine in both directions, and averaged."""

    def check(self) -> None:
        """Reject what cannot be drawn.

        Raises:
            UsageError: A value is outside its limits.
        """
        if not 1 <= self.supersample <= 4:
            raise UsageError(f"supersample is {self.supersample}; it must be from 1 to 4")
        for name, look in (("nodes", self.nodes), ("edges", self.edges)):
            for field, value in msgspec.structs.asdict(look).items():
                high = {"size": 1.0, "depth_exponent": 10.0, "importance_opacity": 2.0}.get(field, 1.0)
                if not (math.isfinite(value) and 0 <= value <= high):
                    raise UsageError(f"{field} of {name} is {value}; it must be from 0 to {high:g}")
