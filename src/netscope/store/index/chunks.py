"""A tail as rows of the index: series cut into chunks of columns with their extent, and the larger things in blocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import isfinite
from typing import Any, TypeVar

import msgspec
import numpy as np

from netscope.analyse.thin import pick
from netscope.store.index import codec
from netscope.store.index.seals import seal
from netscope.store.journal.memtable import Block, Counts, Histogram, KeySet, Line, Tail, join, key_id
from netscope.store.journal.metadata import Head
from netscope.store.journal.points import is_ascending

CHUNK = 4096  # points
BIN = 64  # points of which an outline keeps the extremes
WORTH_OUTLINE = 16 * BIN
LINES = 2000  # of console in a block

Row = dict[str, Any]
T = TypeVar("T")


def chunks(number: int, upto: int, tail: Tail, head: Head) -> dict[str, list[Row]]:
    """The rows of a tail, per table."""
    found: dict[str, list[Row]] = defaultdict(list)
    in_sets: dict[tuple[str, str], int] = defaultdict(int)
    for keys in tail.rows:
        for key in keys.column:
            in_sets[keys.kind, key] += 1
    for keys, blocks in tail.rows.items():
        alone = [key for key in keys.column if in_sets[keys.kind, key] == 1]
        _add(found, number, upto, keys, join(blocks), alone)
    for (kind, key), n in in_sets.items():
        if n > 1:
            points = tail.points(kind, key)
            if points is not None:
                block = Block(points.steps, points.steps, points.times, points.values[:, None])
                _add(found, number, upto, KeySet(kind, (key,)), block, [key])  # type: ignore[arg-type]
    for table, things, encode in (
        ("bins", tail.bins, encode_counts),
        ("histogram", tail.histograms, encode_histograms),
    ):
        for key, some in things.items():
            name = key_id(table, key)
            for seq, part in enumerate(_parts(some, CHUNK)):
                body = seal(encode(part), name, number, upto, seq, len(part))
                found[table].append(
                    {"key": name, "journal": number, "upto": upto, "seq": seq, "n": len(part), "block": body}
                )
    for seq, part in enumerate(_parts(tail.assets, CHUNK)):
        body = seal(codec.compress(msgspec.msgpack.encode(part)), number, upto, seq)
        found["asset"].append({"journal": number, "upto": upto, "seq": seq, "body": body})
    start = head.n_lines - len(tail.lines)
    for part in _parts(tail.lines, LINES):
        body = seal(codec.compress(msgspec.msgpack.encode(part)), number, upto, start, len(part))
        found["console"].append({"journal": number, "upto": upto, "start": start, "n": len(part), "block": body})
        start += len(part)
    return found


def _add(found: dict[str, list[Row]], number: int, upto: int, keys: KeySet, block: Block, names: list[str]) -> None:
    """Per key its chunks and its numbers."""
    n, n_parts = len(block.at), -(-len(block.at) // CHUNK)
    parts = [slice(n * i // n_parts, n * (i + 1) // n_parts) for i in range(n_parts)]
    axes = [codec.axis(block.steps[part], block.times[part]) for part in parts]
    latest = len(block.steps) - 1 - int(block.steps[::-1].argmax())  # of equal steps the later
    last_step = int(block.steps[latest])
    columns = np.ascontiguousarray(block.values.T[[keys.column[name] for name in names]])
    outlines = [_outlines(block.steps[part], block.times[part], columns[:, part]) for part in parts]
    encoded = [codec.encode_all(axis, columns[:, part]) for part, axis in zip(parts, axes, strict=True)]
    extents = _extents(columns) if keys.kind == "scalar" else []  # nobody asks for summaries of other kinds
    for i, name in enumerate(names):
        key = key_id(keys.kind, name)
        for seq, axis in enumerate(axes):
            place = key, number, upto, seq, axis.n
            outline = outlines[seq][i]
            found["chunk"].append(
                {
                    "key": key, "journal": number, "upto": upto, "seq": seq, "n": axis.n,
                    "outline": None if outline is None else seal(outline, *place),
                    "block": seal(encoded[seq][i], *place),
                }
            )  # fmt: skip
        if not extents:
            continue
        low, high = extents[i]
        found["series"].append(
            {
                "key": key, "journal": number, "last_step": last_step, "last": float(columns[i, latest]), "min": low,
                "max": high,
            }
        )  # fmt: skip


def _outlines(steps: np.ndarray, times: np.ndarray, columns: np.ndarray) -> list[bytes | None]:
    """Per column the block of its extremes, and of what is not finite, in bins; None where that saves nothing."""
    if len(steps) < WORTH_OUTLINE or not is_ascending(steps):
        return [None] * len(columns)
    keep = pick(columns, np.arange(0, len(steps), BIN))
    keep[:, [0, -1]] = True  # so that one sees whether the next chunk goes on from here
    kept = [np.flatnonzero(row) for row in keep]
    return [codec.encode(codec.axis(steps[at], times[at]), row[at]) for at, row in zip(kept, columns, strict=True)]


def extent(values: np.ndarray) -> tuple[float | None, float | None]:
    """Smallest and largest of the finite values."""
    return _extents(values[None])[0]


def _extents(columns: np.ndarray) -> list[tuple[float | None, float | None]]:
    """`extent` of each column."""
    numbers = np.column_stack((columns.min(axis=1), columns.max(axis=1))).tolist()
    return [
        (low, high) if isfinite(low) and isfinite(high) else _of_finite(values)
        for (low, high), values in zip(numbers, columns, strict=True)
    ]


def _of_finite(values: np.ndarray) -> tuple[float | None, float | None]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (None, None)


def encode_counts(rows: list[Counts]) -> bytes:
    """Sparse bins of one key over steps."""
    steps, times = np.array([r.step for r in rows], np.int64), np.array([r.time for r in rows])
    first = np.array([r.first for r in rows], np.float64)
    sizes, counts = np.array([len(r.counts) for r in rows], "<u2"), np.concatenate([r.counts for r in rows])
    parts = codec.encode(codec.axis(steps, times), first), codec.pack_integers(sizes), codec.pack_integers(counts)
    return msgspec.msgpack.encode(parts)


def decode_counts(block: bytes) -> list[Counts]:
    """The inverse of `encode_counts`."""
    points, sizes, counts = msgspec.msgpack.decode(block, type=tuple[bytes, bytes, bytes])
    at = codec.decode(points)
    ends = np.cumsum(codec.unpack_integers(sizes, "<u2"), dtype=int)
    pieces = np.split(codec.unpack_integers(counts, "<u4"), ends[:-1])
    return [
        Counts(step, time, int(bin_), piece)
        for step, time, bin_, piece in zip(
            at.steps.tolist(), at.times.tolist(), at.values.tolist(), pieces, strict=True
        )
    ]


def encode_histograms(rows: list[Histogram]) -> bytes:
    """Histograms of one key over steps."""
    plain = [(r.step, r.time, r.edges.tobytes(), r.counts.tobytes()) for r in rows]
    return codec.compress(msgspec.msgpack.encode(plain))


def decode_histograms(block: bytes) -> list[Histogram]:
    """The inverse of `encode_histograms`."""
    rows = msgspec.msgpack.decode(codec.decompress(block), type=list[tuple[int, float, bytes, bytes]])
    return [Histogram(step, time, np.frombuffer(e, "<f8"), np.frombuffer(c, "<f8")) for step, time, e, c in rows]


def decode_lines(block: bytes) -> list[Line]:
    """Lines of a console block."""
    return msgspec.msgpack.decode(codec.decompress(block), type=list[Line])


def _parts(things: list[T], most: int) -> Iterator[list[T]]:
    for at in range(0, len(things), most):
        yield things[at : at + most]
