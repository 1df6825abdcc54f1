"""What `netron.mjs` answers, as a graph: nodes and values as they are, groups and bodies as scopes."""

from __future__ import annotations

import math
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from typing import Any

import msgspec

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.graph import NONE
from netscope.models.shapes import Dimension
from netscope.models.stored import Stored

DEEPEST = 50


class _Argument(msgspec.Struct):
    name: str
    values: list[int]


class _Body(msgspec.Struct):
    name: str
    graph: _Graph


class _Node(msgspec.Struct):
    name: str
    op: str
    kind: str
    group: str
    inputs: list[_Argument]
    outputs: list[_Argument]
    attributes: dict[str, Any]
    bodies: list[_Body]


class _Graph(msgspec.Struct):
    name: str
    inputs: list[_Argument]
    outputs: list[_Argument]
    nodes: list[_Node]


class _Value(msgspec.Struct, array_like=True):
    name: str
    dtype: str
    shape: list[Dimension] | None
    tensor: int
    quantisation: dict[str, Any] | None


class _Tensor(msgspec.Struct):
    name: str
    dtype: str
    shape: list[Dimension] | None
    bytes: int
    path: str = ""
    offset: int = 0
    inline: str = ""


class Answer(msgspec.Struct):
    """One model, or why it could not be read."""

    error: str = ""
    inside: bool = False
    """Whether the error is one of the parser itself rather than a sentence about the file."""
    format: str = ""
    version: str = ""
    producer: str = ""
    metadata: dict[str, Any] = {}
    graphs: list[_Graph] = []
    values: list[_Value] = []
    tensors: list[_Tensor] = []


class Translation:
    """The graph of an answer."""

    def __init__(self, answer: Answer) -> None:
        """Translate it.

        Raises:
            FormatError: Its bodies are nested too deep.
        """
        self.builder = GraphBuilder()
        self.stored: list[Stored | None] = []
        self.warnings: list[str] = []
        self._answer = answer
        names = dict(self._names(answer.graphs, 0))
        self._tensors = [self._tensor(tensor, names.get(i, "")) for i, tensor in enumerate(answer.tensors)]
        self._values = [
            self.builder.add_value(
                value.name, value.dtype, value.shape, tensor=self._tensors[value.tensor] if value.tensor >= 0 else NONE
            )
            for value in answer.values
        ]
        for index, value in zip(self._values, answer.values, strict=True):
            if value.quantisation:
                self.builder.set_quantisation(index, value.quantisation)
        for number, graph in enumerate(answer.graphs):
            self._module(graph, number)
        self.builder.place_tensors()
        if lost := sum(where is None for where in self.stored):
            self.warnings.append(f"netron gives no numbers for {lost} of {len(self.stored)} arrays")

    def _names(self, graphs: list[_Graph], depth: int) -> Iterator[tuple[int, str]]:
        """For each array the name of the node that reads it and of the input that it is, as in "conv1.weight"."""
        if depth > DEEPEST:
            raise FormatError(f"damaged file: bodies are nested deeper than {DEEPEST}")
        for node in (node for graph in graphs for node in graph.nodes):
            for argument in node.inputs:
                for value in argument.values:
                    if value >= 0 and (tensor := self._answer.values[value].tensor) >= 0:
                        yield tensor, f"{node.name or node.op}.{argument.name}"
            yield from self._names([body.graph for body in node.bodies], depth + 1)

    def _module(self, graph: _Graph, number: int) -> None:
        """Add one of the graphs of a file; the second and later ones in scopes of their own."""
        around = (graph.name or f"graph {number + 1}") if number else ""
        self._nodes(graph, self.builder.add_scope(around, "graph", parent=0) if around else 0, around, 0)
        if number:
            return
        self.builder.inputs += self._found(graph.inputs)
        outputs = self._found(graph.outputs)
        if not outputs:
            read = {value for node in graph.nodes for value in self._found(node.inputs)}
            made = (value for node in graph.nodes for value in self._found(node.outputs))
            outputs = [value for value in dict.fromkeys(made) if value not in read]
        self.builder.outputs += outputs

    def _nodes(self, graph: _Graph, scope: int, around: str, depth: int) -> None:
        for node in graph.nodes:
            if _is_weights(node, self._answer):
                self._weights(node, around)
                continue
            path = f"{around}/{node.group}" if around and node.group else node.group or around
            place = self.builder.scope(path, separator="/") if node.group else scope
            index = self.builder.add_node(
                node.op,
                [value if value < 0 else self._values[value] for one in node.inputs for value in one.values],
                self._found(node.outputs),
                name=node.name,
                scope=place,
                attributes=node.attributes,
                input_names=[
                    one.name if len(one.values) == 1 else f"{one.name}.{i}"
                    for one in node.inputs
                    for i in range(len(one.values))
                ],
            )
            for body in node.bodies:
                inside = "/".join(part for part in (path, node.name or node.op, body.name) if part)
                self._nodes(
                    body.graph, self.builder.add_scope(inside, "graph", parent=place, owner=index), inside, depth + 1
                )

    def _weights(self, node: _Node, around: str) -> None:
        """A node that only holds arrays, as Netron shows files of weights: a scope."""
        kind = "" if node.op in ("Weights", "Module") else node.op
        path = f"{around}.{node.name}" if around else node.name
        scope = self.builder.scope(path, kind) if path else 0
        for argument in node.inputs:
            for value in argument.values:
                if value >= 0 and (tensor := self._answer.values[value].tensor) >= 0:
                    self.builder.set_tensor_scope(self._tensors[tensor], scope)

    def _found(self, arguments: list[_Argument]) -> list[int]:
        return [self._values[value] for one in arguments for value in one.values if value >= 0]

    def _tensor(self, tensor: _Tensor, name: str) -> int:
        where = None
        if tensor.path:
            where = Stored(tensor.path, tensor.offset, tensor.bytes)
        elif tensor.inline:
            try:
                data = b64decode(tensor.inline)
            except Base64Error as error:
                raise FormatError("damaged answer of netron: an array is no base64") from error
            where = Stored("", 0, len(data), inline=data)
        self.stored.append(where)
        n_bytes = float(tensor.bytes) if tensor.bytes >= 0 else math.nan
        return self.builder.add_tensor(tensor.name or name, tensor.dtype, tensor.shape or (), n_bytes)


def _is_weights(node: _Node, answer: Answer) -> bool:
    """Whether a node is only a place for arrays."""
    read = [value for one in node.inputs for value in one.values]
    return (
        (node.kind == "weights" or node.op in ("Weights", "Module"))
        and not node.outputs
        and bool(read)
        and all(value >= 0 and answer.values[value].tensor >= 0 for value in read)
    )
