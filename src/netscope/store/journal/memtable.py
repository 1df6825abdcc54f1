"""What a journal said since the index last heard of it: rows as columns, one block a key set."""

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

ROW_BYTES = 24  # of a row's body before its values
MOST_BLOCKS = 64  # a run that is polled five times a second would else be a list of thousands of tiny arrays
GROUP = 32  # keys that share a block where a block a key would be small
WIDE = 2 * GROUP  # keys; a key set of fewer has a block a key, so that charts of many runs read one key's bytes


def digest(text: str) -> int:
    """A 64-bit number for a name. The same in every process, so nobody has to ask the database for one."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def key_id(kind: str, key: str) -> int:
    """The number of a series' name in the index."""
    return digest(f"{kind}\0{key}")


def journal_number(run: str, name: str) -> int:
    """The number of a journal in the index."""
    return digest(f"journal\0{run}\0{name}")


class KeySet(msgspec.Struct, frozen=True, dict=True):
    """Names that are logged together."""

    kind: SetKind
    keys: tuple[str, ...]

    @cached_property
    def id(self) -> int:
        """The same for equal key sets of all runs."""
        return digest(msgspec.json.encode(self).decode())  # not joined by a character that a key may have

    @cached_property
    def row_bytes(self) -> int:
        """Length of the body of a row; 0: it has no rows."""
        return ROW_BYTES + 8 * len(self.keys) if self.kind != "bins" else 0

    @property
    def is_wide(self) -> bool:
        """Whether its keys may share blocks."""
        return len(self.keys) > WIDE

    def group_id(self, column: int) -> int:
        """The number in the index of the group of keys that a column is in."""
        return digest(f"group\0{self.id}\0{column // GROUP}")

    @cached_property
    def column(self) -> dict[str, int]:
        """Place of a key among the values of a row."""
        return {key: i for i, key in enumerate(self.keys)}


class Block(NamedTuple):
    """Rows of one key set in the order of the file."""

    at: np.ndarray
    """Where in the file each row begins: the order between key sets."""
    steps: np.ndarray
    times: np.ndarray
    values: np.ndarray
    """One column a key."""


class BinRow(NamedTuple):
    """One row of fixed bins, of all keys of a key set: their bins laid end to end."""

    at: int
    """Where in the file it begins."""
    step: int
    time: float
    ends: np.ndarray
    """Where the bins of each key end, after a 0: i64 [key + 1]."""
    places: np.ndarray
    """Numbers of the bins, u16, ascending in each key."""
    counts: np.ndarray
    """Of each bin, u32."""

    def part(self, start: int, stop: int) -> BinRow:
        """Of the keys from column `start` to before `stop`."""
        ends = self.ends[start : stop + 1]
        inside = slice(int(ends[0]), int(ends[-1]))
        return self._replace(ends=ends - ends[0], places=self.places[inside], counts=self.counts[inside])


class Histogram(NamedTuple):
    """Counts between ascending edges, as the user gave them."""

    step: int
    time: float
    edges: np.ndarray
    counts: np.ndarray


class Line(NamedTuple):
    """One whole line of a console."""

    time: float
    stream: int
    text: str


class Tail:
    """Everything of one journal that is not in the index yet."""

    __slots__ = ("assets", "bins", "histograms", "lines", "rows")

    def __init__(self) -> None:
        """Nothing yet."""
        self.rows: dict[KeySet, list[Block]] = {}
        self.bins: dict[KeySet, list[BinRow]] = {}
        self.histograms: dict[str, list[Histogram]] = {}
        self.assets: list[Asset] = []
        self.lines: list[Line] = []

    def add(self, keys: KeySet, block: Block) -> None:
        """Take more rows."""
        blocks = self.rows.setdefault(keys, [])
        blocks.append(block)
        if len(blocks) > MOST_BLOCKS:
            self.rows[keys] = [join(blocks)]

    def extend(self, newer: Tail) -> None:
        """Take what another one has, which is not used any more."""
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
        """Whether there is nothing."""
        return not (self.rows or self.bins or self.histograms or self.assets or self.lines)

    @property
    def longest(self) -> int:
        """Rows of the key set that has most."""
        return max((sum(len(b.at) for b in blocks) for blocks in self.rows.values()), default=0)

    def points(self, kind: str, key: str) -> Points | None:
        """The points of one key, in the order of the file."""
        return self.points_of(kind, (key,)).get(key)

    def points_of(self, kind: str, some: Iterable[str]) -> dict[str, Points]:
        """The points of some keys, each in the order of the file; those that have none are left out."""
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
        """How many rows of a key set there are."""
        return len(self.bins.get(keys, ())) + sum(len(block.at) for block in tuple(self.rows.get(keys, ())))

    def bins_of(self, key: str) -> list[BinRow]:
        """Fixed bins of one key, in the order of the file."""
        sets = [(keys.column[key], rows) for keys, rows in tuple(self.bins.items()) if key in keys.column]
        found = [row.part(column, column + 1) for column, rows in sets for row in tuple(rows)]
        return sorted(found, key=lambda row: row.at) if len(sets) > 1 else found

    def series(self) -> Iterator[tuple[str, str]]:
        """(kind, key) of all series with points here."""
        seen = {(keys.kind, key) for keys in self.rows for key in keys.keys}
        yield from sorted(seen)


NOTHING = Tail()
"""What all journals have that are wholly in the index. Not to be written to."""


def _in_order(parts: list[tuple[np.ndarray, ...]]) -> Points:
    """Columns (at, steps, times, values) of one key as points."""
    at, *columns = parts[0] if len(parts) == 1 else (np.concatenate(part) for part in zip(*parts, strict=True))
    if len(parts) > 1 and not bool(np.all(at[1:] > at[:-1])):
        order = np.argsort(at)
        columns = [column[order] for column in columns]
    steps, times, values = columns
    return Points(steps, times, values)


def join(blocks: list[Block]) -> Block:
    """Several blocks as one."""
    if len(blocks) == 1:
        return blocks[0]
    return Block(*(np.concatenate(part) for part in zip(*blocks, strict=True)))
