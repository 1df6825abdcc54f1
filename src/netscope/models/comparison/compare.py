"""Compare two models: nodes, stored arrays, and how far their numbers moved."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

from netscope.analyse.distance import Distance, DistanceBuilder, distance
from netscope.errors import NetscopeError, UsageError
from netscope.models.comparison.dequantised import NumberReader
from netscope.models.comparison.node_changes import Change, is_other_shape, node_changes
from netscope.models.comparison.node_matching import match_nodes
from netscope.models.comparison.tensor_matching import axes_between, match_tensors
from netscope.models.comparison.wiring import Wiring
from netscope.models.graph import NONE
from netscope.models.model import Model
from netscope.models.open import open_model
from netscope.models.rows import Node, Tensor
from netscope.schema.comparison import ComparisonSummary, Counts, Difference

Report = Callable[[int, int, str], None]
"""Called with how many of how many units are done, and what they are; may raise to stop."""


class NodePair(NamedTuple):
    """A node of one model and the node of the other that it is."""

    a: Node | None
    """None: it was added."""
    b: Node | None
    """None: it was removed."""
    changes: Change

    @property
    def difference(self) -> Difference:
        """Whether it is the same, and if not, how it differs."""
        if self.a is None or self.b is None:
            return "added" if self.a is None else "removed"
        return "same" if not self.changes else "moved" if self.changes == Change.VALUES else "changed"


_NOTHING = Change(0)


@dataclass(frozen=True)
class TensorPair:
    """A stored array of one model and the array of the other that it is."""

    a: Tensor | None
    """None: it was added."""
    b: Tensor | None
    """None: it was removed."""
    changes: Change = _NOTHING
    """Types, shapes and values."""
    axes: tuple[int, ...] = ()
    """Order of the axes of `b` that are longer than 1, to get those of `a`; empty if it is the same."""
    distance: Distance | None = None
    """From `a` to `b`, as the numbers that they stand for; None if they were not compared."""
    problem: str = ""
    """Why they were not compared, if they should have been."""

    @property
    def difference(self) -> Difference:
        """Whether it is the same, and if not, how it differs."""
        if self.a is None or self.b is None:
            return "added" if self.a is None else "removed"
        if self.changes & ~Change.VALUES:
            return "changed"
        return "moved" if self.changes else "same"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two models compared; `a` is the one before, `b` the one after."""

    a: Model
    b: Model
    node_of_a: Int32[np.ndarray, " node"] = field(repr=False)
    """For each node of `a` its node of `b`, -1 if it was removed."""
    changes_of_a: UInt8[np.ndarray, " node"] = field(repr=False)
    """For each node of `a` what changed, as a `Change`."""
    tensors: list[TensorPair] = field(repr=False)
    """In the order of `b`, each array that was removed after the one that it followed in `a`; without scales and zero
    points that only one of both has."""

    @cached_property
    def nodes(self) -> list[NodePair]:
        """In the order of `b`, each node that was removed after the one that it followed in `a`."""
        return [
            NodePair(
                None if one < 0 else self.a.graph.nodes[one],
                None if other < 0 else self.b.graph.nodes[other],
                Change(0) if one < 0 else Change(int(self.changes_of_a[one])),
            )
            for one, other in in_order(self.node_of_a, self.b.graph.n_nodes)
        ]

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return all(pair.difference == "same" for pairs in (self.nodes, self.tensors) for pair in pairs)

    def summary(self) -> ComparisonSummary:
        """How many parts are the same, changed, added and removed, and how far the weights are apart."""
        found = [pair.distance for pair in self.tensors if pair.distance is not None]
        return ComparisonSummary(
            a=self.a.name,
            b=self.b.name,
            is_same=self.is_same,
            nodes=_counts([pair.difference for pair in self.nodes]),
            tensors=_counts([pair.difference for pair in self.tensors]),
            compared=len(found),
            relative=_overall(found),
        )


def compare_models(
    a: Model | str | PathLike[str],
    b: Model | str | PathLike[str],
    *,
    values: bool = True,
    report: Report | None = None,
) -> Comparison:
    """Compare two models: which nodes and weights are the same, which were changed, added and removed.

    Nodes are matched by name, by the weights they read, by module and by structure, so that names may differ; arrays by
    name, by the node that reads them and by their values. Formats may differ. Quantised weights are compared as the
    numbers that they stand for, transposed ones in the order of the first.

    Args:
        a: The model before: a file or a model.
        b: The model after.
        values: Whether the numbers of the weights are read and compared, too.
        report: Called with how many weights of how many were compared.

    Raises:
        NetscopeError: As `open_model`. A weight that cannot be read is no error: its pair has a `problem`.
    """
    before = a if isinstance(a, Model) else open_model(a)
    after = b if isinstance(b, Model) else open_model(b)
    is_same_format = before.format == after.format
    one, other, node_of_a = match_nodes(before.graph, after.graph)
    changes = node_changes(one, other, node_of_a, is_same_format=is_same_format)
    readers = NumberReader(before), NumberReader(after)
    tensor_of_a = match_tensors(one, other, node_of_a, readers)
    pairs = []
    order = [
        (first, second)
        for first, second in in_order(tensor_of_a, after.graph.n_tensors)
        if min(first, second) >= 0 or (first not in readers[0].companions and second not in readers[1].companions)
    ]
    for done, (first, second) in enumerate(order):
        if report is not None:
            report(done, len(order), "tensors")
        pairs.append(_tensor_pair(readers, first, second, is_same_format=is_same_format, values=values))
    if report is not None:
        report(len(order), len(order), "tensors")
    _mark_readers(changes, one, other, node_of_a, pairs)
    return Comparison(before, after, node_of_a, changes, pairs)


def in_order(of_a: Int32[np.ndarray, " part"], n_b: int) -> list[tuple[int, int]]:
    """Pairs in the order of the second; what has no partner in it follows what it followed in the first.

    >>> in_order(np.array([1, -1, 0], np.int32), 3)
    [(2, 0), (0, 1), (1, -1), (-1, 2)]
    """
    of_b = np.full(n_b, NONE, np.int64)
    of_b[of_a[of_a >= 0]] = np.flatnonzero(of_a >= 0)
    alone: dict[int, list[int]] = {}
    last = NONE
    for one, other in enumerate(of_a.tolist()):
        if other >= 0:
            last = other
        else:
            alone.setdefault(last, []).append(one)
    pairs = [(one, NONE) for one in alone.get(NONE, ())]
    for other, one in enumerate(of_b.tolist()):
        pairs.append((one, other))
        pairs.extend((removed, NONE) for removed in alone.get(other, ()))
    return pairs


def _tensor_pair(
    readers: tuple[NumberReader, NumberReader], a: int, b: int, *, is_same_format: bool, values: bool
) -> TensorPair:
    one = readers[0].model.graph.tensors[a] if a >= 0 else None
    other = readers[1].model.graph.tensors[b] if b >= 0 else None
    if one is None or other is None:
        return TensorPair(one, other)
    changes = Change.TYPES if one.dtype != other.dtype else Change(0)
    axes: tuple[int, ...] | None = ()
    found, problem = None, ""
    try:
        axes = axes_between(readers, a, b, is_same_format=is_same_format)
        is_turned = axes is not None and axes != tuple(range(len(axes)))
        if axes is None or (is_turned and is_same_format) or is_other_shape(one.shape, other.shape, is_same_format):
            changes |= Change.SHAPES
        if values and axes is not None and readers[0].model.stored and readers[1].model.stored:
            found = _distance(readers, a, b, axes if is_turned else ())
    except NetscopeError as error:
        problem = str(error)
    if found is not None and found.differing:
        changes |= Change.VALUES
    is_turned = axes is not None and axes != tuple(range(len(axes)))
    return TensorPair(one, other, changes, axes if axes and is_turned else (), found, problem)


def _distance(readers: tuple[NumberReader, NumberReader], a: int, b: int, axes: tuple[int, ...]) -> Distance:
    """How far two arrays are apart.

    Args:
        readers: Of both models.
        a: Array of the first.
        b: Array of the second.
        axes: Order of the second's axes; empty if it is the same.
    """
    for reader, tensor, has_numbers in (
        (readers[0], a, readers[1].is_number(b)),
        (readers[1], b, readers[0].is_number(a)),
    ):
        if has_numbers and not reader.is_number(tensor):
            found = reader.model.graph.tensors[tensor]
            raise UsageError(f"{found.name!r} is stored as {found.dtype} without a scale that netscope knows")
    shapes = readers[0].shape(a), readers[1].shape(b)
    if axes or shapes[0] != shapes[1]:
        first, second = readers[0].whole(a).squeeze(), readers[1].whole(b).squeeze()
        return distance(first, second.transpose(axes) if axes else second)
    builder = DistanceBuilder()
    for one, other in zip(readers[0].blocks(a), readers[1].blocks(b), strict=True):
        builder.add(one, other)
    return builder.result()


def _mark_readers(
    changes: UInt8[np.ndarray, " node"],
    a: Wiring,
    b: Wiring,
    node_of_a: Int32[np.ndarray, " node"],
    pairs: list[TensorPair],
) -> None:
    """Set what changed in the weights of each matched node."""
    found = {pair.a.index: pair for pair in pairs if pair.a is not None}
    for node, read in a.tensors_read.items():
        other = int(node_of_a[node])
        if other < 0:
            continue
        its = {tensor for _, tensor in b.tensors_read.get(other, ())}
        for _, tensor in read:
            pair = found.get(tensor, TensorPair(None, None))  # a scale or zero point
            if pair.changes & Change.VALUES:
                changes[node] |= Change.VALUES
            if pair.changes & ~Change.VALUES or (pair.b is not None and pair.b.index not in its):
                changes[node] |= Change.WEIGHTS


def _counts(found: list[Difference]) -> Counts:
    names: tuple[Difference, ...] = ("same", "moved", "changed", "added", "removed")
    return Counts(**{name: found.count(name) for name in names})


def _overall(found: list[Distance]) -> float | None:
    """The relative distance over several arrays; None without any, or if it is infinite."""
    apart, norm = (math.hypot(*sizes) for sizes in ([one.apart for one in found], [one.norm for one in found]))
    relative = apart / norm if norm else math.inf if apart else 0.0
    return relative if found and math.isfinite(relative) else None
