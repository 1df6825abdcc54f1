"""A graph at one depth of its modules: a box for each module there and for each operation above, and the edges between.

Consecutive modules with the same operations and weights are one box, "layers.0 … layers.11" with its number.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import NamedTuple

from netscope.models.graph import Graph
from netscope.models.model import Model
from netscope.models.shapes import n_elements

SHORTEST_RUN = 3
MOST_BOXES = 40
"""In an outline whose depth is not given."""
_SOURCES = frozenset(
    {"Constant", "Const", "ConstantOfShape", "VariableV2", "VarHandleOp", "Parameter", "prim::Constant"}
)
_PASSES = frozenset({"ConstantOfShape", "Identity", "ReadVariableOp", "Cast", "Convert"})
"""Operations whose result on constants is one."""
_NAMELESS = frozenset({"", "n", "node", "op"})


@dataclass(frozen=True)
class Box:
    """A module, an operation, an input or an output."""

    title: str
    detail: str
    kind: str
    """"module", "operation", "input" or "output"."""
    parameters: int = 0
    times: int = 1
    """How many equal modules it stands for."""


@dataclass(frozen=True)
class Outline:
    """Boxes in order of execution, and edges between them."""

    boxes: list[Box]
    sources: list[int]
    targets: list[int]
    depth: int


class _Key(NamedTuple):
    """A module by its scope, or an operation by its node."""

    is_module: bool
    at: int


def outline(model: Model, depth: int | None = None) -> Outline:
    """The outline of a model.

    Args:
        model: A model with operations.
        depth: Of the modules that are boxes; 1 for the outermost. Unless given, the largest with at most 40 boxes.
    """
    if depth is not None:
        return _at(model, depth)
    deepest = max((len(path) for path in _paths(model.graph)), default=1)
    found = _at(model, 1)
    for more in range(2, deepest + 2):  # beyond the deepest, every operation is a box
        longer = _at(model, more)
        if len(longer.boxes) > MOST_BOXES:
            break
        found = longer
    return found


def _paths(graph: Graph) -> list[list[int]]:
    """Scopes from the outermost to each scope, without the root."""
    paths: list[list[int]] = [[]]
    for scope in range(1, graph.n_scopes):
        paths.append([*paths[int(graph.scope_parent[scope])], scope])
    return paths


def _at(model: Model, depth: int) -> Outline:
    graph = model.graph
    owner = _owners(graph, depth)
    members: dict[_Key, list[int]] = {}
    for node, key in enumerate(owner):
        if key is not None:
            members.setdefault(key, []).append(node)
    folded = _folded(graph, members)
    boxes: list[Box] = []
    place: dict[int, int] = {}
    for value in graph.inputs.tolist():
        boxes.append(Box(graph.values[value].name or "input", _shape(graph, value), "input"))
    for keys in folded:
        for node in (node for key in keys for node in members[key]):
            place[node] = len(boxes)
        box = _box(graph, keys[0], members[keys[0]])
        if len(keys) > 1:
            last = _box(graph, keys[-1], members[keys[-1]])
            title = f"{box.title} … {last.title}"
            box = replace(box, title=title, parameters=box.parameters * len(keys), times=len(keys))
        boxes.append(box)
    inputs = {value: at for at, value in enumerate(graph.inputs.tolist())}
    edges = dict.fromkeys(_edges(graph, place, inputs))
    for value in graph.outputs.tolist():
        source = place.get(int(graph.value_producer[value]), inputs.get(value, -1))
        if source >= 0:
            edges[source, len(boxes)] = None
            boxes.append(Box(graph.values[value].name or "output", _shape(graph, value), "output"))
    return Outline(boxes, [source for source, _ in edges], [target for _, target in edges], depth)


def _owners(graph: Graph, depth: int) -> list[_Key | None]:
    """The scope or node that stands for each node; None for what is in a body, or only holds a constant."""
    paths, in_body, is_constant = _paths(graph), graph.scope_in_body, _constants(graph)
    counts: dict[int, int] = {}
    for node, scope in enumerate(graph.node_scope.tolist()):
        for outer in () if is_constant[node] else paths[scope]:
            counts[outer] = counts.get(outer, 0) + 1
    owners: list[_Key | None] = []
    for node, scope in enumerate(graph.node_scope.tolist()):
        if in_body[scope] or is_constant[node]:
            owners.append(None)
            continue
        outer = paths[scope][depth - 1] if len(paths[scope]) >= depth else 0
        owners.append(_Key(True, outer) if outer and counts[outer] > 1 else _Key(False, node))
    return owners


def _constants(graph: Graph) -> list[bool]:
    """Whether the result of each node is the same for all inputs: such a node is no box."""
    is_constant: list[bool] = []
    producer, stored = graph.value_producer.tolist(), graph.value_tensor.tolist()
    for node in graph.nodes:
        given = [value.index for value in node.inputs if value is not None]
        makers = [producer[value] for value in given]
        fixed = all(
            stored[value] >= 0 or (0 <= maker < node.index and is_constant[maker])
            for value, maker in zip(given, makers, strict=True)
        )
        is_constant.append(fixed and (node.op in _SOURCES or (node.op in _PASSES and bool(given))))
    for value in graph.outputs.tolist():
        if producer[value] >= 0:
            is_constant[producer[value]] = False
    return is_constant


def _folded(graph: Graph, members: dict[_Key, list[int]]) -> list[list[_Key]]:
    """The boxes in order, equal modules that follow each other together."""

    def built(key: _Key) -> Hashable:
        if not key.is_module:
            return key
        nodes = members[key]
        shapes = [
            value.shape for node in nodes for value in graph.nodes[node].inputs if value is not None and value.tensor
        ]
        return graph.scopes[key.at].kind, tuple(graph.nodes[node].op for node in nodes), tuple(shapes)

    folded: list[list[_Key]] = []
    for _, run in groupby(members, built):
        keys = list(run)
        folded.extend([keys] if len(keys) >= SHORTEST_RUN else [[key] for key in keys])
    return folded


def _box(graph: Graph, key: _Key, nodes: list[int]) -> Box:
    tensors = {
        value.tensor.index: value.tensor
        for node in nodes
        for value in graph.nodes[node].inputs
        if value is not None and value.tensor is not None
    }
    sizes = [n_elements(tensor.shape) for tensor in tensors.values()]
    parameters = sum(int(size) for size in sizes if size == size)
    if not key.is_module:
        node = graph.nodes[key.at]
        title = node.op.rpartition("::")[2]
        name = node.name.replace("/", ".").rpartition(".")[2]
        bare = "".join(letter for letter in name.lower() if letter.isalpha())
        says_more = bare not in _NAMELESS and not bare.startswith(title.lower())
        return Box(title, name if says_more else "", "operation", parameters)
    scope = graph.scopes[key.at]
    detail = " · ".join(filter(None, [scope.kind, f"{len(nodes)} ops"]))
    return Box(scope.name, detail, "module", parameters)


def _edges(graph: Graph, place: dict[int, int], inputs: dict[int, int]) -> list[tuple[int, int]]:
    edges = []
    producer = graph.value_producer.tolist()
    ends = [0, *graph.node_input_ends.tolist()]
    for node, (start, end) in enumerate(pairwise(ends)):
        target = place.get(node, -1)
        for value in graph.node_inputs[start:end].tolist():
            source = -1 if value < 0 else inputs.get(value, place.get(producer[value], -1))
            if source >= 0 and target >= 0 and source != target:
                edges.append((source, target))
    return edges


def _shape(graph: Graph, value: int) -> str:
    found = graph.values[value]
    shape = "" if found.shape is None else "×".join("?" if size is None else str(size) for size in found.shape)
    return " ".join(filter(None, [found.dtype, shape]))
