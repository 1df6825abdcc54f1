"""What differs between two nodes that were matched."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag

import msgspec
import numpy as np
from jaxtyping import Int32, UInt8

from netscope.models.comparison.wiring import Wiring
from netscope.models.graph import NONE, Graph
from netscope.models.shapes import Shape


class Change(IntFlag):
    """What differs; several may at once."""

    OP = 1
    """The operation is another one."""
    ATTRIBUTES = 2
    INPUTS = 4
    """It reads other results; added and removed nodes in between do not count."""
    TYPES = 8
    """An output has another type."""
    SHAPES = 16
    """An output has another shape."""
    WEIGHTS = 32
    """A stored array that it reads has another type or shape, or is another one."""
    VALUES = 64
    """A stored array that it reads has other numbers."""


def node_changes(
    a: Wiring, b: Wiring, of_a: Int32[np.ndarray, " node"], *, is_same_format: bool
) -> UInt8[np.ndarray, " node"]:
    """What changed from each node of `a` to its node of `b`, but for the weights; 0 for nodes without one.

    Args:
        a: The nodes before.
        b: The nodes after.
        of_a: For each node of `a` its node of `b`.
        is_same_format: Otherwise attributes are not compared, nor the order of axes.
    """
    changes = np.zeros(a.n_nodes, np.uint8)
    nodes = np.flatnonzero(of_a >= 0)
    others = of_a[nodes]
    changes[nodes[a.op[nodes] != b.op[others]]] |= np.uint8(Change.OP)
    if is_same_format:
        is_open = (a.attributes[nodes] != b.attributes[others]) & (a.op[nodes] == b.op[others])
        for node, other in zip(nodes[is_open].tolist(), others[is_open].tolist(), strict=True):
            if _attributes(a.graph, node) != _attributes(b.graph, other):
                changes[node] |= Change.ATTRIBUTES
    changes[_rewired(a, b, of_a)] |= np.uint8(Change.INPUTS)
    for node, other in zip(nodes.tolist(), others.tolist(), strict=True):
        changes[node] |= _outputs(a.graph, b.graph, node, other, is_same_format)
    return changes


def _attributes(graph: Graph, node: int) -> object:
    text = graph.node_attributes[node]
    return msgspec.json.decode(graph.text[text]) if text >= 0 else {}


def _rewired(a: Wiring, b: Wiring, of_a: Int32[np.ndarray, " node"]) -> list[int]:
    """Nodes of `a` that read the results of other nodes than their node of `b` does."""
    of_b = np.full(b.n_nodes, NONE, np.int32)
    of_b[of_a[of_a >= 0]] = np.flatnonzero(of_a >= 0)
    before = a.edges_through((of_a < 0) | a.is_through)
    after = b.edges_through((of_b < 0) | b.is_through)
    read: list[list[int]] = [[] for _ in range(a.n_nodes)]
    for source, reader in zip(of_a[before.source].tolist(), before.reader.tolist(), strict=True):
        read[reader].append(source)
    its: list[list[int]] = [[] for _ in range(b.n_nodes)]
    for source, reader in zip(after.source.tolist(), after.reader.tolist(), strict=True):
        its[reader].append(source)
    return [
        node
        for node, other in enumerate(of_a.tolist())
        if other >= 0 and not a.is_through[node] and read[node] != its[other]
    ]


def _outputs(a: Graph, b: Graph, node: int, other: int, is_same_format: bool) -> int:
    """Differences in type and shape of the outputs that both know."""
    found = 0
    for one, its in zip(_part(a, node), _part(b, other), strict=False):
        if one < 0 or its < 0:
            continue
        types = a.value_dtype[one], b.value_dtype[its]
        if min(types) >= 0 and a.text[types[0]] != b.text[types[1]]:
            found |= Change.TYPES
        if is_other_shape(a.shape(int(a.value_shape[one])), b.shape(int(b.value_shape[its])), is_same_format):
            found |= Change.SHAPES
    return found


def _part(graph: Graph, node: int) -> Sequence[int]:
    start = graph.node_output_ends[node - 1] if node else 0
    outputs: list[int] = graph.node_outputs[start : graph.node_output_ends[node]].tolist()
    return outputs


def is_other_shape(a: Shape | None, b: Shape | None, is_same_format: bool) -> bool:
    """Whether two shapes differ; an unknown one does not, nor do names of symbols.

    Args:
        a: One shape.
        b: The other.
        is_same_format: Otherwise axes in another order are no difference.

    >>> is_other_shape((1, "n"), (1, "batch"), True), is_other_shape((1, 3, 8), (1, 8, 3), False)
    (False, False)
    """
    if a is None or b is None or a == b:
        return False
    one, other = ([size if isinstance(size, int) else -1 for size in shape] for shape in (a, b))
    if is_same_format:
        return one != other
    unknown = min(one.count(-1), other.count(-1))
    return len(one) != len(other) or (unknown == 0 and sorted(one) != sorted(other))
