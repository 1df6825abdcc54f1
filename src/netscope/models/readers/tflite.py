"""Read TensorFlow Lite files (LiteRT): operators with their options, types, quantisation, subgraphs, weights.

The file is one FlatBuffers table; slots below are those of tensorflow/compiler/mlir/lite/schema/schema.fbs. An operator
has no name there, so it is named by its first output, and that name says in which scope it stands.
"""

from __future__ import annotations

import math
import mmap
import struct
from pathlib import Path
from typing import Any

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.graph import NONE
from netscope.models.model import Model
from netscope.models.readers.flatbuffers import Buffer, Table
from netscope.models.readers.tflite_schema import OPERATORS, OPTIONS, OPTIONS_2
from netscope.models.stored import Stored

DTYPES = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16",
)  # fmt: skip
_ENUMS = {
    "padding": ("SAME", "VALID"),
    "fused_activation_function": ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"),
    "in_data_type": DTYPES, "out_data_type": DTYPES, "quantized_bias_type": DTYPES, "out_type": DTYPES,
    "output_type": DTYPES, "weights_format": ("DEFAULT", "SHUFFLED4x16INT8"),
}  # fmt: skip
_WEIGHTED = ("input", "filter", "bias")
_INPUTS = {
    "CONV_2D": _WEIGHTED, "DEPTHWISE_CONV_2D": _WEIGHTED, "CONV_3D": _WEIGHTED, "FULLY_CONNECTED": _WEIGHTED,
    "TRANSPOSE_CONV": ("output_shape", "filter", "input", "bias"), "RESHAPE": ("input", "shape"),
    "PRELU": ("input", "alpha"), "PAD": ("input", "paddings"), "MEAN": ("input", "axis"),
    "GATHER": ("input", "indices"), "TRANSPOSE": ("input", "perm"), "RESIZE_BILINEAR": ("input", "size"),
    "STRIDED_SLICE": ("input", "begin", "end", "strides"),
}  # fmt: skip
_SUBGRAPHS = ("then_subgraph_index", "else_subgraph_index", "cond_subgraph_index", "body_subgraph_index")
_OTHER_SUBGRAPHS = ("subgraph", "init_subgraph_index", "decomposition_subgraph_index", "body_subgraph_index")
MAGIC = b"TFL3"
MOST_OPTIONS = 64


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file is one of TensorFlow Lite's."""
    return head[4:8] == MAGIC or (path.suffix.lower() in (".tflite", ".lite") and len(head) > 8)


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: It is damaged.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        with memoryview(mapped) as whole:
            return _model(path, whole)


def _model(path: Path, whole: memoryview) -> Model:
    root = Buffer(whole).root()
    reading = _Reading(path, root)
    reading.whole()
    version = root.number(0, "I")
    metadata: dict[str, Any] = {"metadata": names} if (names := [entry.text(0) for entry in root.tables(6)]) else {}
    if signatures := [entry.text(2) for entry in root.tables(7)]:
        metadata["signatures"] = signatures
    return Model(
        name=path.name,
        format="TensorFlow Lite",
        format_version=f"{version}",
        producer=root.text(3),
        graph=reading.builder.build(),
        metadata=metadata,
        warnings=tuple(dict.fromkeys(reading.warnings)),
        stored=tuple(reading.stored),
    )


class _Reading:
    """What is read so far."""

    def __init__(self, path: Path, root: Table) -> None:
        self.path, self.builder = path, GraphBuilder()
        self.stored: list[Stored | None] = []
        self.warnings: list[str] = []
        self.subgraphs, self.buffers = root.tables(2), root.tables(4)
        self.codes = [_operator_code(code) for code in root.tables(1)]
        self.n_bytes = path.stat().st_size
        self.owners: dict[int, int] = {}
        """Node that runs each subgraph first."""
        self.names: dict[int, str] = {}
        """Of each value."""

    def whole(self) -> None:
        """Read all subgraphs; a body comes after the node that runs it."""
        if not self.subgraphs:
            raise FormatError(f"{self.path.name!r} has no graph")
        done = set[int]()
        waiting = [0]
        while len(done) < len(self.subgraphs):
            if not waiting:  # not run by any node, as those of other signatures
                waiting.append(min(set(range(len(self.subgraphs))) - done))
            index = waiting.pop(0)
            if index in done or index >= len(self.subgraphs):
                continue
            done.add(index)
            waiting += self._subgraph(index)
        self.builder.place_tensors()

    def _subgraph(self, index: int) -> list[int]:
        """Read a subgraph; those that its nodes run."""
        table, scope, around, owner = self.subgraphs[index], 0, "", self.owners.get(index, NONE)
        if index:
            parent = self.builder.scope_of_node(owner) if owner >= 0 else 0
            above = self.builder.scope_name(parent)
            around = "/".join(part for part in (above, table.text(4) or f"subgraph_{index}") if part)
            scope = self.builder.add_scope(around, "subgraph", parent=parent, owner=owner)
        values = [self._tensor(tensor, scope) for tensor in table.tables(0)]

        def found(indices: list[int]) -> list[int]:
            for one in indices:
                if not -1 <= one < len(values):
                    raise FormatError(f"{self.path.name!r}: an operator reads tensor {one} of {len(values)}")
            return [values[one] if one >= 0 else NONE for one in indices]

        if not index:
            self.builder.inputs += [value for value in found(table.numbers(1, "i")) if value >= 0]
            self.builder.outputs += [value for value in found(table.numbers(2, "i")) if value >= 0]
        runs: list[int] = []
        for operator in table.tables(3):
            code = operator.number(0, "I")
            if code >= len(self.codes):
                raise FormatError(f"{self.path.name!r}: an operator has code {code} of {len(self.codes)}")
            inputs, outputs = found(operator.numbers(1, "i")), found(operator.numbers(2, "i"))
            op, is_custom = self.codes[code]
            options = _options(operator, is_custom)
            name = next((self.names[value] for value in outputs if value >= 0), "").partition(";")[0]
            node = self.builder.add_node(
                op, inputs, outputs, name=name, scope=self._scope(name, scope, around), attributes=options,
                input_names=_INPUTS.get(op),
            )  # fmt: skip
            for key in (*_SUBGRAPHS, *_OTHER_SUBGRAPHS):
                if isinstance(target := options.get(key), int) and target > 0 and target != index:
                    self.owners.setdefault(target, node)
                    runs.append(target)
        return runs

    def _scope(self, name: str, scope: int, around: str) -> int:
        """The scope that the name of a node says."""
        path = name.rpartition("/")[0]
        if path.count("/") > 100:
            return scope
        return self.builder.scope(f"{around}/{path}" if around else path, separator="/") if path else scope

    def _tensor(self, table: Table, scope: int) -> int:
        """Add a value; the tensor too if its elements are in the file."""
        kind = table.number(1, "B")
        dtype = DTYPES[kind] if kind < len(DTYPES) else ""
        sizes, signature = table.numbers(0, "i"), table.numbers(7, "i")
        shape = [None if size < 0 else size for size in (signature if len(signature) == len(sizes) else sizes)]
        name, buffer = table.text(3), table.number(2, "I")
        if buffer >= max(1, len(self.buffers)):
            raise FormatError(f"{self.path.name!r}: a tensor is in buffer {buffer} of {len(self.buffers)}")
        place = self._place(self.buffers[buffer]) if buffer else None
        tensor = NONE
        if place is not None and table.has(6):
            place = place._replace(encoding="a sparse tensor of TensorFlow Lite")
        if place is not None and place.n_bytes:
            tensor = self.builder.add_tensor(name, dtype, sizes, place.n_bytes, scope=scope)
            self.stored.append(place)
        value = self.builder.add_value(name, dtype, shape, tensor=tensor)
        self.names[value] = name
        if (quantisation := table.table(4)) is not None and (said := _quantisation(quantisation)):
            self.builder.set_quantisation(value, said)
        return value

    def _place(self, buffer: Table) -> Stored | None:
        """Where the bytes of a buffer lie: in it, or behind all tables."""
        if (found := buffer.span(0, 1)) is not None and found[1]:
            return Stored(str(self.path), *found)
        offset, size = buffer.number(1, "Q"), buffer.number(2, "Q")
        if offset <= 1:
            return None
        if offset + size > self.n_bytes:
            self.warnings.append(f"{self.path.name} is cut off: weights are missing.")
            return None
        return Stored(str(self.path), offset, size)


def _operator_code(table: Table) -> tuple[str, bool]:
    """The name of an operation, and whether it is a custom one."""
    code = max(table.number(0, "b"), table.number(3, "i"))
    is_custom = 0 <= code < len(OPERATORS) and OPERATORS[code] == "CUSTOM"
    if is_custom:
        return table.text(1) or "CUSTOM", True
    return OPERATORS[code] if 0 <= code < len(OPERATORS) else f"OPERATOR_{code}", False


def _options(operator: Table, is_custom: bool) -> dict[str, Any]:
    """The options of an operator; of a custom one, how many bytes they have."""
    if is_custom:
        found = operator.span(5, 1)
        return {"custom_options": f"{found[1]} bytes"} if found and found[1] else {}
    for slot, schema in ((3, OPTIONS), (11, OPTIONS_2)):
        kind, table = operator.number(slot, "B"), operator.table(slot + 1)
        if table is not None and kind < len(schema):
            return _fields(table, schema[kind])
    return {}


def _fields(table: Table, schema: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in schema.split():
        slot, name, form = entry.split(":")
        if not table.has(int(slot)):
            continue
        if form == "s":
            found[name] = table.text(int(slot))
        elif form.startswith("*"):
            span = table.span(int(slot), struct.calcsize(form[1:]))
            is_long = span is not None and span[1] > MOST_OPTIONS
            found[name] = {"shape": [span[1]]} if is_long and span else table.numbers(int(slot), form[1:])
        else:
            number = table.number(int(slot), form)
            names = _ENUMS.get(name, ())
            found[name] = names[number] if isinstance(number, int) and 0 <= number < len(names) else number
    return found


def _quantisation(table: Table) -> dict[str, Any]:
    """How the numbers of a value are to be read: real = scale * (number - zero_point)."""
    scale, zero_point = table.numbers(2, "f"), table.numbers(3, "q")
    if not scale or all(one == 0 or math.isnan(one) for one in scale):
        return {}
    if len(scale) == 1:
        return {"scale": scale[0], "zero_point": zero_point[0] if zero_point else 0}
    return {"scale": scale, "zero_point": zero_point, "axis": table.number(6, "i")}
