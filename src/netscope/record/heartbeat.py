"""The background thread of a run: writes the heartbeat about every two seconds and does deferred work."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from netscope.errors import NetscopeError
from netscope.record import guard

BEAT_S = 2.0

Call = Callable[[], None]


class Heartbeat:
    """Calls `every_interval` every `interval_s` and the functions in `every_beat` about every 2 s, until stopped.

    If the system refuses to start a thread, `log` calls `run_if_due` instead.
    """

    def __init__(
        self, name: str, at_start: list[Call], every_interval: Call, every_beat: list[Call], interval_s: float
    ) -> None:
        """Prepare without starting; the functions in `at_start` are called once, before everything else."""
        self._name = name
        self._at_start = at_start
        self._every_interval = every_interval
        self._every_beat = every_beat
        self._interval_s = min(interval_s, BEAT_S)
        self._over = threading.Event()
        self._awake = threading.Event()
        self._next_beat = time.monotonic() + BEAT_S
        self._next_run = 0.0
        self._thread: threading.Thread | None = None

    @property
    def has_thread(self) -> bool:
        """Whether the system allowed a background thread."""
        return self._thread is not None

    def start(self) -> None:
        """Start a daemon thread, so that the interpreter does not wait for it at exit."""
        thread = threading.Thread(target=self._loop, name=f"netscope {self._name}", daemon=True)

        def start() -> threading.Thread:
            thread.start()
            return thread

        self._thread = guard.attempt("starting the background thread of a run", start, None)

    def wake(self) -> None:
        """Do the deferred work now."""
        self._awake.set()

    def stop(self, timeout_s: float = 15.0) -> None:
        """Stop after the current calls, waiting up to `timeout_s` for them."""
        self._over.set()
        self._awake.set()
        if self._thread is not None and self._thread is not threading.current_thread() and self._thread.is_alive():
            self._thread.join(timeout_s)

    def run_if_due(self) -> None:
        """Call `run_once` if it is due; cheap enough for every `log`."""
        if self._awake.is_set() or time.monotonic() >= self._next_run:
            self.run_once()

    def run_once(self) -> None:
        """Make the calls of one interval and, if 2 s have passed, those of a beat."""
        self._next_run = time.monotonic() + self._interval_s
        while self._at_start:
            _call(self._at_start.pop(0))
        is_woken = self._awake.is_set()
        self._awake.clear()
        _call(self._every_interval)
        if is_woken or time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT_S
            for call in list(self._every_beat):
                _call(call)

    def _loop(self) -> None:
        while self._at_start:
            _call(self._at_start.pop(0))
        while not self._over.is_set():
            self._awake.wait(max(0.0, min(self._interval_s, self._next_beat - time.monotonic())))
            if not self._over.is_set():
                self.run_once()


def _call(call: Call) -> None:
    name = getattr(call, "__qualname__", type(call).__qualname__)
    try:
        guard.attempt(f"background work of netscope ({name})", call, None)
    except (Warning, NetscopeError):  # this process may turn warnings into errors; the thread must survive
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
