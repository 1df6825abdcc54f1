"""Cached moving averages: for a series that grew, only new points are computed, until it is 9 % longer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from netscope.analyse.smooth import Carry, moving_average, retention, smooth_ghost
from netscope.store.read.lru_cache import LruCache
from netscope.store.read.series_reader import SeriesColumns

CACHE_BYTES = 128 << 20


class Means(NamedTuple):
    """Moving average of a series at each point, and those of its ghosts; f32 if the values are f32, else f64."""

    curve: np.ndarray
    ghosts: list[np.ndarray]


class _KnownMean(NamedTuple):
    values: np.ndarray
    """The values that were averaged."""
    keep: float
    mean: np.ndarray
    carry: Carry


class MovingAverages:
    """Computes moving averages over all points of series."""

    def __init__(self) -> None:
        """The cache starts empty."""
        self._known: LruCache[_KnownMean] = LruCache(CACHE_BYTES)

    def of(self, columns: Mapping[str, SeriesColumns], key: str, kind: str, weight: float) -> dict[str, Means]:
        """Moving averages of the series of one key, by run. `columns` must be complete, not outlines."""
        found: dict[str, np.ndarray] = {}
        waiting: dict[tuple[int, float], list[tuple[str, _KnownMean | None]]] = {}
        for run, series in columns.items():
            values = series.values
            known = self._known.get((run, key, kind, weight))
            if known is not None and known.values is values:
                found[run] = known.mean
                continue
            keep = retention(weight, len(values))
            if known is not None and not (known.keep == keep and _begins_with(values, known.values)):
                known = None
            n_new = len(values) - (0 if known is None else len(known.values))
            waiting.setdefault((n_new, keep), []).append((run, known))
        for (n_new, keep), some in waiting.items():
            new = np.stack([columns[run].values[len(columns[run].values) - n_new :] for run, _ in some])
            exact, carry = moving_average(new, keep, _stacked([known for _, known in some]))
            means = exact.astype(new.dtype)  # the precision of the values: half the bytes for f32
            for i, (run, known) in enumerate(some):
                mean = means[i] if known is None else np.concatenate((known.mean, means[i]))
                values, state = columns[run].values, Carry(carry.total[i : i + 1], carry.n[i : i + 1])
                self._known.put((run, key, kind, weight), _KnownMean(values, keep, mean, state), 2 * mean.nbytes + 500)
                found[run] = mean
        return {run: Means(found[run], _ghosts(series, weight)) for run, series in columns.items()}


def _ghosts(series: SeriesColumns, weight: float) -> list[np.ndarray]:
    return [
        smooth_ghost(series.steps, series.values, ghost.steps, ghost.values, weight).astype(ghost.values.dtype)
        for ghost in series.ghosts
    ]


def _begins_with(values: np.ndarray, first: np.ndarray) -> bool:
    """Whether `values` begins with `first`, bit by bit."""
    if values.dtype != first.dtype or len(values) < len(first):
        return False
    kind = f"u{values.itemsize}"
    return np.array_equal(np.ascontiguousarray(values)[: len(first)].view(kind), np.ascontiguousarray(first).view(kind))


def _stacked(known: list[_KnownMean | None]) -> Carry:
    """The states of several moving averages as one; a new series starts empty."""
    carries = [Carry(np.zeros(1), np.zeros(1, np.int64)) if one is None else one.carry for one in known]
    return Carry(*(np.concatenate(parts) for parts in zip(*carries, strict=True)))
