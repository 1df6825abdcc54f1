"""Read ONNX files (https://github.com/onnx/onnx/blob/main/docs/IR.md): graph, types, locations of weights.

The library parses the file without its weights (`onnx_wire`) and infers what shapes the file does not say. Bodies of
control flow and functions become scopes that belong to a node.
"""

from __future__ import annotations

import math
import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from netscope import optional
from netscope.errors import FormatError
from netscope.models.attributes import plain
from netscope.models.builder import GraphBuilder
from netscope.models.graph import NONE
from netscope.models.model import Model
from netscope.models.paths import ROOT, Place, common, from_tensor
from netscope.models.readers import onnx_scopes
from netscope.models.readers.onnx_scopes import CLASSES, NAME_SCOPES
from netscope.models.readers.onnx_types import DTYPES, MOST_SHOWN, has_foreign_text, short, some, type_of
from netscope.models.readers.onnx_wire import AT_KEY, without_arrays
from netscope.models.shapes import Dimension, dtype_bytes, n_elements
from netscope.models.stored import Stored, size_of, within

LARGEST_INFERRED_BYTES = 64 << 20  # without its weights; inference takes about 20 µs per node
MOST_NODES = 1_000_000
LONGEST_SHAPE = 1 << 16
"""A vector with more elements is no shape."""
MOST_WEIGHTS_OF_MODULE = 32  # an LSTM of three layers in both directions has 24
_FLOAT, _INT, _STRING, _TENSOR, _GRAPH, _FLOATS, _INTS, _STRINGS, _TENSORS, _GRAPHS, _SPARSE = range(1, 12)
"""Types of attributes."""
_NUMBER = re.compile(r"[0-9]{1,18}")
_PLACE = re.compile(r"([0-9]{1,18}),([0-9]{1,18}),(raw|onnx)")


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file begins like an ONNX model: with the fields of a ModelProto, whose types are known."""
    at, seen = 0, set[int]()
    while at < len(head):
        key, at = _varint(head, at)
        if _MODEL_FIELDS.get(key >> 3) != key & 7:
            return False
        seen.add(key >> 3)
        size, at = _varint(head, at)
        at += size if key & 7 == 2 else 0
    return 1 in seen and (7 in seen or path.suffix.lower() == ".onnx")


def _varint(head: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at + shift // 7 >= len(head):
            return value, len(head) + 1
        byte = head[at + shift // 7]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at + shift // 7 + 1
    return -1, at


_MODEL_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}


def read(path: Path) -> Model:
    """Read a model.

    Raises:
        FormatError: It is damaged, or not ONNX.
        MissingExtraError: The package `onnx` is not installed.
    """
    onnx = optional.extra("reading ONNX files", "onnx", "onnx")
    protobuf = optional.extra("reading ONNX files", "google.protobuf.message", "onnx")
    with path.open("rb") as file:  # the map closes itself: an error's frames still hold parts of it
        thin = without_arrays(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(thin)
    except protobuf.DecodeError as error:
        raise FormatError(f"damaged ONNX file: {error}") from error
    return of_proto(onnx, proto, path)


def of_proto(onnx: Any, proto: Any, path: Path, *, form: str = "ONNX", version: str = "") -> Model:
    """The model that a message says, whatever the form in which it was stored.

    Args:
        onnx: The library.
        proto: A ModelProto; its large arrays are left out, with their places in `external_data` under `AT_KEY`.
        path: The file.
        form: The name of the form.
        version: The version of the form; that of the operators unless given.

    Raises:
        FormatError: It is no model.
    """
    if not proto.HasField("graph"):
        raise FormatError("not an ONNX model: it has no graph")
    warnings: list[str] = []
    if proto.ByteSize() <= LARGEST_INFERRED_BYTES and _lacks_types(proto.graph):
        proto = _inferred(onnx, proto, warnings)
    try:
        model = _Reading(onnx, proto, path).model(warnings)
    except (TypeError, AttributeError) as error:
        if has_foreign_text(proto):  # the library gives it as bytes
            raise FormatError("damaged ONNX file: a text in it is not UTF-8") from error
        raise
    return replace(model, format=form, format_version=version or model.format_version)


def _lacks_types(graph: Any) -> bool:
    typed = sum(entry.type.tensor_type.HasField("shape") for said in (graph.value_info, graph.output) for entry in said)
    return bool(typed < sum(len(node.output) for node in graph.node))


def _inferred(onnx: Any, proto: Any, warnings: list[str]) -> Any:
    try:
        return onnx.shape_inference.infer_shapes(proto, data_prop=not _has_long_vectors(proto.graph))
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
        warnings.append(f"shapes could not be inferred: {str(error).strip().splitlines()[0][:200]}")
        return proto


def _has_long_vectors(graph: Any) -> bool:
    """Whether inputs or weights are long vectors, whose elements the library would all follow as if they were sizes."""
    shapes = [[size.dim_value for size in entry.type.tensor_type.shape.dim] for entry in graph.input]
    shapes += [list(entry.dims) for entry in graph.initializer]
    return any(len(shape) == 1 and shape[0] > LONGEST_SHAPE for shape in shapes)


class _Reading:
    """The state of reading one file."""

    def __init__(self, onnx: Any, proto: Any, path: Path) -> None:
        self.onnx, self.proto, self.path = onnx, proto, path
        self.builder = GraphBuilder()
        self.stored: list[Stored | None] = []
        self.opsets = {_domain(entry.domain): entry.version for entry in proto.opset_import}
        self.functions = {
            (_domain(function.domain), function.name, getattr(function, "overload", "")): function
            for function in proto.functions
        }
        self.bodies: set[Any] = set()
        self.produced: set[int] = set()
        self.outside: list[str] = []
        self.missing: list[str] = []
        self.by_weights = _by_weights(proto.graph)
        self.input_names = cache(self._input_names)
        self.types: dict[bytes, tuple[str, list[Dimension] | None]] = {}

    def model(self, warnings: list[str]) -> Model:
        """The model; `warnings` are those so far."""
        proto = self.proto
        self._whole()
        metadata: dict[str, Any] = {"ir_version": proto.ir_version, "graph": proto.graph.name}
        metadata["opset_import"] = {entry.domain or "ai.onnx": entry.version for entry in proto.opset_import}
        for name in ("domain", "model_version", "doc_string"):
            if value := getattr(proto, name):
                metadata[name] = value
        return Model(
            name=self.path.name,
            format="ONNX",
            format_version=f"opset {self.opsets.get('', 0)}",
            producer=" ".join(filter(None, (proto.producer_name, proto.producer_version))),
            graph=self.builder.build(),
            metadata=plain(metadata | {entry.key: entry.value for entry in proto.metadata_props}),
            warnings=tuple(warnings + self._warnings()),
            stored=tuple(self.stored),
        )

    def _whole(self) -> None:
        """Read the graph and the functions that it calls."""
        names: dict[str, int] = {}
        self.graph(self.proto.graph, [names], 0, "")
        graph = self.proto.graph
        stored = {entry.name for entry in graph.initializer} | {e.values.name for e in graph.sparse_initializer}
        self.builder.inputs += [names[entry.name] for entry in graph.input if entry.name not in stored]
        self.builder.outputs += [self._found(entry.name, [names]) for entry in graph.output]
        self.builder.place_tensors()
        for index, entry in enumerate(graph.initializer):
            place = self.by_weights.get(entry.name)
            if place is not None and self.builder.has_scope(place.path):
                self.builder.set_tensor_scope(index, self.builder.scope(place.path))

    def _warnings(self) -> list[str]:
        """Warnings about the files of its weights."""
        said = []
        if self.missing:
            more = f" and {len(self.missing) - 1} more" if len(self.missing) > 1 else ""
            said.append(f"the weights are in {self.missing[0]!r}{more}, which is not beside the model")
        if self.outside:
            said.append(f"the model names weights outside of its folder, which are not read: {self.outside[0]!r}")
        return said

    def graph(self, graph: Any, names: list[dict[str, int]], scope: int, around: str) -> None:
        """Add a graph within `scope`, whose modules are named from `around`; `names` are those of its values."""
        for tensor in graph.initializer:
            self._initialiser(tensor, tensor.dims, names[-1], scope)
        for sparse in graph.sparse_initializer:
            self._initialiser(sparse.values, sparse.dims, names[-1], scope)
        types = {entry.name: entry.type for entry in graph.value_info}
        types.update((entry.name, entry.type) for entry in graph.output)
        for entry in graph.input:
            if entry.name not in names[-1]:
                names[-1][entry.name] = self.builder.add_value(entry.name, *self._type(entry.type))
        for annotation in graph.quantization_annotation:
            self._quantised(annotation, names)
        self._nodes(graph.node, names, types, scope, around)

    def _nodes(
        self, nodes: Sequence[Any], names: list[dict[str, int]], types: Mapping[str, Any], scope: int, around: str
    ) -> None:
        builder, known = self.builder, names[-1]
        if builder.n_nodes + len(nodes) > MOST_NODES:
            raise FormatError(f"the file has more than {MOST_NODES:,} nodes")
        places = self._places(nodes) if scope == 0 else map(_place, nodes)
        for node, place in zip(nodes, places, strict=True):
            inputs = [self._found(name, names) if name else NONE for name in node.input]
            outputs = [self._output(name, known, types) if name else NONE for name in node.output]
            attributes, bodies = self._attributes(node, outputs, scope)
            domain = _domain(node.domain)
            index = builder.add_node(
                f"{domain}::{node.op_type}" if domain else node.op_type,
                inputs,
                outputs,
                name=node.name,
                scope=self._scope(place, scope, around),
                attributes=attributes,
                input_names=self.input_names(node.op_type, domain, len(inputs)),
            )
            for name, body in bodies:
                self._body(body, name, node, index, names)
            if self.functions:
                self._call(node, index)

    def _places(self, nodes: Sequence[Any]) -> Iterator[Place]:
        """The places of the nodes of the outermost graph, from their names or those of their weights."""
        if not self.by_weights or any(_place(node).path for node in nodes[:200]):
            return map(_place, nodes)
        weighted = [next((p for name in node.input if (p := self.by_weights.get(name))), None) for node in nodes]
        return _filled(weighted)

    def _scope(self, place: Place, scope: int, around: str) -> int:
        """The scope of a place; a path within a body is relative to the body."""
        path, separator = place.path, place.separator
        if scope:
            inside = path.removeprefix(around).lstrip(separator) if path.startswith(around) else path
            body = self.builder.scope_name(scope)
            path = f"{body}{separator}{inside}" if inside else body
            return self.builder.scope(path, separator=separator) if inside else scope
        for name, kind in place.kinds:
            self.builder.scope(name, kind)
        return self.builder.scope(path, separator=separator)

    def _found(self, name: str, names: list[dict[str, int]]) -> int:
        for known in reversed(names):
            if name in known:
                return known[name]
        names[-1][name] = value = self.builder.add_value(name)
        return value

    def _output(self, name: str, known: dict[str, int], types: Mapping[str, Any]) -> int:
        value = known.get(name, NONE)
        if value == NONE or value in self.produced:
            found = types.get(name)
            value = known[name] = self.builder.add_value(
                name, *(self._type(found) if found is not None else ("", None))
            )
        elif name in types:  # used before it is computed
            self.builder.set_type(value, *self._type(types[name]))
        self.produced.add(value)
        return value

    def _type(self, said: Any) -> tuple[str, list[Dimension] | None]:
        """Type and shape, decoded once for all values that share them."""
        key = said.SerializeToString()
        found = self.types.get(key)
        if found is None:
            found = self.types[key] = type_of(said)
        return found

    def _initialiser(self, tensor: Any, dims: Sequence[int], known: dict[str, int], scope: int) -> None:
        index = self._tensor(tensor.name, tensor, tuple(dims), scope)
        known[tensor.name] = self.builder.add_value(
            tensor.name, DTYPES.get(tensor.data_type, ""), tuple(dims), tensor=index
        )

    def _tensor(self, name: str, tensor: Any, dims: tuple[int, ...], scope: int) -> int:
        dtype = DTYPES.get(tensor.data_type, "")
        where, n_bytes = self._where(tensor, dtype, dims)
        self.stored.append(where)
        return self.builder.add_tensor(name, dtype, dims, n_bytes, scope=scope)

    def _where(self, tensor: Any, dtype: str, dims: tuple[int, ...]) -> tuple[Stored | None, float]:
        said = {entry.key: entry.value for entry in tensor.external_data}
        size = math.ceil(n_elements(dims) * dtype_bytes(dtype)) if dtype and dtype != "string" else math.nan
        if AT_KEY in said:
            if (place := _PLACE.fullmatch(said[AT_KEY])) is None:  # the file itself has this key
                raise FormatError(f"damaged ONNX file: {tensor.name!r} lies at {said[AT_KEY]!r:.100}")
            offset, n_raw, encoding = int(place[1]), int(place[2]), place[3]
            return Stored(str(self.path), offset, n_raw, encoding), size if encoding == "onnx" else n_raw
        if "location" not in said:
            raw = tensor.raw_data
            if not raw and size > 0:  # the numbers are in a list of their type
                message = tensor.SerializeToString()
                return Stored("", 0, len(message), "onnx", message), size
            return (Stored("", 0, len(raw), "raw", raw), len(raw)) if raw else (None, size)
        found = within(self.path.parent, said["location"])
        if found is None:
            self.outside.append(said["location"])
            return None, size
        if math.isnan(size_of(found)):
            if said["location"] not in self.missing:
                self.missing.append(said["location"])
            return None, size
        offset, length = said.get("offset", "0"), said.get("length", "")
        if not _NUMBER.fullmatch(offset) or not _NUMBER.fullmatch(length or "0"):
            return None, size
        n_bytes = int(length) if length else size
        return (None if math.isnan(n_bytes) else Stored(str(found), int(offset), int(n_bytes))), n_bytes

    def _quantised(self, annotation: Any, names: list[dict[str, int]]) -> None:
        said = {
            entry.key.lower().removesuffix("_tensor"): entry.value for entry in annotation.quant_parameter_tensor_names
        }
        self.builder.set_quantisation(self._found(annotation.tensor_name, names), said)

    def _attributes(
        self, node: Any, outputs: Sequence[int], scope: int
    ) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
        found: dict[str, Any] = {}
        bodies: list[tuple[str, Any]] = []
        for entry in node.attribute:
            kind, name = entry.type, entry.name
            if entry.ref_attr_name:
                found[name] = f"@{entry.ref_attr_name}"  # of the function around it
            elif kind == _INT:
                found[name] = entry.i
            elif kind == _INTS:
                found[name] = some(entry.ints)
            elif kind == _FLOAT:
                found[name] = short(entry.f)
            elif kind == _FLOATS:
                found[name] = some(entry.floats, short)
            elif kind == _STRING:
                found[name] = entry.s
            elif kind == _STRINGS:
                found[name] = some(entry.strings)
            elif kind == _TENSOR:
                found[name] = self._constant(entry.t)
                if node.op_type == "Constant" and outputs and outputs[0] >= 0 and _is_weight(entry.t):
                    index = self._tensor(node.output[0], entry.t, tuple(entry.t.dims), scope)
                    self.builder.set_tensor(outputs[0], index)
            elif kind == _GRAPH:
                bodies.append((name, entry.g))
            elif kind == _GRAPHS:
                bodies += [(f"{name}.{i}", body) for i, body in enumerate(entry.graphs)]
            elif kind == _TENSORS:
                found[name] = [self._constant(tensor) for tensor in entry.tensors[:MOST_SHOWN]]
            elif kind == _SPARSE:
                found[name] = self._constant(entry.sparse_tensor.values) | {"shape": list(entry.sparse_tensor.dims)}
        return found, bodies

    def _constant(self, tensor: Any) -> dict[str, Any]:
        """An array as an attribute: its first elements, if the file without its weights has them."""
        said: dict[str, Any] = {"dtype": DTYPES.get(tensor.data_type, ""), "shape": list(tensor.dims)}
        if tensor.data_location == 0 and 0 < n_elements(tensor.dims) <= 1024:
            try:
                array = np.asarray(self.onnx.numpy_helper.to_array(tensor)).reshape(-1)[:MOST_SHOWN]
            except (ValueError, TypeError, RuntimeError):  # a damaged array
                return said
            first = array.astype(np.float32) if array.dtype.kind == "V" else array
            said["first"] = [short(x) for x in first.tolist()] if first.dtype == np.float32 else first.tolist()
        return said

    def _body(self, graph: Any, name: str, node: Any, index: int, names: list[dict[str, int]]) -> None:
        around = self.builder.scope_of_node(index)
        path = _joined(self.builder.scope_name(around), node.name.rpartition("/")[2] or f"{node.op_type}_{index}", name)
        scope = self._add_body(path, name, around, index)
        self.graph(graph, [*names, {}], scope, self.builder.scope_name(around))

    def _add_body(self, path: str, kind: str, around: int, index: int) -> int:
        taken = self.builder.has_scope(path)
        return self.builder.add_scope(f"{path}#{index}" if taken else path, kind, parent=around, owner=index)

    def _call(self, node: Any, index: int) -> None:
        """The body of a function, which belongs to the first node that calls it."""
        key = (_domain(node.domain), node.op_type, getattr(node, "overload", ""))
        function = self.functions.get(key)
        if function is None or key in self.bodies:
            return
        self.bodies.add(key)
        around = self.builder.scope_of_node(index)
        path = _joined(self.builder.scope_name(around), node.name.rpartition("/")[2] or f"{node.op_type}_{index}")
        scope = self._add_body(path, node.op_type, around, index)
        names = {name: self.builder.add_value(name) for name in function.input}
        types = {entry.name: entry.type for entry in getattr(function, "value_info", ())}
        self._nodes(function.node, [names], types, scope, "")

    def _input_names(self, op: str, domain: str, n: int) -> tuple[str, ...]:
        """Names of the inputs of an operation; the last name is that of all inputs of a list."""
        key = (domain, op, "")
        if key in self.functions:
            return tuple(self.functions[key].input)
        try:
            schema = self.onnx.defs.get_schema(op, self.opsets.get(domain, 1), domain)
        except self.onnx.defs.SchemaError:
            return ()
        named = [entry.name for entry in schema.inputs]
        return tuple(named + named[-1:] * (n - len(named)))[:n]


def _is_weight(tensor: Any) -> bool:
    """Whether the array of a Constant counts as stored: a weight rather than a shape, an axis or a single number."""
    if not tensor.dims:
        return False
    return DTYPES.get(tensor.data_type) not in ("int32", "int64", "bool", "string") or tensor.data_location == 1


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _place(node: Any) -> Place:
    if node.metadata_props:
        said = {entry.key: entry.value for entry in node.metadata_props}
        if NAME_SCOPES in said:
            return onnx_scopes.from_metadata(said[NAME_SCOPES], said.get(CLASSES, ""))
    return onnx_scopes.from_name(node.name)


def _by_weights(graph: Any) -> dict[str, Place]:
    """The places given by names of weights; none if all of many have the same, as "gpu_0" in names of Caffe2."""
    places = ((entry.name, from_tensor(entry.name)) for entry in graph.initializer)
    found = {name: place for name, place in places if place.path}
    is_prefix = len(found) > MOST_WEIGHTS_OF_MODULE and len(set(found.values())) == 1
    return {} if is_prefix else found


def _filled(places: Sequence[Place | None]) -> Iterator[Place]:
    """Place a node without weights in the scope that contains the last and the next node with weights."""
    following: list[Place | None] = [None] * len(places)
    coming = None
    for i in range(len(places) - 1, -1, -1):
        coming = following[i] = places[i] or coming
    last: Place | None = None
    for place, after in zip(places, following, strict=True):
        if place is not None:
            last = place
            yield place
        elif last is not None and after is not None and last.separator == after.separator:
            yield Place(common(last.path, after.path, last.separator), last.separator)
        else:
            yield ROOT


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)
