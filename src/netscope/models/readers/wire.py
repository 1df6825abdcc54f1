"""Messages of Protocol Buffers, read by their field numbers (https://protobuf.dev/programming-guides/encoding/)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from netscope.errors import FormatError

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
LONGEST_TEXT = 1 << 16


class Message:
    """One message: the places of its fields. What is inside of a field is read when it is asked for."""

    __slots__ = ("_data", "_fields", "end", "start")

    def __init__(self, data: memoryview, start: int = 0, end: int | None = None) -> None:
        """The message at these bytes.

        Raises:
            FormatError: A field runs past the end, or is of no known kind.
        """
        self._data, self.start, self.end = data, start, len(data) if end is None else end
        self._fields: dict[int, list[tuple[int, int, int]]] = {}
        at = start
        while at < self.end:
            key, at = varint(data, at, self.end)
            wire, begin = key & 7, at
            if wire == _LENGTH:
                size, begin = varint(data, at, self.end)
                at = begin + size
            elif wire == _VARINT:
                _, at = varint(data, at, self.end)
            elif wire in (_FIXED64, _FIXED32):
                at += 8 if wire == _FIXED64 else 4
            else:
                raise FormatError(f"damaged file: a field of kind {wire} at byte {begin}")
            if at > self.end:
                raise FormatError(f"damaged file: a field runs past byte {self.end}; is it cut off?")
            self._fields.setdefault(key >> 3, []).append((wire, begin, at))

    def has(self, number: int) -> bool:
        """Whether a field is there."""
        return number in self._fields

    def spans(self, number: int) -> list[tuple[int, int]]:
        """Where the contents of a field of bytes begin and end."""
        return [(start, end) for wire, start, end in self._fields.get(number, ()) if wire == _LENGTH]

    def messages(self, number: int) -> list[Message]:
        """The messages in a repeated field."""
        return [Message(self._data, start, end) for start, end in self.spans(number)]

    def message(self, number: int) -> Message:
        """The message in a field; an empty one if there is none."""
        spans = self.spans(number)
        return Message(self._data, *spans[-1]) if spans else Message(self._data, 0, 0)

    def data(self, number: int) -> bytes:
        """The bytes in a field, at most 64 KiB."""
        spans = self.spans(number)
        return bytes(self._data[spans[-1][0] : min(spans[-1][1], spans[-1][0] + LONGEST_TEXT)]) if spans else b""

    def text(self, number: int) -> str:
        """The text in a field."""
        return self.data(number).decode("utf-8", "replace")

    def texts(self, number: int) -> list[str]:
        """The texts in a repeated field."""
        return [
            bytes(self._data[a : min(b, a + LONGEST_TEXT)]).decode("utf-8", "replace") for a, b in self.spans(number)
        ]

    def integer(self, number: int, default: int = 0) -> int:
        """A whole number, with its sign."""
        found = self.integers(number, 1)
        return found[-1] if found else default

    def integers(self, number: int, most: int = 1 << 20) -> list[int]:
        """The whole numbers in a repeated field, packed or not."""
        found: list[int] = []
        for wire, start, end in self._fields.get(number, ()):
            at = start
            while at < end and len(found) < most and wire in (_VARINT, _LENGTH):
                value, at = varint(self._data, at, end)
                found.append(value - (1 << 64) if value >> 63 else value)
        return found

    def floats(self, number: int, most: int = 1 << 16) -> list[float]:
        """The float32 numbers in a repeated field, packed or not."""
        found: list[float] = []
        for wire, start, end in self._fields.get(number, ()):
            if wire in (_FIXED32, _LENGTH):
                n = min((end - start) // 4, most - len(found))
                found += struct.unpack_from(f"<{n}f", self._data, start)
        return found

    def entries(self, number: int) -> Iterator[tuple[str, Message]]:
        """The entries of a map from texts to messages."""
        for entry in self.messages(number):
            yield entry.text(1), entry.message(2)


def varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    """The number at a byte, and the byte behind it."""
    value = shift = 0
    for i in range(at, min(end, at + 10)):
        byte = data[i]
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, i + 1
        shift += 7
    raise FormatError(f"damaged file: a number that does not end at byte {at}")
