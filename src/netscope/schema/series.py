"""Keys and their series: what a chart asks for, and where each series lies in the reply."""

from __future__ import annotations

from typing import Literal

from netscope.schema.noun import Noun

Kind = Literal["scalar", "layer", "system", "histogram"]
"""What a key is of: the user's own series, a watched layer's, the machine's, or the user's own histograms."""

TRAINING_SPLITS = ("train", "training", "fit")
"""Words of a key that say that a metric was measured on the training data."""
HELD_OUT_SPLITS = ("val", "valid", "validation", "dev", "eval", "evaluation", "test", "testing", "holdout")
"""Words of a key that say that a metric was measured on other data."""


class Key(Noun):
    """A name under which something was logged."""

    key: str
    kind: Kind
    n_runs: int
    """How many of the runs asked about have it."""
    goal: Literal["min", "max"] | None = None
    """Which end of a series is good, if its name says so."""


class Keys(Noun):
    """All keys of some runs."""

    keys: list[Key]


class SeriesRequest(Noun):
    """Ask for the points a chart can show."""

    runs: list[str]
    keys: list[str]
    px: int = 400
    """Width of the chart in CSS pixels: two points a pixel column come back, its extremes, and what is not finite."""
    x: str = "step"
    """"step", "relative" (seconds since the run began), "time" (Unix seconds) or another key."""
    low: float | None = None
    high: float | None = None
    """Only x from `low` to `high`, and one point on either side."""
    kind: Kind = "scalar"
    times: bool = False
    """Also tell when each point was logged."""
    smooth: float = 0.0
    """Weight of a moving average over all points that were logged, from 0 (none) to below 1, such as 0.6."""
    logged: bool = True
    """With `smooth`: also the values as logged, and their extremes. False where only the mean is drawn."""


class SeriesInfo(Noun):
    """Where one series lies in the tensors of a reply: `y` and what is beside it from `start`, `x` from `x_start`."""

    run: str
    key: str
    start: int
    x_start: int
    """Series that were logged at the same places may share their x."""
    n: int
    n_logged: int
    """Points before thinning."""
    ghost: bool
    """The tail of an earlier attempt, that a later one replaced."""
    revision: int
    n_runs: int = 1
    """How many runs it is of: more than one for a group of which as many have the key."""


class SeriesReply(Noun):
    """Metadata of the safetensors reply of POST /api/series; tensors `x`, `y`, on request `smoothed` and `time`.

    x is u16 or i32 if that is exact, else f64; y and `smoothed` are f32, or f64 if the rounding would be visible.
    The header of the file says which. `time` is f32, seconds since the run began. `smoothed` (the moving average) and
    `time` have the same length as `y`.
    """

    series: list[SeriesInfo]


class GroupRequest(Noun):
    """Mean and band over groups of runs on a common grid."""

    groups: list[list[str]]
    keys: list[str]
    px: int = 400
    x: str = "step"
    low: float | None = None
    high: float | None = None
    band: Literal["minmax", "std", "stderr"] = "minmax"
    smooth: float = 0.0
    """Weight of a moving average over all points of each run, before they are grouped; 0: none."""
