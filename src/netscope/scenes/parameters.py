"""How a body is laid out: the parameters, their defaults and their limits."""

from __future__ import annotations

import math

import msgspec

from netscope.analyse.body.bundling import Bundling
from netscope.analyse.body.network import EdgeImportance
from netscope.analyse.body.placement import Placement
from netscope.errors import UsageError


class BodyParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How nodes are placed and edges are bundled. Lengths are in layer widths."""

    node_placement: Placement = "radial"
    """"radial": mean shift from places between those of a node's classes on a ring; "joint": mean shift of all layers
    together; "layers": of each alone; "sorted": rows ordered by class; "raster": rows in the order of the nodes."""
    keep_input: bool = True
    """Leave the first layer a raster, so that an image stays one."""
    node_bandwidth: float = 0.5
    node_bandwidth_reduction: float = 0.95
    node_direction: int = 1
    """1: similar nodes attract each other; -1: they repel each other."""
    node_noise: float = 0.0
    bundling: Bundling = "class"
    """Which edges attract each other: those of one "class", "all", or "none"."""
    edge_bandwidth: float = 0.2
    edge_bandwidth_reduction: float = 0.9
    edge_importance_type: EdgeImportance = 0
    """Importance and class of an edge come from: 0 both ends, changing along it; 1 its source; 2 the sum of both; 3 its
    target."""
    bundling_mix: float = 0.0
    """How much edges of other classes attract, 0 to 1."""
    prune_percentage: float = 0.0
    """Fraction of edges to leave out, 0 to 1: the least important ones."""
    sampling_rate: int = 16
    """Segments per edge."""
    smoothing: bool = True
    smoothing_iterations: int = 3
    """Passes after each step of bundling."""
    layer_width: float = 1.0
    layer_distance: float = 0.6
    seed: int = 0

    def check(self) -> None:
        """Reject what cannot work.

        Raises:
            UsageError: A value is outside its limits.
        """
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise UsageError(f"{name} is {value}; it must be from {low:g} to {high:g}")
        if self.node_direction not in (1, -1):
            raise UsageError(f"node_direction is {self.node_direction}; 1 attracts, -1 repels")
        if self.edge_importance_type not in (0, 1, 2, 3):
            raise UsageError(f"edge_importance_type is {self.edge_importance_type}; it is 0, 1, 2 or 3")


_LIMITS = {
    "node_bandwidth": (0.0, 1.0),
    "node_bandwidth_reduction": (0.1, 0.99),
    "node_noise": (0.0, 1.0),
    "edge_bandwidth": (0.0, 1.0),
    "edge_bandwidth_reduction": (0.1, 0.99),
    "bundling_mix": (0.0, 1.0),
    "prune_percentage": (0.0, 1.0),
    "sampling_rate": (2, 64),
    "smoothing_iterations": (0, 20),
    "layer_width": (0.01, 100.0),
    "layer_distance": (0.01, 100.0),
    "seed": (0, 2**63),
}
