"""Write TensorBoard's event files at memory speed, byte for byte what torch's SummaryWriter.add_scalar writes.

A file is a list of records (length, masked CRC-32C of it, payload, masked CRC-32C of that); a payload is a protobuf
Event with time, step and one value. Records of one length are built and checksummed as one matrix.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

_POLYNOMIAL = 0x82F63B78  # Castagnoli, reversed


def _crc_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1).astype(np.uint32)
    return table


_TABLE = _crc_table()


def masked_crc(records: np.ndarray) -> np.ndarray:
    """Masked CRC-32C of each row of bytes."""
    crc = np.full(len(records), 0xFFFFFFFF, np.uint32)
    for column in records.T:
        crc = _TABLE[(crc ^ column) & 0xFF] ^ (crc >> 8)
    crc = ~crc
    return ((crc >> 15) | (crc << 17)) + np.uint32(0xA282EAD8)


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        out.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def _bytes(rows: int, text: bytes) -> np.ndarray:
    return np.broadcast_to(np.frombuffer(text, np.uint8), (rows, len(text)))


def _number(values: np.ndarray, dtype: str) -> np.ndarray:
    return np.ascontiguousarray(values, dtype).view(np.uint8).reshape(len(values), -1)


def _framed(payload: np.ndarray) -> np.ndarray:
    n, length = payload.shape
    size = struct.pack("<Q", length)
    head = np.frombuffer(size, np.uint8)[None]
    crc_of_size = np.broadcast_to(_number(masked_crc(head), "<u4"), (n, 4))
    return np.hstack([_bytes(n, size), crc_of_size, payload, _number(masked_crc(payload), "<u4")])


def scalars(key: str, steps: np.ndarray, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Records of one key as rows; all steps must need equally many 7-bit groups."""
    n_groups = len(_varint(int(steps[0])))
    groups = [(steps >> (7 * i)) & 0x7F | (0x80 if i < n_groups - 1 else 0) for i in range(n_groups)]
    tag = key.encode()
    value = b"\x0a" + _varint(len(tag)) + tag + b"\x15"  # then 4 bytes
    summary = b"\x0a" + _varint(len(value) + 4) + value
    n = len(steps)
    return _framed(
        np.hstack([
            _bytes(n, b"\x09"), _number(times, "<f8"),
            _bytes(n, b"\x10"), np.stack(groups, axis=1).astype(np.uint8),
            _bytes(n, b"\x2a" + _varint(len(summary) + 4) + summary), _number(values, "<f4"),
        ])
    )  # fmt: skip


def write(path: Path, keys: list[str], times: np.ndarray, values: np.ndarray) -> None:
    """One event file: `values` [step, key] at steps 0, 1, 2…"""
    path.parent.mkdir(parents=True, exist_ok=True)
    version = b"brain.Event:2"
    first = b"\x09" + struct.pack("<d", times[0]) + b"\x1a" + _varint(len(version)) + version
    parts = [_framed(np.frombuffer(first, np.uint8)[None]).tobytes()]
    for low, high in ((0, 1 << 7), (1 << 7, 1 << 14), (1 << 14, 1 << 21), (1 << 21, 1 << 28)):
        steps = np.arange(low, min(high, len(values)))
        if len(steps):
            rows = [scalars(key, steps, times[steps], values[steps, i]) for i, key in enumerate(keys)]
            parts.append(np.hstack(rows).tobytes())
    path.write_bytes(b"".join(parts))
