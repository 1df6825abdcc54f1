"""Find out which stored array of one model is which of another: by name, by the node that reads it, by its values."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import permutations

import numpy as np
from jaxtyping import Float64, Int32

from netscope.analyse.distance import distance
from netscope.errors import NetscopeError
from netscope.models.comparison.dequantised import NumberReader
from netscope.models.comparison.tensor_names import spelled
from netscope.models.comparison.wiring import Wiring
from netscope.models.graph import NONE, Graph
from netscope.models.shapes import Shape

_MOST_READ = 1 << 20
"""Elements of an array whose values are looked at to find its partner."""
_MOST_READ_IN_ALL = 1 << 26
_MOST_TRIED = 1 << 22
"""Elements of an array of which several orders of axes are tried."""
_TOLERANCE = 0.02
"""Largest difference of the quantiles of one array, relative to their size."""
_SHARES = np.linspace(0, 1, 33)


def match_tensors(
    a: Wiring, b: Wiring, of_a_nodes: Int32[np.ndarray, " node"], readers: tuple[NumberReader, NumberReader]
) -> Int32[np.ndarray, " tensor"]:
    """Match the stored arrays of two models.

    Args:
        a: One graph.
        b: The other.
        of_a_nodes: For each node of `a` its node of `b`, -1 for none.
        readers: Of both models; few and small arrays are read.

    Returns:
        For each array of `a` its array of `b`, -1 if it has none.
    """
    matching = _Matching(a.graph, b.graph, readers)
    matching.by_keys(_names(a.graph), _names(b.graph))
    formats = [reader.model.format for reader in readers]
    matching.by_keys(*(_spelled(graph, said) for graph, said in zip((a.graph, b.graph), formats, strict=True)))
    matching.by_use(a, b, of_a_nodes)
    matching.by_values()
    return matching.of_a


def sizes(shape: Shape | None) -> tuple[int, ...] | None:
    """The sizes above 1 of a shape; None if one is unknown."""
    if shape is None or not all(isinstance(size, int) for size in shape):
        return None
    return tuple(int(size) for size in shape if size is not None and size != 1)


def is_alike(a: Shape | None, b: Shape | None) -> bool:
    """Whether one shape is the other with its axes in another order, apart from axes of size 1."""
    one, other = sizes(a), sizes(b)
    return one is not None and other is not None and sorted(one) == sorted(other)


class _Matching:
    """The pairs found so far."""

    def __init__(self, a: Graph, b: Graph, readers: tuple[NumberReader, NumberReader]) -> None:
        self.a, self.b, self.readers = a, b, readers
        self.of_a = np.full(a.n_tensors, NONE, np.int32)
        self.of_b = np.full(b.n_tensors, NONE, np.int32)

    def by_keys(self, a: Iterable[Hashable], b: Iterable[Hashable]) -> None:
        """Match free arrays whose key occurs once in each model."""
        found: list[dict[Hashable, int]] = []
        for keys, matched in ((a, self.of_a), (b, self.of_b)):
            held: dict[Hashable, int] = {}
            for tensor, key in enumerate(keys):
                if matched[tensor] < 0:
                    held[key] = tensor if key not in held else NONE
            found.append(held)
        for key, one in found[0].items():
            other = found[1].get(key, NONE)
            if one >= 0 and other >= 0:
                self.of_a[one], self.of_b[other] = other, one

    def by_use(self, a: Wiring, b: Wiring, of_a_nodes: Int32[np.ndarray, " node"]) -> None:
        """Match the free arrays that matched nodes read, in order, where their sizes are alike."""
        for node, read in a.tensors_read.items():
            other = int(of_a_nodes[node])
            if other < 0:
                continue
            mine = self._free(read, self.of_a, self.readers[0])
            its = self._free(b.tensors_read.get(other, []), self.of_b, self.readers[1])
            for one in mine:
                fitting = [at for at in its if is_alike(self.a.tensors[one].shape, self.b.tensors[at].shape)]
                if fitting:
                    its.remove(fitting[0])
                    self.of_a[one], self.of_b[fitting[0]] = fitting[0], one

    @staticmethod
    def _free(read: list[tuple[int, int]], matched: Int32[np.ndarray, " tensor"], reader: NumberReader) -> list[int]:
        free = (tensor for _, tensor in read if matched[tensor] < 0 and tensor not in reader.companions)
        return list(dict.fromkeys(free))

    def by_values(self) -> None:
        """Match free arrays with alike sizes and the same quantiles, each being the nearest of the other."""
        groups: list[dict[tuple[int, ...], list[int]]] = []
        left = [_MOST_READ_IN_ALL]
        for graph, matched, reader in ((self.a, self.of_a, self.readers[0]), (self.b, self.of_b, self.readers[1])):
            held: dict[tuple[int, ...], list[int]] = defaultdict(list)
            for tensor in np.flatnonzero(matched < 0).tolist():
                found = sizes(graph.tensors[tensor].shape)
                if found and tensor not in reader.companions and 16 <= math.prod(found) <= _MOST_READ:
                    held[tuple(sorted(found))].append(tensor)
            groups.append(held)
        for key in groups[0].keys() & groups[1].keys():
            mine = _quantiles(self.readers[0], groups[0][key], left)
            its = _quantiles(self.readers[1], groups[1][key], left)
            self._nearest(mine, its)

    def _nearest(
        self, a: list[tuple[int, Float64[np.ndarray, " share"]]], b: list[tuple[int, Float64[np.ndarray, " share"]]]
    ) -> None:
        if not a or not b or len(a) * len(b) > 1 << 20:
            return
        one, other = np.stack([found for _, found in a]), np.stack([found for _, found in b])
        apart = np.stack([np.abs(row - other).max(axis=1) / max(np.abs(row).max(), 1e-30) for row in one])
        for at, its in enumerate(apart.argmin(axis=1).tolist()):
            is_only = (apart[at] <= apart[at, its] * 2).sum() == 1 and apart[:, its].argmin() == at
            if is_only and apart[at, its] < _TOLERANCE:
                self.of_a[a[at][0]], self.of_b[b[its][0]] = b[its][0], a[at][0]


def _names(graph: Graph) -> list[Hashable]:
    return [graph.text[name] for name in graph.tensor_name.tolist()]


def _spelled(graph: Graph, model_format: str) -> list[Hashable]:
    return [spelled(graph.text[name], is_gguf=model_format == "GGUF") for name in graph.tensor_name.tolist()]


def _quantiles(
    reader: NumberReader, tensors: list[int], left: list[int]
) -> list[tuple[int, Float64[np.ndarray, " share"]]]:
    """Quantiles of arrays that can be read and have several values, until too much was read."""
    found = []
    for tensor in tensors:
        left[0] -= math.prod(reader.shape(tensor))
        if left[0] < 0:
            break
        try:
            numbers = reader.whole(tensor)
        except NetscopeError:
            continue
        if numbers.dtype.kind not in "fiu" or not numbers.size or not np.isfinite(numbers).all():
            continue
        if numbers.min() < numbers.max():
            found.append((tensor, np.quantile(numbers.astype(np.float64), _SHARES)))
    return found


def axes_between(
    readers: tuple[NumberReader, NumberReader], a: int, b: int, *, is_same_format: bool
) -> tuple[int, ...] | None:
    """The order of axes in which an array of the second model is one of the first; axes of size 1 are left out.

    If several orders fit the sizes, the values decide, unless the array is large.

    Args:
        readers: Of both models.
        a: Array of the first.
        b: Array of the second.
        is_same_format: Then equal sizes are in the same order.

    Returns:
        `c.squeeze().transpose(axes)` has the shape of the squeezed first one; None if no order fits.
    """
    one, other = (sizes(reader.shape(tensor)) or () for reader, tensor in zip(readers, (a, b), strict=True))
    if sorted(one) != sorted(other):
        return None
    same = tuple(range(len(one)))
    if one == other and (is_same_format or len(set(one)) == len(one)):
        return same
    if len(one) > 4:
        return same if one == other else None
    fitting = [axes for axes in permutations(range(len(one))) if tuple(other[axis] for axis in axes) == one]
    if len(fitting) == 1 or math.prod(one) > _MOST_TRIED:
        return fitting[0]
    x, y = readers[0].whole(a).squeeze(), readers[1].whole(b).squeeze()
    apart = [distance(x, y.transpose(axes)).relative for axes in fitting]
    return fitting[int(np.nanargmin(apart))] if not np.isnan(apart).all() else fitting[0]
