"""Encode a chunk of a series in a few bytes per point: columns of steps, times and values, byte-shuffled, compressed.

Lossless for every bit pattern: a column that the short form cannot represent exactly is stored in the long form.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import zstandard

from netscope.store.journal.points import LARGEST_MS, Points, concatenate

HEAD = struct.Struct("<BBBxIqq")  # forms of steps, times and values; n; first step; first time in ms or 0
SHAPE_BYTES = 8  # of the header, which hold the forms and n
CONSTANT, RAW = 0, 8  # forms of steps and times; 1, 2, 4: bytes per delta; RAW: the numbers themselves
LEVEL = 1
MIN_THREADED_BYTES = 1 << 18
DECODED_TOGETHER_BYTES = 1 << 19  # fits in the CPU cache

_local = threading.local()


class Axis(NamedTuple):
    """Encoded steps and times, which many series share."""

    step_form: int
    time_form: int
    n: int
    first_step: int
    first_ms: int
    body: bytes


def axis(steps: np.ndarray, times: np.ndarray) -> Axis:
    """Encode steps (i64) and times (f64; whole milliseconds take a byte or two, other times eight)."""
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
    """Compress one column of f64; if all values are exact in float32, they take half the space."""
    return encode_all(points, values[None])[0]


def encode_all(points: Axis, columns: np.ndarray) -> list[bytes]:
    """`encode` for columns [column, point] that share an axis."""
    shorts, exact = _shortened(columns)
    blocks = []
    for is_exact, short, whole in zip(exact.tolist(), shorts, columns, strict=True):
        value_form, body = (4, _shuffle(short)) if is_exact else (8, _shuffle(whole))
        head = HEAD.pack(points.step_form, points.time_form, value_form, points.n, points.first_step, points.first_ms)
        blocks.append(compress(head + points.body + body))
    return blocks


def encode_group(points: Axis, columns: np.ndarray) -> bytes:
    """Compress several columns of f64 [column, point] that share an axis as one block.

    Columns that are exact in float32 are stored as float32.
    """
    shorts, exact = _shortened(columns)
    forms = np.where(exact, 4, 8).astype(np.uint8)
    head = HEAD.pack(points.step_form, points.time_form, len(forms), points.n, points.first_step, points.first_ms)
    values = (_shuffle(some.reshape(-1)) for some in (shorts[exact], columns[~exact]))
    return compress(b"".join((head, points.body, forms.tobytes(), *values)))


class ColumnGroup(NamedTuple):
    """Columns that share steps and times."""

    steps: np.ndarray
    times: partial[np.ndarray]
    """Decodes the times."""
    values: dict[int, np.ndarray]
    """By column, f32 or f64."""

    def points(self, column: int) -> Points:
        """One of the series."""
        return Points(self.steps, self.times, self.values[column])


def decode_group(block: bytes) -> ColumnGroup:
    """The inverse of `encode_group`."""
    body = decompress(block)
    n_forms, n = HEAD.unpack_from(body)[2:4]
    short, times = _axis(body)
    found = ColumnGroup(_steps((short,)), times, {})
    at = HEAD.size + _width(body[0], n) + _width(body[1], n)
    forms = np.frombuffer(body, np.uint8, n_forms, at)
    at += n_forms
    for size in (4, 8):
        columns = np.flatnonzero(forms == size).tolist()
        end = at + size * n * len(columns)
        values = _unshuffle(body[at:end], n * len(columns), np.dtype(f"<f{size}")).reshape(len(columns), n)
        values.flags.writeable = False
        found.values.update(zip(columns, values, strict=True))
        at = end
    return found


def decode(*blocks: bytes) -> Points:
    """The inverse of `encode` and `axis`; several blocks are concatenated."""
    return decode_all([blocks])[0]


def decode_all(series: Sequence[Sequence[bytes]]) -> list[Points]:
    """`decode` for many series. Series whose blocks have equal forms and lengths are decoded together, as one array.

    Series with equal steps share one array of steps. The arrays are read-only.
    """
    bodies = iter(_decompress_all([block for blocks in series for block in blocks]))
    alike: dict[tuple[bytes, ...], list[tuple[int, list[bytes]]]] = {}
    found: dict[int, Points] = {}
    for number, blocks in enumerate(series):
        if not blocks:
            found[number] = concatenate([])
            continue
        mine = [next(bodies) for _ in blocks]
        alike.setdefault(tuple(body[:SHAPE_BYTES] for body in mine), []).append((number, mine))
    for group in alike.values():
        n_rows = max(DECODED_TOGETHER_BYTES // max(sum(map(len, group[0][1])), 1), 1)
        for some in (group[i : i + n_rows] for i in range(0, len(group), n_rows)):
            for (number, mine), values in zip(some, _values([mine for _, mine in some]), strict=True):
                short = [_axis(body) for body in mine]
                found[number] = Points(_steps(tuple(s for s, _ in short)), tuple(t for _, t in short), values)
    return [found[number] for number in range(len(series))]


Short = tuple[int, int, int, bytes]
"""Encoded integers: form, n, first value, body."""


def _axis(body: bytes) -> tuple[Short, partial[np.ndarray]]:
    """Encoded steps of a block, and a function that decodes its times."""
    step_form, time_form, _, n, first_step, first_ms = HEAD.unpack_from(body)
    at = HEAD.size + _width(step_form, n)
    times = partial(_times, time_form, n, first_ms, body[at : at + _width(time_form, n)])
    return (step_form, n, first_step, body[HEAD.size : at]), times


def _steps(parts: tuple[Short, ...]) -> np.ndarray:
    """Decode the steps of a series from its blocks; equal steps share one array while it is in use."""
    steps = _shared.get(parts)
    if steps is None:
        steps = np.concatenate([_whole(*part) for part in _merged(parts)])
        steps.flags.writeable = False
        _shared[parts] = steps
    return steps


_shared: WeakValueDictionary[tuple[Short, ...], np.ndarray] = WeakValueDictionary()


def _merged(parts: Sequence[Short]) -> Iterator[Short]:
    """Join consecutive blocks with one stride, which saves a hundred NumPy calls for a long series."""
    before = parts[0]
    for part in parts[1:]:
        form, n, first, body = before
        if form == part[0] == CONSTANT and body == part[3] and n > 1 and part[1] > 1:
            stride = struct.unpack("<q", body)[0]
            if first + n * stride == part[2]:
                before = (CONSTANT, n + part[1], first, body)
                continue
        yield before
        before = part
    yield before


def _times(form: int, n: int, first_ms: int, body: bytes) -> np.ndarray:
    if form == RAW + 1:
        return _unshuffle(body, n, np.dtype("<f8"))
    return _whole(form, n, first_ms, body) / 1000.0


def _values(rows: list[list[bytes]]) -> np.ndarray:
    """Decode the values [series, point] of series whose blocks have equal forms and lengths."""
    columns = []
    for blocks in zip(*rows, strict=True):
        step_form, time_form, value_form, n, _, _ = HEAD.unpack_from(blocks[0])
        at = HEAD.size + _width(step_form, n) + _width(time_form, n)
        planes = np.frombuffer(b"".join([body[at:] for body in blocks]), np.uint8).reshape(len(rows), value_form, n)
        whole = np.empty((len(rows), n, value_form), np.uint8)
        for i in range(value_form):  # twice as fast as copying the transpose at once
            whole[:, :, i] = planes[:, i]
        columns.append(whole.view(f"<f{value_form}").reshape(len(rows), n))
    values: np.ndarray = columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)
    values.flags.writeable = False
    return values


def compress(data: bytes) -> bytes:
    """Compress with zstd, including a checksum, using a compressor per thread."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    return bytes(_local.compressor.compress(data))


def decompress(data: bytes | memoryview) -> bytes:
    """The inverse of `compress`."""
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    return bytes(_local.decompressor.decompress(data))


def _decompress_all(blocks: list[bytes]) -> list[bytes]:
    """Decompress many blocks, on all CPUs if they are large enough."""
    if sum(map(len, blocks)) < MIN_THREADED_BYTES:
        return [decompress(block) for block in blocks]
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    return [body.tobytes() for body in _local.decompressor.multi_decompress_to_buffer(blocks, threads=-1)]


def pack_integers(values: np.ndarray) -> bytes:
    """Compress integers of any size, byte-shuffled; used for the counts of histograms."""
    return compress(_shuffle(values))


def unpack_integers(block: bytes, dtype: str) -> np.ndarray:
    """The inverse of `pack_integers`."""
    kind = np.dtype(dtype)
    body = decompress(block)
    return _unshuffle(body, len(body) // kind.itemsize, kind)


def _integers(values: np.ndarray) -> tuple[int, bytes]:
    """Encode i64 as a constant stride, small deltas or raw. Differences may overflow, which decoding undoes."""
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


def _whole(form: int, n: int, first: int, body: bytes) -> np.ndarray:
    """The inverse of `_integers`."""
    if form == RAW:
        return _unshuffle(body, n, np.dtype("<i8"))
    whole = np.empty(n, np.int64)
    if n:
        whole[0] = first
        whole[1:] = struct.unpack("<q", body)[0] if form == CONSTANT else _unshuffle(body, n - 1, np.dtype(f"<i{form}"))
        np.cumsum(whole, out=whole)
    return whole


def _width(form: int, n: int) -> int:
    if form == CONSTANT:
        return 8
    return 8 * n if form >= RAW else form * (n - 1)


def _shuffle(values: np.ndarray) -> bytes:
    """All first bytes, then all second bytes, …: bytes of equal significance are similar and compress well."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.dtype.itemsize).T.tobytes()


def _unshuffle(body: bytes, n: int, dtype: np.dtype) -> np.ndarray:
    planes = np.frombuffer(body, np.uint8).reshape(dtype.itemsize, n)
    whole = np.empty((n, dtype.itemsize), np.uint8)
    for i, plane in enumerate(planes):  # twice as fast as copying the transpose at once
        whole[:, i] = plane
    return whole.view(dtype).reshape(n)


def _shortened(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns as float32, and for each whether that is exact."""
    with np.errstate(invalid="ignore", over="ignore"):
        shorts = columns.astype(np.float32)
        return shorts, (_bits(shorts.astype(np.float64)) == _bits(columns)).all(axis=1)


def _bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(np.uint64)
