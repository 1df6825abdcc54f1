"""Follow one journal: read the bytes that are new, piece by piece, and keep what they said."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from netscope.store.journal import frames
from netscope.store.journal.frames import Header
from netscope.store.journal.memtable import NOTHING, KeySet, journal_number
from netscope.store.journal.metadata import LATEST, Head, Memo
from netscope.store.journal.parser import News
from netscope.store.journal.regular_files import open_inside

PIECE = 256 << 10
LEAST_PIECE = 4 << 10
NO_MEMO = Memo()
LARGEST_PIECE = 4 << 20  # unless a frame says that it is larger: up to 16 MiB


class Follower:
    """One journal and how far it was read. There are tens of thousands, so each is small while nothing is new."""

    __slots__ = (
        "_sets", "beats", "bytes_read", "created", "head", "heartbeat", "indexed", "is_behind", "memo", "moved_at",
        "mtime", "number", "offset", "place", "problem", "size", "tail",
    )  # fmt: skip

    def __init__(self, place: str | Path, head: Head | None = None, offset: int = 0) -> None:
        """Begin at the start, or where the index left off with the head of then (and `define` its key sets)."""
        self.place = os.fspath(place)
        self.number = journal_number(self.run, self.name)
        self.head = head or Head()
        self.memo = NO_MEMO
        self.tail = NOTHING
        self.offset = offset
        """Everything before this byte was read."""
        self.indexed = offset
        """Everything before this byte is in the index."""
        self.problem = ""
        """Why this journal cannot be read at all."""
        self.created = self.heartbeat = 0.0
        self.beats = 0
        self.mtime = 0.0
        """Time stamp of the file when its header was last read."""
        self.size = offset
        """Of the file when it was last read."""
        self.bytes_read = 0
        self.is_behind = False
        """There is more to read at once."""
        self.moved_at = 0.0
        """Monotonic time at which the heartbeat was last seen to move, or 0."""
        self._sets: dict[int, KeySet] = {}

    @property
    def run(self) -> str:
        """Id of the run it is of."""
        return os.path.basename(os.path.dirname(self.place))

    @property
    def name(self) -> str:
        """Of the file."""
        return os.path.basename(self.place)

    @property
    def key_sets(self) -> list[KeySet]:
        """All that were defined."""
        return list(self._sets.values())

    @property
    def is_unreadable(self) -> bool:
        """Whether not even its beginning could be read."""
        return bool(self.problem) and not self.offset

    def n_indexed(self, kind: str, key: str) -> int:
        """How many points, bins, histograms or assets of a key the index has to have."""
        head, tail = self.head, self.tail
        if kind == "histogram":
            return head.n_histograms.get(key, 0) - len(tail.histograms.get(key, ()))
        if kind == "asset":
            return head.n_assets - len(tail.assets)
        return sum(self.n_rows_indexed(keys) for keys in self.sets_with(kind, key))

    def sets(self, kind: str) -> list[KeySet]:
        """The key sets of a kind; one that was defined twice, once."""
        found = [keys for keys in self._sets.values() if keys.kind == kind]
        return found if len(found) < 2 else list({keys.id: keys for keys in found}.values())

    def sets_with(self, kind: str, key: str) -> list[KeySet]:
        """Those that have a key."""
        return [keys for keys in self.sets(kind) if key in keys.column]

    def n_rows_indexed(self, keys: KeySet) -> int:
        """How many rows of a key set the index has to have."""
        return self.head.n_rows.get(keys.id, 0) - self.tail.n_rows(keys)

    def define(self, number: int, keys: KeySet) -> None:
        """The head that this one began with knows a key set; this is it."""
        self._sets[number] = keys

    def beat(self) -> bool:
        """Read the header again; whether the heartbeat moved since it was read before."""
        with open_inside(self.place) as file:
            return self._beat(file)

    def has_changed(self) -> bool:
        """Whether there may be something new since everything was read, or the heartbeat moved.

        Raises:
            OSError: The file cannot be looked at.
        """
        size, peek = self.head.searched or (self.offset, b"")
        if self.head.ended or not self.head.start.attempt:  # nothing is allocated ahead, and no heart beats
            return os.stat(self.place).st_size != size
        with open_inside(self.place) as file:
            has_moved = self._beat(file)
            file.seek(self.offset)
            return has_moved or (os.fstat(file.fileno()).st_size, file.read(8)) != (size, peek)

    def grow(self, most: int = 1 << 62, *, thorough: bool = False) -> int:
        """`read`, and `take` what was read; how many bytes were taken."""
        return self.take(self.read(most, thorough=thorough))

    def indexed_upto(self, offset: int) -> None:
        """Everything before this byte is in the index now."""
        self.tail, self.memo, self.indexed = NOTHING, NO_MEMO, offset

    def take(self, news: News | None) -> int:
        """Go on to where `read` got; how many bytes further that is. Quick: to be done under a lock."""
        if news is None:
            return 0
        taken = news.offset - self.offset
        self.offset, self.head, self._sets = news.offset, news.head, news.sets
        if self.tail.is_empty:
            self.tail = news.tail if not news.tail.is_empty else NOTHING
        else:
            self.tail.extend(news.tail)
        if news.memo != NO_MEMO:
            self.memo = self.memo.under(news.memo)
        return taken

    def read(self, most: int = 1 << 62, *, thorough: bool = False) -> News | None:
        """Read what is new, about `most` bytes of it, and change nothing that others look at.

        Args:
            most: Stop after so many; call again.
            thorough: Look beyond zeros too: for a journal whose writer is gone.

        Returns:
            None: There is nothing.

        Raises:
            FormatError: Not a journal, or of a newer major version.
        """
        with open_inside(self.place) as file:
            start = self.offset or frames.HEADER_BYTES
            if not self.offset:
                self.created = self.mtime = os.fstat(file.fileno()).st_mtime  # as long as no header tells it
                begin = file.read(frames.HEADER_BYTES)
                if len(begin) < frames.HEADER_BYTES and frames.MAGIC.startswith(begin[:8]):
                    return None  # being created this instant
                header = frames.read_header(begin, self.name)
                self._hear(header)
            file.seek(start)
            peek = file.read(8)
            self.bytes_read += len(peek)
            self.size = os.fstat(file.fileno()).st_size
            is_shorter = self.size < start
            self.problem = f"{self.name} is shorter than it was: it was cut or replaced" if is_shorter else ""
            is_empty = not peek or (not thorough and (len(peek) < 8 or peek[:4] == bytes(4)))
            is_known = is_empty or (self.size, peek) == self.head.searched
            if is_known and self.offset:
                return None  # as nearly always
            news = News(start, self.head, self._sets)
            news.head.heard(self.created)
            if not self.offset and not (_is_time(header.created) and _is_time(header.heartbeat)):
                news.fault(
                    frames.HEADER_BYTES,
                    f"its header tells of impossible times: {header.created:g}, {header.heartbeat:g}",
                )
            if not is_known:
                is_all = self._read_pieces(file, news, most, thorough) and thorough
                file.seek(news.offset)
                news.head.searched = (self.size, file.read(8)) if is_all else None
        return news

    def _read_pieces(self, file: FileIO, news: News, most: int, thorough: bool) -> bool:
        """Parse piece after piece; whether the end of the file was reached."""
        start, size = news.offset, min(PIECE, max(most, LEAST_PIECE))
        passed = 0  # bytes behind `news.offset` that are no frame and in which none begins
        while news.offset - start < most:
            if passed:
                passed = _next_data(file, news.offset + passed) - news.offset
            file.seek(news.offset + passed)
            piece = _read(file.read, size)
            self.bytes_read += len(piece)
            final = len(piece) < size
            view = memoryview(piece)
            used, is_frame = 0, False
            if passed:
                at, is_frame = frames.Frames(view).find(0, final=final)
                passed += at
                if is_frame:
                    news.damage(passed)
                    news.offset, passed = news.offset + passed, 0
                    continue
            else:
                used = at = news.parse(piece, final=final, thorough=thorough)
                if not thorough and piece[at : at + 4] == bytes(4):
                    return final
            if final:
                return True
            size = min(2 * size, LARGEST_PIECE)
            if not used and (needed := frames.claimed(view, at)) > len(piece) - at:
                size = max(size, needed + LARGEST_PIECE)  # and more: what follows may claim as much
            elif not used and not passed:
                passed = 8
        return False

    def _beat(self, file: FileIO) -> bool:
        header = frames.read_header(file.read(frames.HEADER_BYTES), self.name)
        self.mtime = os.fstat(file.fileno()).st_mtime
        moved = bool(self.created) and header.beats != self.beats
        if moved:
            self.moved_at = time.monotonic()
        self._hear(header)
        return moved

    def _hear(self, header: Header) -> None:
        self.created = header.created if _is_time(header.created) else self.created
        self.heartbeat = header.heartbeat if _is_time(header.heartbeat) else 0.0
        self.beats = header.beats


def _is_time(seconds: float) -> bool:
    return 0.0 <= seconds < LATEST


def _next_data(file: FileIO, at: int) -> int:
    """Where there is something at or behind `at`: a hole of a terabyte, or what was allocated only, is not read."""
    if not hasattr(os, "SEEK_DATA"):
        return at
    try:
        place = file.seek(at, os.SEEK_DATA)
    except OSError as error:  # ENXIO: nothing up to the end; others: the file system does not tell
        place = os.fstat(file.fileno()).st_size if error.errno == errno.ENXIO else at
    return max(at, place - place % 8)


def _read(read: Callable[[int], bytes | None], size: int) -> bytes:
    """Exactly `size` bytes, or up to the end of the file."""
    parts: list[bytes] = []
    while size and (part := read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
