"""Decode the PNG files that `log` writes (8 or 16 bits per channel), with only NumPy and the standard library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from netscope.errors import FormatError

MAGIC = b"\x89PNG\r\n\x1a\n"
LARGEST_SIDE = 16_384
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # PNG's colour type -> channels
NONE, SUB, UP, AVERAGE, PAETH = range(5)

FilterTypes = npt.NDArray[np.uint8]


def decode(data: bytes) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Decode to pixels [y, x, channel] with 1 to 4 channels: grey, grey and alpha, RGB, or RGBA.

    Raises:
        FormatError: `data` is not a PNG file, damaged, or of another kind (palette, below 8 bits, interlaced).
    """
    parts = dict.fromkeys((b"IHDR", b"IDAT"), b"")
    for kind, body in _chunks(data):
        if kind in parts:
            parts[kind] += body
    if len(parts[b"IHDR"]) != 13:
        raise FormatError("the PNG file has no header")
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    is_fit = 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE
    if bits not in (8, 16) or colour not in CHANNELS or interlaced or not is_fit:
        raise FormatError(f"unsupported PNG file: {width} × {height}, {bits} bits, colour type {colour}")
    n_channels = CHANNELS[colour]
    n_bytes_a_pixel = n_channels * bits // 8
    n_bytes = height * (1 + width * n_bytes_a_pixel)
    try:  # at most the size in the header, as a protection from decompression bombs
        raw = zlib.decompressobj().decompress(parts[b"IDAT"], n_bytes)
    except zlib.error as error:
        raise FormatError(f"damaged PNG file: {error}") from error
    if len(raw) != n_bytes:
        raise FormatError(f"truncated PNG file: {len(raw):,} of {n_bytes:,} bytes")
    rows = np.frombuffer(raw, np.uint8).reshape(height, -1)
    plain = _unfilter(rows[:, 0], rows[:, 1:].copy(), n_bytes_a_pixel)
    if bits == 16:
        return plain.view(">u2").astype(np.uint16).reshape(height, width, n_channels)
    return plain.reshape(height, width, n_channels)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if data[:8] != MAGIC:
        raise FormatError(f"not a PNG file (it starts with {data[:8]!r})")
    at = 8
    while at + 12 <= len(data):
        n, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + n]
        at += 12 + n


def _unfilter(filters: FilterTypes, rows: npt.NDArray[np.uint8], n: int) -> npt.NDArray[np.uint8]:
    """Undo the filters, which store each byte as a difference to its neighbours to the left and above."""
    if filters.max(initial=NONE) > PAETH:
        raise FormatError(f"a PNG file with a row of filter {filters.max()}; there are {NONE} to {PAETH}")
    if len(rows) and bool((filters[1:] == UP).all()) and filters[0] in (NONE, UP):  # as `log` writes images
        return np.cumsum(rows, axis=0, dtype=np.uint8)
    above = np.zeros(rows.shape[1], np.uint8)
    for kind, row in zip(filters.tolist(), rows, strict=True):
        if kind == SUB:
            row[:] = np.cumsum(row.reshape(-1, n), axis=0, dtype=np.uint8).ravel()
        elif kind == UP:
            row += above
        elif kind in (AVERAGE, PAETH):
            row[:] = _along(row.tolist(), above.tolist(), n, is_average=kind == AVERAGE)
        above = row
    return rows


def _along(row: list[int], above: list[int], n: int, *, is_average: bool) -> list[int]:
    """Undo the average and Paeth filters, in which each byte depends on the one before."""
    for i, up in enumerate(above):
        left = row[i - n] if i >= n else 0
        if is_average:
            row[i] = (row[i] + (left + up) // 2) & 255
            continue
        corner = above[i - n] if i >= n else 0
        to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
        nearest = left if to_left <= to_up and to_left <= to_corner else up if to_up <= to_corner else corner
        row[i] = (row[i] + nearest) & 255
    return row
