"""What a process prints, kept as a terminal would show it in the end.

The `write` of the present sys.stdout and sys.stderr is wrapped rather than the streams replaced, so that loggers
which hold them already are heard too. Output of subprocesses and of C code does not pass here.

A line is in the journal as soon as it is whole. Where the cursor goes up to print over lines (nested progress bars,
live tables), the lines are taken back: they are *live rows* then, told at every beat as they are, until they can no
longer change. Each stream is a terminal of its own, as if the other went to a file: bars on stderr and prints to stdout
do not tear each other.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from netscope.record import beside
from netscope.record.capture.terminal import Terminal
from netscope.store.journal import frames

if TYPE_CHECKING:
    from netscope.record.session import Session

BURST_BYTES = 1 << 20  # what may be printed at once
BYTES_PER_S = 8 << 10  # and for ever: 0.7 GB a day at most
AT_ONCE = 64 << 10  # characters that are looked at together
LIVE_S = 30.0
"""How long lines may still change after the cursor went up: a bar of epochs moves once an epoch, but its neighbours
move it along."""


class Rate:
    """How much may be kept: a bucket that fills with time."""

    def __init__(self, burst: float = BURST_BYTES, per_s: float = BYTES_PER_S) -> None:
        """Begin full."""
        self._burst, self._per_s = burst, per_s
        self._left, self._at = burst, time.monotonic()

    def take(self, n: int) -> bool:
        """Whether `n` bytes more may be kept."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if n > self._left:
            return False
        self._left -= n
        return True


class Printed:
    """What was printed to one stream, as frames for the journal."""

    def __init__(self, number: int, rate: Rate, recent: deque[int], put: Callable[[bytes], None]) -> None:
        """Nothing is printed yet.

        Args:
            number: Of the stream: 1 out, 2 err.
            rate: How much may be kept, of both streams.
            recent: The streams of the last lines in the journal: those that can be taken back.
            put: Takes frames.
        """
        self._number, self._rate, self._recent, self._put = number, rate, recent, put
        self._terminal = Terminal()
        self._moved_up_at = -LIVE_S
        self._live = ""
        """The live rows that the journal knows."""
        self._n_left_out = 0

    def feed(self, text: str) -> None:
        """Take what was printed."""
        for start in range(0, len(text), AT_ONCE):
            terminal = self._terminal
            n_begun = terminal.n_begun
            terminal.feed(text[start : start + AT_ONCE] if len(text) > AT_ONCE else text)
            if terminal.has_moved_up:
                terminal.has_moved_up, self._moved_up_at = False, time.monotonic()
            if terminal.n_begun != n_begun:
                self._keep(0 if self._is_moving else len(terminal.rows) - 1)

    def beat(self) -> None:
        """Write the live rows, and the lines that can no longer change."""
        self._keep(0 if self._is_moving else self._terminal.row)
        text = self._live_text()
        if text != self._live and self._rate.take(len(text)):
            self._tell_live(text)

    def end(self) -> None:
        """Write everything that is left: nothing more is printed."""
        rows = self._terminal.rows
        self._keep(max((i + 1 for i, row in enumerate(rows) if row.text), default=0))
        if self._n_left_out:
            self._tell_lines(self._note())

    @property
    def _is_moving(self) -> bool:
        return time.monotonic() - self._moved_up_at < LIVE_S

    def _keep(self, n: int) -> None:
        """Make the first `n` rows lines of the journal, and those that went out at the top."""
        terminal = self._terminal
        n_back = self._take_back()
        rows = [row for row in (*terminal.lost, *terminal.rows[:n]) if not row.is_told] if terminal.lost else []
        terminal.lost.clear()
        if not rows:
            start = n
            while start and not terminal.rows[start - 1].is_told:
                start -= 1
            rows = terminal.rows[start:n]
        terminal.changed = len(terminal.rows)
        for row in rows:
            row.is_told = True
        if n_back or (rows and self._live):
            self._tell_live(self._live_text(), n_back)
        if not rows:
            return
        text = "".join([f"{row.text}\n" for row in rows])
        if self._rate.take(len(text)):
            self._tell_lines(self._note() + text if self._n_left_out else text)
        else:
            self._n_left_out += len(rows)
            terminal.forget(n)  # what the journal does not have cannot be taken back

    def _take_back(self) -> int:
        """How many lines of the journal were printed over; they are live rows again."""
        terminal, n = self._terminal, 0
        for row in terminal.rows[terminal.changed :]:
            if not row.is_told:
                break
            row.is_told = False
            n += 1
        n = min(n, self._recent.count(self._number))
        for _ in range(n):
            del self._recent[len(self._recent) - 1 - list(reversed(self._recent)).index(self._number)]
        return n

    def _live_text(self) -> str:
        rows = self._terminal.rows
        first = next((i for i, row in enumerate(rows) if not row.is_told), len(rows))
        return "\n".join([row.text for row in rows[first:]]).rstrip("\n")

    def _note(self) -> str:
        n, self._n_left_out = self._n_left_out, 0
        return f"… {n:,} {'line was' if n == 1 else 'lines were'} printed too fast to be kept\n"

    def _tell_lines(self, text: str) -> None:
        self._recent.extend([self._number] * text.count("\n"))
        body = frames.CONSOLE_HEAD.pack(time.time(), self._number) + text.encode("utf-8", "replace")
        self._put(frames.frame(frames.CONSOLE, body))

    def _tell_live(self, text: str, n_back: int = 0) -> None:
        self._live = text
        body = frames.LIVE_HEAD.pack(time.time(), self._number, n_back) + text.encode("utf-8", "replace")
        self._put(frames.frame(frames.LIVE_ROWS, body))


class Console:
    """What both streams of a process print, on its way to the journal."""

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
        rate = Rate()
        self._printed = {number: Printed(number, rate, recent, self._frames.append) for number in (1, 2)}

    def hear(self, number: int, text: str) -> None:
        """Take what was printed to a stream."""
        with self._lock:
            if self._is_busy:  # a signal's handler prints while its own thread is here
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
        """Write the live rows; called every two seconds."""
        self._all(Printed.beat)

    def end(self) -> None:
        """Nothing more is printed."""
        self._all(Printed.end)

    def forked(self) -> None:
        """In a forked child: a thread of the parent may have held the lock, or be within a line."""
        self._begin()

    def _all(self, act: Callable[[Printed], None]) -> None:
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
        """Write the frames in their order, without the lock: who holds the run's may be about to print."""
        while self._frames and self._writing.acquire(blocking=False):  # else another thread writes them, in order
            try:
                while self._frames:
                    self._write(self._frames.popleft())
            finally:
                self._writing.release()


class Captured:
    """One stream whose `write` is wrapped."""

    def __init__(self, stream: Any, hear: Callable[[str], None]) -> None:
        """Wrap; `hear` takes what is printed."""
        self._stream, self._hear = stream, hear
        self._is_on = True
        self.before = stream.write
        """What writes to the stream."""
        self._had_own = "write" in getattr(stream, "__dict__", {})
        self._mine = self._write
        stream.write = self._mine

    def _write(self, text: str) -> Any:
        result = self.before(text)
        if self._is_on and isinstance(text, str):
            beside.attempt("the capture of the console", functools.partial(self._hear, text), None)
        return result

    def restore(self) -> None:
        """Give the stream its own `write` back, unless someone has wrapped it again since."""
        self._is_on = False
        if getattr(self._stream, "write", None) == self._mine:
            if self._had_own:
                self._stream.write = self.before
            else:
                del self._stream.write


def write_uncaptured(stream: Any, text: str) -> None:
    """Write to a stream what is not to be in the console of any run."""
    write = stream.write
    while isinstance(captured := getattr(write, "__self__", None), Captured):
        write = captured.before
    write(text)
    stream.flush()


def capture(session: Session) -> None:
    """Keep what is printed from now on until the run is finished."""

    def put(frame: bytes) -> None:
        if session.has_journal:
            session.put_frame(frame)

    console = Console(put)
    session.on_finish(console.end)
    session.on_fork(console.forked)
    session.on_beat(console.beat)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        if stream is None:  # pythonw, or a daemon that closed them
            continue
        try:
            captured = Captured(stream, functools.partial(console.hear, number))
        except AttributeError:
            continue  # a stream with slots: it prints, unheard
        session.on_finish(captured.restore)
