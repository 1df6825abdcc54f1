"""Read models of TensorFlow.js: graph models (nodes) and layers models (Keras), with the weights of their manifest."""

from __future__ import annotations

import binascii
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.readers.hdf5 import Dataset
from netscope.models.readers.keras_layers import Layers, is_config
from netscope.models.readers.tensorflow_nodes import Constant, Function, NodeDef, Nodes, Shape
from netscope.models.shapes import dtype_bytes, n_elements
from netscope.models.stored import Stored, size_of, within

LARGEST_JSON = 256 << 20
_DTYPES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16", "DT_BFLOAT16": "bfloat16"}
_FAULTS = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, binascii.Error)
_MARKS = (b'"modelTopology"', b'"weightsManifest"', b'"paths"')


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file is a model of TensorFlow.js, or its manifest of weights."""
    if head.lstrip()[:1] not in (b"{", b"[") or path.suffix.lower() != ".json":
        return False
    if any(mark in head for mark in _MARKS) or (b'"format"' in head and b"-model" in head):
        return True
    return size_of(path) <= LARGEST_JSON and _MARKS[1] in path.read_bytes()


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: It is damaged.
    """
    if size_of(path) > LARGEST_JSON:
        raise FormatError(f"{path.name!r} is larger than any model of TensorFlow.js")
    try:
        said = msgspec.json.decode(path.read_bytes())
        return _model(path, said if isinstance(said, dict) else {"weightsManifest": said})
    except (msgspec.DecodeError, *_FAULTS) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path.name!r} is not a model of TensorFlow.js, or is damaged: {error}") from error


def _model(path: Path, said: Mapping[str, Any]) -> Model:
    warnings: list[str] = []
    weights = dict(_weights(path, said.get("weightsManifest") or [], warnings))
    topology = said.get("modelTopology") or {}
    config = topology.get("model_config", topology)
    builder = GraphBuilder()
    if isinstance(topology.get("node"), list):
        kind, stored = "graph model", _graph_model(builder, topology, weights)
    else:
        kind, stored = "layers model" if config else "weights", _layers_model(builder, config, weights, warnings)
    converter = str(said.get("convertedBy") or said.get("generatedBy") or "")
    return Model(
        name=path.name,
        format=f"TensorFlow.js {kind}",
        format_version=str(topology.get("keras_version", "")),
        producer=converter,
        graph=builder.build(),
        metadata={"generatedBy": said["generatedBy"]} if isinstance(said.get("generatedBy"), str) else {},
        warnings=tuple(dict.fromkeys(warnings)),
        stored=tuple(stored),
    )


def _weights(path: Path, manifest: list[Any], warnings: list[str]) -> Iterator[tuple[str, Constant]]:
    """The weights of each group lie one after the other in its files."""
    for group in manifest:
        files, at = [], 0
        for name in group["paths"]:
            file = within(path.parent, name)
            size = size_of(file) if file is not None else math.nan
            if file is None or math.isnan(size):
                warnings.append(f"The file {name!r} with weights is not beside {path.name!r}.")
                break
            files.append((at, int(size), file))
            at += int(size)
        start = 0
        for one in group["weights"]:
            quantised = one.get("quantization") or {}
            dtype = str(quantised.get("dtype", one["dtype"]))
            shape = tuple(int(size) for size in one["shape"])
            n_bytes = n_elements(shape) * dtype_bytes(dtype)
            if math.isnan(n_bytes) or any(size < 0 for size in shape):
                warnings.append(f"Weights from {one['name']!r} on are of a type whose size is not known.")
                break
            held = next((f for f in files if f[0] <= start and start + n_bytes <= f[0] + f[1]), None)
            place = Stored(str(held[2]), start - held[0], int(n_bytes)) if held else None
            if held is None and files:
                warnings.append("Weights that lie in two files are not read.")
            how = {"scale": quantised["scale"], "minimum": quantised.get("min", 0)} if "scale" in quantised else {}
            yield str(one["name"]), Constant(dtype, shape, n_bytes, place, how)
            start += int(n_bytes)


def _graph_model(
    builder: GraphBuilder, topology: Mapping[str, Any], weights: Mapping[str, Constant]
) -> list[Stored | None]:
    library = topology.get("library") or {}
    functions = [_function(one) for one in library.get("function") or []]
    nodes = [_node(one, weights) for one in topology["node"]]
    reading = Nodes(builder, functions)
    values = reading.whole(nodes)
    read = {text.removesuffix(":0") for node in nodes for text in node.inputs}
    ends = (node.name for node in nodes if node.op not in ("Const", "Placeholder", "NoOp"))
    builder.outputs += [values[name] for name in ends if name not in read and name in values]
    return reading.stored


def _function(said: Mapping[str, Any]) -> Function:
    signature = said["signature"]
    inputs = [(str(one["name"]), _dtype(one.get("type"))) for one in signature.get("inputArg") or []]
    return Function(str(signature["name"]), inputs, [_node(one, {}) for one in said.get("nodeDef") or []])


def _node(said: Mapping[str, Any], weights: Mapping[str, Constant]) -> NodeDef:
    node = NodeDef(str(said["name"]), str(said["op"]), [str(text) for text in said.get("input") or []], {})
    for name, value in (said.get("attr") or {}).items():
        if name == "_output_shapes":
            node.shapes = [_shape(one) for one in (value.get("list") or {}).get("shape") or []]
        elif name != "value":
            node.attributes[name] = _attribute(value, node.functions)
    node.dtype = next((t for key in ("T", "dtype", "DstT") if isinstance(t := node.attributes.get(key), str)), "")
    if node.op == "Placeholder" and not node.shapes and isinstance(shape := node.attributes.get("shape"), list):
        node.shapes = [tuple(shape)]
    if node.op == "Const":
        node.constant = weights.get(node.name)
    return node


def _attribute(value: Mapping[str, Any], functions: list[str]) -> Any:
    """The value of an attribute, as the JSON of Protocol Buffers has it."""
    for kind, one in value.items():
        if kind == "type":
            return _dtype(one)
        if kind == "shape":
            return list(found) if (found := _shape(one)) is not None else None
        if kind == "s":
            return _text(one)
        if kind == "i":
            return int(one)
        if kind == "func":
            functions.append(name := str(one["name"]))
            return name
        if kind == "list":
            many = [(inner, item) for inner, items in one.items() for item in items or []]
            return [_attribute({inner: item}, functions) for inner, item in many[:1000] if inner != "list"]
        if kind in ("f", "b"):
            return one
    return None


def _text(one: Any) -> str:
    """A text, which is base64 or a list of numbers."""
    if isinstance(one, list):
        return bytes(number & 255 for number in one).decode("utf-8", "replace")
    return binascii.a2b_base64(str(one)).decode("utf-8", "replace")


def _dtype(name: Any) -> str:
    text = str(name)
    return _DTYPES.get(text, text.removeprefix("DT_").lower())


def _shape(said: Mapping[str, Any]) -> Shape | None:
    if said.get("unknownRank"):
        return None
    sizes = [int(one.get("size", 0)) for one in said.get("dim") or []]
    return tuple(None if size < 0 else size for size in sizes)


def _layers_model(
    builder: GraphBuilder, config: Mapping[str, Any], weights: Mapping[str, Constant], warnings: list[str]
) -> list[Stored | None]:
    found = [
        Dataset(tuple(name.split("/")), one.dtype, one.shape, one.n_bytes, one.stored) for name, one in weights.items()
    ]
    if is_config(config):
        layers = Layers(builder, found)
        layers.model(config)
        warnings += layers.warnings
    for one in found:
        name = "/".join(one.at)
        scope = builder.scope(name.rpartition("/")[0], separator="/") if one.value is None else one.scope
        tensor = builder.add_tensor(one.name or name, one.dtype, one.shape, one.n_bytes, scope=scope)
        if one.value is not None:
            builder.set_tensor(one.value, tensor)
            if how := weights[name].quantisation:
                builder.set_quantisation(one.value, how)
    return [one.stored for one in found]
