"""ML programs of Core ML: the operations of their functions, in the language MIL (mlmodel/format/MIL.proto).

Constants that are arrays of floats or lie in `weight.bin` are stored tensors; other constants are settings of the
operations that read them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from netscope.errors import FormatError
from netscope.models.readers.coreml_values import Values
from netscope.models.readers.wire import Message
from netscope.models.shapes import Dimension, dtype_bytes, n_elements
from netscope.models.stored import Stored, size_of, within

DTYPES = {
    1: "bool", 2: "string", 10: "float16", 11: "float32", 12: "float64", 13: "bfloat16", 21: "int8", 22: "int16",
    23: "int32", 24: "int64", 25: "int4", 31: "uint8", 32: "uint16", 33: "uint32", 34: "uint64", 35: "uint4",
    36: "uint2", 37: "uint1", 38: "uint6", 39: "uint3", 40: "float8_e4m3fn", 41: "float8_e5m2",
}  # fmt: skip
DEEPEST = 50
SENTINEL = 0xDEADBEEF
METADATA_BYTES = 64
"""Of a blob in `weight.bin`: a mark, its type, its bytes and where they begin."""
FIRST = ("x", "query", "key", "value", "weight", "bias", "data", "indices", "y")
"""Inputs in the order in which they are shown; the file keeps them as a map."""
MOST_SHOWN = 64
Setting = Any


class Program:
    """Adds the operations of a program to the graph."""

    def __init__(self, values: Values) -> None:
        """Begin; the inputs of the model are among the values."""
        self.values = values
        self.reading = values.reading

    def program(self, program: Message, default: str) -> None:
        """Add the functions of a program, the default one without a scope of its own."""
        functions = dict(program.entries(2))
        main = default if default in functions else "main" if "main" in functions else next(iter(functions), "")
        for name, function in functions.items():
            values = self.values if name == main else self.values.module(name, "function")
            self._function(function, values)

    def _function(self, function: Message, values: Values) -> None:
        constants: dict[str, Setting] = {}
        for entry in function.messages(1):
            value = values.find(entry.text(1))
            self.reading.builder.set_type(value, *_type(entry.message(2)))
        blocks = dict(function.entries(3))
        block = blocks.get(function.text(2)) or next(iter(blocks.values()), None)
        if block is not None:
            self._block(block, values, constants, 0)

    def _block(self, block: Message, values: Values, constants: dict[str, Setting], depth: int) -> None:
        if depth > DEEPEST:
            raise FormatError(f"damaged file: blocks are nested deeper than {DEEPEST}")
        for entry in block.messages(1) if depth else ():
            values.define(entry.text(1), *_type(entry.message(2)))
        self.reading.check(len(block.spans(3)))
        for operation in block.messages(3):
            if operation.text(1) == "const":
                self._constant(operation, values, constants)
            else:
                self._operation(operation, values, constants, depth)

    def _constant(self, operation: Message, values: Values, constants: dict[str, Setting]) -> None:
        said = dict(operation.entries(5)).get("val")
        for output in operation.messages(3):
            name = output.text(1)
            if said is not None:
                self._value(name, said, values, constants)

    def _value(self, name: str, said: Message, values: Values, constants: dict[str, Setting]) -> None:
        """A constant: a stored array, or a setting."""
        dtype, shape = _type(said.message(2))
        sizes = tuple(size for size in shape or () if isinstance(size, int))
        if said.has(5):
            place = self._blob(said.message(5), name, dtype, sizes)
            values.known[name] = self.reading.tensor(name, dtype, sizes, place)
            return
        immediate = said.message(3)
        place = self._immediate(immediate.message(1), dtype, sizes) if sizes and "float" in dtype else None
        if place is not None:
            values.known[name] = self.reading.tensor(name, dtype, sizes, place)
        else:
            constants[name] = _setting(immediate, dtype, bool(shape))

    def _immediate(self, tensor: Message, dtype: str, sizes: Sequence[int]) -> Stored | None:
        """Where the numbers of a constant lie in the model, if they do in one piece."""
        field = {"float32": 1, "float64": 6}.get(dtype, 7)
        spans = tensor.message(field).spans(1)
        if len(spans) != 1 or spans[0][1] - spans[0][0] != n_elements(sizes) * dtype_bytes(dtype):
            return None
        start, end = spans[0]
        return Stored(str(self.reading.path), start, end - start)

    def _blob(self, said: Message, name: str, dtype: str, sizes: Sequence[int]) -> Stored | None:
        """Where an array lies in a file beside the model."""
        file, at = said.text(1).removeprefix("@model_path/"), said.integer(2)
        path = within(self.reading.path.parent, file)
        if path is None or not path.is_file():
            where = "outside of its folder" if path is None else "not beside the model"
            self.reading.warnings.append(f"the weights are in {file[:200]!r}, which is {where}")
            return None
        with path.open("rb") as opened:
            opened.seek(max(0, at))
            head = opened.read(METADATA_BYTES)
        if len(head) < METADATA_BYTES:
            raise FormatError(f"{path.name!r} is cut off before the array {name!r}")
        sentinel, _, n_bytes, offset = struct.unpack_from("<IIQQ", head)
        if sentinel != SENTINEL or offset + n_bytes > size_of(path):
            raise FormatError(f"{path.name!r} is damaged, or cut off: it has no array at byte {at} for {name!r}")
        needed = n_elements(sizes) * dtype_bytes(dtype)
        is_plain = needed == n_bytes
        return Stored(str(path), offset, n_bytes, "raw" if is_plain else f"{dtype} packed by Core ML")

    def _operation(self, operation: Message, values: Values, constants: dict[str, Setting], depth: int) -> None:
        builder, attributes = self.reading.builder, dict[str, Any]()
        inputs, names = list[int](), list[str]()
        for key, argument in sorted(operation.entries(2), key=_order):
            bindings = argument.messages(1)
            for i, binding in enumerate(bindings):
                title = key if len(bindings) == 1 else f"{key}.{i}"
                name = binding.text(1)
                if binding.has(2):  # a constant in place
                    name = f"{_name(operation)}.{title}"
                    self._value(name, binding.message(2), values, constants)
                if name in constants:
                    attributes[title] = constants[name]
                else:
                    inputs.append(values.find(name))
                    names.append(title)
        for key, said in operation.entries(5):
            if key != "name":
                attributes[key] = _attribute(said)
        outputs = [values.define(one.text(1), *_type(one.message(2))) for one in operation.messages(3)]
        name = _name(operation)
        node = builder.add_node(
            operation.text(1), inputs, outputs, name=name, scope=values.scope_of(name), attributes=attributes,
            input_names=names,
        )  # fmt: skip
        for i, block in enumerate(operation.messages(4)):
            self._block(block, values.body(f"{name}/block{i}", node), dict(constants), depth + 1)


def _order(entry: tuple[str, Message]) -> tuple[int, str]:
    name = entry[0]
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def _name(operation: Message) -> str:
    """What the program calls an operation, or its first result."""
    said = dict(operation.entries(5)).get("name")
    texts = said.message(3).message(1).message(4).texts(1) if said is not None else []
    return texts[0] if texts else next((output.text(1) for output in operation.messages(3)), "")


def _type(said: Message) -> tuple[str, list[Dimension] | None]:
    """Type and shape of a value."""
    if said.has(5):  # the state of a model
        return _type(said.message(5).message(1))
    if not said.has(1):
        return ("list" if said.has(2) else "tuple" if said.has(3) else "dictionary" if said.has(4) else ""), None
    tensor = said.message(1)
    sizes = [one.message(1).integer(1) if one.has(1) else None for one in tensor.messages(3)[:MOST_SHOWN]]
    return DTYPES.get(tensor.integer(1), ""), list(sizes)


def _setting(immediate: Message, dtype: str, is_list: bool) -> Setting:
    """The value of a constant that is no stored array."""
    if immediate.has(2) or immediate.has(3):
        inner = [*immediate.message(2).messages(1), *immediate.message(3).messages(1)]
        return [_attribute(one) for one in inner[:MOST_SHOWN]]
    tensor = immediate.message(1)
    found: list[Any] = [
        *(tensor.message(1).floats(1, MOST_SHOWN) if tensor.has(1) else ()),
        *(tensor.message(2).integers(1, MOST_SHOWN) if tensor.has(2) else ()),
        *(bool(one) for one in (tensor.message(3).integers(1, MOST_SHOWN) if tensor.has(3) else ())),
        *(tensor.message(4).texts(1)[:MOST_SHOWN] if tensor.has(4) else ()),
        *(tensor.message(5).integers(1, MOST_SHOWN) if tensor.has(5) else ()),
        *(_doubles(tensor.message(6)) if tensor.has(6) else ()),
        *(_packed(tensor.message(7).data(1), dtype) if tensor.has(7) else ()),
    ]
    return found if is_list else found[0] if found else None


def _attribute(said: Message) -> Setting:
    dtype, shape = _type(said.message(2))
    return _setting(said.message(3), dtype, bool(shape))


def _doubles(said: Message) -> list[float]:
    data = said.data(1)[: 8 * MOST_SHOWN]
    return [*struct.unpack(f"<{len(data) // 8}d", data[: len(data) // 8 * 8])]


def _packed(data: bytes, dtype: str) -> list[Any]:
    """Numbers that a program keeps as bytes."""
    form = {"float16": "e", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "uint32": "I", "uint64": "Q"}
    if dtype not in form:
        return []
    size = struct.calcsize(form[dtype])
    n = min(len(data) // size, MOST_SHOWN)
    return [*struct.unpack(f"<{n}{form[dtype]}", data[: n * size])]
