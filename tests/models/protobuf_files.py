"""Messages of TensorFlow, encoded field by field."""

import struct
from collections.abc import Mapping, Sequence

import numpy as np


def number(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(n: int, value: int | float | bytes | str) -> bytes:
    if isinstance(value, float):
        return number(n << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return number(n << 3) + number(value)
    data = value.encode() if isinstance(value, str) else value
    return number(n << 3 | 2) + number(len(data)) + data


def entry(name: str, value: bytes) -> bytes:
    return field(1, name) + field(2, value)


def shape(sizes: Sequence[int]) -> bytes:
    return b"".join(field(2, field(1, size)) for size in sizes)


def constant(array: np.ndarray) -> bytes:
    kind = {"float32": 1, "int32": 3}[array.dtype.name]
    return field(8, field(1, kind) + field(2, shape(array.shape)) + field(4, array.tobytes()))


def node(name: str, op: str, inputs: Sequence[str] = (), attributes: Mapping[str, bytes] | None = None) -> bytes:
    attr = b"".join(field(5, entry(key, value)) for key, value in (attributes or {}).items())
    return field(1, name) + field(2, op) + b"".join(field(3, text) for text in inputs) + attr


FLOAT = field(6, 1)
WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)


def graph() -> bytes:
    """A graph with a weight, a split, a control input and a function that another one calls."""
    inner = (
        field(1, field(1, "inner") + field(2, field(1, "a") + field(3, 1)))
        + field(3, node("twice/add", "AddV2", ["a", "a"], {"T": FLOAT}))
    )  # fmt: skip
    outer = (
        field(1, field(1, "outer") + field(2, field(1, "x") + field(3, 1)))
        + field(3, node("call", "PartitionedCall", ["x"], {"f": field(10, field(1, "inner"))}))
        + field(3, node("relu", "Relu", ["call:output:0"], {"T": FLOAT}))
    )  # fmt: skip
    nodes = [
        node("x", "Placeholder", (), {"dtype": FLOAT, "shape": field(7, shape([-1, 2]))}),
        node("net/fc/weight", "Const", (), {"dtype": FLOAT, "value": constant(WEIGHT)}),
        node("net/fc/MatMul", "MatMul", ["x", "net/fc/weight"], {"T": FLOAT, "transpose_a": field(5, 0)}),
        node("ready", "NoOp"),
        node("net/split", "Split", ["net/fc/MatMul", "^ready"], {"T": FLOAT, "num_split": field(3, 3)}),
        node("net/add", "AddV2", ["net/split:0", "net/split:2"], {"T": FLOAT}),
        node("run", "StatefulPartitionedCall", ["net/add"], {"f": field(10, field(1, "outer"))}),
    ]
    library = field(1, outer) + field(1, inner)
    return b"".join(field(1, one) for one in nodes) + field(2, library) + field(4, field(1, 1882))


def saved_model() -> bytes:
    info = field(4, "serve") + field(5, "2.18.0")
    output = field(2, entry("y", field(1, "run:0")))
    meta = field(1, info) + field(2, graph()) + field(5, entry("serving_default", output + field(3, "predict")))
    return field(1, 1) + field(2, meta)


def checkpoint(variables: Mapping[str, np.ndarray]) -> tuple[bytes, bytes]:
    """The index and the data of a checkpoint."""
    data, entries = b"", [(b"", field(1, 1))]
    for name, array in sorted(variables.items()):
        said = field(1, 1) + field(2, shape(array.shape)) + field(4, len(data)) + field(5, array.nbytes)
        entries.append((name.encode(), said))
        data += array.tobytes()
    index, last, block = b"", b"", b""
    for key, value in entries:
        shared = next((i for i, (a, b) in enumerate(zip(key, last, strict=False)) if a != b), min(len(key), len(last)))
        block += number(shared) + number(len(key) - shared) + number(len(value)) + key[shared:] + value
        last = key

    def closed(inside: bytes) -> bytes:
        return inside + struct.pack("<II", 0, 1)

    def stored(inside: bytes) -> tuple[bytes, bytes]:
        nonlocal index
        handle = number(len(index)) + number(len(inside))
        index += inside + b"\0" + b"\0\0\0\0"
        return handle, inside

    data_handle, _ = stored(closed(block))
    meta_handle, _ = stored(closed(b""))
    index_handle, _ = stored(closed(number(0) + number(1) + number(len(data_handle)) + b"z" + data_handle))
    footer = (meta_handle + index_handle).ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")
    return index + footer, data
