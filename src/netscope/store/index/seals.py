"""Seals of what the index holds: a checksum that says of which row a block is, and that its end is whole.

The blocks themselves have a checksum within (zstd), but the numbers beside them have none, and a damaged database may
hand out the block of another row.
"""

from __future__ import annotations

import math
import struct
import zlib

SEAL = struct.Struct("<I")
_NUMBERS = [struct.Struct(f"<{n}q") for n in range(8)]
_SUMMARY = struct.Struct("<qqqddd")
TAIL = 16  # bytes at the end of a block that the seal covers: the checksum of its compression is among them


class IndexLost(Exception):
    """The database is damaged, of another version or deleted, and must be reopened. Never leaves the store."""


def seal(block: bytes, *row: int) -> bytes:
    """A block with the seal of its row.

    >>> unseal(seal(b"block", 1, 2), 1, 2)
    b'block'
    """
    return block + SEAL.pack(zlib.crc32(block[-TAIL:], zlib.crc32(_NUMBERS[len(row)].pack(*row))))


def unseal(sealed: bytes, *row: int) -> bytes:
    """The block of a row.

    Raises:
        IndexLost: It is another row's, or damaged.
    """
    try:
        block = sealed[:-4]
        if SEAL.unpack(sealed[-4:])[0] == zlib.crc32(block[-TAIL:], zlib.crc32(_NUMBERS[len(row)].pack(*row))):
            return block
    except (struct.error, TypeError):
        pass  # a damaged column may be a number, a text or of any length
    raise IndexLost("a block is damaged or of another row")


def check_of_summary(
    key: int, journal: int, last_step: int, last: float | None, low: float | None, high: float | None
) -> int:
    """Checksum of a row of the table `series`.

    Raises:
        IndexLost: Something else stands in the place of a number.
    """
    try:
        return zlib.crc32(_SUMMARY.pack(key, journal, last_step, _plain(last), _plain(low), _plain(high)))
    except (struct.error, TypeError) as error:
        raise IndexLost(f"the numbers of a series are damaged: {error}") from error


def _plain(value: float | None) -> float:
    """As databases give it back: SQLite has no NaN and no negative zero."""
    return math.nan if value is None or value != value else value + 0.0
