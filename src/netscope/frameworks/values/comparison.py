"""`netscope.compare_values`: run two models on the same input, and find where their values begin to differ.

Values are compared behind matched nodes: where a node of one model alone follows (a normalisation that was fused, a
QuantizeLinear that was added), behind that one, because only there both compute the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from netscope.analyse.distance import Distance, distance
from netscope.errors import UsageError
from netscope.frameworks.values import input_files, inputs
from netscope.frameworks.values.collector import Report, silent
from netscope.frameworks.values.result import Values
from netscope.frameworks.values.run import run_file
from netscope.models.comparison.compare import Comparison, compare_models
from netscope.models.comparison.wiring import Edges, Wiring, Words
from netscope.models.graph import NONE, Graph
from netscope.models.model import Model
from netscope.models.open import open_model, within_folder
from netscope.models.rows import Node

AT_ONCE_BYTES = 256 << 20
"""Of the values of one model that are in memory at the same time; more need further runs."""


class ValuePair(NamedTuple):
    """The result of a node in both models."""

    a: Node
    b: Node
    value_a: int
    """The value that was compared, in the graph of the first model."""
    value_b: int
    distance: Distance
    """From the first to the second."""


@dataclass(frozen=True)
class ValueComparison:
    """The values of two models on the same input, node by node."""

    models: Comparison
    pairs: list[ValuePair] = field(repr=False)
    """In the order of the second model."""
    skipped: int
    """Matched nodes whose results have no comparable values: another shape, or integers that stand for numbers."""

    def first_above(self, threshold: float = 0.01) -> ValuePair | None:
        """The first node whose relative distance is above a threshold; None if there is none.

        A result that is NaN or infinite in one model alone counts, too.
        """
        return next((one for one in self.pairs if one.distance.relative > threshold or one.distance.nonfinite), None)


def compare_values(
    a: str | PathLike[str], b: str | PathLike[str], *given: Any, seed: int = 0, report: Report = silent, **named: Any
) -> ValueComparison:
    """Run two model files on the same input, and compare their values node by node.

    Use it for a model before and after conversion or quantisation. **Running a file executes what is in it**, as
    described at `netscope.values`.

    Args:
        a: File of the model before.
        b: File of the model after; its inputs are those of the first, by name or else in order.
        given: Inputs of the first model, in order. Those that are not given are random.
        seed: Of the random inputs.
        report: Called as `report(done, total, "operations")` while a model runs.
        named: Its inputs by name.

    Raises:
        UsageError: An input does not fit, or a format cannot run.
        MissingExtraError: The package that runs it is not installed.
    """
    paths = [within_folder(Path(fspath(path))) for path in (a, b)]
    models = [open_model(path) for path in paths]
    compared = compare_models(models[0], models[1], values=False)
    feeds = _feeds(models, given, named, seed)
    values = _value_pairs(compared)
    sides = [
        _Side(path, model, feed, [pair[at] for pair in values], report)
        for at, (path, model, feed) in enumerate(zip(paths, models, feeds, strict=True), start=2)
    ]
    found: dict[int, Distance] = {}
    for batch in _batches(values, sides):
        kept = [side.read([values[at][place] for at in batch]) for place, side in enumerate(sides, start=2)]
        for at in batch:
            x, y = kept[0].get(values[at][2]), kept[1].get(values[at][3])
            if x is not None and y is not None and _is_comparable(x, y):
                found[at] = distance(x, y)
    graphs = compared.a.graph, compared.b.graph
    pairs = [
        ValuePair(graphs[0].nodes[one], graphs[1].nodes[other], value_a, value_b, found[at])
        for at, (one, other, value_a, value_b) in enumerate(values)
        if at in found
    ]
    return ValueComparison(compared, pairs, len(values) - len(pairs))


def _is_comparable(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    """Whether both are numbers in the same order: a float and an integer are one number and its code."""
    return a.shape == b.shape and (a.dtype.kind == "f") == (b.dtype.kind == "f") and a.dtype.kind in "fiub"


def _feeds(
    models: Sequence[Model], given: tuple[Any, ...], named: dict[str, Any], seed: int
) -> list[dict[str, npt.NDArray[Any]]]:
    """The inputs of both models, which are the same numbers."""
    declared = [inputs.inputs_of(model) for model in models]
    if len(declared[0]) != len(declared[1]):
        raise UsageError(
            f"{models[0].name!r} has {len(declared[0])} inputs, {models[1].name!r} has {len(declared[1])}: "
            "they cannot be given the same"
        )
    if len(given) > len(declared[0]):
        raise UsageError(f"{models[0].name!r} has {len(declared[0])} inputs, got {len(given)}")
    names = [one.name for one in declared[0]]
    chosen = {name: np.asarray(array) for name, array in (dict(zip(names, given, strict=False)) | named).items()}
    first = input_files.fill(declared[0], chosen, {}, seed)
    theirs = [one.name for one in declared[1]]
    is_same = set(names) == set(theirs)
    second = {name: first[name if is_same else names[at]] for at, name in enumerate(theirs)}
    return [first, input_files.fill(declared[1], second, {}, seed)]


def _value_pairs(compared: Comparison) -> list[tuple[int, int, int, int]]:
    """Matched nodes with the values to compare, in the order of the second model: node, node, value, value."""
    words = Words()
    ends = []
    node_of_b = np.full(compared.b.graph.n_nodes, NONE, np.int32)
    is_matched = compared.node_of_a >= 0
    node_of_b[compared.node_of_a[is_matched]] = np.flatnonzero(is_matched)
    for graph, matched in ((compared.a.graph, is_matched), (compared.b.graph, node_of_b >= 0)):
        wiring = Wiring.of(graph, words)
        edges = wiring.edges_through(np.zeros(graph.n_nodes, bool))
        ends.append([_end(edges, node, matched) for node in range(graph.n_nodes)])
    found = []
    for other, one in enumerate(node_of_b.tolist()):
        if one >= 0:
            a, b = _first_output(compared.a.graph, ends[0][one]), _first_output(compared.b.graph, ends[1][other])
            if a >= 0 and b >= 0:
                found.append((one, other, a, b))
    return found


def _end(edges: Edges, node: int, matched: npt.NDArray[np.bool_]) -> int:
    """The last of the nodes of one model alone that follow a matched node, one after the other."""
    if not matched[node]:
        return node
    seen = {node}
    while True:
        readers = edges.readers[node]
        if len(readers) != 1 or readers[0][1] != 0 or matched[readers[0][0]] or readers[0][0] in seen:
            return node
        node = readers[0][0]
        seen.add(node)


def _first_output(graph: Graph, node: int) -> int:
    start = int(graph.node_output_ends[node - 1]) if node else 0
    return int(graph.node_outputs[start]) if start < graph.node_output_ends[node] else NONE


class _Side:
    """One of the models, which runs as often as its values need room."""

    def __init__(
        self, path: Path, model: Model, feed: dict[str, npt.NDArray[Any]], wanted: list[int], report: Report
    ) -> None:
        self._path, self._model, self._feed, self._report = path, model, feed, report
        self._run: Values | None = run_file(path, model, feed, report)
        measured = self._run.measured
        self.bytes = {
            value: int(np.prod(measured[value].shape, dtype=float)) * 8 if value in measured else 0 for value in wanted
        }
        self._kept = dict(self._run.kept)

    def read(self, values: list[int]) -> dict[int, npt.NDArray[Any]]:
        """These values, as far as they are computed."""
        missing = [value for value in values if value not in self._kept and self.bytes[value]]
        if missing:
            self._kept = dict(run_file(self._path, self._model, self._feed, self._report, missing).kept)
        return self._kept


def _batches(values: Sequence[tuple[int, int, int, int]], sides: Sequence[_Side]) -> list[list[int]]:
    """Indices of values that are read together, so that each batch fits in memory."""
    batches: list[list[int]] = [[]]
    room = AT_ONCE_BYTES
    for at, (_, _, a, b) in enumerate(values):
        size = max(sides[0].bytes[a], sides[1].bytes[b])
        if batches[-1] and size > room:
            batches.append([])
            room = AT_ONCE_BYTES
        batches[-1].append(at)
        room -= size
    return batches
