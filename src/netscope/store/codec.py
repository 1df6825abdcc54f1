"""A chunk of a series as a few bytes a point: steps, times and values in columns, shuffled by byte and compressed.

Lossless for every bit pattern: a column that the short form cannot hold exactly is kept in its long form.
"""

from __future__ import annotations

import struct
import threading
from typing import NamedTuple

import numpy as np
import zstandard

HEAD = struct.Struct("<BBBxIqq")  # forms of steps, times and values; n; first step; first time in ms or 0
CONSTANT, RAW = 0, 8  # forms of steps and times; 1, 2, 4: bytes of a delta; RAW: the numbers themselves
LARGEST_MS = float(1 << 53)
LEVEL = 1

_local = threading.local()


class Points(NamedTuple):
    """Points in the order in which they were logged."""

    steps: np.ndarray
    times: np.ndarray
    values: np.ndarray


def to_ms(times: np.ndarray) -> np.ndarray:
    """Round Unix seconds to milliseconds, as the index keeps them; what is not a sensible time stays as it is.

    >>> to_ms(np.array([1.0004, 2.0])).tolist()
    [1.0, 2.0]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        ms = np.rint(times * 1000.0)
        return np.where(np.abs(ms) < LARGEST_MS, ms / 1000.0, times)


class Axis(NamedTuple):
    """Steps and times in their short form: many series share them."""

    step_form: int
    time_form: int
    n: int
    first_step: int
    first_ms: int
    body: bytes


def axis(steps: np.ndarray, times: np.ndarray) -> Axis:
    """The short form of steps (i64) and times (f64; those on a whole millisecond cost a byte or two, others eight)."""
    n = len(steps)
    step_form, step_body = _integers(steps)
    with np.errstate(invalid="ignore", over="ignore"):
        ms = np.rint(times * 1000.0)
        sensible = bool(np.all(np.abs(ms) < LARGEST_MS))
        whole = ms.astype(np.int64) if sensible else np.zeros(0, np.int64)
    if sensible and np.array_equal(_bits(whole / 1000.0), _bits(times)):
        time_form, time_body, first_ms = *_integers(whole), int(whole[0]) if n else 0
    else:
        time_form, time_body, first_ms = RAW + 1, _shuffle(times), 0
    return Axis(step_form, time_form, n, int(steps[0]) if n else 0, first_ms, step_body + time_body)


def encode(points: Axis, values: np.ndarray) -> bytes:
    """Compress one column of f64; values that all are float32 exactly cost half."""
    with np.errstate(invalid="ignore", over="ignore"):
        short = values.astype(np.float32)
        exact = np.array_equal(_bits(short.astype(np.float64)), _bits(values))
    value_form, body = (4, _shuffle(short)) if exact else (8, _shuffle(values))
    head = HEAD.pack(points.step_form, points.time_form, value_form, points.n, points.first_step, points.first_ms)
    return compress(head + points.body + body)


def decode(*blocks: bytes) -> Points:
    """The inverse of `encode`, with the steps and times of its axis; several blocks follow one another."""
    bodies = [decompress(block) for block in blocks]
    heads = [HEAD.unpack_from(body) for body in bodies]
    n = sum(head[3] for head in heads)
    points = Points(np.empty(n, np.int64), np.empty(n), np.empty(n))
    start = 0
    for body, head in zip(bodies, heads, strict=True):
        stop = start + head[3]
        _fill(Points(*(column[start:stop] for column in points)), body, *head)
        start = stop
    return points


def _fill(
    out: Points, body: bytes, step_form: int, time_form: int, value_form: int, n: int, first_step: int, first_ms: int
) -> None:
    """One block, into its place."""
    at = HEAD.size + _width(step_form, n)
    _whole(out.steps, body[HEAD.size : at], step_form, first_step)
    end = at + _width(time_form, n)
    if time_form == RAW + 1:
        out.times[:] = _unshuffle(body[at:end], n, np.dtype("<f8"))
    else:
        ms = out.times.view(np.int64)  # in place: the same bytes, first as whole milliseconds
        _whole(ms, body[at:end], time_form, first_ms)
        np.divide(ms, 1000.0, out=out.times)
    out.values[:] = _unshuffle(body[end:], n, np.dtype("<f4" if value_form == 4 else "<f8"))


def compress(data: bytes) -> bytes:
    """Compress by zstd with a checksum, by this thread's own compressor."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    return bytes(_local.compressor.compress(data))


def decompress(data: bytes | memoryview) -> bytes:
    """The inverse of `compress`."""
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    return bytes(_local.decompressor.decompress(data))


def pack_integers(values: np.ndarray) -> bytes:
    """Whole numbers of any size in their natural bytes, shuffled: for the counts of histograms."""
    return compress(_shuffle(values))


def unpack_integers(block: bytes, dtype: str) -> np.ndarray:
    """The inverse of `pack_integers`."""
    kind = np.dtype(dtype)
    body = decompress(block)
    return _unshuffle(body, len(body) // kind.itemsize, kind)


def _integers(values: np.ndarray) -> tuple[int, bytes]:
    """Form and bytes of i64: a constant stride, small deltas, or all of it. Differences wrap, and wrap back."""
    if len(values) < 2:
        return CONSTANT, struct.pack("<q", 0)
    delta = np.diff(values)
    low, high = int(delta.min()), int(delta.max())
    if low == high:
        return CONSTANT, struct.pack("<q", low)
    for width in (1, 2, 4):
        if -(1 << (8 * width - 1)) <= low and high < 1 << (8 * width - 1):
            return width, _shuffle(delta.astype(f"<i{width}"))
    return RAW, _shuffle(values)


def _whole(out: np.ndarray, body: bytes, form: int, first: int) -> None:
    n = len(out)
    if form == RAW:
        out[:] = _unshuffle(body, n, np.dtype("<i8"))
    elif n:
        out[0] = first
        out[1:] = struct.unpack("<q", body)[0] if form == CONSTANT else _unshuffle(body, n - 1, np.dtype(f"<i{form}"))
        np.cumsum(out, out=out)


def _width(form: int, n: int) -> int:
    if form == CONSTANT:
        return 8
    return 8 * n if form >= RAW else form * (n - 1)


def _shuffle(values: np.ndarray) -> bytes:
    """All first bytes, then all second bytes, …: bytes of one significance resemble each other."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.dtype.itemsize).T.tobytes()


def _unshuffle(body: bytes, n: int, dtype: np.dtype) -> np.ndarray:
    planes = np.frombuffer(body, np.uint8).reshape(dtype.itemsize, n)
    whole = np.empty((n, dtype.itemsize), np.uint8)
    for i, plane in enumerate(planes):  # twice as fast as copying the transpose at once
        whole[:, i] = plane
    return whole.view(dtype).reshape(n)


def _bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(np.uint64)
