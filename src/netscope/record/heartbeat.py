"""The one background thread of a run: about every two seconds it says that the run lives, and does what can wait."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from netscope.errors import NetscopeError
from netscope.record import beside

BEAT_S = 2.0

Call = Callable[[], None]


class Heart:
    """Calls `often` every `interval_s`, and the calls of `every_beat` about every 2 s, until it is stopped.

    Where the system refuses another thread, whoever logs calls `turn` instead.
    """

    def __init__(self, name: str, first: list[Call], often: Call, every_beat: list[Call], interval_s: float) -> None:
        """Prepare; `first` are called once, when it begins."""
        self._name = name
        self._first = first
        self._often = often
        self._every_beat = every_beat
        self._interval_s = min(interval_s, BEAT_S)
        self._over = threading.Event()
        self._awake = threading.Event()
        self._next_beat = time.monotonic() + BEAT_S
        self._next_turn = 0.0
        self._thread: threading.Thread | None = None

    @property
    def has_thread(self) -> bool:
        """Whether the system allowed a background thread."""
        return self._thread is not None

    def start(self) -> None:
        """Begin. The thread is daemonic: an interpreter that ends does not wait for it."""
        thread = threading.Thread(target=self._live, name=f"netscope {self._name}", daemon=True)

        def start() -> threading.Thread:
            thread.start()
            return thread

        self._thread = beside.attempt("starting the background thread of a run", start, None)

    def wake(self) -> None:
        """Do what can wait now."""
        self._awake.set()

    def stop(self, timeout_s: float = 15.0) -> None:
        """End, after what is being done."""
        self._over.set()
        self._awake.set()
        if self._thread is not None and self._thread is not threading.current_thread() and self._thread.is_alive():
            self._thread.join(timeout_s)

    def turn_if_due(self) -> None:
        """Call `turn` if it is due; cheap enough to call with every `log`."""
        if self._awake.is_set() or time.monotonic() >= self._next_turn:
            self.turn()

    def turn(self) -> None:
        """Make the frequent calls and, every 2 s, those of a beat."""
        self._next_turn = time.monotonic() + self._interval_s
        while self._first:
            _call(self._first.pop(0))
        is_woken = self._awake.is_set()
        self._awake.clear()
        _call(self._often)
        if is_woken or time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + BEAT_S
            for call in list(self._every_beat):
                _call(call)

    def _live(self) -> None:
        while self._first:
            _call(self._first.pop(0))
        while not self._over.is_set():
            self._awake.wait(max(0.0, min(self._interval_s, self._next_beat - time.monotonic())))
            if not self._over.is_set():
                self.turn()


def _call(call: Call) -> None:
    name = getattr(call, "__qualname__", type(call).__qualname__)
    try:
        beside.attempt(f"what netscope does in the background ({name})", call, None)
    except (Warning, NetscopeError):  # warnings may be errors in this process; the thread goes on all the same
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
