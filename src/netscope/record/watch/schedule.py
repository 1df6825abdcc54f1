"""When to measure: every so many steps, or as often as costs less than 1 % of the training."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Literal

from netscope.errors import UsageError

Every = int | Literal["auto"]
SHARE = 0.01
"""What "auto" lets the measurements cost, of the time of all steps."""
MOST = 10_000


class Schedule:
    """Decides from the count of steps, and for "auto" from the times it is told, whether a step is measured.

    >>> schedule = Schedule(10)
    >>> [count for count in range(25) if schedule.is_due(count)]
    [0, 10, 20]
    """

    def __init__(self, every: Every) -> None:
        """Check `every`.

        Raises:
            UsageError: Neither a whole number from 1 on, nor "auto".
        """
        if every != "auto" and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise UsageError(f'every is the number of steps between two measurements, or "auto"; found {every!r}')
        self.is_auto = every == "auto"
        self.every = 10 if every == "auto" else every
        self._due = 0
        self._cost: deque[float] = deque(maxlen=5)
        self._steps: deque[float] = deque(maxlen=25)

    def is_due(self, count: int) -> bool:
        """Whether the step after `count` finished ones is measured; asked once for each count, ascending."""
        if not self.is_auto:
            return count % self.every == 0
        return count >= self._due

    def measured(self, count: int, cost_s: float) -> None:
        """A measurement of the step after `count` finished ones took `cost_s`; chooses when the next one is."""
        self._cost.append(cost_s)
        self._choose()
        self._due = count + self.every

    def stepped(self, duration_s: float) -> None:
        """A step without measurement took `duration_s`."""
        self._steps.append(duration_s)

    def _choose(self) -> None:
        if not self._steps:
            return
        # Medians: the first measurement compiles, and between two steps there may be a validation.
        step_s = max(statistics.median(self._steps), 1e-9)
        self.every = round_up(statistics.median(self._cost) / (SHARE * step_s))


def round_up(steps: float) -> int:
    """The next of 1, 2, 5, 10, 20… 10,000, so that measurements of several runs meet at the same steps.

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
