"""The public type of a series: three arrays, convertible to pandas and Arrow."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from netscope.analyse.smooth import smooth, smooth_ghost
from netscope.errors import UsageError
from netscope.optional import extra
from netscope.store.journal.metadata import TIME_LIMIT
from netscope.store.journal.points import Points


class Series:
    """One curve: `steps`, `times` (Unix seconds, to the millisecond) and `values`, ascending in step."""

    def __init__(self, key: str, points: Points, ghosts: Sequence[Points] = ()) -> None:
        """Copy the columns of `points`."""
        self.key = key
        self.steps: np.ndarray = points.steps.copy()
        self.times: np.ndarray = points.times.copy()
        self.values: np.ndarray = points.values.astype(np.float64)
        self.ghosts: list[Series] = [Series(key, ghost) for ghost in ghosts]
        """Points that later attempts replaced, one series per attempt."""

    def __len__(self) -> int:
        """Number of points."""
        return len(self.steps)

    def __repr__(self) -> str:
        last = f", last {self.values[-1]:g} at step {self.steps[-1]}" if len(self) else ""
        return f"<series {self.key!r}: {len(self):,} points{last}>"

    def __iter__(self) -> Any:
        """Steps, times, values: `steps, times, values = run.series("loss")`."""
        return iter((self.steps, self.times, self.values))

    def smoothed(self, weight: float) -> Series:
        """The debiased moving average over all points: exactly the line the page draws at this smoothing.

        NaN and infinities are kept as they are and excluded from the mean. A weight has the same visual effect
        on series of any length from 100 points on; see `netscope.analyse.smooth`.

        Args:
            weight: From 0 (no smoothing) to below 1.

        Raises:
            UsageError: The weight is out of range.
        """
        check_weight(weight)
        mean = copy.deepcopy(self)
        mean.values = smooth(self.values, weight)
        for ghost in mean.ghosts:
            ghost.values = smooth_ghost(self.steps, self.values, ghost.steps, ghost.values, weight)
        return mean

    def to_pandas(self) -> Any:
        """A DataFrame with `time` and the key as columns, indexed by step.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        pandas = extra("to_pandas()", "pandas", "pandas")
        with np.errstate(invalid="ignore", over="ignore"):
            ms = np.rint(self.times * 1000)
            is_sensible = np.abs(ms) < 1e3 * TIME_LIMIT
            whole = np.where(is_sensible, ms, 0.0).astype(np.int64).astype("datetime64[ms]")
        whole[~is_sensible] = np.datetime64("NaT")  # the writer's clock was out of range
        time = pandas.to_datetime(whole, utc=True)
        return pandas.DataFrame({"time": time, self.key: self.values}, index=pandas.Index(self.steps, name="step"))

    def to_arrow(self) -> Any:
        """An Arrow table of `step`, `time` (Unix seconds) and `value`.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        arrow = extra("to_arrow()", "pyarrow", "arrow")
        return arrow.table({"step": self.steps, "time": self.times, "value": self.values})


def check_weight(weight: float) -> None:
    """Check the weight of a moving average.

    Raises:
        UsageError: It is not from 0 to below 1.
    """
    if not 0 <= weight < 1:
        raise UsageError(f"smooth is {weight:g}; expected a weight from 0 (no smoothing) to below 1, such as 0.6")
