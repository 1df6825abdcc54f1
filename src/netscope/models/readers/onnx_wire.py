"""ONNX files without their weights: the location of each stored array, and the same file without the large ones.

An ONNX file is one protobuf message, and its library reads all of it, weights too. So the message is first walked here,
by its lengths alone (https://protobuf.dev/programming-guides/encoding/): whatever is not a large array is copied. Each
array gets one entry in `external_data` that says where it lies, and one that is left out is marked as external, which
is what the library calls an array that is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

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


Field = tuple[int, int, int, int, int]
"""One field of a message: its number, how it is encoded, and the offsets of its key, its content and its end."""


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
        yield key >> 3, wire, start, at, after
        at = after


def _varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    start = at
    while at < end:
        byte = data[at]
        at += 1
        if byte < 128:
            return value | byte << shift, at
        value |= (byte & 127) << shift
        shift += 7
        if shift > 63:
            raise FormatError(f"damaged ONNX file: an endless number at byte {start}")
    raise _cut(end)


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
    others: list[bytes | memoryview] = []
    arrays: list[bytes | memoryview] = []
    for number, wire, at, content, after in fields(data, start, end):
        if number == _RAW_DATA and wire == _LENGTH:
            raw = (content, after - content)
            arrays.append(data[at:after])
        elif number in _TYPED_DATA:
            typed_bytes += after - content
            arrays.append(data[at:after])
        elif number == _DATA_LOCATION and wire == _VARINT:
            is_external |= data[content] == 1
        else:
            others.append(data[at:after])
    if is_external or (raw is None and not typed_bytes):
        return None
    is_large = typed_bytes > KEPT_BYTES or (raw is not None and raw[1] > KEPT_BYTES)
    kept = others if is_large else others + arrays
    if raw is not None:
        said = f"{raw[0]},{raw[1]},raw"
    else:  # numbers of varying length: the library decodes the message
        said = f"{start},{end - start},onnx"
    entry = b"".join((_AT, encoded_length(2, len(said)), said.encode()))
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


_AT = encoded_length(1, len(AT_KEY)) + AT_KEY.encode()
