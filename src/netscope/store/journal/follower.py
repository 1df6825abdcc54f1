"""Follow one journal: read new bytes piece by piece and keep what is not in the index yet."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from netscope.store.journal import frames
from netscope.store.journal.frames import Header
from netscope.store.journal.memtable import EMPTY_MEMTABLE, KeySet, journal_number
from netscope.store.journal.metadata import TIME_LIMIT, LargeMetadata, Metadata
from netscope.store.journal.parser import JournalParser
from netscope.store.journal.regular_files import open_inside

PIECE_BYTES = 256 << 10
MIN_PIECE_BYTES = 4 << 10
NO_LARGE_METADATA = LargeMetadata()
MAX_PIECE_BYTES = 4 << 20  # a frame may need more: up to 16 MiB


class Follower:
    """One journal and its read position. A store has tens of thousands, so an idle one takes little memory."""

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
        """Why this journal cannot be read; '' if it can."""
        self.created = self.heartbeat = 0.0
        self.beats = 0
        self.mtime = 0.0
        """Modification time of the file when its header was last read."""
        self.size = offset
        """Size of the file when it was last read."""
        self.bytes_read = 0
        self.is_behind = False
        """Whether there is more to read right now."""
        self.moved_at = 0.0
        """Monotonic time at which the heartbeat last changed, or 0."""
        self._sets: dict[int, KeySet] = {}

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

    def read_heartbeat(self) -> bool:
        """Read the header again; returns whether the heartbeat changed since the last reading."""
        with open_inside(self.path) as file:
            return self._update_heartbeat(file)

    def has_changed(self) -> bool:
        """Whether the file may have new bytes, or the heartbeat changed.

        Raises:
            OSError: The file cannot be read.
        """
        size, peek = self.metadata.searched or (self.offset, b"")
        if self.metadata.ended or not self.metadata.start.attempt:  # not preallocated, no heartbeats
            return os.stat(self.path).st_size != size
        with open_inside(self.path) as file:
            has_moved = self._update_heartbeat(file)
            file.seek(self.offset)
            return has_moved or (os.fstat(file.fileno()).st_size, file.read(8)) != (size, peek)

    def read_new(self, most: int = 1 << 62, *, thorough: bool = False) -> int:
        """`read` and `apply`; returns the number of new bytes."""
        return self.apply(self.read(most, thorough=thorough))

    def mark_indexed(self, offset: int) -> None:
        """Note that all bytes before `offset` are in the index now, and free the memory they took."""
        self.memtable, self.large_metadata, self.indexed = EMPTY_MEMTABLE, NO_LARGE_METADATA, offset

    def apply(self, parsed: JournalParser | None) -> int:
        """Apply what `read` returned; returns the number of new bytes. Fast, to be called under a lock."""
        if parsed is None:
            return 0
        taken = parsed.offset - self.offset
        self.offset, self.metadata, self._sets = parsed.offset, parsed.metadata, parsed.sets
        if self.memtable.is_empty:
            self.memtable = parsed.memtable if not parsed.memtable.is_empty else EMPTY_MEMTABLE
        else:
            self.memtable.extend(parsed.memtable)
        if parsed.large_metadata != NO_LARGE_METADATA:
            self.large_metadata = self.large_metadata.overlay(parsed.large_metadata)
        return taken

    def read(self, most: int = 1 << 62, *, thorough: bool = False) -> JournalParser | None:
        """Read about `most` new bytes, without changing anything that other threads read.

        Args:
            most: Stop after about this many bytes; call again for more.
            thorough: Also search beyond zeros, for a journal whose writer is gone.

        Returns:
            The parsed bytes, or None if there is nothing new.

        Raises:
            FormatError: Not a journal, or of a newer major version.
        """
        with open_inside(self.path) as file:
            start = self.offset or frames.HEADER_BYTES
            if not self.offset:
                self.created = self.mtime = os.fstat(file.fileno()).st_mtime  # until the header is read
                begin = file.read(frames.HEADER_BYTES)
                if len(begin) < frames.HEADER_BYTES and frames.MAGIC.startswith(begin[:8]):
                    return None  # the file is being created
                header = frames.read_header(begin, self.name)
                self._apply_header(header)
            file.seek(start)
            peek = file.read(8)
            self.bytes_read += len(peek)
            self.size = os.fstat(file.fileno()).st_size
            is_shorter = self.size < start
            self.problem = f"{self.name} is shorter than it was: it was cut or replaced" if is_shorter else ""
            is_empty = not peek or (not thorough and (len(peek) < 8 or peek[:4] == bytes(4)))
            is_known = is_empty or (self.size, peek) == self.metadata.searched
            if is_known and self.offset:
                return None  # the usual case
            parsed = JournalParser(start, self.metadata, self._sets)
            parsed.metadata.saw_time(self.created)
            if not self.offset and not (_is_time(header.created) and _is_time(header.heartbeat)):
                parsed.fault(
                    frames.HEADER_BYTES,
                    f"the times in its header are out of range: {header.created:g}, {header.heartbeat:g}",
                )
            if not is_known:
                is_all = self._read_pieces(file, parsed, most, thorough) and thorough
                file.seek(parsed.offset)
                parsed.metadata.searched = (self.size, file.read(8)) if is_all else None
        return parsed

    def _read_pieces(self, file: FileIO, parsed: JournalParser, most: int, thorough: bool) -> bool:
        """Parse piece after piece; returns whether the end of the file was reached."""
        start, size = parsed.offset, min(PIECE_BYTES, max(most, MIN_PIECE_BYTES))
        passed = 0  # bytes after `parsed.offset` in which no frame begins
        while parsed.offset - start < most:
            if passed:
                passed = _next_data(file, parsed.offset + passed) - parsed.offset
            file.seek(parsed.offset + passed)
            piece = _read(file.read, size)
            self.bytes_read += len(piece)
            final = len(piece) < size
            view = memoryview(piece)
            used, is_frame = 0, False
            if passed:
                at, is_frame = frames.Frames(view).find(0, final=final)
                passed += at
                if is_frame:
                    parsed.damage(passed)
                    parsed.offset, passed = parsed.offset + passed, 0
                    continue
            else:
                used = at = parsed.parse(piece, final=final, thorough=thorough)
                if not thorough and piece[at : at + 4] == bytes(4):
                    return final
            if final:
                return True
            size = min(2 * size, MAX_PIECE_BYTES)
            if not used and (needed := frames.claimed(view, at)) > len(piece) - at:
                size = max(size, needed + MAX_PIECE_BYTES)  # and more: the next frame may be as large
            elif not used and not passed:
                passed = 8
        return False

    def _update_heartbeat(self, file: FileIO) -> bool:
        header = frames.read_header(file.read(frames.HEADER_BYTES), self.name)
        self.mtime = os.fstat(file.fileno()).st_mtime
        moved = bool(self.created) and header.beats != self.beats
        if moved:
            self.moved_at = time.monotonic()
        self._apply_header(header)
        return moved

    def _apply_header(self, header: Header) -> None:
        self.created = header.created if _is_time(header.created) else self.created
        self.heartbeat = header.heartbeat if _is_time(header.heartbeat) else 0.0
        self.beats = header.beats


def _is_time(seconds: float) -> bool:
    return 0.0 <= seconds < TIME_LIMIT


def _next_data(file: FileIO, at: int) -> int:
    """The next offset with data at or after `at`: holes and preallocated space are skipped, not read."""
    if not hasattr(os, "SEEK_DATA"):
        return at
    try:
        place = file.seek(at, os.SEEK_DATA)
    except OSError as error:  # ENXIO: no data up to the end; others: not supported here
        place = os.fstat(file.fileno()).st_size if error.errno == errno.ENXIO else at
    return max(at, place - place % 8)


def _read(read: Callable[[int], bytes | None], size: int) -> bytes:
    """Read exactly `size` bytes, or up to the end of the file."""
    parts: list[bytes] = []
    while size and (part := read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
