"""Encode a memtable as rows of the index: series as chunks of columns, larger values in blocks.

One block per series is fastest for a chart of one key of many runs. But a network of 2,000 layers has 98,000 series,
of which a memtable holds only a few rows each. So in a wide key set with few rows, `KEYS_PER_GROUP` keys share a block.
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
from netscope.store.journal.memtable import (
    KEYS_PER_GROUP,
    BinRow,
    KeySet,
    LoggedHistogram,
    Memtable,
    PrintedLine,
    RowBlock,
    join,
    key_id,
)
from netscope.store.journal.metadata import Metadata
from netscope.store.journal.points import is_ascending

CHUNK_POINTS = 4096
BIN_POINTS = 64  # an outline keeps the extremes of each bin
MIN_OUTLINE_POINTS = 16 * BIN_POINTS
LINES_PER_BLOCK = 2000  # of console
FEW_ROWS = 256  # with fewer rows, keys of a wide key set share blocks

TableRow = dict[str, Any]
T = TypeVar("T")


class BinCounts(NamedTuple):
    """One row of fixed bins of one key: `counts` from bin `first` on."""

    step: int
    time: float
    first: int
    counts: np.ndarray


def chunks(number: int, upto: int, memtable: Memtable, metadata: Metadata) -> dict[str, list[TableRow]]:
    """The rows of a memtable, by table."""
    journal = _JournalRows(number, upto, defaultdict(list))
    _add_rows(journal, memtable)
    _add_bins(journal, memtable)
    for key, histograms in memtable.histograms.items():
        for seq, some in enumerate(_batches(histograms, CHUNK_POINTS)):
            journal.add("histogram", key_id("histogram", key), seq, len(some), encode_histograms(some))
    found = journal.rows
    for seq, assets in enumerate(_batches(memtable.assets, CHUNK_POINTS)):
        body = seal(codec.compress(msgspec.msgpack.encode(assets)), number, upto, seq)
        found["asset"].append({"journal": number, "upto": upto, "seq": seq, "body": body})
    start = metadata.n_lines - len(memtable.lines)
    for lines in _batches(memtable.lines, LINES_PER_BLOCK):
        body = seal(codec.compress(msgspec.msgpack.encode(lines)), number, upto, start, len(lines))
        found["console"].append({"journal": number, "upto": upto, "start": start, "n": len(lines), "block": body})
        start += len(lines)
    return found


class _JournalRows(NamedTuple):
    """Collects the rows of one journal."""

    number: int
    upto: int
    rows: dict[str, list[TableRow]]
    """By table."""

    def add(self, table: str, key: int, seq: int, n: int, block: bytes, **more: bytes | None) -> None:
        """Add a row, with a seal on each block."""
        place = key, self.number, self.upto, seq, n
        row: TableRow = {"key": key, "journal": self.number, "upto": self.upto, "seq": seq, "n": n}
        for name, body in more.items():
            row[name] = None if body is None else seal(body, *place)
        row["block"] = seal(block, *place)
        self.rows[table].append(row)


def _add_rows(journal: _JournalRows, memtable: Memtable) -> None:
    """Add series: keys share blocks where a wide key set has few rows; else each key has its own chunks."""
    sets = sorted(((keys, join(blocks)) for keys, blocks in memtable.rows.items()), key=lambda one: int(one[1].at[0]))
    interleaved = _interleaved_keys([(keys, int(block.at[0]), int(block.at[-1])) for keys, block in sets])
    seq = 0
    for keys, block in sets:
        alone = sorted(column for key, column in keys.column.items() if (keys.kind, key) not in interleaved)
        if is_grouped(keys, len(block.at), alone):
            _add_groups(journal, seq, keys, block)
            seq += 1
        elif alone:
            seq += _add_columns(journal, seq, keys, block, alone)
    for kind, key in interleaved:
        points = memtable.points(kind, key)
        if points is not None:
            block = RowBlock(points.steps, points.steps, points.times, points.values[:, None])
            _add_columns(journal, 0, KeySet(kind, (key,)), block, [0])  # type: ignore[arg-type]


def _add_bins(journal: _JournalRows, memtable: Memtable) -> None:
    sets = sorted(memtable.bins.items(), key=lambda one: one[1][0].at)
    interleaved = _interleaved_keys([(keys, rows[0].at, rows[-1].at) for keys, rows in sets])
    seq = 0
    for keys, rows in sets:
        alone = sorted(column for key, column in keys.column.items() if (keys.kind, key) not in interleaved)
        if is_grouped(keys, len(rows), alone):
            for start in range(0, len(keys.keys), KEYS_PER_GROUP):
                block = encode_bins([row.part(start, start + KEYS_PER_GROUP) for row in rows])
                journal.add("bins", keys.group_id(start), seq, len(rows), block)
            seq += 1
            continue
        parts = list(_batches(rows, CHUNK_POINTS))
        for column in alone:
            for i, part in enumerate(parts):
                block = encode_bins([row.part(column, column + 1) for row in part])
                journal.add("bins", key_id(keys.kind, keys.keys[column]), seq + i, len(part), block)
        seq += len(parts)
    for kind, key in interleaved:
        for i, part in enumerate(_batches(memtable.bins_of(key), CHUNK_POINTS)):
            journal.add("bins", key_id(kind, key), i, len(part), encode_bins(part))


def is_grouped(keys: KeySet, n_rows: int, alone: list[int]) -> bool:
    """Whether keys share blocks: a wide key set with few rows."""
    return keys.is_wide and n_rows < FEW_ROWS and len(alone) == len(keys.keys)


def _interleaved_keys(sets: list[tuple[KeySet, int, int]]) -> set[tuple[str, str]]:
    """Keys whose rows in several key sets interleave in the file, so that they must be sorted.

    Args:
        sets: Key sets with the file offsets of their first and last row, in the order of their first rows.
    """
    found: set[tuple[str, str]] = set()
    ends: dict[str, dict[str, int]] = defaultdict(dict)
    for keys, begin, end in sets:
        known = ends[keys.kind]
        found.update((keys.kind, key) for key in known.keys() & keys.column.keys() if known[key] > begin)
        known.update(dict.fromkeys(keys.keys, end))
    return found


def _add_groups(journal: _JournalRows, seq: int, keys: KeySet, block: RowBlock) -> None:
    axis = codec.axis(block.steps, block.times)
    columns = np.ascontiguousarray(block.values.T)
    for start in range(0, len(columns), KEYS_PER_GROUP):
        body = codec.encode_group(axis, columns[start : start + KEYS_PER_GROUP])
        journal.add("chunk", keys.group_id(start), seq, axis.n, body, outline=None)
    _add_series_rows(journal, keys, block.steps, columns, list(range(len(columns))))


def _add_columns(journal: _JournalRows, seq: int, keys: KeySet, block: RowBlock, at: list[int]) -> int:
    """Add the chunks of some columns; returns the number of chunks of each."""
    n, n_parts = len(block.at), -(-len(block.at) // CHUNK_POINTS)
    parts = [slice(n * i // n_parts, n * (i + 1) // n_parts) for i in range(n_parts)]
    columns = np.ascontiguousarray(block.values.T[at])
    names = [key_id(keys.kind, keys.keys[column]) for column in at]
    for i, part in enumerate(parts):
        axis = codec.axis(block.steps[part], block.times[part])
        outlines = _outlines(block.steps[part], block.times[part], columns[:, part])
        encoded = codec.encode_all(axis, columns[:, part])
        for key, body, outline in zip(names, encoded, outlines, strict=True):
            journal.add("chunk", key, seq + i, axis.n, body, outline=outline)
    _add_series_rows(journal, keys, block.steps, columns, at)
    return n_parts


def _add_series_rows(
    journal: _JournalRows, keys: KeySet, steps: np.ndarray, columns: np.ndarray, at: list[int]
) -> None:
    """Add the rows from which summaries are computed; only scalars have summaries."""
    if keys.kind != "scalar":
        return
    latest = len(steps) - 1 - int(steps[::-1].argmax())  # for equal steps the later
    lasts, extents = columns[:, latest].tolist(), _extents(columns)
    journal.rows["series"] += [
        {
            "key": key_id(keys.kind, keys.keys[column]), "journal": journal.number, "last_step": int(steps[latest]),
            "last": last, "min": low, "max": high,
        }
        for column, last, (low, high) in zip(at, lasts, extents, strict=True)
    ]  # fmt: skip


def _outlines(steps: np.ndarray, times: np.ndarray, columns: np.ndarray) -> list[bytes | None]:
    """Per column, a block of the extremes and non-finite values of each bin; None if that saves nothing."""
    if len(steps) < MIN_OUTLINE_POINTS or not is_ascending(steps):
        return [None] * len(columns)
    keep = pick(columns, np.arange(0, len(steps), BIN_POINTS))
    keep[:, [0, -1]] = True  # so that the order of chunks can be checked
    kept = [np.flatnonzero(row) for row in keep]
    return [codec.encode(codec.axis(steps[at], times[at]), row[at]) for at, row in zip(kept, columns, strict=True)]


def extent(values: np.ndarray) -> tuple[float | None, float | None]:
    """Smallest and largest finite value."""
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
    """Encode fixed bins of one key, or of a group of keys, over steps."""
    steps, times = np.array([row.step for row in rows], np.int64), np.array([row.time for row in rows])
    sizes = np.array([np.diff(row.ends) for row in rows], "<u2")  # [row, key]
    # Most bins are adjacent, so most differences are 1. Overflow wraps, and is undone in decoding.
    gaps = np.diff(np.concatenate([row.places for row in rows]), prepend=np.uint16(0)).astype("<u2")
    counts = np.concatenate([row.counts for row in rows]).astype("<u4")
    totals = sizes.sum(axis=1, dtype=np.float64)
    packed = codec.pack_integers(sizes.reshape(-1)), codec.pack_integers(gaps), codec.pack_integers(counts)
    return msgspec.msgpack.encode((codec.encode(codec.axis(steps, times), totals), *packed))


def decode_bins(block: bytes, column: int) -> list[BinCounts]:
    """Decode the rows of one key from `encode_bins`; rows without counts are left out."""
    points, *packed = msgspec.msgpack.decode(block, type=tuple[bytes, bytes, bytes, bytes])
    sizes, gaps, counts = map(codec.unpack_integers, packed, ("<u2", "<u2", "<u4"))
    at = codec.decode(points)
    sizes = sizes.reshape(len(at.steps), -1).astype(np.int64)
    places = np.cumsum(gaps, dtype=np.uint16)
    begins = np.cumsum(at.values, dtype=np.int64) - at.values.astype(np.int64) + sizes[:, :column].sum(axis=1)
    rows = zip(at.steps.tolist(), at.times.tolist(), begins.tolist(), sizes[:, column].tolist(), strict=True)
    return [
        _bin_counts(step, time, places[begin : begin + n], counts[begin : begin + n])
        for step, time, begin, n in rows
        if n
    ]


def counts_of(rows: list[BinRow]) -> list[BinCounts]:
    """The rows of one key; rows without counts are left out."""
    return [_bin_counts(row.step, row.time, row.places, row.counts) for row in rows if len(row.places)]


def _bin_counts(step: int, time: float, places: np.ndarray, counts: np.ndarray) -> BinCounts:
    first = int(places[0])
    dense = np.zeros(int(places[-1]) - first + 1, np.uint32)
    dense[places - first] = counts
    return BinCounts(step, time, first, dense)


def encode_histograms(rows: list[LoggedHistogram]) -> bytes:
    """Encode the logged histograms of one key over steps."""
    plain = [(r.step, r.time, r.edges.tobytes(), r.counts.tobytes()) for r in rows]
    return codec.compress(msgspec.msgpack.encode(plain))


def decode_histograms(block: bytes) -> list[LoggedHistogram]:
    """The inverse of `encode_histograms`."""
    rows = msgspec.msgpack.decode(codec.decompress(block), type=list[tuple[int, float, bytes, bytes]])
    return [LoggedHistogram(step, time, np.frombuffer(e, "<f8"), np.frombuffer(c, "<f8")) for step, time, e, c in rows]


def decode_lines(block: bytes) -> list[PrintedLine]:
    """Decode a block of console lines."""
    return msgspec.msgpack.decode(codec.decompress(block), type=list[PrintedLine])


def _batches(things: list[T], most: int) -> Iterator[list[T]]:
    for at in range(0, len(things), most):
        yield things[at : at + most]
