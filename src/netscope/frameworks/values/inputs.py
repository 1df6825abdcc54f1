"""What a model takes, and random numbers for it, by the types and shapes that the file declares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope.errors import UsageError
from netscope.models.model import Model
from netscope.models.rows import Node, Value
from netscope.models.shapes import Dimension, Shape
from netscope.schema.values import InputKind, ModelInput

LARGEST_INPUT_BYTES = 1 << 30
_SIZES = (("batch", 1), ("seq", 16), ("len", 16), ("token", 16), ("time", 16), ("height", 224), ("width", 224))
"""Sizes of symbols by what is in their names."""
_PASSED = ("cast", "identity", "reshape", "unsqueeze", "squeeze", "to", "_to_copy", "view", "contiguous")
"""Operations behind which the weights that an input meets are looked for."""
_DEEPEST = 4


def inputs_of(model: Model) -> list[ModelInput]:
    """The inputs of a model, with what they get unless something else is chosen."""
    readers = _readers(model)
    found = []
    for index in model.graph.inputs.tolist():
        value = model.graph.values[index]
        guess = _guess(value.index, readers, 0) if value.shape is None else None
        dtype = value.dtype or (guess[0] if guess else "float32")
        low, high, table = _range(value, dtype, readers)
        found.append(
            ModelInput(
                name=value.name,
                dtype=dtype,
                shape=None if value.shape is None else list(value.shape),
                proposed=proposed(value.shape) if guess is None else guess[1],
                low=low,
                high=high,
                table=table,
                kinds=_kinds(value.name, dtype, value.shape),
            )
        )
    return found


def proposed(shape: Shape | None) -> list[int]:
    """A shape with a size for every symbol and unknown size.

    >>> proposed(("batch", 3, None, None)), proposed(("N", "sequence")), proposed(None)
    ([1, 3, 224, 224], [1, 16], [1, 16])
    """
    if shape is None:
        return [1, 16]
    return [_size(size, axis, shape) for axis, size in enumerate(shape)]


def random(declared: ModelInput, shape: list[int], seed: int) -> npt.NDArray[Any]:
    """Random numbers for an input: normal, or whole numbers within its range.

    >>> random(ModelInput("ids", "int64", ["n"], [4], 0, 9, "", []), [4], 0).dtype
    dtype('int64')
    """
    check_size(declared.name, shape, declared.dtype or "float32")
    generator = np.random.default_rng([seed, *declared.name.encode()])
    dtype = numpy_dtype(declared.dtype or "float32", declared.name)
    if dtype.kind in "iu":
        return generator.integers(int(declared.low), int(declared.high), shape, endpoint=True).astype(dtype)
    if dtype.kind == "b":
        return generator.integers(0, 1, shape, endpoint=True).astype(bool)
    if dtype.kind == "c":
        return (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)).astype(dtype)
    return generator.standard_normal(shape, dtype=np.float32).astype(dtype)


def numpy_dtype(dtype: str, name: str) -> np.dtype[Any]:
    """The type of an input's elements.

    Raises:
        UsageError: NumPy has no such type, or it is no number.
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found.kind not in "biufc":
        raise UsageError(f"the input {name!r} is of type {dtype}, for which there are no random numbers; give an array")
    return found


def check_size(name: str, shape: list[int], dtype: str) -> None:
    """Reject a shape that nobody means.

    Raises:
        UsageError: It has a negative size, or needs more than a gibibyte.
    """
    if any(size < 0 for size in shape):
        raise UsageError(f"the input {name!r}: expected sizes of 0 or more, got {shape}")
    if math.prod(shape) * numpy_dtype(dtype, name).itemsize > LARGEST_INPUT_BYTES:
        raise UsageError(f"the input {name!r} with shape {shape} has more than {LARGEST_INPUT_BYTES >> 30} GiB")


def check_array(declared: ModelInput, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array as an input takes it: of its type, if no digits are lost.

    Raises:
        UsageError: Type or shape differ from what the model declares.
    """
    if declared.shape is not None and not _fits(declared.shape, array.shape):
        raise UsageError(
            f"the input {declared.name!r} has shape {_shown(declared.shape)}, got an array of {list(array.shape)}"
        )
    if not declared.dtype or array.dtype.name == declared.dtype:
        return array
    wanted = numpy_dtype(declared.dtype, declared.name)
    if not np.can_cast(array.dtype, wanted, "same_kind"):
        raise UsageError(f"the input {declared.name!r} is of type {declared.dtype}, got an array of {array.dtype}")
    return array.astype(wanted)


def _fits(declared: list[int | str | None], shape: tuple[int, ...]) -> bool:
    return len(declared) == len(shape) and all(
        not isinstance(size, int) or size == found for size, found in zip(declared, shape, strict=True)
    )


def _shown(shape: list[int | str | None]) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def _size(size: Dimension, axis: int, shape: Shape) -> int:
    if isinstance(size, int):
        return max(size, 1)
    name = (size or "").lower()
    known = next((n for part, n in _SIZES if part in name), 0)
    if known:
        return known
    if axis == 0:
        return 1
    is_image = len(shape) == 4 and any(shape[at] in (1, 3, 4) for at in (1, 3))
    return 224 if is_image else 16


def _kinds(name: str, dtype: str, shape: Shape | None) -> list[InputKind]:
    """What an input can be given, by its type and shape."""
    kinds: list[InputKind] = ["random", "array"]
    is_whole = dtype.startswith(("int", "uint"))
    if shape is None or is_image(shape):
        kinds.append("image")
    if dtype.startswith("float") and (shape is None or 1 <= len(shape) <= 3):
        kinds.append("audio")
    if is_whole and (shape is None or len(shape) <= 2) and "ids" in name.lower().split("_"):
        kinds.append("text")
    return kinds


def _guess(value: int, readers: Mapping[int, list[Node]], depth: int) -> tuple[str, list[int]] | None:
    """Type and shape of an input of which the file says neither, by the first weights that meet it."""
    for node in readers.get(value, []):
        op = node.op.rpartition(":")[2].lower().strip("_")
        sizes = [one.tensor.shape or () for one in node.inputs if one is not None and one.tensor is not None]
        known = next(([int(size) for size in one if size is not None] for one in sizes if len(one) > 1), None)
        if op in _PASSED and depth < _DEEPEST:
            found = next((g for made in node.outputs if made and (g := _guess(made.index, readers, depth + 1))), None)
            if found is not None:
                return found
        elif op == "layer_norm" and sizes and isinstance(width := sizes[0][0] if sizes[0] else None, int):
            return "float32", [1, 16, width]
        elif known is not None and "embedding" in op:
            return "int64", [1, 16]
        elif known is not None and "conv" in op and len(known) > 2:
            groups = node.attributes.get("groups", 1)
            side = {1: 1000, 2: 224}.get(len(known) - 2, 16)
            return "float32", [1, known[1] * (groups if isinstance(groups, int) else 1), *[side] * (len(known) - 2)]
        elif known is not None and op in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
            return "float32", [1, 16, known[1]]
        elif known is not None and op in ("linear", "addmm", "matmul"):
            return "float32", [1, known[1] if op == "linear" else known[0]]
    return None


def is_image(shape: Shape) -> bool:
    """Whether an input may be a picture: three or four axes, of which one is of 1, 3 or 4 channels.

    >>> is_image((1, 3, "h", "w")), is_image((None, 28, 28, 1)), is_image((1, 128, 768))
    (True, True, False)
    """
    if len(shape) == 4:
        return shape[1] in (1, 3, 4) or shape[3] in (1, 3, 4)
    return len(shape) == 3 and (shape[0] in (3, 4) or shape[2] in (1, 3, 4))


def _readers(model: Model) -> Mapping[int, list[Node]]:
    """The nodes that read each value, by the value."""
    graph, found = model.graph, dict[int, list[Node]]()
    start = 0
    for node, end in enumerate(graph.node_input_ends.tolist()):
        for value in graph.node_inputs[start:end].tolist():
            if value >= 0 and len(found.setdefault(value, [])) < 50:
                found[value].append(graph.nodes[node])
        start = end
    return found


def _range(value: Value, dtype: str, readers: Mapping[int, list[Node]]) -> tuple[float, float, str]:
    """Least and greatest random whole number, and the table whose last row the greatest is."""
    if "mask" in value.name.lower():
        return 1, 1, ""
    if not dtype.startswith(("int", "uint")):
        return 0, 1, ""
    tables = [(rows, name) for rows, name in _tables(value.index, readers, 0) if rows > 0]
    if tables:
        rows, name = min(tables)
        return 0, rows - 1, name
    bits = np.iinfo(dtype) if dtype in ("int8", "uint8") else None
    return (float(bits.min), float(bits.max), "") if bits is not None else (0, 1, "")


def _tables(value: int, readers: Mapping[int, list[Node]], depth: int) -> Iterator[tuple[int, str]]:
    """Rows and names of the tables that a value indexes."""
    for node in readers.get(value, []):
        op = node.op.rpartition(":")[2].lower()
        if op in ("gather", "embedding", "embedding_lookup", "resourcegather"):
            stored = [one for one in node.inputs if one is not None and one.tensor is not None and one.index != value]
            rows = node.attributes.get("input_dim")
            if stored and stored[0].shape and isinstance(stored[0].shape[0], int):
                yield stored[0].shape[0], stored[0].name
            elif isinstance(rows, int):
                yield rows, node.name
        elif op in _PASSED and depth < _DEEPEST:
            for made in node.outputs:
                if made is not None:
                    yield from _tables(made.index, readers, depth + 1)
