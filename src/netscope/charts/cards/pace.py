"""Card of the pace: steps a second over the time of the last attempt."""

from __future__ import annotations

import numpy as np

from netscope.charts.cards.interest import INTEREST
from netscope.schema.card import Card, Pace, Reason
from netscope.store.read.series_reader import SeriesColumns
from netscope.store.read.summary_reader import number

STRETCHES = 40  # equal parts of the time
FEWEST_POINTS = 8
SLOWER = 0.6  # of the pace before
LONG_S = 60.0  # in less time a pause to validate, or a busy machine, is all there is to see


def pace(steps: np.ndarray, times: np.ndarray) -> Pace | None:
    """Steps a second, from when each step was logged; None of too few points, or of less than a second.

    >>> pace(np.arange(9), np.arange(9) / 2).rate
    [2.0, 2.0, 2.0, 2.0]
    """
    n = min(STRETCHES, len(steps) // 2)
    if len(steps) < FEWEST_POINTS or not times[-1] >= times[0] + 1 or not np.isfinite(times).all():
        return None
    edges = np.linspace(times[0], times[-1], n + 1)
    rate = np.diff(np.interp(edges, np.maximum.accumulate(times), steps)) / np.diff(edges)
    return Pace((edges[1:] - times[0]).tolist(), rate.tolist())


def pace_card(series: SeriesColumns | None, began: float) -> list[Card]:
    """The card, from the series that was logged most often.

    Args:
        series: Of the run.
        began: Unix seconds when the last attempt began; earlier points are of others.
    """
    if series is None:
        return []
    first = int(np.searchsorted(series.times, began))
    found = pace(series.steps[first:], series.times[first:])
    if found is None:
        return []
    reason = pace_reason(np.array(found.rate), found.seconds[-1])
    return [Card("pace", "pace", "", INTEREST[reason.code], reason, pace=found)]


def pace_reason(rate: np.ndarray, seconds: float) -> Reason:
    """Whether the last quarter of the time was much slower than the rest.

    Args:
        rate: Steps a second, over equal stretches.
        seconds: All of the time.
    """
    late = max(1, len(rate) // 4)
    now, before = float(np.median(rate[-late:])), float(np.median(rate[:-late]))
    if seconds >= LONG_S and len(rate) >= 2 * FEWEST_POINTS and now < SLOWER * before:
        return Reason("pace_slower", value=number(now), before=number(before))
    return Reason("pace", value=number(now))
