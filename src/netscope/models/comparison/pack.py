"""A comparison as safetensors, the form that the page receives.

Pairs of nodes are `node_a`, `node_b` (-1: none) and `node_changes`, those of stored arrays `tensor_a`, `tensor_b` and
`tensor_changes`, with the distances `relative`, `largest`, `cosine` (NaN: not known) and `differing`. The metadata has
a `ComparisonReply` as JSON under "reply".
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from netscope.formats import safetensors
from netscope.models.comparison.compare import Comparison, in_order
from netscope.models.graph import NONE
from netscope.schema.comparison import ComparisonReply, TensorNote


def pack(comparison: Comparison) -> bytes:
    """Encode a comparison."""
    nodes = np.array(in_order(comparison.node_of_a, comparison.b.graph.n_nodes), np.int32).reshape(-1, 2)
    changes = np.append(comparison.changes_of_a, np.uint8(0))[nodes[:, 0]]
    pairs = comparison.tensors
    distances = [pair.distance for pair in pairs]
    numbers = {
        name: np.array([math.nan if one is None else getattr(one, name) for one in distances], np.float64)
        for name in ("relative", "largest", "cosine", "differing")
    }
    notes = [
        TensorNote(at, list(pair.axes), pair.problem) for at, pair in enumerate(pairs) if pair.axes or pair.problem
    ]
    said = ComparisonReply(comparison.summary(), notes)
    return safetensors.encode(
        {
            "node_a": np.ascontiguousarray(nodes[:, 0]),
            "node_b": np.ascontiguousarray(nodes[:, 1]),
            "node_changes": changes,
            "tensor_a": np.array([pair.a.index if pair.a else NONE for pair in pairs], np.int32),
            "tensor_b": np.array([pair.b.index if pair.b else NONE for pair in pairs], np.int32),
            "tensor_changes": np.array([int(pair.changes) for pair in pairs], np.uint8),
            **numbers,
        },
        {"reply": msgspec.json.encode(said).decode("utf-8", "replace")},
    )
