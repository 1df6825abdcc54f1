"""ONNX files without their weights: the location of each stored array, and the same file without the large ones.

An ONNX file is one protobuf message, and its library reads all of it, weights too. So the message is first walked here,
by its lengths alone (https://protobuf.dev/programming-guides/encoding/): whatever is not a large array is copied. Each
array gets one entry in `external_data` that says where it lies, and one that is left out is marked as external, which
is what the library calls an array that is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from netscope.errors import FormatError

KEPT_BYTES = 1024  # of an array: shapes, axes and scales are needed to infer shapes
WALKED_BYTES = 128  # no array of a shorter message could be left out
DEEPEST = 64  # nested bodies; the library refuses more than 100
AT_KEY = "netscope.at"

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


class _Kind(Enum):
    """The messages of onnx.proto3 on the way to an array."""

    MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE, FUNCTION = range(7)


_FIELDS = {
    _Kind.MODEL: {7: _Kind.GRAPH, 25: _Kind.FUNCTION},
    _Kind.GRAPH: {1: _Kind.NODE, 5: _Kind.TENSOR, 15: _Kind.SPARSE},
    _Kind.NODE: {5: _Kind.ATTRIBUTE},
    _Kind.ATTRIBUTE: {
        5: _Kind.TENSOR, 6: _Kind.GRAPH, 10: _Kind.TENSOR, 11: _Kind.GRAPH, 22: _Kind.SPARSE, 23: _Kind.SPARSE,
    },
    _Kind.SPARSE: {1: _Kind.TENSOR, 2: _Kind.TENSOR},
    _Kind.FUNCTION: {7: _Kind.NODE, 11: _Kind.ATTRIBUTE},
}  # fmt: skip
_RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 9, 13, 14
_TYPED_DATA = {4, 5, 6, 7, 10, 11}


class Field(NamedTuple):
    """One field of a message."""

    number: int
    wire: int
    at: int
    """Offset of its key."""
    start: int
    """Offset of its content."""
    end: int


def without_arrays(data: memoryview) -> bytes:
    """The file with every array of more than 1 KiB left out.

    Raises:
        FormatError: It is no protobuf message, is cut off, or is nested too deep.
    """
    parts = _thinned(data, 0, len(data), _Kind.MODEL, 0)
    return bytes(data) if parts is None else b"".join(parts)


def fields(data: memoryview, at: int, end: int) -> Iterator[Field]:
    """The fields of the message at `at` to `end`.

    Raises:
        FormatError: A field runs past the end, or is of no known kind.
    """
    while at < end:
        start = at
        key = data[at]
        at += 1
        if key > 127:
            key, at = _varint(data, start, end)
        wire = key & 7
        if wire == _LENGTH:
            if at >= end:
                raise _cut(end)
            size = data[at]
            at += 1
            if size > 127:
                size, at = _varint(data, at - 1, end)
            after = at + size
        elif wire == _VARINT:
            _, after = _varint(data, at, end)
        elif wire in (_FIXED64, _FIXED32):
            after = at + (8 if wire == _FIXED64 else 4)
        else:
            raise FormatError(f"damaged ONNX file: a field of kind {wire} at byte {start}")
        if after > end:
            raise _cut(end)
        yield Field(key >> 3, wire, start, at, after)
        at = after


def _varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    for i in range(at, min(end, at + 10)):
        byte = data[i]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, i + 1
        shift += 7
    raise _cut(end) if at + 10 > end else FormatError(f"damaged ONNX file: an endless number at byte {at}")


def _cut(end: int) -> FormatError:
    return FormatError(f"damaged ONNX file: a part of it runs past byte {end}, where it has to end; is it cut off?")


def _thinned(data: memoryview, start: int, end: int, kind: _Kind, depth: int) -> list[bytes | memoryview] | None:
    """The parts of the reduced message; None if it is unchanged."""
    if depth > DEEPEST:
        raise FormatError(f"the ONNX file has more than {DEEPEST} messages within each other")
    if kind is _Kind.TENSOR:
        return _located(data, start, end)
    inner, parts, copied = _FIELDS[kind], list[bytes | memoryview](), start
    for number, wire, at, content, after in fields(data, start, end):
        child = inner.get(number)
        if child is None or wire != _LENGTH or (after - content < WALKED_BYTES and child is not _Kind.TENSOR):
            continue
        changed = _thinned(data, content, after, child, depth + 1)
        if changed is not None:
            parts += (data[copied:at], encoded_length(number, sum(map(len, changed))), *changed)
            copied = after
    if not parts:
        return None
    parts.append(data[copied:end])
    return parts


def _located(data: memoryview, start: int, end: int) -> list[bytes | memoryview] | None:
    """A TensorProto with the location of its array."""
    is_external, raw, typed_bytes = False, None, 0
    kept: list[bytes | memoryview] = []
    for field in fields(data, start, end):
        if field.number == _RAW_DATA and field.wire == _LENGTH:
            raw = field
        elif field.number in _TYPED_DATA:
            typed_bytes += field.end - field.start
        is_external |= field.number == _DATA_LOCATION and data[field.start] == 1
    if is_external or (raw is None and not typed_bytes):
        return None
    is_large = typed_bytes > KEPT_BYTES or (raw is not None and raw.end - raw.start > KEPT_BYTES)
    for field in fields(data, start, end):
        is_array = field.number in _TYPED_DATA or field.number == _RAW_DATA
        if not (is_large and is_array) and field.number != _DATA_LOCATION:
            kept.append(data[field.at : field.end])
    if raw is not None:
        said = f"{raw.start},{raw.end - raw.start},raw"
    else:  # numbers of varying length: the library decodes the message
        said = f"{start},{end - start},onnx"
    entry = b"".join((encoded_length(1, len(AT_KEY)), AT_KEY.encode(), encoded_length(2, len(said)), said.encode()))
    kept += (encoded_length(_EXTERNAL_DATA, len(entry)), entry)
    if is_large:
        kept.append(bytes((_DATA_LOCATION << 3 | _VARINT, 1)))
    return kept


def encoded_length(number: int, size: int) -> bytes:
    """The key of a field of that length, and the length.

    >>> encoded_length(9, 300).hex()
    '4aac02'
    """
    found = bytearray(_encoded(number << 3 | _LENGTH))
    return bytes(found + _encoded(size))


def _encoded(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
