"""One statistic of all watched layers over all steps: a matrix of tensor x step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netscope.analyse.thin import evenly
from netscope.charts import lines
from netscope.errors import NotFoundError
from netscope.schema.layer import LayerScale, LayerTable, LayerTensor, Quantity, Stat
from netscope.store.read.series_reader import SeriesColumns
from netscope.store.store import Store

NONFINITE: Stat = "nonfinite"
MOST_SCALED = 512
"""A scale is made of at most so many tensors, and of so many steps of each, evenly chosen."""
OUTER = 0.02
"""Share of the values beyond either end of a scale."""


class LayerMatrix(NamedTuple):
    """Some rows in forward order."""

    steps: np.ndarray
    values: np.ndarray
    """[tensor, step], f32; NaN where nothing was watched, or where it is the value."""
    nonfinite: np.ndarray
    """[tensor, step], f32: how many values of the tensor were NaN or infinite; 0 where that was not watched."""
    rows: list[LayerTensor]


class Window(NamedTuple):
    """The part of a matrix that is asked for."""

    px: int
    """At most so many steps."""
    low: float | None = None
    high: float | None = None
    """Steps at its edges; None: as far as there are any."""
    start: int = 0
    stop: int | None = None
    """Rows from `start` to before `stop`."""


def matrix(store: Store, run: str, quantity: Quantity, stat: Stat, window: Window) -> LayerMatrix:
    """Values of one statistic at evenly chosen steps; steps with NaN or infinities in the rows are preferred.

    Every part of a matrix has the same number of steps. They differ only where its rows have NaN or infinities.

    Raises:
        NotFoundError: Nothing of the kind was watched.
    """
    every = _watched(store.read.layers.table(run), quantity, stat)
    steps = store.read.series.steps_of_run(run, [_key(row, stat) for row in every], "layer")
    steps = steps[lines.window(steps, window.low, window.high)]
    rows = every[window.start : window.stop]
    keys = {word: [_key(row, word) for row in rows] for word in dict.fromkeys([stat, NONFINITE])}
    series = store.read.series.of_run(run, [key for some in keys.values() for key in some], "layer")
    chosen = steps[_chosen(_strange(series, keys, steps), window.px)]
    values, nonfinite = (_filled([series.get(key) for key in keys[word]], chosen) for word in (stat, NONFINITE))
    return LayerMatrix(chosen.astype(np.float64), values, np.nan_to_num(nonfinite, nan=0.0), rows)


def scale(store: Store, run: str, quantity: Quantity, stat: Stat, names: Sequence[str] = ()) -> LayerScale:
    """The range of a statistic over all its tensors, or over those of some names ("weight"), and all steps.

    Raises:
        NotFoundError: Nothing of the kind was watched.
    """
    every = _watched(store.read.layers.table(run), quantity, stat)
    rows = [row for row in every if not names or row.tensor in names]
    keys = [_key(rows[i], stat) for i in evenly(len(rows), MOST_SCALED).tolist()]
    series = [one.values for one in store.read.series.of_run(run, keys, "layer").values()]
    values = np.concatenate([np.zeros(0), *(one[evenly(len(one), MOST_SCALED)] for one in series)])
    values = values[np.isfinite(values)]
    sizes = np.abs(values[values != 0])
    if not len(values):
        return LayerScale(None, None, None, None, None)
    low, high = np.quantile(values, [OUTER, 1 - OUTER]).tolist()
    small = float(np.quantile(sizes, OUTER)) if len(sizes) else None
    return LayerScale(float(values.min()), float(values.max()), low, high, small)


def _watched(table: LayerTable, quantity: Quantity, stat: Stat) -> list[LayerTensor]:
    """Tensors that have the statistic, in forward order."""
    every = [tensor for tensor in table.tensors if tensor.quantity == quantity and stat in tensor.stats]
    if not every:
        there = sorted({f"{tensor.quantity}/{word}" for tensor in table.tensors for word in tensor.stats})
        raise NotFoundError(f"no {quantity}/{stat} was watched; the run has: {', '.join(there) or 'no watched layers'}")
    return every


def _key(row: LayerTensor, stat: Stat) -> str:
    return f"{row.layer}/{row.tensor}/{row.quantity}/{stat}"


def _strange(series: dict[str, SeriesColumns], keys: dict[Stat, list[str]], steps: np.ndarray) -> np.ndarray:
    """Steps at which a value is not finite, or counts values that were not."""
    strange = np.zeros(len(steps), np.bool_)
    for word, some in keys.items():
        for key in some:
            if (one := series.get(key)) is not None and len(steps):
                inside = slice(np.searchsorted(one.steps, steps[0]), np.searchsorted(one.steps, steps[-1], "right"))
                values = one.values[inside]
                is_strange = ~np.isfinite(values) | ((values > 0) & (word == NONFINITE))
                if is_strange.any():
                    strange[np.searchsorted(steps, one.steps[inside][is_strange])] = True
    return strange


def _filled(series: list[SeriesColumns | None], steps: np.ndarray) -> np.ndarray:
    """Values [series, step] at some steps, f32; NaN where there are none."""
    values = np.full((len(series), len(steps)), np.nan, np.float32)
    for row, one in zip(values, series, strict=True):
        if one is not None and len(steps) and len(one.steps):
            at = np.minimum(np.searchsorted(one.steps, steps), len(one.steps) - 1)
            with np.errstate(over="ignore"):
                row[:] = np.where(one.steps[at] == steps, one.values[at], np.nan)
    return values


def _chosen(strange: np.ndarray, most: int) -> np.ndarray:
    """Evenly chosen steps; each is replaced by the first strange one of the stretch that it stands for."""
    chosen = evenly(len(strange), most)
    if len(chosen) == len(strange) or not strange.any():
        return chosen
    numbers = np.flatnonzero(strange)
    group = np.searchsorted(chosen, numbers, side="right") - 1
    first = np.concatenate(([True], group[1:] != group[:-1]))
    chosen[group[first]] = numbers[first]
    return chosen
