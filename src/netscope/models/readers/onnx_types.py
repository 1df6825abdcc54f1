"""Types, shapes and numbers in ONNX files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from netscope.models.shapes import Dimension

# What exporters and shape inference call a size that nobody named, such as "Concatoutput_dim_1".
_GENERATED = re.compile(r"unk__\d+|\w*_dim_\d+|p2o\.DynamicDimension\.\d+")
MOST_SHOWN = 64  # elements of an attribute
DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
    17: "float8_e4m3fn", 18: "float8_e4m3fnuz", 19: "float8_e5m2", 20: "float8_e5m2fnuz", 21: "uint4", 22: "int4",
    23: "float4_e2m1fn", 24: "float8_e8m0fnu", 25: "uint2", 26: "int2",
}  # fmt: skip


def type_of(said: Any) -> tuple[str, list[Dimension] | None]:
    """Type and shape of a value, from a TypeProto."""
    which = said.WhichOneof("value")
    if which in ("tensor_type", "sparse_tensor_type"):
        tensor = getattr(said, which)
        dtype = DTYPES.get(tensor.elem_type, "")
        return dtype, [dimension(entry) for entry in tensor.shape.dim] if tensor.HasField("shape") else None
    if which in ("sequence_type", "optional_type"):
        inner, _ = type_of(getattr(said, which).elem_type)
        return f"{which.removesuffix('_type')}({inner})", None
    return ("map" if which == "map_type" else ""), None


def dimension(entry: Any) -> Dimension:
    """The size of an axis; None if it is unknown."""
    if value := entry.dim_value:
        return int(value) if value > 0 else None  # some exporters write -1 for unknown sizes
    if symbol := entry.dim_param:
        return None if _GENERATED.fullmatch(symbol) else str(symbol)
    return 0 if entry.HasField("dim_value") else None


def some(values: Sequence[Any], each: Callable[[Any], Any] | None = None) -> Any:
    """A list, or its first entries and how many there are."""
    first = list(values[:MOST_SHOWN]) if each is None else [each(x) for x in values[:MOST_SHOWN]]
    return first if len(values) <= MOST_SHOWN else {"shape": [len(values)], "first": first}


def short(value: float) -> float:
    """A float32 with as few digits as identify it.

    >>> short(0.10000000149011612), short(1e-5)
    (0.1, 1e-05)
    """
    rounded = float(f"{value:.7g}")
    return rounded if np.float32(rounded) == np.float32(value) else value


def has_foreign_text(message: Any) -> bool:
    """Whether a text of a message, or of one within it, is not UTF-8; the library gives it as bytes."""
    for field, value in message.ListFields():
        values = value if hasattr(value, "__len__") and not isinstance(value, (str, bytes)) else (value,)
        if field.type == field.TYPE_STRING and any(isinstance(text, bytes) for text in values):
            return True
        if field.type == field.TYPE_MESSAGE and any(map(has_foreign_text, values)):
            return True
    return False
