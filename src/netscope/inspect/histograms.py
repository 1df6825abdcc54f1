"""Histograms of one watched tensor over the steps, in bins for the screen."""

from __future__ import annotations

import numpy as np

from netscope.analyse.bins_view import View, view
from netscope.analyse.thin import evenly
from netscope.inspect import lines
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
    cut = lines.window(bins.steps, low, high)
    chosen = evenly(cut.stop - cut.start, n) + cut.start
    return bins.steps[chosen].astype(np.float64), view(bins.counts[chosen], MOST_BINS)
