"""Classify the current trend of a curve: improving, stalled, worse, flat, or no longer finite.

A curve is reduced to the medians of at most 24 pieces of equal length, so that a noisy training loss and a validation
loss of twenty points are judged alike, and single spikes do not matter. A change must exceed the noise and be large
relative to the range of the curve. The noise is estimated as the lower quartile of the distances between neighbouring
pieces, which is 0.45 standard deviations for white noise and robust to a few jumps.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

Kind = Literal["not_finite", "worse", "flat", "stalled", "improving", "short"]
Goal = Literal["min", "max"]

PIECES = 24
A_PIECE = 64  # values used per piece; more would change the median by only a few percent
FEWEST = 3  # values; shorter curves have no trend
NOISES = 8  # noise levels, or 3.6 standard deviations: larger changes are significant
HALF = 0.5  # of the gain: the curve is worse if this much is lost again
TENTH = 0.1
TWENTIETH = 0.05
FACTOR = 3.0  # a loss of three times its best is significantly worse on any scale
PATIENCE = 0.25  # fraction of the curve without a new best, after which it has stalled
FEW_PIECES = 8  # with fewer pieces, a slope cannot be distinguished from noise
FEW = 5  # values without a new best, below which a short curve has not stalled


class Trend(NamedTuple):
    """The trend of a curve, with the values that show it."""

    kind: Kind
    at: int
    """Index where the trend starts: of the first nonfinite value, the start of the rise, or the best value."""
    before: float
    """The level that `last` is compared with: the best level, or the first level if the curve improves."""
    last: float
    """The current level."""


def trend(values: Float[np.ndarray, " point"], goal: Goal) -> Trend:
    """Classify the current trend of a curve.

    Args:
        values: In the order of steps; NaN and infinities in between are ignored.
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
    """The trend of finite values, where lower is better."""
    levels, starts = pieces(y)
    best = int(np.argmin(levels))
    first, low, last = float(levels[0]), float(levels[best]), float(levels[-1])
    gain, lost = float(levels[: best + 1].max()) - low, last - low
    noise = _noise(levels)
    is_multiple = low > 0 and last >= FACTOR * low and _noise(np.log(levels)) * NOISES < np.log(last / low)
    # The range of 24 pieces of noise is about four standard deviations; that of a straight slope is 23 distances.
    if lost > 2 * NOISES * noise and (lost > HALF * gain or (is_multiple and lost > TENTH * gain)) and lost > 0:
        # The rise starts where the curve last crosses the middle between both levels. For a multiple of the best loss,
        # the geometric mean is closer to the start.
        middle = np.sqrt(low * last) if is_multiple else low + lost / 2
        after = np.flatnonzero(levels[best:] < middle)[-1] + best + 1
        return Trend("worse", int(starts[after]), low, last)
    if len(levels) >= FEW_PIECES and gain <= 2 * NOISES * noise and abs(_slope(levels)) < HALF:
        return Trend("flat", 0, first, last)
    patience = max(FEW, int(PATIENCE * len(levels)))
    if len(levels) > patience and bool((np.diff(levels[-patience - 1 :]) < 0).all()):  # slow but steady
        return Trend("improving", int(starts[-1]), first, last)
    if len(y) > PIECES:  # on a noisy plateau, take the first piece that is about as good as the best
        best = int(np.argmax(levels <= low + NOISES / 2 * noise))
    since = len(y) - 1 - int(starts[best])
    if since >= max(FEW, PATIENCE * len(y)):
        return Trend("stalled", int(starts[best]), low, last)
    return Trend("improving", int(starts[best]), first, last)


def pieces(y: Float[np.ndarray, " point"]) -> tuple[np.ndarray, np.ndarray]:
    """Medians of at most 24 equal pieces, and the index of the first value of each.

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
    """Find the validation since which the model overfits: validation gets worse while training still improves.

    The median of the last three validation values must be worse than the best by a twentieth of the gain, and training
    must be better at the end than at the best validation.

    Args:
        train: The training curve.
        val: The same metric on held-out data; needs at least three values after the best.
        places: The index in `train` at which each value of `val` was logged.
        goal: Whether lower or higher is better.

    Returns:
        The index of the best value of `val`, or None.

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
