"""Encode arrays as PNG files (grey or RGB, with or without alpha), with only NumPy and the standard library.

So images can be logged without Pillow.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> PNG's colour type
_UP = 2  # the filter that stores the difference to the row above: compresses photographs and plots well


def encode(pixels: Pixels) -> bytes:
    """Encode pixels [y, x, channel] with 1 to 4 channels of 8 or 16 bits."""
    height, width, channels = pixels.shape
    bits = 8 * pixels.itemsize
    flat = np.ascontiguousarray(pixels, ">u2" if bits == 16 else np.uint8).reshape(height, -1).view(np.uint8)
    rows = np.empty((height, 1 + flat.shape[1]), np.uint8)
    rows[:, 0] = _UP
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    head = struct.pack(">IIBBBBB", width, height, bits, COLOUR[channels], 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
