"""Shapes, types and sizes of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

Dimension = int | str | None
"""The size of one axis: a number, the name of a symbol, or None if it is unknown."""
Shape = tuple[Dimension, ...]


def dimensions(shape: Sequence[Dimension]) -> str:
    """A shape as its text in the columns.

    >>> dimensions((1, "batch", None))
    '[1,"batch",null]'
    """
    return msgspec.json.encode(list(shape)).decode()


def dtype_bytes(dtype: str) -> float:
    """Bytes of one element; NaN for types that have no fixed size (texts).

    >>> dtype_bytes("bfloat16"), dtype_bytes("int4"), dtype_bytes("bool")
    (2.0, 0.5, 1.0)
    """
    return _BITS.get(dtype, float("nan")) / 8


_BITS: dict[str, float] = {
    "bool": 8, "float16": 16, "bfloat16": 16, "float32": 32, "float64": 64, "complex32": 32, "complex64": 64,
    "complex128": 128, "float4_e2m1fn": 4, "float4_e2m1fn_x2": 8, "float6_e2m3fn": 6, "float6_e3m2fn": 6,
    "float8_e4m3fn": 8, "float8_e5m2": 8, "float8_e4m3fnuz": 8, "float8_e5m2fnuz": 8, "float8_e8m0fnu": 8,
    "float8_e4m3": 8, "qint8": 8, "quint8": 8, "qint32": 32,
    **{f"{kind}{bits}": bits for kind in ("int", "uint") for bits in (2, 4, 8, 16, 32, 64)},
}  # fmt: skip


def n_elements(shape: Any) -> float:
    """The number of elements of an array with this shape; NaN if a dimension is unknown.

    >>> n_elements((2, 3)), n_elements(()), n_elements(("batch", 3))
    (6.0, 1.0, nan)
    """
    total = 1.0
    for size in shape if shape is not None else (None,):
        if not isinstance(size, int):
            return float("nan")
        total *= size
    return total
