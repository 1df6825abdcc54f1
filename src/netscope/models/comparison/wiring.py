"""The connections of one graph, as columns that two graphs have in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int32, Int64

from netscope.models.comparison.operations import THROUGH, canonical, of_texts
from netscope.models.graph import NONE, Graph

_HALVINGS = 18
"""Longest chain of nodes that are looked through: 2 to this power."""


class Words:
    """Numbers for texts, the same for both graphs."""

    def __init__(self) -> None:
        """No text yet."""
        self._numbers: dict[str, int] = {}

    def of(self, texts: tuple[str, ...]) -> Int64[np.ndarray, " text"]:
        """The numbers of texts, with a last one, -1, for an index of -1."""
        numbers = self._numbers
        return np.array([*(numbers.setdefault(text, len(numbers)) for text in texts), NONE], np.int64)


@dataclass(frozen=True, eq=False)
class Wiring:
    """A graph and, for each of its nodes, what two graphs can be compared by. -1 is nothing, as in the graph.

    An edge leads from the node that computes a value to one that reads it. Nodes that only pass a value on
    (`operations.THROUGH`) are looked through, and constants are left out: so a network and its quantised form have the
    same edges.
    """

    graph: Graph
    op: Int64[np.ndarray, " node"]
    """Number of the operation's canonical name."""
    exact_op: Int64[np.ndarray, " node"]
    attributes: Int64[np.ndarray, " node"]
    name: Int64[np.ndarray, " node"]
    """-1 if it has none."""
    scope: Int64[np.ndarray, " node"]
    """Number of the path of its scope."""
    is_through: Bool[np.ndarray, " node"]
    is_constant: Bool[np.ndarray, " node"]

    @classmethod
    def of(cls, graph: Graph, words: Words) -> Wiring:
        """The wiring of a graph, with the numbers of `words`."""
        texts = words.of(graph.text)
        is_op = of_texts(graph, lambda text: True)
        canonicals = words.of(tuple(canonical(text) if is_op[at] else "" for at, text in enumerate(graph.text)))
        through = of_texts(graph, lambda text: canonical(text) in THROUGH)
        constant = of_texts(graph, lambda text: canonical(text) == "constant")
        names = texts[graph.node_name].copy()
        empty = words.of(("",))[0]
        names[names == empty] = NONE
        return cls(
            graph,
            op=canonicals[graph.node_op],
            exact_op=texts[graph.node_op],
            attributes=texts[graph.node_attributes],
            name=names,
            scope=texts[graph.scope_name][graph.node_scope],
            is_through=through[graph.node_op],
            is_constant=constant[graph.node_op],
        )

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return self.graph.n_nodes

    @cached_property
    def edges(self) -> Edges:
        """The edges, by the nodes that read."""
        return self.edges_through(self.is_through)

    def edges_through(self, skipped: Bool[np.ndarray, " node"]) -> Edges:
        """The edges if some nodes are looked through to what computes their first input."""
        graph = self.graph
        counts = np.diff(graph.node_input_ends, prepend=np.int32(0))
        reader = np.repeat(np.arange(graph.n_nodes, dtype=np.int32), counts)
        starts = graph.node_input_ends - counts
        slot = np.arange(len(reader), dtype=np.int32) - starts[reader]
        source = np.append(self._origins(skipped), np.int32(NONE))[graph.node_inputs]
        is_edge = source >= 0
        is_edge[is_edge] &= ~self.is_constant[source[is_edge]]
        return Edges(source[is_edge], reader[is_edge], slot[is_edge], graph.n_nodes)

    def _origins(self, skipped: Bool[np.ndarray, " node"]) -> Int32[np.ndarray, " value"]:
        """For each value the node that computes it, where the first inputs of skipped nodes are followed."""
        graph = self.graph
        producer = graph.value_producer
        first = np.full(graph.n_nodes, NONE, np.int32)
        counts = np.diff(graph.node_input_ends, prepend=np.int32(0))
        has_input = counts > 0
        first[has_input] = graph.node_inputs[(graph.node_input_ends - counts)[has_input]]
        onward = np.arange(graph.n_values, dtype=np.int32)
        is_skipped = (producer >= 0) & skipped[producer]
        onward[is_skipped] = first[producer[is_skipped]]
        onward = np.append(onward, np.int32(NONE))
        for _ in range(_HALVINGS):  # each round doubles the chain that is followed
            further = onward[onward]
            if np.array_equal(further, onward):
                break
            onward = further
        ends = np.append(producer, np.int32(NONE))[onward[:-1]]
        ends[(ends >= 0) & skipped[ends]] = NONE  # a circle
        return ends.astype(np.int32)

    def readers_of(self, value: int) -> list[tuple[int, int]]:
        """The nodes that read a value, as pairs of node and input, in the order of the graph."""
        graph = self.graph
        at = np.flatnonzero(graph.node_inputs == value)
        nodes = np.searchsorted(graph.node_input_ends, at, side="right")
        starts = np.append(np.int32(0), graph.node_input_ends)[nodes]
        return list(zip(nodes.tolist(), (at - starts).tolist(), strict=True))

    @cached_property
    def tensors_read(self) -> dict[int, list[tuple[int, int]]]:
        """For each node the stored arrays that it reads, as pairs of input and tensor, also through conversions."""
        graph = self.graph
        tensor = self.value_tensors
        found: dict[int, list[tuple[int, int]]] = {}
        counts = np.diff(graph.node_input_ends, prepend=np.int32(0))
        reader = np.repeat(np.arange(graph.n_nodes), counts)
        slot = np.arange(len(reader)) - (graph.node_input_ends - counts)[reader]
        read = np.append(tensor, NONE)[graph.node_inputs]
        for node, at, one in zip(*(column[read >= 0].tolist() for column in (reader, slot, read)), strict=True):
            found.setdefault(node, []).append((at, one))
        return found

    @cached_property
    def value_tensors(self) -> Int32[np.ndarray, " value"]:
        """The stored array that each value is, also after a conversion of its type."""
        graph = self.graph
        tensor = graph.value_tensor.copy()
        producer = graph.value_producer
        counts = np.diff(graph.node_input_ends, prepend=np.int32(0))
        starts = graph.node_input_ends - counts
        for _ in range(3):  # Cast after DequantizeLinear, and one more
            is_open = (tensor < 0) & (producer >= 0)
            is_open[is_open] = self.is_through[producer[is_open]] & (counts[producer[is_open]] > 0)
            tensor[is_open] = np.append(tensor, NONE)[graph.node_inputs[starts[producer[is_open]]]]
        return tensor


@dataclass(frozen=True, eq=False)
class Edges:
    """Pairs of nodes, in the order of the readers and of their inputs."""

    source: Int32[np.ndarray, " edge"]
    reader: Int32[np.ndarray, " edge"]
    slot: Int32[np.ndarray, " edge"]
    """Which input of the reader it is."""
    n_nodes: int

    @cached_property
    def sources(self) -> list[list[tuple[int, int]]]:
        """For each node what it reads, as pairs of input and source."""
        found: list[list[tuple[int, int]]] = [[] for _ in range(self.n_nodes)]
        for source, reader, slot in zip(self.source.tolist(), self.reader.tolist(), self.slot.tolist(), strict=True):
            found[reader].append((slot, source))
        return found

    @cached_property
    def readers(self) -> list[list[tuple[int, int]]]:
        """For each node what reads it, as pairs of reader and input."""
        found: list[list[tuple[int, int]]] = [[] for _ in range(self.n_nodes)]
        for source, reader, slot in zip(self.source.tolist(), self.reader.tolist(), self.slot.tolist(), strict=True):
            found[source].append((reader, slot))
        return found
