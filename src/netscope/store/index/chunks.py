"""A tail as rows of the index: series cut into chunks of columns with their extent, and the larger things in blocks.

A block a series is what a chart of one key of many runs reads quickest, but a network of 2,000 layers has 98,000 series
of which a tail holds a few rows each. So of a wide key set with few rows the keys share blocks, `GROUP` to a block.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from netscope.analyse.thin import pick
from netscope.store.index import codec
from netscope.store.index.seals import seal
from netscope.store.journal.memtable import GROUP, BinRow, Block, Histogram, KeySet, Line, Tail, join, key_id
from netscope.store.journal.metadata import Head
from netscope.store.journal.points import is_ascending

CHUNK = 4096  # points
BIN = 64  # points of which an outline keeps the extremes
WORTH_OUTLINE = 16 * BIN
LINES = 2000  # of console in a block
SHORT = 256  # rows; of fewer, the blocks of a wide key set hold several keys

Row = dict[str, Any]
T = TypeVar("T")


class Counts(NamedTuple):
    """One row of fixed bins of one key: `counts` begin at bin `first`."""

    step: int
    time: float
    first: int
    counts: np.ndarray


def chunks(number: int, upto: int, tail: Tail, head: Head) -> dict[str, list[Row]]:
    """The rows of a tail, per table."""
    journal = _Journal(number, upto, defaultdict(list))
    _add_rows(journal, tail)
    _add_bins(journal, tail)
    for key, histograms in tail.histograms.items():
        for seq, some in enumerate(_parts(histograms, CHUNK)):
            journal.add("histogram", key_id("histogram", key), seq, len(some), encode_histograms(some))
    found = journal.rows
    for seq, assets in enumerate(_parts(tail.assets, CHUNK)):
        body = seal(codec.compress(msgspec.msgpack.encode(assets)), number, upto, seq)
        found["asset"].append({"journal": number, "upto": upto, "seq": seq, "body": body})
    start = head.n_lines - len(tail.lines)
    for lines in _parts(tail.lines, LINES):
        body = seal(codec.compress(msgspec.msgpack.encode(lines)), number, upto, start, len(lines))
        found["console"].append({"journal": number, "upto": upto, "start": start, "n": len(lines), "block": body})
        start += len(lines)
    return found


class _Journal(NamedTuple):
    """What is written of one journal."""

    number: int
    upto: int
    rows: dict[str, list[Row]]
    """Per table."""

    def add(self, table: str, key: int, seq: int, n: int, block: bytes, **more: bytes | None) -> None:
        """Add a row of blocks, each with its seal."""
        place = key, self.number, self.upto, seq, n
        row: Row = {"key": key, "journal": self.number, "upto": self.upto, "seq": seq, "n": n}
        for name, body in more.items():
            row[name] = None if body is None else seal(body, *place)
        row["block"] = seal(block, *place)
        self.rows[table].append(row)


def _add_rows(journal: _Journal, tail: Tail) -> None:
    """Series: of a few rows of many keys several in a block, else each in chunks of its own."""
    sets = sorted(((keys, join(blocks)) for keys, blocks in tail.rows.items()), key=lambda one: int(one[1].at[0]))
    mixed = _mixed([(keys, int(block.at[0]), int(block.at[-1])) for keys, block in sets])
    seq = 0
    for keys, block in sets:
        alone = sorted(column for key, column in keys.column.items() if (keys.kind, key) not in mixed)
        if is_grouped(keys, len(block.at), alone):
            _add_groups(journal, seq, keys, block)
            seq += 1
        elif alone:
            seq += _add_columns(journal, seq, keys, block, alone)
    for kind, key in mixed:
        points = tail.points(kind, key)
        if points is not None:
            block = Block(points.steps, points.steps, points.times, points.values[:, None])
            _add_columns(journal, 0, KeySet(kind, (key,)), block, [0])  # type: ignore[arg-type]


def _add_bins(journal: _Journal, tail: Tail) -> None:
    sets = sorted(tail.bins.items(), key=lambda one: one[1][0].at)
    mixed = _mixed([(keys, rows[0].at, rows[-1].at) for keys, rows in sets])
    seq = 0
    for keys, rows in sets:
        alone = sorted(column for key, column in keys.column.items() if (keys.kind, key) not in mixed)
        if is_grouped(keys, len(rows), alone):
            for start in range(0, len(keys.keys), GROUP):
                block = encode_bins([row.part(start, start + GROUP) for row in rows])
                journal.add("bins", keys.group_id(start), seq, len(rows), block)
            seq += 1
            continue
        parts = list(_parts(rows, CHUNK))
        for column in alone:
            for i, part in enumerate(parts):
                block = encode_bins([row.part(column, column + 1) for row in part])
                journal.add("bins", key_id(keys.kind, keys.keys[column]), seq + i, len(part), block)
        seq += len(parts)
    for kind, key in mixed:
        for i, part in enumerate(_parts(tail.bins_of(key), CHUNK)):
            journal.add("bins", key_id(kind, key), i, len(part), encode_bins(part))


def is_grouped(keys: KeySet, n_rows: int, alone: list[int]) -> bool:
    """Whether so few rows of so many keys are written that keys share blocks."""
    return keys.is_wide and n_rows < SHORT and len(alone) == len(keys.keys)


def _mixed(sets: list[tuple[KeySet, int, int]]) -> set[tuple[str, str]]:
    """Keys of which rows of several key sets alternate in the file, so that they have to be put in order.

    Args:
        sets: In the order of their first rows; with the places of their first and last row in the file.
    """
    found: set[tuple[str, str]] = set()
    ends: dict[str, dict[str, int]] = defaultdict(dict)
    for keys, begin, end in sets:
        known = ends[keys.kind]
        found.update((keys.kind, key) for key in known.keys() & keys.column.keys() if known[key] > begin)
        known.update(dict.fromkeys(keys.keys, end))
    return found


def _add_groups(journal: _Journal, seq: int, keys: KeySet, block: Block) -> None:
    axis = codec.axis(block.steps, block.times)
    columns = np.ascontiguousarray(block.values.T)
    for start in range(0, len(columns), GROUP):
        body = codec.encode_group(axis, columns[start : start + GROUP])
        journal.add("chunk", keys.group_id(start), seq, axis.n, body, outline=None)
    _add_numbers(journal, keys, block.steps, columns, list(range(len(columns))))


def _add_columns(journal: _Journal, seq: int, keys: KeySet, block: Block, at: list[int]) -> int:
    """Chunks of some columns; how many each has."""
    n, n_parts = len(block.at), -(-len(block.at) // CHUNK)
    parts = [slice(n * i // n_parts, n * (i + 1) // n_parts) for i in range(n_parts)]
    columns = np.ascontiguousarray(block.values.T[at])
    names = [key_id(keys.kind, keys.keys[column]) for column in at]
    for i, part in enumerate(parts):
        axis = codec.axis(block.steps[part], block.times[part])
        outlines = _outlines(block.steps[part], block.times[part], columns[:, part])
        encoded = codec.encode_all(axis, columns[:, part])
        for key, body, outline in zip(names, encoded, outlines, strict=True):
            journal.add("chunk", key, seq + i, axis.n, body, outline=outline)
    _add_numbers(journal, keys, block.steps, columns, at)
    return n_parts


def _add_numbers(journal: _Journal, keys: KeySet, steps: np.ndarray, columns: np.ndarray, at: list[int]) -> None:
    """What the summary of each series is made of. Nobody asks for summaries of other kinds than scalars."""
    if keys.kind != "scalar":
        return
    latest = len(steps) - 1 - int(steps[::-1].argmax())  # of equal steps the later
    lasts, extents = columns[:, latest].tolist(), _extents(columns)
    journal.rows["series"] += [
        {
            "key": key_id(keys.kind, keys.keys[column]), "journal": journal.number, "last_step": int(steps[latest]),
            "last": last, "min": low, "max": high,
        }
        for column, last, (low, high) in zip(at, lasts, extents, strict=True)
    ]  # fmt: skip


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


def encode_bins(rows: list[BinRow]) -> bytes:
    """Fixed bins of one key, or of a group of keys, over steps."""
    steps, times = np.array([row.step for row in rows], np.int64), np.array([row.time for row in rows])
    sizes = np.array([np.diff(row.ends) for row in rows], "<u2")  # [row, key]
    # Most bins stand beside one another: differences are nearly all 1. They wrap, and wrap back.
    gaps = np.diff(np.concatenate([row.places for row in rows]), prepend=np.uint16(0)).astype("<u2")
    counts = np.concatenate([row.counts for row in rows]).astype("<u4")
    totals = sizes.sum(axis=1, dtype=np.float64)
    packed = codec.pack_integers(sizes.reshape(-1)), codec.pack_integers(gaps), codec.pack_integers(counts)
    return msgspec.msgpack.encode((codec.encode(codec.axis(steps, times), totals), *packed))


def decode_bins(block: bytes, column: int) -> list[Counts]:
    """Rows of one key of `encode_bins`, those that have counts."""
    points, *packed = msgspec.msgpack.decode(block, type=tuple[bytes, bytes, bytes, bytes])
    sizes, gaps, counts = map(codec.unpack_integers, packed, ("<u2", "<u2", "<u4"))
    at = codec.decode(points)
    sizes = sizes.reshape(len(at.steps), -1).astype(np.int64)
    places = np.cumsum(gaps, dtype=np.uint16)
    begins = np.cumsum(at.values, dtype=np.int64) - at.values.astype(np.int64) + sizes[:, :column].sum(axis=1)
    rows = zip(at.steps.tolist(), at.times.tolist(), begins.tolist(), sizes[:, column].tolist(), strict=True)
    return [
        _stretch(step, time, places[begin : begin + n], counts[begin : begin + n]) for step, time, begin, n in rows if n
    ]


def counts_of(rows: list[BinRow]) -> list[Counts]:
    """Rows of one key, those that have counts."""
    return [_stretch(row.step, row.time, row.places, row.counts) for row in rows if len(row.places)]


def _stretch(step: int, time: float, places: np.ndarray, counts: np.ndarray) -> Counts:
    first = int(places[0])
    stretch = np.zeros(int(places[-1]) - first + 1, np.uint32)
    stretch[places - first] = counts
    return Counts(step, time, first, stretch)


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
