"""The debiased exponential moving average of a series, over every logged point.

It is TensorBoard's smoothing (`m = w m + (1 - w) y`, divided by the sum of the weights), over all points. The decay
depends on the length of the series, so that one weight looks equally smooth on all of them. The average decays by the
factor `weight`

- per point for 100 to 1,000 points: exactly TensorBoard's curve;
- per hundredth of a shorter series, so that ten validation points do not lag by a third of the training;
- per thousandth of a longer series. TensorBoard smooths a random sample of 1,000 points instead.

This unit is rounded to an eighth of an octave, so that a growing series keeps its average, and only new points are
computed, until it is 9 % longer. NaN and infinities are returned unchanged and ignored by the average.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

LEAST_POINTS, MOST_POINTS = 100, 1000
BUCKETS = 8  # per octave of lengths
BLOCK = 32  # points that are processed sequentially
SLAB = 1 << 16  # points, of all lines together, that fit the processor's cache


class Carry(NamedTuple):
    """The state of the averages of several lines, to continue with further points."""

    total: Float[np.ndarray, " line"]
    """The average before it is debiased."""
    n: Int[np.ndarray, " line"]
    """Number of points so far."""


def retention(weight: float, n: int) -> float:
    """The decay factor per point, in [0, 1), for a series of `n` points.

    Args:
        weight: In [0, 1); 0 leaves the points unchanged.
        n: Number of points of the whole series.

    >>> [round(retention(0.5, n), 3) for n in (10, 100, 1000, 8000)]
    [0.0, 0.5, 0.5, 0.917]
    """
    if n < 2:
        return weight
    unit = (n - 1) / (min(max(n, LEAST_POINTS), MOST_POINTS) - 1)
    return float(weight ** (2.0 ** (-round(math.log2(unit) * BUCKETS) / BUCKETS)))


def smooth(y: Float[np.ndarray, " point"], weight: float) -> Float[np.ndarray, " point"]:
    """The moving average of one whole series, in the order of logging.

    >>> smooth(np.array([2.0, 4.0, np.nan, 4.0]), 0.0).tolist()
    [2.0, 4.0, nan, 4.0]
    >>> smooth(np.repeat([1.0, 2.0], 50), 0.5)[[49, 50, 51]].round(6).tolist()
    [1.0, 1.5, 1.75]
    """
    means, _ = moving_average(y[None], retention(weight, len(y)))
    mean: Float[np.ndarray, " point"] = means[0]
    return mean


def smooth_ghost(
    steps: Int[np.ndarray, " point"],
    y: Float[np.ndarray, " point"],
    ghost_steps: Int[np.ndarray, " ghost"],
    ghost: Float[np.ndarray, " ghost"],
    weight: float,
) -> Float[np.ndarray, " ghost"]:
    """The moving average of points that a later attempt replaced, continuing from the curve's points before them.

    >>> kept, tail = np.zeros(100), np.ones(2)
    >>> smooth_ghost(np.arange(100), kept, np.array([100, 101]), tail, 0.5).round(2).tolist()
    [0.5, 0.75]
    """
    before = int(np.searchsorted(steps, ghost_steps[0])) if len(ghost_steps) else 0
    return smooth(np.concatenate((y[:before], ghost)), weight)[before:]


def moving_average(
    y: Float[np.ndarray, "line point"], keep: float, carry: Carry | None = None
) -> tuple[Float[np.ndarray, "line point"], Carry]:
    """The moving averages of several lines, continued from `carry`, and the new state.

    Args:
        y: Points in the order of logging.
        keep: The decay factor from `retention`, the same for all parts of a series.
        carry: The state after the points before; None if there are none.
    """
    n_lines, n = y.shape
    total, counts = (np.zeros(n_lines), np.zeros(n_lines, np.int64)) if carry is None else carry
    total, counts = total.copy(), counts.copy()
    out = np.empty(y.shape)
    together = max(SLAB // max(n, 1), 1)
    for lines in (slice(i, i + together) for i in range(0, n_lines, together)):
        for points in (slice(i, i + SLAB) for i in range(0, n, SLAB)):
            out[lines, points] = _means(y[lines, points].astype(np.float64), keep, total[lines], counts[lines])
    return out, Carry(total, counts)


def _means(
    y: Float[np.ndarray, "line point"],
    keep: float,
    total: Float[np.ndarray, " line"],
    counts: Int[np.ndarray, " line"],
) -> Float[np.ndarray, "line point"]:
    """The averages of points; updates `total` and `counts`."""
    finite = np.isfinite(y)
    if finite.all():
        return _debiased(y, keep, total, counts)
    for i, (line, good) in enumerate(zip(y, finite, strict=True)):
        line[good] = _debiased(line[None, good], keep, total[i : i + 1], counts[i : i + 1])[0]
    return y


def _debiased(
    y: Float[np.ndarray, "line point"],
    keep: float,
    total: Float[np.ndarray, " line"],
    counts: Int[np.ndarray, " line"],
) -> Float[np.ndarray, "line point"]:
    """The averages of finite points, divided by the sum of the weights; updates `total` and `counts`."""
    n = y.shape[1]
    if n == 0:
        return y
    with np.errstate(divide="ignore", under="ignore"):
        forgets = np.log(np.float64(keep))
        sums = _decayed(y, keep, float(-np.expm1(forgets)), total)
        total[:] = sums[:, -1]
        before = counts[:1] if (counts == counts[0]).all() else counts
        sums /= -np.expm1((before[:, None] + np.arange(1.0, n + 1)) * forgets)
    counts += n
    return sums


def _decayed(
    y: Float[np.ndarray, "line point"], keep: float, gain: float, first: Float[np.ndarray, " line"]
) -> Float[np.ndarray, "line point"]:
    """Compute s[i] = keep s[i - 1] + gain y[i], with s[-1] = `first`.

    All blocks of points are processed in parallel as if each started at 0; the contributions of the block ends to later
    blocks follow the same recurrence.
    """
    n_lines, n = y.shape
    n_blocks = -(-n // BLOCK)
    whole = np.pad(y, ((0, 0), (0, n_blocks * BLOCK - n))) if n % BLOCK else y
    sums = np.array(whole.reshape(-1, BLOCK).T, order="C")  # the first point of each block, the second, …
    sums *= gain
    for before, now in pairwise(sums):
        now += keep * before
    starts = np.empty((n_lines, n_blocks))
    starts[:, 0] = first
    if n_blocks > 1:
        starts[:, 1:] = _decayed(sums[-1].reshape(n_lines, -1)[:, :-1], keep**BLOCK, 1.0, first)
    sums += keep ** np.arange(1.0, BLOCK + 1)[:, None] * starts.ravel()
    return np.ascontiguousarray(sums.T).reshape(n_lines, -1)[:, :n]
