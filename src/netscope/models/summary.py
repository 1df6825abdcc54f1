"""A model in numbers: counts, inputs and outputs, and a table by layer."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from netscope.models.graph import OPTIMIZER, Graph
from netscope.models.model import Model
from netscope.models.paths import from_tensor
from netscope.models.rows import Value
from netscope.models.shapes import n_elements
from netscope.schema.model import ModelLayer, ModelSummary, ValueType

MOST_WEIGHTS = 32  # of a layer; an LSTM of three layers in both directions has 24
NO_WEIGHTS = {"int32", "int64", "uint32", "uint64", "bool", "string"}


def summary(model: Model) -> ModelSummary:
    """Compute the numbers of a model."""
    graph = model.graph
    sizes = [n_elements(tensor.shape) for tensor in graph.tensors]
    weights = _weights(graph, sizes)
    is_nested = graph.scope_in_body[graph.node_scope]
    ops = Counter(graph.text[op] for op in graph.node_op.tolist())
    return ModelSummary(
        name=model.name,
        format=model.format,
        format_version=model.format_version,
        reader=model.reader,
        producer=model.producer,
        nodes=int(graph.n_nodes - is_nested.sum()),
        nested_nodes=int(is_nested.sum()),
        tensors=graph.n_tensors,
        values=_whole(sum(size for size in sizes if size == size)),
        parameters=_whole(sum(weights)),
        bytes=_whole(float(np.nansum(graph.tensor_bytes))),
        flops=_known(graph.node_flops),
        unknown_flops=int(np.isnan(graph.node_flops).sum()),
        inputs=[_type(graph.values[i]) for i in graph.inputs.tolist()],
        outputs=[_type(graph.values[i]) for i in graph.outputs.tolist()],
        ops=dict(ops.most_common()),
        layers=layers(graph, weights),
        warnings=list(model.warnings),
        metadata=dict(model.metadata),
    )


def layers(graph: Graph, weights: list[float]) -> list[ModelLayer]:
    """The rows of the table, in the order of their first nodes; they add up to the whole.

    What reads the weights of one module ("fc1.weight", "fc1.bias") is a row, so is an operation whose weights name no
    module, and so is what is left of each scope. Weights that several operations share count where they are read first.

    Args:
        graph: The graph.
        weights: How many parameters each of its tensors has.
    """
    readers = _readers(graph)
    modules = _modules(graph, weights)
    first: dict[int, int] = {}
    shares = set[int]()
    for tensor, nodes in enumerate(readers):
        if weights[tensor] and nodes:
            first.setdefault(nodes[0], tensor)
            shares.update(nodes[1:])
    bodies = _bodies(graph)

    def row_of(node: int) -> _Row:
        scope = int(graph.node_scope[node])
        if node in first:
            module = modules[first[node]]
            return _Row(bodies[scope], module, -1) if module else _Row(bodies[scope], "", node)
        is_own = node in shares and scope == 0
        return _Row(bodies[scope], graph.scopes[scope].name, node if is_own else -1)

    rows: dict[_Row, list[int]] = {}
    owned = defaultdict[_Row, list[int]](list)
    for node in range(graph.n_nodes):
        rows.setdefault(row_of(node), []).append(node)
    for tensor, nodes in enumerate(readers):
        scope = int(graph.tensor_scope[tensor])
        row = row_of(nodes[0]) if nodes else _Row(bodies[scope], graph.scopes[scope].name, -1)
        owned[row].append(tensor)
        rows.setdefault(row, [])
    kinds = {scope.name: scope.kind for scope in graph.scopes if scope.kind and scope.index}
    return [_layer(graph, row, nodes, owned[row], weights, kinds) for row, nodes in rows.items()]


class _Row(NamedTuple):
    """What a row stands for: a module or scope by its path, or a node."""

    body: int
    path: str
    node: int


def _layer(
    graph: Graph, row: _Row, nodes: list[int], tensors: list[int], weights: list[float], kinds: dict[str, str]
) -> ModelLayer:
    flops = graph.node_flops[nodes] if nodes else np.zeros(0)
    costs: Counter[str] = Counter()
    for node, cost in zip(nodes, flops.tolist(), strict=True):
        costs[graph.text[graph.node_op[node]]] += cost if cost == cost else 0
    name = graph.nodes[row.node].name or f"{graph.nodes[row.node].op} {row.node}" if row.node >= 0 else row.path
    results = [value for value in (graph.nodes[nodes[-1]].outputs if nodes else ()) if value is not None]
    shape = results[0].shape if results else None
    kind = "" if row.node >= 0 else kinds.get(row.path, "")
    return ModelLayer(
        name=name,
        op=kind or (costs.most_common(1)[0][0] if costs else ""),
        nodes=len(nodes),
        shape=None if shape is None else list(shape),
        parameters=_whole(sum(weights[tensor] for tensor in tensors)),
        bytes=_whole(float(np.nansum(graph.tensor_bytes[tensors]))) if tensors else 0,
        flops=_known(flops),
    )


def _modules(graph: Graph, weights: list[float]) -> list[str]:
    """The module given by the name of each weight; '' if there is none, or if it has too many weights to be a layer."""
    found = [from_tensor(tensor.name).path if weights[tensor.index] else "" for tensor in graph.tensors]
    counts = Counter(found)
    return [path if counts[path] <= MOST_WEIGHTS else "" for path in found]


def _bodies(graph: Graph) -> list[int]:
    """For each scope the body that contains it, 0 if none: two branches may use the same names."""
    bodies = [0] * graph.n_scopes
    for scope, (parent, owner) in enumerate(zip(graph.scope_parent.tolist(), graph.scope_owner.tolist(), strict=True)):
        bodies[scope] = scope if owner >= 0 else bodies[parent] if parent >= 0 else 0
    return bodies


def _readers(graph: Graph) -> list[list[int]]:
    """The nodes that read each stored array, in order; the one that holds it if none reads it."""
    readers: list[list[int]] = [[] for _ in range(graph.n_tensors)]
    tensors = np.append(graph.value_tensor, -1)[graph.node_inputs].tolist()
    for node, (start, end) in enumerate(pairwise([0, *graph.node_input_ends.tolist()])):
        for tensor in tensors[start:end]:
            if tensor >= 0:
                readers[tensor].append(node)
    is_stored = graph.value_tensor >= 0
    producers = graph.value_producer[is_stored].tolist()
    for tensor, producer in zip(graph.value_tensor[is_stored].tolist(), producers, strict=True):
        if not readers[tensor] and producer >= 0:
            readers[tensor].append(producer)
    return readers


def _weights(graph: Graph, sizes: list[float]) -> list[float]:
    is_counted = [text not in NO_WEIGHTS for text in graph.text]
    is_state = _optimizer_scopes(graph)
    return [
        size if size == size and (dtype < 0 or is_counted[dtype]) and not is_state[scope] else 0.0
        for size, dtype, scope in zip(sizes, graph.tensor_dtype.tolist(), graph.tensor_scope.tolist(), strict=True)
    ]


def _optimizer_scopes(graph: Graph) -> list[bool]:
    """Whether each scope holds the state of an optimizer, or is within one that does."""
    found: list[bool] = []
    for scope in graph.scopes:
        found.append(scope.kind == OPTIMIZER or (scope.parent is not None and found[scope.parent.index]))
    return found


def _type(value: Value) -> ValueType:
    shape = value.shape
    return ValueType(value.name, value.dtype, None if shape is None else list(shape))


def _known(flops: np.ndarray) -> float | None:
    """The sum of the known numbers; None if there are none, or only those of nodes that cost nothing."""
    total = float(np.nansum(flops))
    return total if len(flops) and (total or not np.isnan(flops).any()) else None


def _whole(value: float) -> int:
    return int(value) if math.isfinite(value) else 0
