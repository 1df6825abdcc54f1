"""Read the weights that Flax writes (`flax.serialization.to_bytes`, `flax_model.msgpack`): a tree of arrays in msgpack.

An array is an extension of type 1, whose content is again msgpack: (shape, dtype, bytes); type 3 is a single number in
the same form. Arrays beyond a gigabyte are a map of chunks. Only the places of the arrays are read.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from netscope.errors import FormatError
from netscope.models.model import Model
from netscope.models.readers.weights import Weight, tree
from netscope.models.shapes import dtype_bytes
from netscope.models.stored import Stored

DEEPEST = 100
MOST_ITEMS = 5_000_000
LONGEST_TEXT = 65_536
CHUNKED = "__msgpack_chunked_array__"
_ARRAY, _NUMBER = 1, 3
_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i",
    0xD3: ">q",
}  # fmt: skip
_LENGTHS = {
    0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xC7: ">B", 0xC8: ">H", 0xC9: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I",
    0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I",
}  # fmt: skip
"""Where the length that follows the first byte has a form of its own: bytes, extensions, texts, lists, maps."""


class Span(NamedTuple):
    """Bytes that stay in the file."""

    start: int
    end: int


class Array(NamedTuple):
    """An array: its type, its shape and where its elements are."""

    dtype: str
    shape: tuple[int, ...]
    span: Span


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file begins with a map in msgpack; many programs write those, so the suffix has to fit."""
    return path.suffix.lower() == ".msgpack" and (0x80 <= head[0] <= 0x8F or head[0] in (0xDE, 0xDF))


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: It is damaged, or holds no arrays.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        with memoryview(mapped) as whole:
            data = _Parser(whole)
            root = data.value()
            if data.at != len(whole):
                raise FormatError(f"{path.name!r} is damaged: {len(whole) - data.at:,} bytes follow its data")
    metadata: dict[str, Any] = {}
    graph, stored = tree(_weights(root, (), path, metadata))
    if not graph.n_tensors:
        raise FormatError(f"{path.name!r} is msgpack, but holds no arrays of Flax")
    return Model(name=path.name, format="Flax", graph=graph, metadata=metadata, stored=stored)


def _weights(value: Any, at: tuple[str, ...], path: Path, metadata: dict[str, Any]) -> Iterator[Weight]:
    """All arrays of a tree; its numbers and texts go into `metadata`."""
    name = "/".join(at) or path.stem
    if isinstance(value, Array):
        yield _weight(name, value.dtype, value.shape, [value.span], path)
    elif isinstance(value, dict) and value.get(CHUNKED) is True:
        yield _chunked(name, value, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _weights(inner, (*at, str(key)), path, metadata)
    elif isinstance(value, list) and any(isinstance(one, (Array, dict, list)) for one in value):
        for index, inner in enumerate(value):
            yield from _weights(inner, (*at, str(index)), path, metadata)
    elif value is not None and not isinstance(value, Span):
        metadata[name] = value


def _chunked(name: str, value: dict[Any, Any], path: Path) -> Weight:
    """An array that is stored in parts."""
    shape = tuple(_listed(value.get("shape")))
    parts = _listed(value.get("chunks"))
    if not all(isinstance(part, Array) for part in parts) or not all(isinstance(size, int) for size in shape):
        raise FormatError(f"damaged file: {name!r} is no array in chunks")
    spans = [part.span for part in parts]
    return _weight(name, parts[0].dtype if parts else "", shape, spans, path)


def _listed(value: Any) -> list[Any]:
    """A tuple as Flax writes it: a map from "0", "1" and so on."""
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _weight(name: str, dtype: str, shape: tuple[int, ...], spans: list[Span], path: Path) -> Weight:
    n_bytes = sum(span.end - span.start for span in spans)
    needed = math.prod(shape) * dtype_bytes(dtype)
    if any(size < 0 for size in shape) or (needed == needed and needed != n_bytes):
        raise FormatError(f"damaged file: {name!r} has {n_bytes:,} bytes; {dtype} {list(shape)} needs {needed:,.0f}")
    place = Stored(str(path), spans[0].start, n_bytes) if len(spans) == 1 else None
    return Weight(name, dtype, shape, n_bytes, place)


class _Parser:
    """Reads msgpack (https://github.com/msgpack/msgpack/blob/master/spec.md) from bytes that are not trusted."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.at = data, 0
        self._left, self._depth = MOST_ITEMS, 0

    def value(self) -> Any:
        """The next value."""
        self._left -= 1
        if self._left < 0:
            raise FormatError(f"damaged file: more than {MOST_ITEMS:,} values")
        first = self._take(1)[0]
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first < 0x90:
            return self._map(first & 15)
        if first < 0xA0:
            return self._list(first & 15)
        if first < 0xC0:
            return self._text(first & 31)
        if first in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[first]
        if first in _NUMBERS:
            return self._number(_NUMBERS[first])
        if 0xD4 <= first <= 0xD8:
            return self._extension(1 << (first - 0xD4))
        if first not in _LENGTHS:
            raise FormatError(f"damaged file: no value begins with the byte {first:02x}")
        length = self._number(_LENGTHS[first])
        if first <= 0xC6:
            return self._span(length)
        if first <= 0xC9:
            return self._extension(length)
        return (self._text if first <= 0xDB else self._list if first <= 0xDD else self._map)(length)

    def _take(self, n: int) -> memoryview:
        start, self.at = self.at, self.at + n
        if self.at > len(self.data):
            raise FormatError(f"the file is cut off: a value runs past byte {len(self.data):,}")
        return self.data[start : self.at]

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _span(self, n: int) -> Span:
        self._take(n)
        return Span(self.at - n, self.at)

    def _text(self, n: int) -> str:
        return bytes(self._take(n)[:LONGEST_TEXT]).decode("utf-8", "replace")

    def _inside(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise FormatError(f"damaged file: values are nested deeper than {DEEPEST}")

    def _list(self, n: int) -> list[Any]:
        self._inside()
        found = [self.value() for _ in range(n)]
        self._depth -= 1
        return found

    def _map(self, n: int) -> dict[str, Any]:
        self._inside()
        found: dict[str, Any] = {}
        for _ in range(n):
            key = self.value()
            if not isinstance(key, (str, int)):
                raise FormatError("damaged file: a key that is no text")
            found[str(key)] = self.value()
        self._depth -= 1
        return found

    def _extension(self, n: int) -> Any:
        kind = self._take(1)[0]
        end = self.at + n
        if kind not in (_ARRAY, _NUMBER):
            return self._span(n)
        found = self.value()
        if self.at != end or not isinstance(found, list) or len(found) != 3:
            raise FormatError(f"damaged file: no array at byte {end - n:,}")
        shape, dtype, span = found
        sizes = shape if isinstance(shape, list) else []
        if not isinstance(dtype, str) or not isinstance(span, Span) or any(type(size) is not int for size in sizes):
            raise FormatError(f"damaged file: no array at byte {end - n:,}")
        return Array(dtype, tuple(sizes), span)
