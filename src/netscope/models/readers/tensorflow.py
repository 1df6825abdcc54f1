"""Read TensorFlow's graphs without TensorFlow: the protobuf messages SavedModel, MetaGraph and frozen GraphDef.

Field numbers are those of tensorflow/core/protobuf and tensorflow/core/framework. Variables of a SavedModel are read
from the checkpoint beside it (`tensorflow_checkpoint`).
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.readers import tensorflow_checkpoint
from netscope.models.readers.tensorflow_nodes import DTYPES, MOST_NODES, Constant, Function, NodeDef, Nodes, Shape
from netscope.models.readers.wire import Message
from netscope.models.shapes import dtype_bytes, n_elements
from netscope.models.stored import Stored

SUFFIXES = (".pb", ".meta")
MOST_SHOWN = 64
_TYPES = ("T", "dtype", "Tout", "DstT", "output_type", "out_type", "SrcT")


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file is a graph of TensorFlow's; its messages have no mark, so the suffix has to say it."""
    if path.suffix.lower() not in SUFFIXES or head[:1] not in (b"\x08", b"\x0a", b"\x12"):
        return False
    # Caffe2's network begins with its name where TensorFlow's graph has a node, which is a message.
    at = next((i for i in range(1, min(len(head), 11)) if head[i] < 128), 0)
    return head[:1] != b"\x0a" or not head[at + 1 : at + 2].isalnum()


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: It is damaged, or no graph of TensorFlow's.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        with memoryview(mapped) as whole:
            return _model(path, whole)


def _model(path: Path, whole: memoryview) -> Model:
    root = Message(whole)
    if root.integer(1) == 1 and root.has(2) and not root.spans(1):
        graphs = root.messages(2)
        return _meta_graph(path, graphs[0], "SavedModel", len(graphs))
    if path.suffix.lower() == ".meta":
        return _meta_graph(path, root, "MetaGraph", 1)
    if not root.spans(1) and not root.spans(2):
        raise FormatError(f"{path.name!r} is not a graph of TensorFlow")
    return _read(path, root, "GraphDef", Message(whole, 0, 0), {})


def _meta_graph(path: Path, meta: Message, kind: str, n_graphs: int) -> Model:
    info = meta.message(1)
    metadata: dict[str, Any] = {"tags": tags} if (tags := info.texts(4)) else {}
    metadata |= {"graphs": n_graphs} if n_graphs > 1 else {}
    if signatures := {name: signature.text(3) for name, signature in meta.entries(5)}:
        metadata["signatures"] = signatures
    return _read(path, meta.message(2), kind, meta, metadata, info.text(5))


def _read(path: Path, graph: Message, kind: str, meta: Message, metadata: dict[str, Any], version: str = "") -> Model:
    if len(graph.spans(1)) > MOST_NODES:
        raise FormatError(f"{path.name!r} has more than {MOST_NODES:,} nodes")
    builder = GraphBuilder()
    functions = [_function(one, path) for one in graph.message(2).messages(1)]
    nodes = [_node(one, path) for one in graph.messages(1)]
    if not nodes and not functions:
        raise FormatError(f"{path.name!r} is not a graph of TensorFlow: it has no nodes")
    reading = Nodes(builder, functions)
    values = reading.whole(nodes)
    read = {
        index for node in nodes for text in node.inputs if (index := values.get(text.removesuffix(":0"))) is not None
    }
    said = [info.text(1).removesuffix(":0") for _, one in meta.entries(5) for _, info in one.entries(2)]
    outputs = [values[name] for name in dict.fromkeys(said) if name in values]
    ends = (values.get(node.name) for node in nodes if node.op not in ("NoOp", "Const", "Placeholder", "SaveV2"))
    builder.outputs += outputs or [value for value in ends if value is not None and value not in read]
    stored, warnings = reading.stored, list[str]()
    checkpoint = path.with_suffix(".index") if kind == "MetaGraph" else path.parent / "variables" / "variables.index"
    if kind != "GraphDef" and checkpoint.is_file():
        stored += tensorflow_checkpoint.add_tensors(checkpoint, builder, warnings)
    return Model(
        name=path.parent.name if kind == "SavedModel" and path.name == "saved_model.pb" else path.name,
        format=f"TensorFlow {kind}",
        format_version=str(graph.message(4).integer(1) or ""),
        producer=f"TensorFlow {version}" if version else "",
        graph=builder.build(),
        metadata=metadata,
        warnings=tuple(warnings),
        stored=tuple(stored),
    )


def _function(message: Message, path: Path) -> Function:
    signature = message.message(1)
    inputs = [(one.text(1), DTYPES.get(one.integer(3) % 100, "")) for one in signature.messages(2)]
    return Function(signature.text(1), inputs, [_node(one, path) for one in message.messages(3)])


def _node(message: Message, path: Path) -> NodeDef:
    node = NodeDef(message.text(1), message.text(2), message.texts(3), {})
    if device := message.text(4):
        node.attributes["device"] = device
    for name, value in message.entries(5):
        if name == "_output_shapes":
            node.shapes = [shape_of(one) for one in value.message(1).messages(7)]
        elif name == "value" and value.has(8) and node.op == "Const":
            node.constant = _constant(value.message(8), path)
        elif not name.startswith("_") or name == "_class":
            node.attributes[name] = _attribute(value, node.functions)
    node.dtype = next((one for name in _TYPES if isinstance(one := node.attributes.get(name), str)), "")
    if node.op == "Placeholder" and not node.shapes and isinstance(shape := node.attributes.get("shape"), list):
        node.shapes = [tuple(shape)]
    return node


def _attribute(value: Message, functions: list[str]) -> Any:
    """The value of an attribute; names of functions are noted."""
    if value.has(1):
        many = value.message(1)
        found: list[Any] = [*many.texts(2)[:MOST_SHOWN], *many.integers(3, MOST_SHOWN), *many.floats(4, MOST_SHOWN)]
        found += [bool(one) for one in many.integers(5, MOST_SHOWN)]
        found += [DTYPES.get(one % 100, str(one)) for one in many.integers(6, MOST_SHOWN)]
        found += [_listed(shape_of(one)) for one in many.messages(7)[:MOST_SHOWN]]
        names = [one.text(1) for one in many.messages(9)]
        functions += names
        return found + names
    if value.has(2):
        return value.text(2)
    if value.has(4):
        return next(iter(value.floats(4)), 0.0)
    if value.has(5):
        return bool(value.integer(5))
    if value.has(6):
        return DTYPES.get(value.integer(6) % 100, str(value.integer(6)))
    if value.has(7):
        return _listed(shape_of(value.message(7)))
    if value.has(8):
        tensor = _constant(value.message(8), None)
        return {"dtype": tensor.dtype, "shape": list(tensor.shape)}
    if value.has(10):
        functions.append(name := value.message(10).text(1))
        return name
    return value.integer(3) if value.has(3) else None


def shape_of(message: Message) -> Shape | None:
    """A shape; None if the number of axes is unknown."""
    if message.integer(3):
        return None
    return tuple(None if (size := one.integer(1)) < 0 else size for one in message.messages(2))


def _listed(shape: Shape | None) -> list[Any] | None:
    return None if shape is None else list(shape)


def _constant(message: Message, path: Path | None) -> Constant:
    """A TensorProto: its type, and where its elements lie if they are there as they are."""
    dtype = DTYPES.get(message.integer(1) % 100, "")
    shape = tuple(size if isinstance(size, int) else 0 for size in shape_of(message.message(2)) or ())
    n_bytes = n_elements(shape) * dtype_bytes(dtype)
    for number in (4, 5, 6):  # tensor_content, float_val and double_val
        spans: Sequence[tuple[int, int]] = message.spans(number)
        if path is not None and len(spans) == 1 and spans[0][1] - spans[0][0] == n_bytes:
            return Constant(dtype, shape, n_bytes, Stored(str(path), spans[0][0], int(n_bytes)))
    n_numbers = sum((end - start) // 4 for start, end in message.spans(5)) or len(message.floats(5, 2))
    return Constant(dtype, shape, n_bytes, is_repeated=not message.has(4) and n_numbers <= 1)
