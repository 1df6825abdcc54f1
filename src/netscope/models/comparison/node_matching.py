"""Find out which node of one graph is which of another: by name, by weights, by module, and by structure.

Each step takes only what the steps before left. Names come first, because people chose them; names such as "Conv_12",
which an exporter counted up, shift when a node is inserted and are only used where nothing better is known. Structure
is compared with labels of neighbourhoods (Weisfeiler and Leman 1968), in which matched nodes have the same label in
both graphs: nodes whose neighbourhoods are the same to a distance of 6, then 2 and 1, are matched, and from there on
their neighbours along the edges. Every step takes time proportional to the nodes and edges, but for a sort.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from netscope.models.comparison.operations import canonical
from netscope.models.comparison.wiring import Wiring, Words
from netscope.models.graph import NONE, Graph

_DISTANCES = (6, 2, 1)
_NUMBER = re.compile(r"[_:]*\d+$")


def match_nodes(a: Graph, b: Graph) -> tuple[Wiring, Wiring, Int32[np.ndarray, " node"]]:
    """Match the nodes of two graphs.

    Args:
        a: One graph.
        b: The other.

    Returns:
        The wirings of both, and for each node of `a` its node of `b`, -1 if it has none.
    """
    words = Words()
    matching = _Matching(Wiring.of(a, words), Wiring.of(b, words))
    matching.by_keys(lambda wiring: _names(wiring, is_counted=False))
    matching.by_keys(_weights)
    matching.by_module()
    matching.from_inputs()
    matching.by_structure(is_detailed=True)
    matching.by_keys(lambda wiring: _names(wiring, is_counted=True))
    matching.along_edges()
    matching.by_structure(is_detailed=False)
    matching.along_edges()
    matching.replaced()
    matching.from_inputs(is_generous=True)
    matching.along_edges(is_generous=True)
    return matching.a, matching.b, matching.of_a


class _Matching:
    """The pairs found so far."""

    def __init__(self, a: Wiring, b: Wiring) -> None:
        self.a, self.b = a, b
        self.of_a = np.full(a.n_nodes, NONE, np.int32)
        self.of_b = np.full(b.n_nodes, NONE, np.int32)

    def put(self, a: Iterable[int] | np.ndarray, b: Iterable[int] | np.ndarray) -> None:
        """Add pairs of free nodes, each at most once."""
        a, b = np.asarray(a, np.int32), np.asarray(b, np.int32)
        self.of_a[a], self.of_b[b] = b, a

    def by_keys(self, keys_of: Callable[[Wiring], list[object]]) -> None:
        """Match nodes whose key is the same and occurs once in each graph.

        Args:
            keys_of: Function of a wiring: a key for each node, None for those that have none.
        """
        found = []
        for wiring, matched in ((self.a, self.of_a), (self.b, self.of_b)):
            nodes: dict[object, int] = {}
            for node, key in enumerate(keys_of(wiring)):
                if key is not None and matched[node] < 0:
                    nodes[key] = node if key not in nodes else NONE
            found.append(nodes)
        pairs = [(node, found[1].get(key, NONE)) for key, node in found[0].items()]
        pairs = [(one, other) for one, other in pairs if one >= 0 and other >= 0]
        self.put([one for one, _ in pairs], [other for _, other in pairs])

    def by_module(self) -> None:
        """Match in order what two modules of the same path hold, if it is the same number of that operation."""
        groups = []
        for wiring, matched in ((self.a, self.of_a), (self.b, self.of_b)):
            held: dict[tuple[int, int], list[int]] = defaultdict(list)
            free = np.flatnonzero((matched < 0) & (wiring.graph.node_scope > 0))
            keys = zip(wiring.scope[free].tolist(), wiring.op[free].tolist(), strict=True)
            for key, node in zip(keys, free.tolist(), strict=True):
                held[key].append(node)
            groups.append(held)
        for key, nodes in groups[0].items():
            if len(nodes) == len(groups[1].get(key, ())):
                self.put(nodes, groups[1][key])

    def by_structure(self, *, is_detailed: bool) -> None:
        """Match nodes with the same surroundings, the widest first.

        Args:
            is_detailed: Whether attributes must be the same, not only operations.
        """
        kinds = [_kinds(wiring, is_detailed) for wiring in (self.a, self.b)]
        for distance in _DISTANCES:
            if not self._has_free():
                return
            labels = [
                _labels(wiring, kind, matched, distance)
                for wiring, kind, matched in ((self.a, kinds[0], self._anchors()), (self.b, kinds[1], self.of_b))
            ]
            self._by_labels(labels[0], labels[1], in_order=is_detailed and distance == _DISTANCES[0])

    def _has_free(self) -> bool:
        return bool((self.of_a < 0).any() and (self.of_b < 0).any())

    def _anchors(self) -> Int32[np.ndarray, " node"]:
        """For each matched node of `a` the number that its partner has in `of_b`: its own."""
        return np.where(self.of_a >= 0, np.arange(self.a.n_nodes, dtype=np.int32), np.int32(NONE))

    def _by_labels(self, a: UInt64[np.ndarray, " node"], b: UInt64[np.ndarray, " node"], *, in_order: bool) -> None:
        """Match free nodes whose label occurs once in each graph; `in_order`, as often in both."""
        free_a, free_b = np.flatnonzero(self.of_a < 0), np.flatnonzero(self.of_b < 0)
        free_a, free_b = free_a[np.argsort(a[free_a], kind="stable")], free_b[np.argsort(b[free_b], kind="stable")]
        found_a, first_a, n_a = np.unique(a[free_a], return_index=True, return_counts=True)
        found_b, first_b, n_b = np.unique(b[free_b], return_index=True, return_counts=True)
        _, at_a, at_b = np.intersect1d(found_a, found_b, assume_unique=True, return_indices=True)
        same = n_a[at_a] == n_b[at_b] if in_order else (n_a[at_a] == 1) & (n_b[at_b] == 1)
        at_a, at_b = at_a[same], at_b[same]
        self.put(free_a[_ranges(first_a[at_a], n_a[at_a])], free_b[_ranges(first_b[at_b], n_b[at_b])])

    def from_inputs(self, *, is_generous: bool = False) -> None:
        """Match the nodes that read the same input of the network in the same place; as in `along_edges`."""
        by_name = [
            {graph.text[graph.value_name[value]]: value for value in graph.inputs.tolist()}
            for graph in (self.a.graph, self.b.graph)
        ]
        pairs = [(value, by_name[1][name]) for name, value in by_name[0].items() if name in by_name[1]]
        if not pairs and len(self.a.graph.inputs) == len(self.b.graph.inputs):
            pairs = list(zip(self.a.graph.inputs.tolist(), self.b.graph.inputs.tolist(), strict=True))
        for value, other in pairs:
            for one, its in self._readers(self.a.readers_of(value), self.b.readers_of(other), is_generous):
                if self.of_a[one] < 0 and self.of_b[its] < 0:
                    self.put([one], [its])

    def along_edges(self, *, is_generous: bool = False) -> None:
        """Match what matched nodes read with the same input, and what reads them, if the operation is the same.

        Args:
            is_generous: Also if one has more such readers than the other: then as many as both have, in order.
        """
        queue = deque((node, other) for node, other in enumerate(self.of_a.tolist()) if other >= 0)
        while queue:
            node, other = queue.popleft()
            for one, its in self._neighbours(node, other, is_generous):
                if self.of_a[one] < 0 and self.of_b[its] < 0:
                    self.of_a[one], self.of_b[its] = its, one
                    queue.append((one, its))

    def _neighbours(self, node: int, other: int, is_generous: bool) -> Iterable[tuple[int, int]]:
        """Pairs of free nodes with the same operation in the same place beside a pair."""
        a, b = self.a, self.b
        read = dict(b.edges.sources[other])
        for slot, source in a.edges.sources[node]:
            its = read.get(slot, NONE)
            if its >= 0 and a.op[source] == b.op[its]:
                yield source, its
        yield from self._readers(a.edges.readers[node], b.edges.readers[other], is_generous)

    def _readers(
        self, a: list[tuple[int, int]], b: list[tuple[int, int]], is_generous: bool = False
    ) -> Iterable[tuple[int, int]]:
        """Pairs of free nodes that read something in the same place, if as many do in both."""
        places: list[dict[tuple[int, int], list[int]]] = [defaultdict(list), defaultdict(list)]
        for held, readers, wiring, matched in zip(
            places, (a, b), (self.a, self.b), (self.of_a, self.of_b), strict=True
        ):
            for reader, slot in readers:
                if matched[reader] < 0:
                    held[int(wiring.op[reader]), slot].append(reader)
        for place, mine in places[0].items():
            its = places[1].get(place, [])
            if is_generous or len(mine) == len(its):
                yield from zip(mine, its, strict=False)

    def replaced(self) -> None:
        """Match nodes with different operations that have the same name, or stand between the same neighbours."""
        self.by_keys(lambda wiring: [None if name < 0 else name for name in wiring.name.tolist()])
        places: list[dict[object, int]] = []
        for wiring, matched, number in (
            (self.a, self.of_a, self._anchors()),
            (self.b, self.of_b, self.of_b),
        ):
            held: dict[object, int] = {}
            for node in np.flatnonzero((matched < 0) & ~wiring.is_through & ~wiring.is_constant).tolist():
                before: tuple[tuple[int, int], ...] = tuple(
                    sorted((slot, int(number[one])) for slot, one in wiring.edges.sources[node])
                )
                after = tuple(sorted(int(number[one]) for one, _ in wiring.edges.readers[node]))
                if (not before and not after) or any(one < 0 for _, one in before) or any(one < 0 for one in after):
                    continue
                key: object = (before, after)
                held[key] = node if key not in held else NONE
            places.append(held)
        for key, node in places[0].items():
            other = places[1].get(key, NONE)
            if node >= 0 and other >= 0:
                self.put([node], [other])


def _names(wiring: Wiring, *, is_counted: bool) -> list[object]:
    """Operation and name of each node that has a name; only those, or all but those, that were counted up."""
    graph = wiring.graph
    keys: list[object] = []
    columns = graph.node_name.tolist(), graph.node_op.tolist(), wiring.name.tolist(), wiring.op.tolist()
    for text, op_text, name, op in zip(*columns, strict=True):
        is_wanted = name >= 0 and _is_counted(graph.text[text], graph.text[op_text]) == is_counted
        keys.append((op, name) if is_wanted else None)
    return keys


def _is_counted(name: str, op: str) -> bool:
    """Whether a name is only a number, or that of the operation with a number.

    >>> _is_counted("Conv_12", "Conv"), _is_counted("conv1", "Conv"), _is_counted("layer1.conv1", "Conv")
    (True, True, False)
    """
    if "/" in name or "." in name:
        return False
    bare = canonical(_NUMBER.sub("", name))
    return bare in ("", canonical(op)) or bare.startswith("node")


def _weights(wiring: Wiring) -> list[object]:
    """Operation and names of the stored arrays that each node reads, where all were named by people."""
    graph = wiring.graph
    named: list[object] = [None] * wiring.n_nodes
    for node, read in wiring.tensors_read.items():
        texts = tuple(graph.text[graph.tensor_name[tensor]] for _, tensor in read)
        if all(("." in text or "/" in text) and "::" not in text for text in texts):
            named[node] = (int(wiring.op[node]), texts)
    return named


def _kinds(wiring: Wiring, is_detailed: bool) -> UInt64[np.ndarray, " node"]:
    kinds = _mixed(wiring.op.astype(np.uint64))
    if not is_detailed:
        return kinds
    with np.errstate(over="ignore"):
        return _mixed(kinds + wiring.attributes.astype(np.uint64) * _ODD[0])


_ODD = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F], np.uint64
)


def _mixed(values: Int64[np.ndarray, " n"] | UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Spread numbers over 64 bits (the finaliser of MurmurHash3)."""
    with np.errstate(over="ignore"):
        values = values.astype(np.uint64)
        for _ in range(2):
            values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    mixed: UInt64[np.ndarray, " n"] = values ^ (values >> np.uint64(33))
    return mixed


def _labels(
    wiring: Wiring, kinds: UInt64[np.ndarray, " node"], anchors: Int32[np.ndarray, " node"], distance: int
) -> UInt64[np.ndarray, " node"]:
    """A number for the surroundings of each node, up to `distance` edges away; a matched node is its anchor."""
    edges = wiring.edges
    with np.errstate(over="ignore"):
        fixed = _mixed(anchors.astype(np.uint64) + _ODD[4])
        is_fixed = anchors >= 0
        labels = np.where(is_fixed, fixed, kinds)
        slots = edges.slot.astype(np.uint64)
        for _ in range(distance):
            summed = labels * _ODD[1]
            np.add.at(summed, edges.reader, _mixed(labels[edges.source] + (slots + np.uint64(1)) * _ODD[2]))
            np.add.at(summed, edges.source, _mixed(labels[edges.reader] + (slots + np.uint64(1)) * _ODD[3]))
            labels = np.where(is_fixed, fixed, _mixed(summed))
    return labels


def _ranges(starts: np.ndarray, counts: np.ndarray) -> Int64[np.ndarray, " n"]:
    """All numbers from each start on, as many as it has.

    >>> _ranges(np.array([3, 10]), np.array([2, 1])).tolist()
    [3, 4, 10]
    """
    ends = np.cumsum(counts)
    n = int(ends[-1]) if len(ends) else 0
    found: Int64[np.ndarray, " n"] = np.arange(n) + np.repeat(starts - (ends - counts), counts)
    return found
