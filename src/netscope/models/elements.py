"""Decode the elements of stored arrays: NumPy's types, bfloat16, 8-bit floats, and types of less than a byte."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from netscope.errors import UsageError

_ALIASES = {"qint8": "int8", "quint8": "uint8", "qint32": "int32"}
_SMALL = {"int4": (4, True), "uint4": (4, False), "int2": (2, True), "uint2": (2, False), "float4_e2m1fn": (4, False)}
"""Bits of an element, and whether it is signed (two's complement)."""
# Exponent bits, mantissa bits, bias, and how NaN and infinity are encoded (https://onnx.ai/onnx/technical/float8.html).
_FLOATS = {
    "float8_e4m3fn": (4, 3, 7, "fn"),
    "float8_e4m3fnuz": (4, 3, 8, "fnuz"),
    "float8_e4m3": (4, 3, 7, "ieee"),
    "float8_e5m2": (5, 2, 15, "ieee"),
    "float8_e5m2fnuz": (5, 2, 16, "fnuz"),
    "float4_e2m1fn": (2, 1, 1, "finite"),
}


def bits_of(dtype: str, name: str) -> int:
    """Bits of one element.

    Args:
        dtype: Its type, with NumPy's name.
        name: Of the array, for the message.

    Raises:
        UsageError: Elements of this type cannot be decoded.

    >>> bits_of("bfloat16", "w"), bits_of("int4", "w"), bits_of("complex64", "w")
    (16, 4, 64)
    """
    if dtype in _SMALL:
        return _SMALL[dtype][0]
    if dtype in _FLOATS or dtype == "float8_e8m0fnu":
        return 8
    return 16 if dtype == "bfloat16" else _numpy(dtype, name).itemsize * 8


def decode(data: bytes | memoryview, dtype: str, name: str = "array") -> Shaped[np.ndarray, " element"]:
    """All elements in the bytes, little-endian; the first of those that share a byte is in its low bits.

    bfloat16 and smaller floats become float32; 4- and 2-bit integers become int8 or uint8.

    Raises:
        UsageError: Elements of this type cannot be decoded.

    >>> decode(bytes([0x21, 0xF0]), "int4").tolist(), decode(bytes([0x38, 0xFF]), "float8_e4m3fn").tolist()
    ([1, 2, 0, -1], [1.0, nan])
    """
    if dtype == "bfloat16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    if dtype in _SMALL:
        codes = _unpacked(np.frombuffer(data, np.uint8), *_SMALL[dtype])
        codes = float_table(dtype)[codes] if dtype in _FLOATS else codes
        return codes
    if dtype in _FLOATS or dtype == "float8_e8m0fnu":
        return float_table(dtype)[np.frombuffer(data, np.uint8)]
    return np.frombuffer(data, _numpy(dtype, name))


def _unpacked(packed: np.ndarray, bits: int, is_signed: bool) -> np.ndarray:
    codes = ((packed[:, None] >> np.arange(0, 8, bits, dtype=np.uint8)) & ((1 << bits) - 1)).ravel()
    if not is_signed:
        return codes
    signed: np.ndarray = (codes << (8 - bits)).view(np.int8) >> (8 - bits)
    return signed


@cache
def float_table(dtype: str) -> Float32[np.ndarray, " code"]:
    """The value of each code of a float of 4 or 8 bits.

    >>> float_table("float4_e2m1fn").tolist()[:8]
    [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
    """
    if dtype == "float8_e8m0fnu":  # a scale: the exponent alone
        return np.append(np.ldexp(1.0, np.arange(255) - 127), np.nan).astype(np.float32)
    n_exponent, n_mantissa, bias, kind = _FLOATS[dtype]
    codes = np.arange(1 << (1 + n_exponent + n_mantissa))
    exponent = (codes >> n_mantissa) & ((1 << n_exponent) - 1)
    mantissa = codes & ((1 << n_mantissa) - 1)
    sign = 1 - 2.0 * (codes >> (n_exponent + n_mantissa))
    whole = mantissa + (exponent > 0) * (1 << n_mantissa)
    values = sign * np.ldexp(whole.astype(np.float64), np.maximum(exponent, 1) - bias - n_mantissa)
    top = exponent == (1 << n_exponent) - 1
    if kind == "ieee":
        values[top & (mantissa == 0)] = np.inf * sign[top & (mantissa == 0)]
        values[top & (mantissa > 0)] = np.nan
    elif kind == "fn":
        values[top & (mantissa == (1 << n_mantissa) - 1)] = np.nan
    elif kind == "fnuz":
        values[1 << (n_exponent + n_mantissa)] = np.nan  # where minus zero would be
    table: np.ndarray = values.astype(np.float32)
    return table


def _numpy(dtype: str, name: str) -> np.dtype[Any]:
    try:
        kind = np.dtype(_ALIASES.get(dtype, dtype))
    except (TypeError, ValueError, SyntaxError):  # a file may name any text
        kind = np.dtype(object)
    if kind.kind not in "biufc":
        raise UsageError(f"{name!r} is of type {dtype or 'unknown'}, which netscope cannot decode")
    return kind.newbyteorder("<")
