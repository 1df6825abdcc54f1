"""A journal on the disk: frames are appended, a heartbeat is rewritten in place, the end is cut to length.

Two ways, one interface. `Mapped` copies a frame into a shared memory map: no system call, and the page belongs to
the kernel, so it outlives the process however that dies. `Batched` gathers frames for `os.write` every
200 ms where the file lies across a network and maps are slow or incoherent.

Neither locks: whoever appends holds the run's lock. `beat` and `flush` may run beside an append.
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
RESERVE = 4 << 10  # kept free for the last frame, so that a full disk does not hide how a run ended
RETRY_S = 5.0  # after the disk refused, how long frames are refused without asking it again
MOST_WAITING = 16 << 20  # bytes that `Batched` keeps while the disk refuses


class Journal(Protocol):
    """A journal being written. Every method may raise OSError; a frame that was refused leaves no trace."""

    path: Path
    interval_s: float
    """Seconds between two calls of `flush`."""

    def append(self, frame: bytes) -> None:
        """Add a frame."""

    def flush(self) -> None:
        """Hand over what is gathered in this process."""

    def beat(self, now: float) -> None:
        """Rewrite the heartbeat and bring everything to the disk (power loss)."""

    def is_gone(self) -> bool:
        """Whether the file was deleted. A folder that was moved is still written."""

    def close(self, last: bytes) -> None:
        """Append the last frame, for which space was kept, and cut the file to its length."""


def open_journal(path: Path, start: bytes, now: float) -> Journal:
    """Create the journal `path` with a header and its first frame; it appears under its name when both are there.

    Raises:
        OSError: The file system refused; nothing is left behind.
    """
    passing = path.with_suffix(".new")
    fd = os.open(passing, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    made: Journal | None = None
    try:
        made = (Batched if is_networked(path.parent) else Mapped)(fd, path)
        made.append(frames.header(now, os.getpid()))
        made.append(start)
        made.flush()
        os.rename(passing, path)
    except BaseException:
        if made is None:
            os.close(fd)
        else:
            made.close(b"")
        passing.unlink(missing_ok=True)
        raise
    return made


def allocate(fd: int, start: int, n: int) -> None:
    """Make the disk promise bytes `start` to `start + n`; a map of space that is not there dies of SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, start, n)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS):
                raise
        else:
            return
    zeros, at = bytes(min(n, 1 << 20)), start
    while at < start + n:  # a disk that is nearly full takes a part, and refuses the next
        at += _write_at(fd, zeros[: start + n - at], at)


class _Header:
    """What both ways share: the heartbeat in the header."""

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


class Mapped(_Header):
    """Frames are copied into the last, mapped window of the file, which is allocated ahead.

    The window is at most `MOST_AT_ONCE` and a frame long, however long the file: what was written is the kernel's.
    """

    interval_s = 2.0

    def __init__(self, fd: int, path: Path) -> None:
        """Allocate and map the first window of an empty file."""
        super().__init__(fd, path)
        self._allocated = 0
        self._base = 0
        self._end = 0  # within the window, as is the limit
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
        # The place is taken before it is filled: a signal's handler or a finaliser that logs in between gets the next.
        self._end = end
        self._window[start:end] = frame  # type: ignore[index]  # closed journals are not appended to

    def flush(self) -> None:
        """Nothing is gathered."""

    def close(self, last: bytes) -> None:
        """Put the last frame into the reserve; cut."""
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
        """Allocate so that `n` more bytes and the reserve fit, and move the window to the end of what is written."""
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
        if end != self._base + self._end:  # a signal's handler logged meanwhile, and grew
            window.close()
            return
        before, self._window = self._window, window
        self._allocated, self._base, self._end = wanted, base, end - base
        self._limit = len(window) - RESERVE
        if before is not None:
            before.close()

    def _allocate(self, needed: int, wanted: int) -> int:
        """Allocate up to `wanted`, or at least up to `needed` bytes where the disk is nearly full."""
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


class Batched(_Header):
    """Frames wait in this process for at most 200 ms, then are written together."""

    interval_s = 0.2

    def __init__(self, fd: int, path: Path) -> None:
        """Begin with an empty file."""
        super().__init__(fd, path)
        self._waiting = bytearray()
        self._written = 0
        self._refusal: OSError | None = None
        self._flushing = threading.Lock()

    def append(self, frame: bytes) -> None:
        """Add a frame to those that wait; refused when the disk has been refusing for long."""
        if len(self._waiting) + len(frame) > MOST_WAITING:
            if self._refusal:
                raise self._refusal
            self.flush()
        self._waiting += frame

    def flush(self) -> None:
        """Write what waits. What the disk does not take goes on waiting."""
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
        """As `Journal`; the header is not there before the first flush."""
        if self._written:
            super().beat(now)

    def close(self, last: bytes) -> None:
        """Write what waits and the last frame."""
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
