"""What a process prints, kept as text while it is still shown.

The `write` of the present sys.stdout and sys.stderr is wrapped rather than the streams replaced, so that loggers
which hold them already are heard too. Output of subprocesses and of C code does not pass here.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from netscope.store import journal

if TYPE_CHECKING:
    from netscope.record.recording import Recording

BURST_BYTES = 1 << 20  # what may be printed at once
BYTES_PER_S = 8 << 10  # and for ever: 0.7 GB a day at most
LONGEST_LINE = 16 << 10  # characters
_CUT = re.compile(r"… \(cut: ([\d,]+) more characters\)")
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


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


class Lines:
    """Text as it is printed, cut into lines as a terminal would show them in the end."""

    def __init__(self, rate: Rate) -> None:
        """Nothing is printed yet."""
        self._rate = rate
        self._open = ""
        self._ready: list[str] = []
        self.n_left_out = 0

    def take(self) -> str:
        """The lines that are whole since last time."""
        ready, self._ready = "".join(self._ready), []
        return ready

    def feed(self, text: str) -> None:
        """Take what was printed."""
        *whole, self._open = (self._open + text.replace("\r\n", "\n")).split("\n")
        if len(self._open) > LONGEST_LINE or "\r" in self._open:
            self._open = _last_state(self._open)
        if whole:
            self._keep([shown(line) for line in whole])

    def end(self) -> None:
        """Take the line that has no end as it is."""
        if line := shown(self._open):
            self._keep([line])
        self._open = ""
        self._tell()

    def _keep(self, lines: list[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        if self._rate.take(len(text)):
            self._tell()
            self._ready.append(text)
        else:
            self.n_left_out += len(lines)

    def _tell(self) -> None:
        if self.n_left_out:
            plural = "line was" if self.n_left_out == 1 else "lines were"
            self._ready.append(f"… {self.n_left_out:,} {plural} printed too fast to be kept\n")
            self.n_left_out = 0


def shown(line: str) -> str:
    r"""What stays of a line: the last state of a progress bar, without colours and cursor movements.

    >>> shown("10%\r\x1b[32m100%\x1b[0m")
    '100%'
    """
    line = _CONTROL.sub("", line)
    return cut(next((part for part in reversed(line.split("\r")) if part), ""))


def cut(line: str) -> str:
    """At most so many characters of a line and how many more it had; those cut off before count with them.

    >>> cut(cut("x" * 20_000) + "yz")[-34:]
    'xxxx… (cut: 3,618 more characters)'
    """
    if len(line) <= LONGEST_LINE:
        return line
    before = _CUT.match(line, LONGEST_LINE)
    end, n = (before.end(), int(before[1].replace(",", ""))) if before else (LONGEST_LINE, 0)
    return f"{line[:LONGEST_LINE]}… (cut: {n + len(line) - end:,} more characters)"


def _last_state(line: str) -> str:
    """What is needed of a line that is still open: the present state, and the one before should that stay empty."""
    *before, present = _CONTROL.sub("", line).split("\r")
    kept = cut(next((part for part in reversed(before) if part), ""))
    return f"{kept}\r{cut(present)}" if before else cut(present)


class Captured:
    """One stream whose `write` is wrapped."""

    def __init__(self, stream: Any, lines: Lines, put: Callable[[str], None]) -> None:
        """Wrap; `put` takes whole lines."""
        self._stream, self._lines, self._put = stream, lines, put
        self._lock = threading.RLock()
        self._is_on = True
        self._before = stream.write
        self._had_own = "write" in getattr(stream, "__dict__", {})
        self._mine = self._write
        stream.write = self._mine

    def _write(self, text: str) -> Any:
        result = self._before(text)
        if self._is_on and isinstance(text, str):
            with self._lock:
                self._lines.feed(text)
                ready = self._lines.take()
            if ready:  # without the lock: who holds the run's may be about to print
                self._put(ready)
        return result

    def forked(self) -> None:
        """In a forked child: a thread of the parent may have held the lock, or be within a line."""
        self._lock = threading.RLock()
        self._lines = Lines(Rate())

    def restore(self) -> None:
        """Give the stream its own `write` back, unless someone has wrapped it again since."""
        with self._lock:
            self._is_on = False
            self._lines.end()
            ready = self._lines.take()
        if ready:
            self._put(ready)
        if getattr(self._stream, "write", None) == self._mine:
            if self._had_own:
                self._stream.write = self._before
            else:
                del self._stream.write


def capture(recording: Recording) -> None:
    """Keep what is printed from now on until the run is finished."""

    def put(stream: int, text: str) -> None:
        if recording.has_journal:
            body = journal.CONSOLE_HEAD.pack(time.time(), stream) + text.encode("utf-8", "replace")
            recording.put_frame(journal.frame(journal.CONSOLE, body))

    rate = Rate()
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        if stream is None:  # pythonw, or a daemon that closed them
            continue
        try:
            captured = Captured(stream, Lines(rate), functools.partial(put, number))
        except AttributeError:
            continue  # a stream with slots: it prints, unheard
        recording.at_finish.append(captured.restore)
        recording.in_child.append(captured.forked)
