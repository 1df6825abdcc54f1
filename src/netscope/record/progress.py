"""A run's progress: updated as often as the training likes, written about once a second."""

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
    """The latest progress and the part of it that is not written yet."""

    def __init__(self, put: Callable[[dict[str, Any]], None]) -> None:
        """Start without progress; `put` writes an event."""
        self._put = put
        self._known: dict[str, Any] = {}
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """In a forked child: keep the parent's values, but leave writing them to the parent."""
        self._lock = threading.RLock()
        self._waiting: dict[str, Any] = {}
        self._written_at = -math.inf

    def update(self, done: Any, total: Any, unit: Any) -> None:
        """Set the given fields, and write them if due.

        Raises:
            UsageError: Neither `done` nor `total` is given, or one is not a valid amount.
        """
        given = {"done": _amount("done", done), "total": _amount("total", total), "unit": _unit(unit)}
        given = {field: value for field, value in given.items() if value is not None}
        if not given:
            raise UsageError("progress takes done, total or both: run.progress(total=1000)")
        if given.get("total") == 0.0:
            raise UsageError("progress: total must be above 0, got 0")
        with self._lock:
            change = {
                field: value for field, value in given.items() if field == "done" or self._known.get(field) != value
            }
            self._known |= change
            if change:
                self._waiting |= {**change, "time": _now()}
            if change.keys() - {"done"} or time.monotonic() - self._written_at >= INTERVAL_S:
                self.write()

    def write(self) -> None:
        """Write the latest progress, if it is not written yet."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            if waiting:
                self._written_at = time.monotonic()
                self._put({"event": "progress", **waiting})


def _amount(what: str, value: Any) -> float | None:
    if value is None:
        return None
    number = None if isinstance(value, bool) else as_number(what, value)
    if number is None or not 0 <= float(number) <= LARGEST:
        raise UsageError(f"progress: {what} must be a number ≥ 0, got {value!r:.60} of type {type(value).__name__}")
    return float(number)


def _unit(unit: Any) -> str | None:
    if unit is None:
        return None
    if not isinstance(unit, str):
        raise UsageError(f'progress: unit must be a string such as "epochs", got {unit!r:.60}')
    check_texts("progress: unit", [unit], LONGEST_UNIT)
    return str.__str__(unit)
