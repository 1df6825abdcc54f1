"""Read models of ONNX Runtime (`.ort`): the same graphs as ONNX's, in FlatBuffers.

A file becomes the message that ONNX's library knows, with the places of the large arrays instead of their bytes, and is
then read as an ONNX file is. Slots are those of onnxruntime/core/flatbuffers/schema/ort.fbs.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

from netscope import optional
from netscope.errors import FormatError
from netscope.models.model import Model
from netscope.models.readers import onnx
from netscope.models.readers.flatbuffers import Buffer, Table
from netscope.models.readers.onnx_wire import AT_KEY, KEPT_BYTES

MAGIC = b"ORTM"
DEEPEST = 60
MOST_NODES = 1_000_000
_TENSOR, _SEQUENCE = 1, 2
"""Types of a value."""
_FLOAT, _INT, _STRING, _TENSOR_ATTRIBUTE, _GRAPH, _FLOATS, _INTS, _STRINGS, _TENSORS, _GRAPHS = range(1, 11)
"""Types of an attribute."""


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file is one of ONNX Runtime's."""
    return head[4:8] == MAGIC


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: It is damaged.
        MissingExtraError: The package `onnx` is not installed.
    """
    library = optional.extra("reading ONNX Runtime files", "onnx", "onnx")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        with memoryview(mapped) as whole:
            session = Buffer(whole).root()
            model = session.table(1)
            if model is None:
                raise FormatError(f"{path.name!r} has no model")
            proto = _Conversion(library, whole).model(model)
            version = session.text(0)
    return onnx.of_proto(library, proto, path, form="ONNX Runtime", version=f"ORT format {version}" if version else "")


class _Conversion:
    """From tables of FlatBuffers to messages of ONNX."""

    def __init__(self, library: Any, data: memoryview) -> None:
        self.library, self.data = library, data
        self.n_nodes = 0

    def model(self, table: Table) -> Any:
        """The model."""
        proto = self.library.ModelProto(
            ir_version=table.number(0, "q"), producer_name=table.text(2), producer_version=table.text(3),
            domain=table.text(4), model_version=table.number(5, "q"), doc_string=table.text(6),
        )  # fmt: skip
        for entry in table.tables(1):
            proto.opset_import.add(domain=entry.text(0), version=entry.number(1, "q"))
        for entry in table.tables(9):
            proto.metadata_props.add(key=entry.text(0), value=entry.text(1))
        graph = table.table(7)
        if graph is None:
            raise FormatError("damaged file: the model has no graph")
        self._graph(graph, proto.graph, 0)
        return proto

    def _graph(self, table: Table, proto: Any, depth: int) -> None:
        if depth > DEEPEST:
            raise FormatError(f"damaged file: graphs are nested deeper than {DEEPEST}")
        for tensor in table.tables(0):
            self._tensor(tensor, proto.initializer.add())
        for sparse in table.tables(7):
            added = proto.sparse_initializer.add(dims=sparse.numbers(2, "q"))
            for slot, part in ((0, added.values), (1, added.indices)):
                if (inner := sparse.table(slot)) is not None:
                    self._tensor(inner, part)
        types = {argument.text(0): argument.table(2) for argument in table.tables(1)}
        stored = {tensor.name for tensor in proto.initializer}
        inputs, outputs = table.texts(5), table.texts(6)
        for name in inputs:
            self._value(name, types.get(name), proto.input)
        for name in outputs:
            self._value(name, types.get(name), proto.output)
        for name in types.keys() - {*inputs, *outputs, *stored}:
            self._value(name, types[name], proto.value_info)
        for node in table.tables(2):
            self._node(node, proto.node.add(), depth)

    def _node(self, table: Table, proto: Any, depth: int) -> None:
        self.n_nodes += 1
        if self.n_nodes > MOST_NODES:
            raise FormatError(f"the file has more than {MOST_NODES:,} nodes")
        proto.name, proto.doc_string, proto.domain, proto.op_type = (table.text(slot) for slot in (0, 1, 2, 5))
        proto.input.extend(table.texts(8))
        proto.output.extend(table.texts(9))
        for attribute in table.tables(10):
            self._attribute(attribute, proto.attribute.add(), depth)

    def _attribute(self, table: Table, proto: Any, depth: int) -> None:
        proto.name, proto.doc_string = table.text(0), table.text(1)
        kind = table.number(2, "i")
        if not 0 <= kind <= _GRAPHS:
            return
        proto.type = kind
        if kind == _FLOAT:
            proto.f = table.number(3, "f")
        elif kind == _INT:
            proto.i = table.number(4, "q")
        elif kind == _STRING:
            proto.s = table.text(5).encode()
        elif kind in (_TENSOR_ATTRIBUTE, _TENSORS):
            found = table.tables(11) if kind == _TENSORS else [one for one in (table.table(6),) if one is not None]
            for tensor in found:
                self._tensor(tensor, proto.t if kind == _TENSOR_ATTRIBUTE else proto.tensors.add())
        elif kind in (_GRAPH, _GRAPHS):
            graphs = table.tables(12) if kind == _GRAPHS else [one for one in (table.table(7),) if one is not None]
            for graph in graphs:
                self._graph(graph, proto.g if kind == _GRAPH else proto.graphs.add(), depth + 1)
        elif kind == _STRINGS:
            proto.strings.extend(text.encode() for text in table.texts(10))
        else:
            slot, form, into = (8, "f", proto.floats) if kind == _FLOATS else (9, "q", proto.ints)
            into.extend(table.numbers(slot, form))

    def _tensor(self, table: Table, proto: Any) -> None:
        proto.name, proto.data_type = table.text(0), table.number(3, "i")
        proto.dims.extend(table.numbers(2, "q"))
        proto.string_data.extend(text.encode() for text in table.texts(5))
        span = table.span(4, 1)
        if span is None:
            return
        start, size = span
        if size <= KEPT_BYTES:
            proto.raw_data = bytes(self.data[start : start + size])
        proto.external_data.add(key=AT_KEY, value=f"{start},{size},raw")
        if size > KEPT_BYTES:
            proto.data_location = self.library.TensorProto.EXTERNAL

    def _value(self, name: str, kind: Table | None, into: Any) -> None:
        proto = into.add(name=name)
        if kind is not None:
            self._type(kind, proto.type, 0)

    def _type(self, table: Table, proto: Any, depth: int) -> None:
        found = table.table(2)
        if found is None or depth > DEEPEST:
            return
        which = table.number(1, "B")
        if which == _SEQUENCE:
            inner = found.table(0)
            if inner is not None:
                self._type(inner, proto.sequence_type.elem_type, depth + 1)
        elif which == _TENSOR:
            proto.tensor_type.elem_type = found.number(0, "i")
            shape = found.table(1)
            if shape is None:
                return
            proto.tensor_type.shape.SetInParent()
            for axis in shape.tables(0):
                size, said = proto.tensor_type.shape.dim.add(), axis.table(0)
                if said is not None and said.has(2) and said.text(2):
                    size.dim_param = said.text(2)
                elif said is not None and said.number(0, "b") == 1:
                    size.dim_value = said.number(1, "q")
