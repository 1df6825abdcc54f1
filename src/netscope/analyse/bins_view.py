"""Merge the 2,048 fixed bins of a watched tensor (FORMAT.md) into at most a hundred bins for display.

There are four bins per octave from 2^-128 up, for each sign. They are sorted by value; those close to zero become one
bin in the middle, and the few largest values one bin at either end. The bins between are merged (two, four, eight…)
until there are few enough. Merging only adds counts, so histograms of several steps share their edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Integer

from netscope.analyse.bins import N_FINITE, NEGATIVE, lower_edges

_SMALL_FRACTION = 0.005  # of all values may fall into the bin around zero
_LARGE_SHARE = 0.0005  # of all that is counted may be in the last bin of each sign, however wide


class MergedBins(NamedTuple):
    """Histograms over steps with shared edges."""

    edges: Float[np.ndarray, " edge"]
    """Ascending and finite, one more than bins; empty if all values are zero or not finite."""
    counts: Float[np.ndarray, "step bin"]
    """Without exact zeros."""
    zeros: Float[np.ndarray, " step"]
    """Number of values that are zero or below 2^-128 in magnitude."""
    nonfinite: Float[np.ndarray, " step"]
    """Number of values that are NaN or infinite."""


def magnitudes() -> Float[np.ndarray, " 1021"]:
    """Lower edges of the bins of one sign, followed by 2^128, where the last finite bin ends.

    >>> magnitudes()[[0, 508, 509, 1020]].tolist() == [0.0, 1.0, 1.25, 2.0**128]
    True
    """
    return np.append(lower_edges()[:N_FINITE], 2.0**128)


def merge_bins(counts: Integer[np.ndarray, "step 2048"], most: int = 96) -> MergedBins:
    """Merge fixed bins into at most `most` bins.

    >>> counts = np.zeros((1, 2048), int)
    >>> counts[0, [508, 1024 + 508, 0, 1020]] = [5, 7, 2, 1]
    >>> seen = merge_bins(counts)
    >>> seen.edges.tolist(), seen.counts.tolist(), seen.zeros.tolist(), seen.nonfinite.tolist()
    ([-1.25, -1.0, 1.0, 1.25], [[7.0, 0.0, 5.0]], [2.0], [1.0])
    """
    counts = counts.astype(np.float64)
    sides = [counts[:, start : start + N_FINITE].copy() for start in (NEGATIVE, 0)]
    zeros = sides[0][:, 0] + sides[1][:, 0]
    nonfinite = counts.sum(axis=1) - sides[0].sum(axis=1) - sides[1].sum(axis=1)
    for side in sides:
        side[:, 0] = 0
    total = sides[0].sum(axis=0) + sides[1].sum(axis=0)
    if not total.any():
        return MergedBins(np.zeros(0), np.zeros((len(counts), 0)), zeros, nonfinite)
    smallest = int(np.searchsorted(np.cumsum(total), total.sum() * _SMALL_FRACTION, side="right"))
    largest = int(np.searchsorted(np.cumsum(total), total.sum() * (1 - _LARGE_SHARE))) + 1
    per = 1
    cuts = [_cuts(side, smallest, largest, per) for side in sides]
    while len(cuts[0]) + len(cuts[1]) > most + 1:
        per *= 2
        cuts = [_cuts(side, smallest, largest, per) for side in sides]
    size = magnitudes()
    running = [np.pad(np.cumsum(side, axis=1), ((0, 0), (1, 0))) for side in sides]
    below, above = (np.diff(sums[:, cut], axis=1) for sums, cut in zip(running, cuts, strict=True))
    middle = running[0][:, cuts[0][:1]] + running[1][:, cuts[1][:1]]
    edges = np.concatenate((-size[cuts[0][::-1]], size[cuts[1]]))
    return MergedBins(edges, np.concatenate((below[:, ::-1], middle, above), axis=1), zeros, nonfinite)


def _cuts(side: Float[np.ndarray, "step 1020"], smallest: int, largest: int, per: int) -> Int[np.ndarray, " cut"]:
    """Where to cut one sign's bins: every `per` from about `smallest` to `largest`, then after the last one used.

    [0] if none is used.
    """
    used = np.flatnonzero(side.any(axis=0))
    if not len(used):
        return np.zeros(1, np.intp)
    start = smallest // per * per
    last = -(-(int(used[-1]) + 1) // per) * per
    end = max(min(last, -(-largest // per) * per), start)
    cuts = np.arange(start, end + 1, per)
    if last > end:  # a few strays would make the bins of all others wider
        cuts = np.append(cuts, last)
    return np.clip(cuts, 1, N_FINITE)
