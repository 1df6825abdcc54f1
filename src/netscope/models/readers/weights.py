"""Files that hold weights alone: their arrays as a tree of modules, told by the names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from netscope.models.builder import GraphBuilder
from netscope.models.graph import Graph
from netscope.models.shapes import Dimension
from netscope.models.stored import Stored


class Weight(NamedTuple):
    """One array of a file."""

    name: str
    dtype: str
    shape: tuple[Dimension, ...]
    n_bytes: float
    stored: Stored | None


def tree(weights: Iterable[Weight]) -> tuple[Graph, tuple[Stored | None, ...]]:
    """A graph without nodes: "encoder.layer.0.weight" stands in the scope "encoder.layer.0".

    Returns:
        The graph, and where each of its tensors lies.
    """
    builder, stored = GraphBuilder(), []
    for name, dtype, shape, n_bytes, where in weights:
        separator = "/" if "/" in name else "."
        scope = builder.scope(name.rpartition(separator)[0], separator=separator)
        builder.add_tensor(name, dtype, shape, n_bytes, scope=scope)
        stored.append(where)
    return builder.build(), tuple(stored)
