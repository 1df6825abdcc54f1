"""The journal file: append frames, rewrite the heartbeat in place, truncate the file at the end.

There are two implementations. `Mapped` copies a frame into a shared memory map: no system call, and the page belongs to
the kernel, so it survives any crash of the process. `Batched` collects frames and writes them every 200 ms, for
network file systems, where maps are slow or incoherent.

The caller of `append` holds the run's lock. `beat` and `flush` may run concurrently with an append.
"""

from __future__ import annotations

import errno
import mmap
import os
import threading
import time
from pathlib import Path
from typing import Protocol

from netscope.record.journal.filesystem import is_networked
from netscope.store.journal import frames

FIRST_BYTES = 64 << 10
MOST_AT_ONCE = 8 << 20
RESERVE = 4 << 10  # bytes kept free for the last frame, so that the end of a run is recorded even on a full disk
RETRY_S = 5.0  # after a write error, how long frames are refused before the disk is tried again
MOST_WAITING = 16 << 20  # bytes that `Batched` buffers while writes fail


class Journal(Protocol):
    """A journal being written. Every method may raise OSError; a refused frame leaves no partial data."""

    path: Path
    interval_s: float
    """Seconds between calls of `flush`."""

    def append(self, frame: bytes) -> None:
        """Add a frame."""

    def flush(self) -> None:
        """Write the buffered frames."""

    def beat(self, now: float) -> None:
        """Rewrite the heartbeat and sync the file to disk, to survive a power loss."""

    def is_gone(self) -> bool:
        """Whether the file was deleted. If its folder was moved, writing continues there."""

    def close(self, last: bytes) -> None:
        """Append the last frame, using the reserved space, and truncate the file to its length."""


def open_journal(path: Path, start: bytes, now: float) -> Journal:
    """Create the journal `path` with its header and first frame. The file gets its name only when both are written.

    Raises:
        OSError: The file cannot be created; no file is left behind.
    """
    temporary = path.with_suffix(".new")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(temporary, flags)
    made: Journal | None = None
    try:
        made = (Batched if is_networked(path.parent) else Mapped)(fd, path)
        made.append(frames.header(now, os.getpid()))
        made.append(start)
        made.flush()
        os.rename(temporary, path)
    except BaseException:
        if made is None:
            os.close(fd)
        else:
            made.close(b"")
        temporary.unlink(missing_ok=True)
        raise
    return made


def allocate(fd: int, start: int, n: int) -> None:
    """Allocate bytes `start` to `start + n` on disk; writing to a map of unallocated space can raise SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, start, n)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS):
                raise
        else:
            return
    zeros, at = bytes(min(n, 1 << 20)), start
    while at < start + n:  # a nearly full disk writes a part first and fails at the next call
        at += _write_at(fd, zeros[: start + n - at], at)


class _JournalFile:
    """The common part of both implementations: the heartbeat in the header."""

    def __init__(self, fd: int, path: Path) -> None:
        self.path = path
        self._fd = fd
        self._beats = 0

    def beat(self, now: float) -> None:
        self._beats += 1
        _write_at(self._fd, frames.HEARTBEAT.pack(now, self._beats), frames.HEARTBEAT_AT)
        getattr(os, "fdatasync", os.fsync)(self._fd)

    def is_gone(self) -> bool:
        return os.fstat(self._fd).st_nlink == 0


class Mapped(_JournalFile):
    """Copies frames into a memory-mapped window at the end of the file, which is allocated ahead.

    The window is at most `MOST_AT_ONCE` plus one frame long, whatever the length of the file.
    """

    interval_s = 2.0

    def __init__(self, fd: int, path: Path) -> None:
        """Allocate and map the first window of an empty file."""
        super().__init__(fd, path)
        self._allocated = 0
        self._base = 0
        self._end = 0  # relative to the window, as is the limit
        self._limit = 0
        self._window: mmap.mmap | None = None
        self._refusal: OSError | None = None
        self._retry_at = 0.0
        self._grow(0)

    def append(self, frame: bytes) -> None:
        """Add a frame: one copy into memory that outlives the process."""
        n = len(frame)
        start = self._end
        end = start + n
        while end > self._limit:
            self._grow(n)
            start = self._end
            end = start + n
        # Reserve the range before filling it: a signal handler or finaliser that logs in between gets the next one.
        self._end = end
        self._window[start:end] = frame  # type: ignore[index]  # None only after `close`

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def close(self, last: bytes) -> None:
        """Write the last frame into the reserved space and truncate the file."""
        if self._window is None:
            os.close(self._fd)
            return
        start, self._end = self._end, self._end + len(last)
        if self._end <= len(self._window):
            self._window[start : self._end] = last
        else:
            self._end = start
        self._window.close()
        self._window = None
        try:
            os.ftruncate(self._fd, self._base + self._end)
            os.fsync(self._fd)
        finally:
            os.close(self._fd)

    def _grow(self, n: int) -> None:
        """Allocate space for `n` more bytes and the reserve, and move the window to the end of the written data."""
        if self._refusal and time.monotonic() < self._retry_at:
            raise self._refusal
        end = self._base + self._end
        needed = _page_up(end + n + RESERVE)
        wanted = _page_up(max(needed, FIRST_BYTES, min(2 * self._allocated, self._allocated + MOST_AT_ONCE)))
        try:
            wanted = self._allocate(needed, wanted)
            base = end // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
            window = mmap.mmap(self._fd, wanted - base, access=mmap.ACCESS_WRITE, offset=base)
        except OSError as error:
            self._refusal, self._retry_at = error, time.monotonic() + RETRY_S
            raise
        self._refusal = None
        if end != self._base + self._end:  # a signal handler logged meanwhile and grew the file
            window.close()
            return
        before, self._window = self._window, window
        self._allocated, self._base, self._end = wanted, base, end - base
        self._limit = len(window) - RESERVE
        if before is not None:
            before.close()

    def _allocate(self, needed: int, wanted: int) -> int:
        """Allocate up to `wanted` bytes, or at least `needed` if the disk is nearly full."""
        if wanted <= self._allocated:
            return self._allocated
        try:
            allocate(self._fd, self._allocated, wanted - self._allocated)
        except OSError:
            if needed == wanted:
                raise
            if needed > self._allocated:
                allocate(self._fd, self._allocated, needed - self._allocated)
            return max(needed, self._allocated)
        return wanted


class Batched(_JournalFile):
    """Buffers frames for at most 200 ms, then writes them together."""

    interval_s = 0.2

    def __init__(self, fd: int, path: Path) -> None:
        """Start with an empty file."""
        super().__init__(fd, path)
        self._waiting = bytearray()
        self._written = 0
        self._refusal: OSError | None = None
        self._flushing = threading.Lock()

    def append(self, frame: bytes) -> None:
        """Add a frame to the buffer; raises if writes fail and the buffer is full."""
        if len(self._waiting) + len(frame) > MOST_WAITING:
            if self._refusal:
                raise self._refusal
            self.flush()
        self._waiting += frame

    def flush(self) -> None:
        """Write the buffer; what cannot be written stays in it."""
        with self._flushing:
            some, at = bytes(self._waiting), 0
            try:
                while at < len(some):
                    at += _write_at(self._fd, some[at:], self._written + at)
                self._refusal = None
            except OSError as error:
                self._refusal = error
                raise
            finally:
                self._written += at
                del self._waiting[:at]

    def beat(self, now: float) -> None:
        """As in `Journal`; does nothing before the first flush, because there is no header yet."""
        if self._written:
            super().beat(now)

    def close(self, last: bytes) -> None:
        """Write the buffer and the last frame."""
        self._waiting += last
        try:
            self.flush()
            os.fsync(self._fd)
        finally:
            os.close(self._fd)


def _page_up(n: int) -> int:
    return -(-n // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY


def _write_at(fd: int, data: bytes, at: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(fd, data, at)
    os.lseek(fd, at, os.SEEK_SET)
    return os.write(fd, data)
