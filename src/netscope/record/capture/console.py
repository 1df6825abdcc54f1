"""Capture what a process prints, as a terminal would finally show it.

The `write` methods of sys.stdout and sys.stderr are wrapped instead of replacing the streams, so that loggers that
already hold the streams are captured too. Output of subprocesses and C code is not captured.

A line is written to the journal as soon as it is complete. If the cursor moves up to overwrite lines (nested progress
bars, live tables), those lines are taken back and become *live rows*: their current content is written at every beat
until they can no longer change. Each stream has its own terminal, so that progress bars on stderr and prints to stdout
do not disturb each other.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from netscope.record import guard
from netscope.record.capture.terminal import Terminal
from netscope.store.journal import frames

if TYPE_CHECKING:
    from netscope.record.session import Session

BURST_BYTES = 1 << 20  # that may be printed at once
BYTES_PER_S = 8 << 10  # sustained rate: at most 0.7 GB per day
AT_ONCE = 64 << 10  # characters that are processed together
LIVE_S = 30.0
"""How long lines stay live after the cursor last moved up. A bar of epochs moves rarely, but shares this time with the
faster bars beside it."""


class RateLimit:
    """A token bucket that limits how much output is recorded."""

    def __init__(self, burst: float = BURST_BYTES, per_s: float = BYTES_PER_S) -> None:
        """Start with a full bucket: `burst` bytes, refilled with `per_s` bytes per second."""
        self._burst, self._per_s = burst, per_s
        self._left, self._at = burst, time.monotonic()

    def take(self, n: int) -> bool:
        """Take `n` bytes if available; return whether they were."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if n > self._left:
            return False
        self._left -= n
        return True


class StreamRecorder:
    """Turns what is printed to one stream into frames for the journal."""

    def __init__(self, number: int, rate: RateLimit, recent: deque[int], put: Callable[[bytes], None]) -> None:
        """Start with an empty terminal.

        Args:
            number: 1 for stdout, 2 for stderr.
            rate: The rate limit that both streams share.
            recent: The stream numbers of the last lines in the journal, which can still be taken back.
            put: Called with each frame.
        """
        self._number, self._rate, self._recent, self._put = number, rate, recent, put
        self._terminal = Terminal()
        self._moved_up_at = -LIVE_S
        self._live = ""
        """The live rows that are in the journal."""
        self._n_left_out = 0

    def feed(self, text: str) -> None:
        """Process printed text."""
        for start in range(0, len(text), AT_ONCE):
            terminal = self._terminal
            n_rows_total = terminal.n_rows_total
            terminal.feed(text[start : start + AT_ONCE] if len(text) > AT_ONCE else text)
            if terminal.has_moved_up:
                terminal.has_moved_up, self._moved_up_at = False, time.monotonic()
            if terminal.n_rows_total != n_rows_total:
                self._keep(0 if self._is_moving else len(terminal.rows) - 1)

    def beat(self) -> None:
        """Write the lines that can no longer change, and the live rows."""
        self._keep(0 if self._is_moving else self._terminal.row)
        text = self._live_text()
        if text != self._live and self._rate.take(len(text)):
            self._tell_live(text)

    def end(self) -> None:
        """Write all remaining rows as lines."""
        rows = self._terminal.rows
        self._keep(max((i + 1 for i, row in enumerate(rows) if row.text), default=0))
        if self._n_left_out:
            self._tell_lines(self._note())

    @property
    def _is_moving(self) -> bool:
        return time.monotonic() - self._moved_up_at < LIVE_S

    def _keep(self, n: int) -> None:
        """Write the first `n` rows, and those that scrolled out, as lines."""
        terminal = self._terminal
        n_back = self._take_back()
        rows = (
            [row for row in (*terminal.scrolled_out, *terminal.rows[:n]) if not row.is_recorded]
            if terminal.scrolled_out
            else []
        )
        terminal.scrolled_out.clear()
        if not rows:
            start = n
            while start and not terminal.rows[start - 1].is_recorded:
                start -= 1
            rows = terminal.rows[start:n]
        terminal.changed = len(terminal.rows)
        for row in rows:
            row.is_recorded = True
        if n_back or (rows and self._live):
            self._tell_live(self._live_text(), n_back)
        if not rows:
            return
        text = "".join([f"{row.text}\n" for row in rows])
        if self._rate.take(len(text)):
            self._tell_lines(self._note() + text if self._n_left_out else text)
        else:
            self._n_left_out += len(rows)
            terminal.forget(n)  # lines that are not in the journal cannot be taken back

    def _take_back(self) -> int:
        """Turn overwritten lines of the journal back into live rows; return their number."""
        terminal, n = self._terminal, 0
        for row in terminal.rows[terminal.changed :]:
            if not row.is_recorded:
                break
            row.is_recorded = False
            n += 1
        n = min(n, self._recent.count(self._number))
        for _ in range(n):
            del self._recent[len(self._recent) - 1 - list(reversed(self._recent)).index(self._number)]
        return n

    def _live_text(self) -> str:
        rows = self._terminal.rows
        first = next((i for i, row in enumerate(rows) if not row.is_recorded), len(rows))
        return "\n".join([row.text for row in rows[first:]]).rstrip("\n")

    def _note(self) -> str:
        n, self._n_left_out = self._n_left_out, 0
        return f"… {n:,} {'line was' if n == 1 else 'lines were'} printed too fast to be recorded\n"

    def _tell_lines(self, text: str) -> None:
        self._recent.extend([self._number] * text.count("\n"))
        body = frames.CONSOLE_HEAD.pack(time.time(), self._number) + text.encode("utf-8", "replace")
        self._put(frames.frame(frames.CONSOLE, body))

    def _tell_live(self, text: str, n_back: int = 0) -> None:
        self._live = text
        body = frames.LIVE_HEAD.pack(time.time(), self._number, n_back) + text.encode("utf-8", "replace")
        self._put(frames.frame(frames.LIVE_ROWS, body))


class Console:
    """Captures both streams of a process."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        """`put` writes a frame."""
        self._write = put
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._frames: deque[bytes] = deque()
        self._is_busy = False
        self._later: list[tuple[int, str]] = []
        recent: deque[int] = deque(maxlen=frames.MOST_TAKEN_BACK)
        rate = RateLimit()
        self._printed = {number: StreamRecorder(number, rate, recent, self._frames.append) for number in (1, 2)}

    def feed(self, number: int, text: str) -> None:
        """Process text printed to a stream."""
        with self._lock:
            if self._is_busy:  # a signal handler prints while its own thread is here
                self._later.append((number, text))
                return
            self._is_busy = True
            try:
                self._printed[number].feed(text)
                while self._later:
                    number, text = self._later.pop(0)
                    self._printed[number].feed(text)
            finally:
                self._is_busy = False
        if self._frames:
            self._drain()

    def beat(self) -> None:
        """Write the live rows; called about every 2 s."""
        self._all(StreamRecorder.beat)

    def end(self) -> None:
        """Write all remaining rows."""
        self._all(StreamRecorder.end)

    def after_fork(self) -> None:
        """In a forked child: start again, because a thread of the parent may have held the lock."""
        self._begin()

    def _all(self, act: Callable[[StreamRecorder], None]) -> None:
        with self._lock:
            if self._is_busy:
                return
            self._is_busy = True
            try:
                for printed in self._printed.values():
                    act(printed)
            finally:
                self._is_busy = False
        self._drain()

    def _drain(self) -> None:
        """Write the frames in order, without holding the lock: a thread that holds the run's lock may print."""
        while self._frames and self._writing.acquire(blocking=False):  # else another thread writes them, in order
            try:
                while self._frames:
                    self._write(self._frames.popleft())
            finally:
                self._writing.release()


class StreamCapture:
    """A stream whose `write` method is wrapped."""

    def __init__(self, stream: Any, on_text: Callable[[str], None]) -> None:
        """Wrap `write`; `on_text` is called with printed text."""
        self._stream, self._on_text = stream, on_text
        self._is_on = True
        self.before = stream.write
        """The `write` method before it was wrapped."""
        self._had_own = "write" in getattr(stream, "__dict__", {})
        self._mine = self._write
        stream.write = self._mine

    def _write(self, text: str) -> Any:
        result = self.before(text)
        if self._is_on and isinstance(text, str):
            guard.attempt("capturing the console", functools.partial(self._on_text, text), None)
        return result

    def restore(self) -> None:
        """Restore the original `write`, unless other code has wrapped it again since."""
        self._is_on = False
        if getattr(self._stream, "write", None) == self._mine:
            if self._had_own:
                self._stream.write = self.before
            else:
                del self._stream.write


def write_uncaptured(stream: Any, text: str) -> None:
    """Write to a stream without capturing the text."""
    write = stream.write
    while isinstance(captured := getattr(write, "__self__", None), StreamCapture):
        write = captured.before
    write(text)
    stream.flush()


def capture(session: Session) -> None:
    """Capture what is printed from now on until the run finishes."""

    def put(frame: bytes) -> None:
        if session.has_journal:
            session.put_frame(frame)

    console = Console(put)
    session.on_finish(console.end)
    session.on_fork(console.after_fork)
    session.on_beat(console.beat)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        if stream is None:  # under pythonw, or in a daemon that closed its streams
            continue
        try:
            captured = StreamCapture(stream, functools.partial(console.feed, number))
        except AttributeError:
            continue  # a stream with __slots__ cannot be wrapped: its output is not captured
        session.on_finish(captured.restore)
