"""Histograms of one watched tensor over the steps, in bins for the screen."""

from __future__ import annotations

import numpy as np

from netscope.analyse.bins_view import View, view
from netscope.analyse.thin import evenly
from netscope.errors import NotFoundError
from netscope.inspect import lines
from netscope.store.large import Bins
from netscope.store.store import Store

MOST_BINS = 96


def over_steps(
    store: Store, run: str, key: str, n: int, low: float | None = None, high: float | None = None
) -> tuple[np.ndarray, View]:
    """At most `n` steps, evenly chosen, and what was counted at each.

    Raises:
        NotFoundError: The run has no histograms under this key.
    """
    bins = store.bins(run, key)
    if not len(bins.steps):
        there = sorted(f"{t.layer}/{t.tensor}/{t.quantity}" for t in store.layers(run).tensors if t.histogram)
        raise NotFoundError(f"no histograms of {key[:200]!r}; the run has: {', '.join(there[:20]) or 'none'}")
    cut = lines.window(bins.steps, low, high)
    chosen = evenly(cut.stop - cut.start, n) + cut.start
    some = Bins(bins.steps[chosen], bins.times[chosen], bins.first[chosen], [bins.counts[i] for i in chosen])
    return some.steps.astype(np.float64), view(some.dense(), MOST_BINS)
