"""Redistribute histograms whose edges differ from step to step to shared edges.

The count of a bin is distributed to the new bins in proportion to their overlap, assuming that its values are uniform
within it; the total is preserved. TensorBoard's page does the same (`buildNormalizedHistograms` in `histogram_util.ts`,
with 30 bins). Histograms that already share their edges are left unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

MOST_BINS = 100
KEPT_BINS = 512
"""Shared edges are kept up to this number of bins; the page has no pixels for more."""
_MOST = 2.0**100  # larger counts are clipped to this, so that sums are finite in float32
_LEAST = 2.0**-126  # smaller counts become 0, because they underflow in float32
_HUGE = 2.0**1000
_FLAT = 2.0**-900  # narrower bins are treated as having no width, to avoid overflow in divisions


def common(
    edges: Sequence[Float[np.ndarray, " _"]], counts: Sequence[Float[np.ndarray, " _"]]
) -> tuple[Float[np.ndarray, " edge"], Float[np.ndarray, "step bin"]]:
    """Shared edges (ascending and finite), and the counts of each histogram between them.

    If all histograms have the same edges, these are kept. Otherwise there are at most `MOST_BINS` bins of equal width,
    from the lowest to the highest edge of any non-empty bin. A bin without width adds its count to the new bin that
    contains it. Data that FORMAT.md does not allow are left out: nonfinite or descending edges, negative counts.

    >>> old = [np.array([0.0, 2.0]), np.array([1.0, 2.0, 3.0])]
    >>> edges, counts = common(old, [np.array([8.0]), np.array([1.0, 0.0])])
    >>> edges[[0, 50, -1]].tolist(), counts.sum(axis=1).tolist(), counts[:, 49].round(2).tolist()
    ([0.0, 1.0, 2.0], [8.0, 1.0], [0.08, 0.0])
    """
    counts = [np.where(np.isfinite(one) & (one >= _LEAST), one, 0.0).clip(0, _MOST) for one in counts]
    if not edges:
        return np.zeros(0), np.zeros((0, 0))
    first = edges[0]
    if len(first) <= KEPT_BINS + 1 and _ascends(first) and all(np.array_equal(first, other) for other in edges):
        return first.astype(np.float64), np.stack(counts)
    grid = _grid(edges, counts)
    return grid, np.stack([spread(old, some, grid) for old, some in zip(edges, counts, strict=True)])


def spread(
    edges: Float[np.ndarray, " edge"], counts: Float[np.ndarray, " bin"], grid: Float[np.ndarray, " shared"]
) -> Float[np.ndarray, " new"]:
    """The counts between the edges of a grid, which must cover all non-empty bins.

    >>> spread(np.array([0.0, 3.0, 3.0]), np.array([6.0, 5.0]), np.array([0.0, 1.0, 2.0, 4.0])).tolist()
    [2.0, 2.0, 7.0]
    """
    new = np.zeros(max(len(grid) - 1, 0))
    low, high, mass = _solid(edges, counts)
    if not len(mass):
        return new
    # Divided by four if differences of floats might overflow.
    scale = 0.25 if np.abs(grid).max() > _HUGE else 1.0
    low, high, grid = low * scale, high * scale, grid * scale
    flat = high - low <= _FLAT
    np.add.at(new, (np.searchsorted(grid, low[flat], side="right") - 1).clip(0, len(new) - 1), mass[flat])
    low, high, mass = low[~flat], high[~flat], mass[~flat]
    if not len(mass):
        return new
    # The cumulative count grows linearly within a bin and is constant between bins.
    # np.interp is unsuitable: it multiplies by the slope, which underflows for a small count in a wide bin.
    ends = np.append(0.0, np.cumsum(mass))
    bin_of = (np.searchsorted(low, grid, side="right") - 1).clip(0, len(mass) - 1)
    width = high[bin_of] - low[bin_of]
    passed = (grid - low[bin_of]).clip(0, width) / width
    below = np.where(passed < 1, ends[bin_of] + passed * mass[bin_of], ends[bin_of + 1])
    return new + np.diff(np.maximum.accumulate(below))


def _ascends(edges: Float[np.ndarray, " edge"]) -> bool:
    return bool(np.isfinite(edges).all() and (edges[1:] > edges[:-1]).all())


def _solid(
    edges: Float[np.ndarray, " edge"], counts: Float[np.ndarray, " bin"]
) -> tuple[Float[np.ndarray, " some"], Float[np.ndarray, " some"], Float[np.ndarray, " some"]]:
    """Low edges, high edges and counts of the valid non-empty bins, ascending."""
    low, high = edges[:-1], edges[1:]
    is_right = np.isfinite(low) & np.isfinite(high) & (low <= high) & (low >= np.fmax.accumulate(low))
    some = is_right & (counts > 0)
    return low[some], high[some], counts[some]


def _grid(
    edges: Sequence[Float[np.ndarray, " _"]], counts: Sequence[Float[np.ndarray, " _"]]
) -> Float[np.ndarray, " edge"]:
    """Edges of equal width over all non-empty bins, or over all edges if all bins are empty."""
    solid = [_solid(old, some) for old, some in zip(edges, counts, strict=True)]
    ends = np.concatenate([part for low, high, _ in solid for part in (low, high)])
    if not len(ends):
        ends = np.concatenate([old[np.isfinite(old)] for old in edges])
    if not len(ends):
        return np.zeros(0)
    start, stop = float(ends.min()), float(ends.max())
    if start == stop:
        room, most = max(abs(start), 1.0) * 2.0**-20, float(np.finfo(np.float64).max)
        start, stop = max(start - room, -most), min(stop + room, most)
    fraction = np.linspace(0, 1, MOST_BINS + 1)
    # Not start + fraction * width, because the width may overflow. If few floats lie between, there are fewer bins.
    return np.unique(np.append((start * (1 - fraction) + stop * fraction).clip(start, stop), (start, stop)))
