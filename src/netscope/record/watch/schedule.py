"""Decide when to measure: every n-th step, or as often as costs less than 1 % of the training time."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Literal

from netscope.errors import UsageError

Every = int | Literal["auto"]
SHARE = 0.01
"""The fraction of the training time that measurements may cost with "auto"."""
MOST = 10_000


class Schedule:
    """Decides whether a step is measured, from the step count and, with "auto", from recorded durations.

    >>> schedule = Schedule(10)
    >>> [count for count in range(25) if schedule.is_due(count)]
    [0, 10, 20]
    """

    def __init__(self, every: Every) -> None:
        """Check `every`.

        Raises:
            UsageError: `every` is neither a positive integer nor "auto".
        """
        if every != "auto" and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise UsageError(f'every must be a number of steps of at least 1, or "auto"; got {every!r}')
        self.is_auto = every == "auto"
        self.every = 10 if every == "auto" else every
        self._due = 0
        self._cost: deque[float] = deque(maxlen=5)
        self._steps: deque[float] = deque(maxlen=25)

    def is_due(self, count: int) -> bool:
        """Whether to measure the step after `count` finished ones. Call with ascending counts."""
        if not self.is_auto:
            return count % self.every == 0
        return count >= self._due

    def record_measurement(self, count: int, cost_s: float) -> None:
        """Record that measuring the step after `count` finished ones took `cost_s`; schedule the next measurement."""
        self._cost.append(cost_s)
        self._choose()
        self._due = count + self.every

    def record_step(self, duration_s: float) -> None:
        """Record that a step without a measurement took `duration_s`."""
        self._steps.append(duration_s)

    def _choose(self) -> None:
        if not self._steps:
            return
        # Medians, because the first measurement includes compiling, and a step may include a validation.
        step_s = max(statistics.median(self._steps), 1e-9)
        self.every = round_up(statistics.median(self._cost) / (SHARE * step_s))


def round_up(steps: float) -> int:
    """Round up to one of 1, 2, 5, 10, 20… 10,000, so that several runs are measured at the same steps.

    >>> [round_up(n) for n in (0.3, 1.5, 21, 10**9)]
    [1, 2, 50, 10000]
    """
    size = 1
    while size < MOST:
        for first in (1, 2, 5):
            if first * size >= steps:
                return first * size
        size *= 10
    return MOST
