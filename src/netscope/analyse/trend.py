"""What a curve does now: it improves, has stalled, got worse, or is no longer finite.

A curve is looked at in at most 24 pieces of equal length, each by its median, so that a noisy training loss and a
validation loss of twenty points are judged alike: a single spike moves no median of a piece of many points. What is
called a change must stand out from the noise, the lower quartile of the distances between neighbouring pieces (that of
white noise is 0.45 of its standard deviation, and a few jumps do not move it), and from the range that the curve has
gone through.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

Kind = Literal["not_finite", "worse", "flat", "stalled", "improving", "short"]
Goal = Literal["min", "max"]

PIECES = 24
A_PIECE = 64  # values looked at of a piece; the median of more would be the same to a few percent
FEWEST = 3  # values; fewer have no trend
NOISES = 8  # 3.6 standard deviations: more is no chance
HALF = 0.5  # of what was gained: when so much is lost again, the curve got worse
TENTH = 0.1
TWENTIETH = 0.05
FACTOR = 3.0  # a loss that is three times its best is a rise on any scale
PATIENCE = 0.25  # of the curve without a new best: it has stalled
FEW_PIECES = 8  # fewer do not tell a slope from noise
FEW = 5  # values without a new best are a pause of a short curve


class Trend(NamedTuple):
    """What a curve does, with the places that show it."""

    kind: Kind
    at: int
    """Value from which on it is so: the first of those that are not finite, where it got worse, the best one."""
    before: float
    """The level that `last` is compared with: the best one, or the first where it improves."""
    last: float
    """The level now."""


def trend(values: Float[np.ndarray, " point"], goal: Goal) -> Trend:
    """What a curve does now.

    Args:
        values: In the order of steps; gaps (NaN, infinities) in between are passed over.
        goal: Whether lower or higher is better.

    >>> trend(np.array([4.0, 3.0, 2.0, 1.0]), "min").kind
    'improving'
    >>> trend(np.array([4.0, 2.0, 1.0, 1.0, 30.0, 40.0]), "min")
    Trend(kind='worse', at=4, before=1.0, last=40.0)
    >>> trend(np.array([4.0, 2.0, np.nan, np.nan]), "min").at
    2
    """
    if not len(values):
        return Trend("short", 0, np.nan, np.nan)
    is_finite = np.isfinite(values)
    if not is_finite[-1]:
        first = int(np.flatnonzero(is_finite)[-1]) + 1 if is_finite.any() else 0
        return Trend("not_finite", first, float(values[first - 1]) if first else np.nan, float(values[-1]))
    y = np.asarray(values[is_finite], np.float64)
    if len(y) < FEWEST:
        return Trend("short", len(values) - 1, float(y[0]), float(y[-1]))
    sign = 1.0 if goal == "min" else -1.0
    found = _of_finite(sign * y)
    at = found.at if is_finite.all() else int(np.flatnonzero(is_finite)[found.at])
    return found._replace(at=at, before=sign * found.before, last=sign * found.last)


def _of_finite(y: Float[np.ndarray, " point"]) -> Trend:
    """The trend of finite values of which lower is better."""
    levels, starts = pieces(y)
    best = int(np.argmin(levels))
    first, low, last = float(levels[0]), float(levels[best]), float(levels[-1])
    gain, lost = float(levels[: best + 1].max()) - low, last - low
    noise = _noise(levels)
    is_multiple = low > 0 and last >= FACTOR * low and _noise(np.log(levels)) * NOISES < np.log(last / low)
    # The range of 24 pieces of noise is about four of its standard deviations; a straight slope is 23 distances long.
    if lost > 2 * NOISES * noise and (lost > HALF * gain or (is_multiple and lost > TENTH * gain)) and lost > 0:
        # On the way up the middle of both levels is passed once for good: between it and a loss that went
        # tenfold the geometric middle is nearer to where the rise begins.
        middle = np.sqrt(low * last) if is_multiple else low + lost / 2
        after = np.flatnonzero(levels[best:] < middle)[-1] + best + 1
        return Trend("worse", int(starts[after]), low, last)
    if len(levels) >= FEW_PIECES and gain <= 2 * NOISES * noise and abs(_slope(levels)) < HALF:
        return Trend("flat", 0, first, last)
    patience = max(FEW, int(PATIENCE * len(levels)))
    if len(levels) > patience and bool((np.diff(levels[-patience - 1 :]) < 0).all()):  # slowly, but each time better
        return Trend("improving", int(starts[-1]), first, last)
    if len(y) > PIECES:  # on a noisy plateau the first piece that is as good as the best
        best = int(np.argmax(levels <= low + NOISES / 2 * noise))
    since = len(y) - 1 - int(starts[best])
    if since >= max(FEW, PATIENCE * len(y)):
        return Trend("stalled", int(starts[best]), low, last)
    return Trend("improving", int(starts[best]), first, last)


def pieces(y: Float[np.ndarray, " point"]) -> tuple[np.ndarray, np.ndarray]:
    """Medians of at most 24 equal pieces, and the number of the first value of each.

    >>> pieces(np.arange(48.0))[0][:3].tolist()
    [0.5, 2.5, 4.5]
    """
    edges = np.linspace(0, len(y), min(PIECES, len(y)) + 1).astype(np.int64)
    parts = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return np.array([np.median(y[a : b : max(1, (b - a) // A_PIECE)]) for a, b in parts]), edges[:-1]


def _noise(levels: Float[np.ndarray, " piece"]) -> float:
    return float(np.quantile(np.abs(np.diff(levels)), 0.25))


def _slope(levels: Float[np.ndarray, " piece"]) -> float:
    """The correlation with time, from -1 (falls) to 1 (rises); 0 if nothing changes."""
    if levels.min() == levels.max():
        return 0.0
    return float(np.corrcoef(levels, np.arange(len(levels)))[0, 1])


def overfits_from(
    train: Float[np.ndarray, " point"],
    val: Float[np.ndarray, " check"],
    places: Float[np.ndarray, " check"],
    goal: Goal,
) -> int | None:
    """Since which validation the model overfits: validation gets worse while training still improves.

    Validation must have lost a twentieth of what it had gained, in the median of its last three values, and training
    must be better at the end than it was at validation's best.

    Args:
        train: The training curve.
        val: The same metric on data that are held out; at least three values after the best.
        places: Where in `train` each value of `val` was logged, as a number of points.
        goal: Whether lower or higher is better.

    Returns:
        The number of the best value of `val`, or None.

    >>> train, places = np.linspace(2, 0, 100), np.arange(10.0) * 10
    >>> overfits_from(train, np.array([2, 1, 0.5, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]), places, "min")
    3
    """
    if goal == "max":
        train, val = -train, -val
    if len(val) < FEWEST + 1 or not np.isfinite(val).all() or not np.isfinite(train[-1:]).all():
        return None
    best = int(np.argmin(val))
    after = val[best + 1 :]
    if len(after) < FEWEST:
        return None
    gain, lost = float(val[: best + 1].max() - val[best]), float(np.median(after[-FEWEST:]) - val[best])
    if lost <= TWENTIETH * gain or lost <= NOISES / 2 * _noise(val) or lost <= 0:
        return None
    at = min(int(places[best]), len(train) - 1)
    width = max(1, (len(train) - at) // 4)
    then, now = np.median(train[max(0, at - width) : at + 1]), np.median(train[-width:])
    return best if now < then else None
