"""Tables of a FlatBuffers file (https://flatbuffers.dev/internals), every offset checked.

The official package trusts its input; a file of a model comes from anywhere. Offsets may lead many times to one place,
so what is read in all is limited too.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from netscope.errors import FormatError

MOST_ITEMS = 20_000_000  # of all vectors together
LONGEST_TEXT = 4096


@dataclass
class Buffer:
    """A file."""

    data: memoryview
    left: int = MOST_ITEMS
    """Items that may still be read."""

    def number(self, form: str, at: int) -> int:
        """The number at a byte."""
        if not 0 <= at <= len(self.data) - struct.calcsize(form):
            raise FormatError(f"damaged file: an offset leads to byte {at} of {len(self.data)}")
        found: int = struct.unpack_from(f"<{form}", self.data, at)[0]
        return found

    def use(self, n: int) -> None:
        """Count items that are read."""
        self.left -= n
        if self.left < 0:
            raise FormatError("damaged file: its parts refer to each other more often than any model's")

    def text(self, start: int, n: int) -> str:
        """The text in `n` bytes, or its beginning if it is long."""
        if start + n > len(self.data):
            raise FormatError(f"damaged file: a text of {n:,} bytes at byte {start} of {len(self.data)}")
        self.use(1 + min(n, LONGEST_TEXT) // 4)
        return bytes(self.data[start : start + min(n, LONGEST_TEXT)]).decode("utf-8", "replace")

    def root(self) -> Table:
        """The table that the file is."""
        return Table(self, self.number("I", 0))


class Table:
    """One table: its fields by their slots."""

    __slots__ = ("_at", "_buffer", "_n_fields", "_vtable")

    def __init__(self, buffer: Buffer, at: int) -> None:
        """The table at a byte."""
        buffer.use(1)
        self._buffer, self._at = buffer, at
        self._vtable = at - buffer.number("i", at)
        self._n_fields = (buffer.number("H", self._vtable) - 4) // 2

    def _field(self, slot: int) -> int:
        """Where a field is; 0 if the table has none."""
        if slot >= self._n_fields:
            return 0
        offset = self._buffer.number("H", self._vtable + 4 + 2 * slot)
        return self._at + offset if offset else 0

    def number(self, slot: int, form: str, default: int = 0) -> int:
        """A number, of the type that `struct` has the letter for."""
        at = self._field(slot)
        return self._buffer.number(form, at) if at else default

    def has(self, slot: int) -> bool:
        """Whether the field is there."""
        return self._field(slot) != 0

    def table(self, slot: int) -> Table | None:
        """The table that a field leads to."""
        at = self._field(slot)
        return Table(self._buffer, at + self._buffer.number("I", at)) if at else None

    def span(self, slot: int, item_bytes: int) -> tuple[int, int] | None:
        """Where the items of a vector begin, and how many there are."""
        at = self._field(slot)
        if not at:
            return None
        start = at + self._buffer.number("I", at)
        n = self._buffer.number("I", start)
        if start + 4 + n * item_bytes > len(self._buffer.data):
            raise FormatError(f"damaged file: {n:,} items at byte {start} of {len(self._buffer.data)}")
        return start + 4, n

    def numbers(self, slot: int, form: str) -> list[int]:
        """A vector of numbers."""
        found = self.span(slot, struct.calcsize(form))
        if found is None:
            return []
        start, n = found
        self._buffer.use(n)
        numbers: list[int] = np.frombuffer(self._buffer.data, f"<{form}", n, start).tolist()
        return numbers

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables."""
        found = self.span(slot, 4)
        if found is None:
            return []
        start, n = found
        self._buffer.use(n)
        return [Table(self._buffer, at + self._buffer.number("I", at)) for at in range(start, start + 4 * n, 4)]

    def text(self, slot: int) -> str:
        """A text, '' if there is none."""
        found = self.span(slot, 1)
        return self._buffer.text(*found) if found is not None else ""

    def texts(self, slot: int) -> list[str]:
        """A vector of texts."""
        found = self.span(slot, 4)
        if found is None:
            return []
        start, n = found
        self._buffer.use(n)
        places = (at + self._buffer.number("I", at) for at in range(start, start + 4 * n, 4))
        return [self._buffer.text(place + 4, self._buffer.number("I", place)) for place in places]
