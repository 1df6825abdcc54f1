"""Downsample a curve for the screen: keep the smallest, largest and nonfinite values of each pixel column.

NumPy does it without a loop over columns: 0.4 ms for a million evenly spaced points. `tsdownsample` (Rust) takes 0.3
ms, but drops NaN and infinities, needs one call per series and would be another compiled dependency.

Series that were logged at the same x are downsampled together, because their columns are the same: 1,000 runs cost a
few passes over their points instead of 1,000 times a dozen calls.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

LARGEST = 2.0**63 - 2.0**10  # the largest float that fits an int64
SHORT = 24  # points: for longer columns, NumPy finds minima faster column by column


def ascending(x: Float[np.ndarray, " point"] | Int[np.ndarray, " point"]) -> bool:
    """Whether x never decreases; False if it contains NaN."""
    return bool((x[1:] >= x[:-1]).all())


def columns(
    x: Float[np.ndarray, " point"] | Int[np.ndarray, " point"], px: int, low: float, high: float
) -> Int[np.ndarray, " column"]:
    """Index of the first point of each non-empty pixel column; the first is always 0.

    Evenly spaced points give columns of equal length (except the last), which `pick` processes fastest. Only the first
    and last points of the columns are checked for even spacing. The points of a column span at most a pixel.

    Args:
        x: Ascending.
        px: Number of pixel columns from `low` to `high`.
        low: Left edge of the chart, in units of x.
        high: Right edge of the chart.

    >>> columns(np.arange(6.0), 3, 0.0, 5.0).tolist()
    [0, 2, 4]
    >>> columns(np.array([0.0, 0.1, 0.2, 9.0]), 3, 0.0, 9.0).tolist()
    [0, 3]
    """
    n = len(x)
    width = (high - low) / px
    if not np.isfinite(width) and x.dtype.kind == "f":
        return columns(x / 4, px, low / 4, high / 4)
    if n < 2 or not width > 0:
        return np.zeros(min(n, 1), np.intp)
    spacing = (float(x[-1]) - float(x[0])) / (n - 1)
    length = int(width / spacing * (1 + 1e-12)) + 1 if spacing * n > width else n
    starts = np.arange(0, n, length)
    ends = np.minimum(starts + length - 1, n - 1)
    if all(np.array_equal(x[points], x[0] + points * spacing) for points in (starts, ends)):
        return starts
    edges = low + width * np.arange(1, px)
    if x.dtype.kind != "f":
        edges = np.ceil(edges).clip(-(2.0**63), LARGEST)
    starts = np.searchsorted(x, edges.astype(x.dtype))
    starts = np.concatenate(([0], starts[(starts > 0) & (starts < n)]))
    return starts[np.concatenate(([True], starts[1:] != starts[:-1]))]


def pick(y: Float[np.ndarray, "line point"], starts: Int[np.ndarray, " column"]) -> Bool[np.ndarray, "line point"]:
    """Mark the points to keep: the first smallest and largest value, NaN, inf and -inf of each column.

    Args:
        y: Series with the same x.
        starts: First point of each column, ascending, beginning with 0; a column ends where the next begins.

    >>> pick(np.array([[1.0, 3.0, 2.0, 5.0, np.nan, 5.0]]), np.array([0, 3])).tolist()
    [[True, True, False, True, True, False]]
    """
    n_lines, n = y.shape
    lengths = np.diff(starts, append=n)
    if not len(starts) or (lengths[:-1] != lengths[0]).any() or lengths[-1] > lengths[0]:
        return _pick_ragged(y, starts, lengths)
    keep = np.empty(y.shape, np.bool_)
    end = n // lengths[0] * lengths[0]
    keep[:, :end] = _pick_even(y[:, :end].reshape(-1, lengths[0])).reshape(n_lines, end)
    if end < n:
        keep[:, end:] = _pick_even(y[:, end:])
    return keep


def _pick_even(y: Float[np.ndarray, "column point"]) -> Bool[np.ndarray, "column point"]:
    """`pick` for columns of equal length."""
    keep, is_finite = _pick_short(y) if y.shape[1] <= SHORT else _pick_long(y)
    if is_finite.all():
        return keep
    strange = np.flatnonzero(~is_finite)
    some = y[strange]
    finite = np.isfinite(some)
    keep[strange] = False
    for mask, first in (
        (finite, np.where(finite, some, np.inf).argmin(axis=1)),
        (finite, np.where(finite, some, -np.inf).argmax(axis=1)),
        *((mask, mask.argmax(axis=1)) for mask in (np.isnan(some), some == np.inf, some == -np.inf)),
    ):
        has = mask.any(axis=1)
        keep[strange[has], first[has]] = True
    return keep


def _pick_long(
    y: Float[np.ndarray, "column point"],
) -> tuple[Bool[np.ndarray, "column point"], Bool[np.ndarray, " column"]]:
    """The points to keep of finite columns, and which columns are finite."""
    keep = np.zeros(y.shape, np.bool_)
    rows = np.arange(len(y))
    lowest, highest = y.argmin(axis=1), y.argmax(axis=1)  # both return a NaN if there is one
    keep[rows, lowest] = keep[rows, highest] = True
    return keep, np.isfinite(y[rows, lowest]) & np.isfinite(y[rows, highest])


def _pick_short(
    y: Float[np.ndarray, "column point"],
) -> tuple[Bool[np.ndarray, "column point"], Bool[np.ndarray, " column"]]:
    """`_pick_long` for short columns: loops over points instead of columns, which is ten times faster."""
    points = np.ascontiguousarray(y.T)
    keep = np.zeros(points.shape, np.bool_)
    lowest, highest = np.minimum.reduce(points, axis=0), np.maximum.reduce(points, axis=0)  # both pass a NaN on
    for extreme in (lowest, highest):
        is_open = np.ones(len(extreme), np.bool_)
        for point, kept in zip(points, keep, strict=True):
            is_it = point == extreme
            is_it &= is_open
            kept |= is_it
            is_open ^= is_it
    return keep.T, np.isfinite(lowest) & np.isfinite(highest)


def _pick_ragged(
    y: Float[np.ndarray, "line point"], starts: Int[np.ndarray, " column"], lengths: Int[np.ndarray, " column"]
) -> Bool[np.ndarray, "line point"]:
    """`pick` for columns of different lengths."""
    n_lines, n = y.shape
    starts = (np.arange(n_lines)[:, None] * n + starts).ravel()
    lengths, values = np.tile(lengths, n_lines), y.ravel()
    keep = np.zeros(y.size, np.bool_)
    if not len(starts):
        return keep.reshape(y.shape)
    finite = np.isfinite(values)
    is_finite = bool(finite.all())
    for reduce, worst in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        compared = values if is_finite else np.where(finite, values, worst)
        extremes = np.repeat(reduce.reduceat(compared, starts), lengths)
        keep[_first_of_column(np.flatnonzero((compared == extremes) & finite), starts)] = True
    if not is_finite:
        for strange in (np.isnan(values), values == np.inf, values == -np.inf):
            keep[_first_of_column(np.flatnonzero(strange), starts)] = True
    return keep.reshape(y.shape)


def _first_of_column(points: Int[np.ndarray, " some"], starts: Int[np.ndarray, " column"]) -> Int[np.ndarray, " fewer"]:
    column = np.searchsorted(starts, points, side="right")
    return points[np.concatenate(([True], column[1:] != column[:-1]))] if len(points) else points


def thin(
    x: Float[np.ndarray, " point"] | Int[np.ndarray, " point"],
    y: Float[np.ndarray, " point"],
    px: int,
    low: float | None = None,
    high: float | None = None,
) -> Int[np.ndarray, " kept"]:
    """Indices of the points to draw, in order of x: all points if there are at most two per pixel column.

    The first and the last point are always kept. Points may be in any order of x; those whose x is NaN are dropped.

    Args:
        x: The x of the points.
        y: The y of the points; may contain NaN and infinities.
        px: Number of pixel columns.
        low: Left edge of the chart; defaults to the smallest x.
        high: Right edge of the chart; defaults to the largest x.

    >>> thin(np.arange(8), np.array([0.0, 9, 1, 2, 3, -9, 4, 5]), px=2).tolist()
    [0, 1, 5, 7]
    """
    if len(x) and not ascending(x):
        order = np.argsort(x, kind="stable")
        order = order[~np.isnan(x[order])]
        kept: Int[np.ndarray, " kept"] = order[thin(x[order], y[order], px, low, high)]
        return kept
    if len(x) <= 2 * px:
        return np.arange(len(x))
    left, right = float(x[0]) if low is None else low, float(x[-1]) if high is None else high
    keep = pick(y[None], columns(x, px, left, right))[0]
    keep[[0, -1]] = True
    return np.flatnonzero(keep)


def evenly(n: int, most: int) -> Int[np.ndarray, " kept"]:
    """At most `most` evenly spaced indices out of `n`, including the first and the last.

    >>> evenly(10, 4).tolist()
    [0, 3, 6, 9]
    """
    if n <= most:
        return np.arange(n)
    return np.linspace(0, n - 1, max(most, 1)).round().astype(np.intp) if most > 1 else np.array([n - 1])
