"""One curve as people read it: three arrays, or a table of pandas or Arrow."""

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
        """Name the columns."""
        self.key = key
        self.steps: np.ndarray = points.steps.copy()
        self.times: np.ndarray = points.times.copy()
        self.values: np.ndarray = points.values.astype(np.float64)
        self.ghosts: list[Series] = [Series(key, ghost) for ghost in ghosts]
        """What later attempts replaced, one an attempt."""

    def __len__(self) -> int:
        """How many points."""
        return len(self.steps)

    def __repr__(self) -> str:
        last = f", last {self.values[-1]:g} at step {self.steps[-1]}" if len(self) else ""
        return f"<series {self.key!r}: {len(self):,} points{last}>"

    def __iter__(self) -> Any:
        """Steps, times, values: `steps, times, values = run.series("loss")`."""
        return iter((self.steps, self.times, self.values))

    def smoothed(self, weight: float) -> Series:
        """The running mean over all points, debiased: the line of the page at this smoothing, number for number.

        NaN and infinities stand as they are and are left out of the mean. A weight forgets alike on series of any
        length from 100 points on; `netscope.analyse.smooth` says how.

        Args:
            weight: From 0, the points as they are, to below 1.

        Raises:
            UsageError: Another weight.
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
        whole[~is_sensible] = np.datetime64("NaT")  # of a writer whose clock told no time
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
    """Check the weight of a running mean.

    Raises:
        UsageError: Not from 0 to below 1.
    """
    if not 0 <= weight < 1:
        raise UsageError(f"smooth is {weight:g}; a weight is from 0, the points as they are, to below 1, such as 0.6")
