"""Points of a series as columns. Times are decoded on first use, because a chart over steps does not need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

LARGEST_MS = float(1 << 53)

Times = np.ndarray | Callable[[], np.ndarray]


class Points:
    """Points of a series, as logged or ascending in step."""

    __slots__ = ("_times", "n", "steps", "values")

    def __init__(
        self, steps: np.ndarray, times: Times | tuple[Times, ...], values: np.ndarray, n: int | None = None
    ) -> None:
        """Create points from columns.

        Args:
            steps: i64.
            times: Unix seconds, f64, or a function that returns them, or a tuple of either, to be concatenated.
            values: f32 if that represents all values exactly, else f64.
            n: Number of logged points, if these are only an outline of them.
        """
        self.n = len(steps) if n is None else n
        self.steps, self.values = steps, values
        self._times = times if isinstance(times, tuple) else (times,)

    @property
    def is_outline(self) -> bool:
        """Whether these are only the extremes of more points."""
        return self.n > len(self.steps)

    @property
    def times(self) -> np.ndarray:
        """Unix seconds, f64."""
        parts = [part() if callable(part) else part for part in self._times]
        times = parts[0] if len(parts) == 1 else np.concatenate(parts)
        self._times = (times,)
        return times

    def at(self, places: np.ndarray) -> Points:
        """The points at some indices."""
        return Points(self.steps[places], self.times[places], self.values[places])


def concatenate(parts: Sequence[Points]) -> Points:
    """Concatenate points; times are not decoded."""
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
    """Round Unix seconds to milliseconds, as in the index; values too large for that are unchanged.

    >>> to_ms(np.array([1.0004, 2.0])).tolist()
    [1.0, 2.0]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        ms = np.rint(times * 1000.0)
        return np.where(np.abs(ms) < LARGEST_MS, ms / 1000.0, times)
