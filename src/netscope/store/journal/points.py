"""Points of a series as columns. Their times are decoded when somebody asks for them: a chart over steps never does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

LARGEST_MS = float(1 << 53)

Times = np.ndarray | Callable[[], np.ndarray]


class Points:
    """Points, each column in one order: as they were logged, or ascending in step."""

    __slots__ = ("_times", "n", "steps", "values")

    def __init__(
        self, steps: np.ndarray, times: Times | tuple[Times, ...], values: np.ndarray, n: int | None = None
    ) -> None:
        """Name the columns.

        Args:
            steps: i64.
            times: Unix seconds, f64; or what gives them; or several of either that follow one another.
            values: f32 where that holds all of them exactly, else f64.
            n: How many were logged, if these are only an outline of them.
        """
        self.n = len(steps) if n is None else n
        self.steps, self.values = steps, values
        self._times = times if isinstance(times, tuple) else (times,)

    @property
    def is_outline(self) -> bool:
        """Whether these are the extremes of more points than they are."""
        return self.n > len(self.steps)

    @property
    def times(self) -> np.ndarray:
        """Unix seconds, f64."""
        parts = [part() if callable(part) else part for part in self._times]
        times = parts[0] if len(parts) == 1 else np.concatenate(parts)
        self._times = (times,)
        return times

    def at(self, places: np.ndarray) -> Points:
        """Some of them."""
        return Points(self.steps[places], self.times[places], self.values[places])


def concatenate(parts: Sequence[Points]) -> Points:
    """One after the other; nothing is decoded."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Points(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    times = tuple(times for part in parts for times in part._times)
    columns = np.concatenate([p.steps for p in parts]), times, np.concatenate([p.values for p in parts])
    return Points(*columns, sum(p.n for p in parts))


def is_ascending(steps: np.ndarray) -> bool:
    """Whether each step is larger than the one before it."""
    return len(steps) < 2 or bool(np.all(steps[1:] > steps[:-1]))


def to_ms(times: np.ndarray) -> np.ndarray:
    """Round Unix seconds to milliseconds, as the index keeps them; what is not a sensible time stays as it is.

    >>> to_ms(np.array([1.0004, 2.0])).tolist()
    [1.0, 2.0]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        ms = np.rint(times * 1000.0)
        return np.where(np.abs(ms) < LARGEST_MS, ms / 1000.0, times)
