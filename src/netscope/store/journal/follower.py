"""What can be followed as a part of a run: a file that grows, read as metadata, key sets and rows.

A journal is such a file (`journal_follower`); so is a log of another program, once a subclass of `Follower` reads it.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from netscope.store.journal.memtable import EMPTY_MEMTABLE, KeySet, journal_number
from netscope.store.journal.metadata import LargeMetadata, Metadata
from netscope.store.journal.new_data import NewData

NO_LARGE_METADATA = LargeMetadata()


class Follower(ABC):
    """One file, its read position, and what is not in the index yet.

    A subclass is a source: it knows its files by their names, and reads them. All the rest of the store knows only
    this class. A store has tens of thousands, so an idle one takes little memory.
    """

    __slots__ = (
        "_sets", "beats", "bytes_read", "created", "heartbeat", "indexed", "is_behind", "large_metadata", "memtable",
        "metadata", "moved_at", "mtime", "number", "offset", "path", "problem", "size",
    )  # fmt: skip

    def __init__(self, path: str | Path, metadata: Metadata | None = None, offset: int = 0) -> None:
        """Start at the beginning, or at `offset` with the metadata valid there; then call `define_key_set`."""
        self.path = os.fspath(path)
        self.number = journal_number(self.run, self.name)
        self.metadata = metadata or Metadata()
        self.large_metadata = NO_LARGE_METADATA
        self.memtable = EMPTY_MEMTABLE
        self.offset = offset
        """All bytes before this one have been read."""
        self.indexed = offset
        """All bytes before this one are in the index."""
        self.problem = ""
        """Why this file cannot be read; '' if it can."""
        self.created = self.heartbeat = 0.0
        self.beats = 0
        self.mtime = 0.0
        """Modification time of the file when it was last read."""
        self.size = offset
        """Size of the file when it was last read."""
        self.bytes_read = 0
        self.is_behind = False
        """Whether there is more to read right now."""
        self.moved_at = 0.0
        """Monotonic time at which the heartbeat last changed, or 0."""
        self._sets: dict[int, KeySet] = {}

    @staticmethod
    @abstractmethod
    def is_mine(name: str) -> bool:
        """Whether a file of this name, in the folder of a run, is of this kind."""

    @abstractmethod
    def has_changed(self) -> bool:
        """Whether the file may have new bytes, or its writer showed activity.

        Raises:
            OSError: The file cannot be read.
            FormatError: It is of another kind.
        """

    @abstractmethod
    def read_heartbeat(self) -> bool:
        """Look for activity of the writer; returns whether there was any since the last time.

        Sets `mtime`, and `heartbeat`, `beats` and `moved_at` if the writer leaves heartbeats.
        """

    @abstractmethod
    def read(self, most: int = 1 << 62, *, thorough: bool = False) -> NewData | None:
        """Read about `most` new bytes, without changing anything that other threads read.

        Sets `created`, `mtime`, `size` and `problem`.

        Args:
            most: Stop after about this many bytes; call again for more.
            thorough: Also search damaged parts, for a file whose writer is gone.

        Returns:
            The new data, or None if there is nothing new.

        Raises:
            OSError: The file cannot be read.
            FormatError: It is of another kind, or of a newer major version.
        """

    @property
    def run(self) -> str:
        """Id of its run."""
        return os.path.basename(os.path.dirname(self.path))

    @property
    def name(self) -> str:
        """Name of the file."""
        return os.path.basename(self.path)

    @property
    def key_sets(self) -> list[KeySet]:
        """All key sets that were defined."""
        return list(self._sets.values())

    @property
    def is_unreadable(self) -> bool:
        """Whether not even its header could be read."""
        return bool(self.problem) and not self.offset

    def n_indexed(self, kind: str, key: str) -> int:
        """Number of points, bins, histograms or assets of a key that the index must have."""
        metadata, memtable = self.metadata, self.memtable
        if kind == "histogram":
            return metadata.n_histograms.get(key, 0) - len(memtable.histograms.get(key, ()))
        if kind == "asset":
            return metadata.n_assets - len(memtable.assets)
        return sum(self.n_rows_indexed(keys) for keys in self.sets_with(kind, key))

    def sets(self, kind: str) -> list[KeySet]:
        """The key sets of a kind, without duplicates."""
        found = [keys for keys in self._sets.values() if keys.kind == kind]
        return found if len(found) < 2 else list({keys.id: keys for keys in found}.values())

    def sets_with(self, kind: str, key: str) -> list[KeySet]:
        """The key sets that contain a key."""
        return [keys for keys in self.sets(kind) if key in keys.column]

    def n_rows_indexed(self, keys: KeySet) -> int:
        """Number of rows of a key set that the index must have."""
        return self.metadata.n_rows.get(keys.id, 0) - self.memtable.n_rows(keys)

    def define_key_set(self, number: int, keys: KeySet) -> None:
        """Set the key set for a number that the initial metadata refers to."""
        self._sets[number] = keys

    def read_new(self, most: int = 1 << 62, *, thorough: bool = False) -> int:
        """`read` and `apply`; returns the number of new bytes."""
        return self.apply(self.read(most, thorough=thorough))

    def mark_indexed(self, offset: int) -> None:
        """Note that all bytes before `offset` are in the index now, and free the memory they took."""
        self.memtable, self.large_metadata, self.indexed = EMPTY_MEMTABLE, NO_LARGE_METADATA, offset

    def apply(self, news: NewData | None) -> int:
        """Apply what `read` returned; returns the number of new bytes. Fast, to be called under a lock."""
        if news is None:
            return 0
        taken = news.offset - self.offset
        self.offset, self.metadata, self._sets = news.offset, news.metadata, news.sets
        if self.memtable.is_empty:
            self.memtable = news.memtable if not news.memtable.is_empty else EMPTY_MEMTABLE
        else:
            self.memtable.extend(news.memtable)
        if news.large_metadata != NO_LARGE_METADATA:
            self.large_metadata = self.large_metadata.overlay(news.large_metadata)
        return taken


def source_of(name: str, sources: Sequence[type[Follower]]) -> type[Follower] | None:
    """The source of a file by its name; None if it is of no known kind."""
    return next((source for source in sources if source.is_mine(name)), None)
