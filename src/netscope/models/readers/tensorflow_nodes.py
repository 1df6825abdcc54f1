"""Graphs of TensorFlow as ours: nodes that read each other by name, scopes from the names, functions as scopes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.shapes import Dimension
from netscope.models.stored import Stored

DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 8: "complex64",
    9: "int64", 10: "bool", 11: "qint8", 12: "quint8", 13: "qint32", 14: "bfloat16", 15: "qint16", 16: "quint16",
    17: "uint16", 18: "complex128", 19: "float16", 20: "resource", 21: "variant", 22: "uint32", 23: "uint64",
    24: "float8_e5m2", 25: "float8_e4m3fn", 29: "int4", 30: "uint4",
}  # fmt: skip
MOST_NODES = 1_000_000
DEEPEST_NAME = 100
DEEPEST_CALL = 50
LONGEST_PATH = 1000
Shape = tuple[Dimension, ...]


@dataclass
class Constant:
    """The array of a Const, or a weight."""

    dtype: str
    shape: tuple[int, ...]
    n_bytes: float = math.nan
    stored: Stored | None = None
    quantisation: dict[str, Any] = field(default_factory=dict)
    is_repeated: bool = False
    """One number stands for all elements."""

    @property
    def is_weight(self) -> bool:
        """Whether it counts as stored: not a shape, an axis or a lone number."""
        return bool(self.shape) and not self.is_repeated and self.dtype not in ("int32", "int64", "bool", "string", "")


@dataclass
class NodeDef:
    """One operation, as the file says it."""

    name: str
    op: str
    inputs: list[str]
    """Names of what it reads: `node`, `node:1`, in functions `node:output:0`; `^node` only waits for it."""
    attributes: dict[str, Any]
    dtype: str = ""
    shapes: list[Shape | None] = field(default_factory=list)
    """Of its outputs, as far as they are said."""
    constant: Constant | None = None
    functions: list[str] = field(default_factory=list)
    """Names of functions that it may call."""


@dataclass
class Function:
    """A named graph."""

    name: str
    inputs: list[tuple[str, str]]
    """Name and type."""
    nodes: list[NodeDef]


class Nodes:
    """Adds graphs of TensorFlow to a builder."""

    def __init__(self, builder: GraphBuilder, functions: Sequence[Function]) -> None:
        """Begin; functions are added once a node calls them."""
        self.builder = builder
        self.functions = {function.name: function for function in functions}
        self.stored: list[Stored | None] = []
        self.owners: dict[str, int] = {}
        self.waiting: list[str] = []
        self.depths: dict[int, int] = {}

    def whole(self, nodes: Sequence[NodeDef]) -> dict[str, int]:
        """Add the outermost graph and all functions; the values of the graph by the names of what computes them."""
        if len(nodes) + sum(len(function.nodes) for function in self.functions.values()) > MOST_NODES:
            raise FormatError(f"the file has more than {MOST_NODES:,} nodes")
        values = self._graph(nodes, {}, 0, "")
        done: set[str] = set()
        rest = iter(self.functions)
        while True:
            name = self.waiting.pop(0) if self.waiting else next(rest, None)
            if name is None:
                break
            if name not in done:
                done.add(name)
                self._function(self.functions[name])
        self.builder.place_tensors()
        return values

    def _function(self, function: Function) -> None:
        owner = self.owners.get(function.name, -1)
        parent = self.builder.scope_of_node(owner) if owner >= 0 else 0
        depth = self.depths.get(parent, 0) + 1
        if depth > DEEPEST_CALL:
            parent, depth = 0, 0
        above = self.builder.scope_name(parent)
        path = f"{above}/{function.name}" if above else function.name
        path = path if len(path) <= LONGEST_PATH else function.name[:LONGEST_PATH]
        scope = self.builder.add_scope(path, function.name, parent=parent, owner=owner)
        self.depths[scope] = depth
        given = {name: self.builder.add_value(name, dtype) for name, dtype in function.inputs}
        self._graph(function.nodes, given, scope, path)

    def _graph(self, nodes: Sequence[NodeDef], given: Mapping[str, int], scope: int, path: str) -> dict[str, int]:
        builder, values = self.builder, dict(given)
        outputs: dict[str, list[int]] = {}
        by_name = {node.name: node for node in nodes}
        for node in nodes:
            for text in node.inputs:
                if (key := _key(text)) in values or text.startswith("^"):
                    continue
                source = by_name.get(key.partition(":")[0])
                if source is not None:
                    values[key] = self._value(source, key)
                    outputs.setdefault(source.name, []).append(values[key])
        for node in nodes:
            if node.name not in outputs and node.name not in values:
                values[node.name] = self._value(node, node.name)
                outputs[node.name] = [values[node.name]]
            read = [text for text in node.inputs if not text.startswith("^")]
            waits = [text[1:] for text in node.inputs if text.startswith("^")]
            missing = [text for text in read if _key(text) not in values]
            for text in missing:
                values[_key(text)] = builder.add_value(text)
            place = self._scope(node.name, scope, path)
            self.depths.setdefault(place, self.depths.get(scope, 0))
            index = builder.add_node(
                node.op, [values[_key(text)] for text in read], outputs.get(node.name, []),
                name=f"{path}/{node.name}" if path else node.name, scope=place,
                attributes=node.attributes | ({"control_inputs": waits} if waits else {}),
            )  # fmt: skip
            if node.op == "Placeholder" and not scope:
                builder.inputs += outputs.get(node.name, [])
            for name in (node.op, *node.functions):
                if name in self.functions and name not in self.owners:
                    self.owners[name] = index
                    self.waiting.append(name)
        return values

    def _scope(self, name: str, scope: int, path: str) -> int:
        inner = name.rpartition("/")[0]
        if not inner or inner.count("/") > DEEPEST_NAME:
            return scope
        return self.builder.scope(f"{path}/{inner}" if path else inner, separator="/")

    def _value(self, node: NodeDef, key: str) -> int:
        """The value of one output."""
        constant = node.constant
        output = int(text) if (text := key.rpartition(":")[2]).isdecimal() and ":" in key and len(text) < 6 else 0
        if constant is None:
            shape = node.shapes[output] if output < len(node.shapes) else None
            return self.builder.add_value(key, node.dtype, shape)
        tensor = -1
        if constant.is_weight:
            tensor = self.builder.add_tensor(node.name, constant.dtype, constant.shape, constant.n_bytes)
            self.stored.append(constant.stored)
        value = self.builder.add_value(key, constant.dtype, constant.shape, tensor=tensor)
        if constant.quantisation:
            self.builder.set_quantisation(value, constant.quantisation)
        return value


def _key(text: str) -> str:
    """The output that an input names; the first one needs no number."""
    return text.removesuffix(":0") if text.count(":") == 1 else text
