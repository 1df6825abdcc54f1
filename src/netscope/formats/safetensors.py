"""Encode and decode safetensors files: an 8-byte length, a JSON header, then the bytes of each tensor.

The page reads them as typed-array views, without copying.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np

from netscope.errors import FormatError, UsageError

_WORDS = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32", "int32": "I32",
    "uint64": "U64", "int64": "I64", "float16": "F16", "float32": "F32", "float64": "F64", "complex64": "C64",
}  # fmt: skip
_TYPES = {word: np.dtype(name) for name, word in _WORDS.items()}
_ALIGNMENT = 8
_LARGEST_HEADER = 100_000_000  # as in the reference implementation


class Raw(NamedTuple):
    """The bytes of a tensor whose type NumPy does not have (bfloat16 and the 8-bit floats)."""

    dtype: str
    """The name in safetensors: "BF16", "F8_E4M3", "F8_E5M2"."""
    shape: tuple[int, ...]
    data: bytes


def encode(tensors: Mapping[str, np.ndarray | Raw], metadata: Mapping[str, str] | None = None) -> bytes:
    """Encode tensors as the bytes of a safetensors file.

    Raises:
        UsageError: safetensors does not support the type of an array (objects, text, complex128).
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts: list[bytes] = []
    at = 0
    # Widest items first, so that every tensor is aligned for its type and can be viewed without copying.
    raw = {name: tensor if isinstance(tensor, Raw) else _raw(name, tensor) for name, tensor in tensors.items()}
    for name, tensor in sorted(raw.items(), key=lambda item: -_item_bytes(item[1].dtype)):
        header[name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(tensor.data)],
        }
        parts.append(tensor.data)
        at += len(tensor.data)
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join((len(text).to_bytes(8, "little"), text, *parts))


def decode(data: bytes | memoryview) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Decode to arrays (views of `data`) and metadata. bfloat16 becomes float32; 8-bit floats become uint8.

    Raises:
        FormatError: `data` is not a safetensors file, or its header does not match its bytes.
    """
    view = memoryview(data)
    size = int.from_bytes(view[:8], "little")
    if len(view) < 8 or size > min(len(view) - 8, _LARGEST_HEADER):
        raise FormatError("not a safetensors file: its header runs past its end")
    try:
        header = msgspec.json.decode(view[8 : 8 + size], type=dict[str, dict[str, Any]])
        metadata = header.pop("__metadata__", {})
        return {name: _array(entry, view[8 + size :]) for name, entry in header.items()}, metadata
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"damaged safetensors header: {error}") from error


def _raw(name: str, array: np.ndarray) -> Raw:
    array = np.asarray(array)
    word = _WORDS.get(array.dtype.name)
    if word is None:
        raise UsageError(
            f"array {name!r} is of type {array.dtype}, which safetensors does not support; convert it first"
        )
    whole = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return Raw(word, array.shape, whole.tobytes())


def _item_bytes(word: str) -> int:
    return 2 if word == "BF16" else _TYPES[word].itemsize if word in _TYPES else 1


def _array(entry: dict[str, Any], data: memoryview) -> np.ndarray:
    start, end = entry["data_offsets"]
    if not 0 <= start <= end <= len(data):
        raise ValueError(f"tensor at bytes {start} to {end} of {len(data)}")
    part, shape = data[start:end], tuple(entry["shape"])
    if entry["dtype"] == "BF16":  # float32 is bfloat16 with 16 more bits
        return (np.frombuffer(part, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    return np.frombuffer(part, _TYPES.get(entry["dtype"], np.dtype("u1"))).reshape(shape)
