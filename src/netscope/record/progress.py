"""How far a run is, told as often as the training likes and written about once a second."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from netscope.errors import UsageError
from netscope.record.log_values import as_number
from netscope.store.journal.limits import check_texts

INTERVAL_S = 1.0
LARGEST = 2.0**53
LONGEST_UNIT = 40

_now = time.time


class Progress:
    """What was told, and whether it is written."""

    def __init__(self, put: Callable[[dict[str, Any]], None]) -> None:
        """Nothing was told yet; `put` writes an event."""
        self._put = put
        self._known: dict[str, Any] = {}
        self.begin_anew()

    def begin_anew(self) -> None:
        """In a forked child: it goes on from what its parent told, which is the parent's to write."""
        self._lock = threading.RLock()
        self._waiting: dict[str, Any] = {}
        self._written_at = -math.inf

    def tell(self, done: Any, total: Any, unit: Any) -> None:
        """Take what was told.

        Raises:
            UsageError: Nothing was told, or no amount.
        """
        told = {"done": _amount("done", done), "total": _amount("total", total), "unit": _unit(unit)}
        told = {field: value for field, value in told.items() if value is not None}
        if not told:
            raise UsageError("progress takes what is done, or how much there is: run.progress(total=1000)")
        if told.get("total") == 0.0:
            raise UsageError("progress: total is 0; there is nothing to do")
        with self._lock:
            news = {field: value for field, value in told.items() if field == "done" or self._known.get(field) != value}
            self._known |= news
            if news:
                self._waiting |= {**news, "time": _now()}
            if news.keys() - {"done"} or time.monotonic() - self._written_at >= INTERVAL_S:
                self.write()

    def write(self) -> None:
        """Write what was told last, if it is not written yet."""
        with self._lock:
            told, self._waiting = self._waiting, {}
            if told:
                self._written_at = time.monotonic()
                self._put({"event": "progress", **told})


def _amount(what: str, value: Any) -> float | None:
    if value is None:
        return None
    number = None if isinstance(value, bool) else as_number(what, value)
    if number is None or not 0 <= float(number) <= LARGEST:
        raise UsageError(f"progress: {what} is a number from 0 up, found {value!r:.60} of type {type(value).__name__}")
    return float(number)


def _unit(unit: Any) -> str | None:
    if unit is None:
        return None
    if not isinstance(unit, str):
        raise UsageError(f'progress: unit is a word such as "epochs", found {unit!r:.60}')
    check_texts("progress: unit", [unit], LONGEST_UNIT)
    return str.__str__(unit)
