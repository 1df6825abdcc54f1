"""Follow a journal: read new bytes piece by piece, and the heartbeat in its header."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from io import FileIO

from netscope.store.journal import frames
from netscope.store.journal.follower import Follower
from netscope.store.journal.frames import Header
from netscope.store.journal.metadata import TIME_LIMIT
from netscope.store.journal.parser import JournalParser
from netscope.store.journal.regular_files import open_inside

SUFFIX = ".journal"
PIECE_BYTES = 256 << 10
MIN_PIECE_BYTES = 4 << 10
MAX_PIECE_BYTES = 4 << 20  # a frame may need more: up to 16 MiB


class JournalFollower(Follower):
    """Follows a journal (FORMAT.md)."""

    __slots__ = ()

    @staticmethod
    def is_mine(name: str) -> bool:
        """Whether the name is that of a journal."""
        return name.endswith(SUFFIX)

    def read_heartbeat(self) -> bool:
        """Read the header again; returns whether the heartbeat changed since the last reading."""
        with open_inside(self.path) as file:
            return self._update_heartbeat(file)

    def has_changed(self) -> bool:
        """Whether the file may have new bytes, or the heartbeat changed."""
        size, peek = self.metadata.searched or (self.offset, b"")
        if self.metadata.ended or not self.metadata.start.attempt:  # not preallocated, no heartbeats
            return os.stat(self.path).st_size != size
        with open_inside(self.path) as file:
            has_moved = self._update_heartbeat(file)
            file.seek(self.offset)
            return has_moved or (os.fstat(file.fileno()).st_size, file.read(8)) != (size, peek)

    def read(self, most: int = 1 << 62, *, thorough: bool = False) -> JournalParser | None:
        """Read new bytes, as `Follower.read`; thorough: search beyond zeros too."""
        with open_inside(self.path) as file:
            start = self.offset or frames.HEADER_BYTES
            if not self.offset:
                status = os.fstat(file.fileno())
                self.created, self.mtime, self.size = 0.0, status.st_mtime, status.st_size
                begin = file.read(frames.HEADER_BYTES)
                if len(begin) < frames.HEADER_BYTES and frames.MAGIC.startswith(begin[:8]):
                    self.created = self.mtime  # until the header is there
                    return None  # the file is being created
                header = frames.read_header(begin, self.name)
                self.created = self.mtime  # unless the header has a valid time
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
