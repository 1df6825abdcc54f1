"""Histograms over steps, rebinned for the screen: of a watched tensor, or logged by the user."""

from __future__ import annotations

import numpy as np

from netscope.analyse import grid
from netscope.analyse.bins_view import MergedBins, merge_bins
from netscope.analyse.thin import evenly
from netscope.charts import lines
from netscope.errors import NotFoundError
from netscope.store.read.histogram_reader import Bins
from netscope.store.store import Store
from netscope.text import visible

MOST_BINS = 96


def over_steps(
    store: Store, run: str, key: str, n: int, low: float | None = None, high: float | None = None
) -> tuple[np.ndarray, MergedBins]:
    """At most `n` steps, evenly chosen, and what was counted at each.

    Raises:
        NotFoundError: The run has no histograms under this key.
    """
    bins = store.read.histograms.watched(run, key)
    if not len(bins.steps):
        there = sorted(
            f"{t.layer}/{t.tensor}/{t.quantity}" for t in store.read.layers.table(run).tensors if t.histogram
        )
        raise NotFoundError(
            f"no histograms of {key[:200]!r}; the run has: {', '.join(map(visible, there[:20])) or 'none'}"
        )
    chosen = _chosen(bins.steps, n, low, high)
    some = Bins(bins.steps[chosen], bins.times[chosen], bins.first[chosen], [bins.counts[i] for i in chosen])
    return some.steps.astype(np.float64), merge_bins(some.dense(), MOST_BINS)


def logged(
    store: Store, run: str, key: str, n: int, low: float | None = None, high: float | None = None
) -> tuple[np.ndarray, MergedBins]:
    """The user's own histograms of a key at no more than `n` steps, evenly chosen, with edges that they share.

    Raises:
        NotFoundError: The run has no histograms under this key.
    """
    found = store.read.histograms.logged(run, key)
    if not found:
        there = [one.key for one in store.keys([run], "histogram").keys]
        raise NotFoundError(
            f"no histograms {key[:200]!r}; the run has: {', '.join(map(visible, there[:20])) or 'none'}"
        )
    steps = np.array([one.step for one in found], np.int64)
    chosen = _chosen(steps, n, low, high)
    some = [found[i] for i in chosen.tolist()]
    edges, counts = grid.common([one.edges for one in some], [one.counts for one in some])
    nothing = np.zeros(len(some))
    return steps[chosen].astype(np.float64), MergedBins(
        edges, counts, nothing, _nonfinite(store, run, key, steps[chosen])
    )


def _chosen(steps: np.ndarray, n: int, low: float | None, high: float | None) -> np.ndarray:
    """Places of at most `n` steps of the window."""
    cut = lines.window(steps, low, high)
    chosen: np.ndarray = evenly(cut.stop - cut.start, n) + cut.start
    return chosen


def _nonfinite(store: Store, run: str, key: str, steps: np.ndarray) -> np.ndarray:
    """How many values were NaN or infinite: the recorder tells it as a series, where there were any."""
    told = store.columns([run], f"{key}/nonfinite").get(run)
    out = np.zeros(len(steps))
    if told is not None and told.points.n:
        at = np.searchsorted(told.steps, steps).clip(0, told.points.n - 1)
        here = told.steps[at] == steps
        out[here] = np.nan_to_num(told.values[at[here]])
    return out
