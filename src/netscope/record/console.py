"""What a process prints, kept as text while it is still shown.

The `write` of the present sys.stdout and sys.stderr is wrapped rather than the streams replaced, so that loggers
which hold them already are heard too. Output of subprocesses and of C code does not pass here.
"""

from __future__ import annotations

import re
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from netscope.store import journal

if TYPE_CHECKING:
    from netscope.record.run import Run

BURST_BYTES = 1 << 20  # what may be printed at once
BYTES_PER_S = 8 << 10  # and for ever: 0.7 GB a day at most
LONGEST_LINE = 16 << 10
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_HEAD = struct.Struct("<dB")


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

    def __init__(self, stream: int, rate: Rate, put: Callable[[int, str], None]) -> None:
        """`put` takes the stream and whole lines."""
        self._stream, self._rate, self._put = stream, rate, put
        self._open = ""
        self.n_left_out = 0

    def feed(self, text: str) -> None:
        """Take what was printed; whole lines are kept at once."""
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
            self._put(self._stream, text)
        else:
            self.n_left_out += len(lines)

    def _tell(self) -> None:
        if self.n_left_out:
            plural = "line was" if self.n_left_out == 1 else "lines were"
            self._put(self._stream, f"… {self.n_left_out:,} {plural} printed too fast to be kept\n")
            self.n_left_out = 0


def shown(line: str) -> str:
    r"""What stays of a line: the last state of a progress bar, without colours and cursor movements.

    >>> shown("10%\r\x1b[32m100%\x1b[0m")
    '100%'
    """
    line = _CONTROL.sub("", line)
    return next((part for part in reversed(line.split("\r")) if part), "")[:LONGEST_LINE]


def _last_state(line: str) -> str:
    """What is needed of a line that is still open: the present state, and the one before should that stay empty."""
    *before, present = _CONTROL.sub("", line).split("\r")
    kept = next((part for part in reversed(before) if part), "")[:LONGEST_LINE]
    return f"{kept}\r{present[:LONGEST_LINE]}" if before else present[:LONGEST_LINE]


class Captured:
    """One stream whose `write` is wrapped."""

    def __init__(self, stream: Any, lines: Lines) -> None:
        """Wrap."""
        self._stream, self._lines = stream, lines
        self._lock = threading.RLock()
        self._is_busy = False
        self._is_on = True
        self._before = stream.write
        self._had_own = "write" in getattr(stream, "__dict__", {})
        self._mine = self._write
        stream.write = self._mine

    def _write(self, text: str) -> Any:
        result = self._before(text)
        if self._is_on and isinstance(text, str):
            with self._lock:
                if not self._is_busy:  # what netscope itself prints meanwhile, a warning, is not heard
                    self._is_busy = True
                    try:
                        self._lines.feed(text)
                    finally:
                        self._is_busy = False
        return result

    def restore(self) -> None:
        """Give the stream its own `write` back, unless someone has wrapped it again since."""
        with self._lock:
            self._is_on = False
            self._lines.end()
        if getattr(self._stream, "write", None) == self._mine:
            if self._had_own:
                self._stream.write = self._before
            else:
                del self._stream.write


def capture(run: Run) -> None:
    """Keep what is printed from now on until the run is finished."""

    def put(stream: int, text: str) -> None:
        if run.has_journal:
            body = _HEAD.pack(time.time(), stream) + text.encode("utf-8", "replace")
            run.put_frame(journal.frame(journal.CONSOLE, body))

    rate = Rate()
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        if stream is None:  # pythonw, or a daemon that closed them
            continue
        try:
            captured = Captured(stream, Lines(number, rate, put))
        except AttributeError:
            continue  # a stream with slots: it prints, unheard
        run.at_finish.append(captured.restore)
