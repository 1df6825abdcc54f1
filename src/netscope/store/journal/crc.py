"""CRC-32 of many byte ranges of a buffer, which may overlap; each byte is processed once.

The CRC of a range follows from the CRCs of the buffer up to its end and up to its start, the latter shifted by the
length of the range (the inverse of zlib's `crc32_combine`). A shift by n bits is a multiplication by x^n modulo the CRC
polynomial.
"""

from __future__ import annotations

import functools
import itertools
import zlib

import numpy as np

POLYNOMIAL = np.uint32(0xEDB88320)  # in zlib's bit order: the highest bit is x^0
ONE, X = (np.array([1 << bit], np.uint32) for bit in (31, 30))
N_POWERS = 1 << 11  # entries per table of powers
BATCH = 1 << 16


def of_ranges(view: memoryview, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """CRC-32 of each range, as `zlib.crc32` computes it: u32 [range].

    Args:
        view: The buffer.
        starts: Start of each range in bytes, a multiple of 8.
        lengths: Length of each range in bytes, a multiple of 8, at most 16 MiB.

    >>> of_ranges(memoryview(b"any text of 24 bytes ..."), np.array([0, 8]), np.array([24, 8])).tolist()
    [1280939426, 2982026176]
    """
    is_edge = np.zeros(len(view) // 8 + 1, np.bool_)
    is_edge[starts // 8] = is_edge[(starts + lengths) // 8] = is_edge[0] = True
    edges = np.flatnonzero(is_edge)
    between = (view[start:end] for start, end in itertools.pairwise((8 * edges).tolist()))
    upto = np.zeros(len(is_edge), np.uint32)
    upto[edges] = list(itertools.accumulate(between, lambda crc, part: zlib.crc32(part, crc), initial=0))
    small, large = powers()
    found = np.empty(len(starts), np.uint32)
    for at in range(0, len(starts), BATCH):  # five times faster: a batch fits in the CPU cache
        part = slice(at, at + BATCH)
        start, n = starts[part] // 8, lengths[part] // 8
        found[part] = upto[start + n] ^ times(upto[start], times(small[n % N_POWERS], large[n // N_POWERS]))
    return found


@functools.cache
def powers() -> tuple[np.ndarray, np.ndarray]:
    """Factors that shift by 0, 1, 2… words of 8 bytes, and by multiples of `N_POWERS` words."""
    word = X
    for _ in range(6):
        word = times(word, word)
    small = _powers(word)
    return small, _powers(times(small[-1:], word))


def _powers(base: np.ndarray) -> np.ndarray:
    table = ONE
    while len(table) < N_POWERS:
        table, base = np.concatenate((table, times(table, base))), times(base, base)
    return table


def times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of polynomials modulo the CRC polynomial."""
    product = np.zeros_like(a)
    for bit in range(31, -1, -1):
        product ^= b * (a >> bit & 1)
        b = (b >> 1) ^ POLYNOMIAL * (b & 1)
    return product
