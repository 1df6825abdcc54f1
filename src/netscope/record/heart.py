"""The one background thread of a run: about every two seconds it says that the run lives, and does what can wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BEAT_S = 2.0

Call = Callable[[], None]


class Heart:
    """Calls `often` every `interval_s`, and the calls of `every_beat` about every 2 s, until it is stopped.

    A call that raises is told of by `threading.excepthook` and not called again; the heart goes on.
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
        self._failed: set[int] = set()
        self._calling: Call | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin. Daemonic: an interpreter that ends does not wait for it."""
        self._thread = threading.Thread(target=self._live, name=f"netscope {self._name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Do what can wait now."""
        self._awake.set()

    def stop(self, timeout_s: float = 15.0) -> None:
        """End, after what is being done."""
        self._over.set()
        self._awake.set()
        if self._thread is not None and self._thread is not threading.current_thread() and self._thread.is_alive():
            self._thread.join(timeout_s)

    def _live(self) -> None:
        try:
            while self._first:
                self._call(self._first.pop(0))
            next_beat = time.monotonic() + BEAT_S
            while not self._over.is_set():
                is_woken = self._awake.wait(max(0.0, min(self._interval_s, next_beat - time.monotonic())))
                self._awake.clear()
                if self._over.is_set():
                    break
                self._call(self._often)
                if is_woken or time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + BEAT_S
                    for call in list(self._every_beat):
                        self._call(call)
        finally:
            if self._calling is not None:
                self._failed.add(id(self._calling))
                self._calling = None
                if not self._over.is_set():
                    self.start()

    def _call(self, call: Call) -> None:
        if id(call) not in self._failed:
            self._calling = call
            call()
            self._calling = None
