"""Seals: checksums that tie a block of the index to its row and show that it is complete.

Blocks contain a checksum of their own (zstd), but the numbers beside them do not, and a damaged database may return the
block of another row.
"""

from __future__ import annotations

import math
import struct
import zlib

SEAL = struct.Struct("<I")
_NUMBERS = [struct.Struct(f"<{n}q") for n in range(8)]
_SUMMARY = struct.Struct("<qqqddd")
TAIL = 16  # bytes at the end of a block that the seal covers; they include zstd's checksum


class BrokenIndexError(Exception):
    """The database is damaged, deleted or of another version, and must be rebuilt. Never raised out of the store."""


def seal(block: bytes, *row: int) -> bytes:
    """Append the seal of its row to a block.

    >>> unseal(seal(b"block", 1, 2), 1, 2)
    b'block'
    """
    return block + SEAL.pack(zlib.crc32(block[-TAIL:], zlib.crc32(_NUMBERS[len(row)].pack(*row))))


def unseal(sealed: bytes, *row: int) -> bytes:
    """Check and remove the seal of a block.

    Raises:
        BrokenIndexError: The block is damaged or belongs to another row.
    """
    try:
        block = sealed[:-4]
        if SEAL.unpack(sealed[-4:])[0] == zlib.crc32(block[-TAIL:], zlib.crc32(_NUMBERS[len(row)].pack(*row))):
            return block
    except (struct.error, TypeError):
        pass  # a damaged column may have any type and length
    raise BrokenIndexError("a block is damaged or belongs to another row")


def check_of_summary(
    key: int, journal: int, last_step: int, last: float | None, low: float | None, high: float | None
) -> int:
    """Checksum of a row of the table `series`.

    Raises:
        BrokenIndexError: A value is not a number.
    """
    try:
        return zlib.crc32(_SUMMARY.pack(key, journal, last_step, _plain(last), _plain(low), _plain(high)))
    except (struct.error, TypeError) as error:
        raise BrokenIndexError(f"the numbers of a series are damaged: {error}") from error


def _plain(value: float | None) -> float:
    """The value as databases return it: SQLite has no NaN and no negative zero."""
    return math.nan if value is None or value != value else value + 0.0
