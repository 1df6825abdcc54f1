"""The part of a journal that is not in the index yet: rows as columns, in blocks per key set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

import msgspec
import numpy as np

from netscope.schema.media import Asset
from netscope.store.journal.frames import SetKind
from netscope.store.journal.points import Points

ROW_BYTES = 24  # of a row's body, before its values
MOST_BLOCKS = 64  # else a run polled five times a second would become thousands of tiny arrays
KEYS_PER_GROUP = 32  # keys that share a block if a block per key would be small
# Key sets with more keys may share blocks. In smaller ones each key has its own, so that a chart reads only that key.
WIDE = 2 * KEYS_PER_GROUP


def digest(text: str) -> int:
    """A 64-bit number for a name, the same in every process, so that no database sequence is needed."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def key_id(kind: str, key: str) -> int:
    """The id of a key in the index."""
    return digest(f"{kind}\0{key}")


def journal_number(run: str, name: str) -> int:
    """The id of a journal in the index."""
    return digest(f"journal\0{run}\0{name}")


class KeySet(msgspec.Struct, frozen=True, dict=True):
    """Keys that are logged together."""

    kind: SetKind
    keys: tuple[str, ...]

    @cached_property
    def id(self) -> int:
        """The id in the index, equal for equal key sets of all runs."""
        return digest(msgspec.json.encode(self).decode())  # JSON: any separator might occur in a key

    @cached_property
    def row_bytes(self) -> int:
        """Length of the body of a row frame; 0 for bins, which have none."""
        return ROW_BYTES + 8 * len(self.keys) if self.kind != "bins" else 0

    @property
    def is_wide(self) -> bool:
        """Whether keys of this set may share blocks."""
        return len(self.keys) > WIDE

    def group_id(self, column: int) -> int:
        """The id in the index of the group of keys that contains a column."""
        return digest(f"group\0{self.id}\0{column // KEYS_PER_GROUP}")

    @cached_property
    def column(self) -> dict[str, int]:
        """Column of each key in a row's values."""
        return {key: i for i, key in enumerate(self.keys)}


class RowBlock(NamedTuple):
    """Rows of one key set, in file order."""

    at: np.ndarray
    """File offset of each row, which orders rows across key sets."""
    steps: np.ndarray
    times: np.ndarray
    values: np.ndarray
    """[row, key]."""


class BinRow(NamedTuple):
    """One row of fixed bins of all keys of a key set, concatenated."""

    at: int
    """File offset."""
    step: int
    time: float
    ends: np.ndarray
    """0, then the end of each key's bins: i64 [key + 1]."""
    places: np.ndarray
    """Bin numbers, u16, ascending within each key."""
    counts: np.ndarray
    """Count of each bin, u32."""

    def part(self, start: int, stop: int) -> BinRow:
        """The row of the keys in columns `start` to `stop` (exclusive)."""
        ends = self.ends[start : stop + 1]
        inside = slice(int(ends[0]), int(ends[-1]))
        return self._replace(ends=ends - ends[0], places=self.places[inside], counts=self.counts[inside])


class LoggedHistogram(NamedTuple):
    """A histogram as the user logged it: counts between ascending edges."""

    step: int
    time: float
    edges: np.ndarray
    counts: np.ndarray


class PrintedLine(NamedTuple):
    """One complete line of the console."""

    time: float
    stream: int
    text: str


class Memtable:
    """The data of one journal that is not in the index yet."""

    __slots__ = ("assets", "bins", "histograms", "lines", "rows")

    def __init__(self) -> None:
        """Start empty."""
        self.rows: dict[KeySet, list[RowBlock]] = {}
        self.bins: dict[KeySet, list[BinRow]] = {}
        self.histograms: dict[str, list[LoggedHistogram]] = {}
        self.assets: list[Asset] = []
        self.lines: list[PrintedLine] = []

    def add(self, keys: KeySet, block: RowBlock) -> None:
        """Add rows."""
        blocks = self.rows.setdefault(keys, [])
        blocks.append(block)
        if len(blocks) > MOST_BLOCKS:
            self.rows[keys] = [join(blocks)]

    def extend(self, newer: Memtable) -> None:
        """Move the data of `newer` into this one; `newer` must not be used afterwards."""
        for keys, blocks in newer.rows.items():
            known = self.rows.setdefault(keys, blocks)
            if known is not blocks:
                known += blocks
                if len(known) > MOST_BLOCKS:
                    self.rows[keys] = [join(known)]
        for keys, rows in newer.bins.items():
            self.bins.setdefault(keys, []).extend(rows)
        for key, histograms in newer.histograms.items():
            self.histograms.setdefault(key, []).extend(histograms)
        self.assets += newer.assets
        self.lines += newer.lines

    @property
    def is_empty(self) -> bool:
        """Whether it holds no data."""
        return not (self.rows or self.bins or self.histograms or self.assets or self.lines)

    @property
    def max_rows(self) -> int:
        """Number of rows of the key set with the most rows."""
        return max((sum(len(b.at) for b in blocks) for blocks in self.rows.values()), default=0)

    def points(self, kind: str, key: str) -> Points | None:
        """The points of one key in file order."""
        return self.points_of(kind, (key,)).get(key)

    def points_of(self, kind: str, some: Iterable[str]) -> dict[str, Points]:
        """The points of some keys in file order; keys without points are left out."""
        parts: dict[str, list[tuple[np.ndarray, ...]]] = {}
        for keys, blocks in tuple(self.rows.items()):
            names = [key for key in some if key in keys.column] if keys.kind == kind else []
            if names:
                columns = [keys.column[key] for key in names]
                narrow = join([block._replace(values=block.values[:, columns]) for block in tuple(blocks)])
                for key, values in zip(names, np.ascontiguousarray(narrow.values.T), strict=True):
                    parts.setdefault(key, []).append((*narrow[:3], values))
        return {key: _in_order(those) for key, those in parts.items()}

    def n_rows(self, keys: KeySet) -> int:
        """Number of rows of a key set."""
        return len(self.bins.get(keys, ())) + sum(len(block.at) for block in tuple(self.rows.get(keys, ())))

    def bins_of(self, key: str) -> list[BinRow]:
        """Fixed bins of one key in file order."""
        sets = [(keys.column[key], rows) for keys, rows in tuple(self.bins.items()) if key in keys.column]
        found = [row.part(column, column + 1) for column, rows in sets for row in tuple(rows)]
        return sorted(found, key=lambda row: row.at) if len(sets) > 1 else found

    def series(self) -> Iterator[tuple[str, str]]:
        """(kind, key) of all series with points."""
        seen = {(keys.kind, key) for keys in self.rows for key in keys.keys}
        yield from sorted(seen)


EMPTY_MEMTABLE = Memtable()
"""Shared by all journals that are completely in the index; never write to it."""


def _in_order(parts: list[tuple[np.ndarray, ...]]) -> Points:
    """Join the parts (at, steps, times, values) of one key, sorted by file offset."""
    at, *columns = parts[0] if len(parts) == 1 else (np.concatenate(part) for part in zip(*parts, strict=True))
    if len(parts) > 1 and not bool(np.all(at[1:] > at[:-1])):
        order = np.argsort(at)
        columns = [column[order] for column in columns]
    steps, times, values = columns
    return Points(steps, times, values)


def join(blocks: list[RowBlock]) -> RowBlock:
    """Concatenate blocks."""
    if len(blocks) == 1:
        return blocks[0]
    return RowBlock(*(np.concatenate(part) for part in zip(*blocks, strict=True)))
