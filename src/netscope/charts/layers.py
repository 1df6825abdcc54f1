"""One statistic of all watched layers over all steps: a matrix of tensor x step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netscope.analyse.thin import evenly
from netscope.charts import lines
from netscope.errors import NotFoundError
from netscope.schema.layer import LayerTensor, Quantity, Stat
from netscope.store.store import Store


class LayerMatrix(NamedTuple):
    """Rows in forward order; NaN where nothing was watched, or where it is the value."""

    steps: np.ndarray
    values: np.ndarray
    """[tensor, step], f32."""
    rows: list[LayerTensor]


def matrix(
    store: Store, run: str, quantity: Quantity, stat: Stat, px: int, low: float | None = None, high: float | None = None
) -> LayerMatrix:
    """Values of one statistic; at most `px` steps, evenly chosen, those with NaN or infinities first.

    Raises:
        NotFoundError: Nothing of the kind was watched.
    """
    table = store.layers(run)
    rows = [tensor for tensor in table.tensors if tensor.quantity == quantity and stat in tensor.stats]
    if not rows:
        there = sorted({f"{tensor.quantity}/{word}" for tensor in table.tensors for word in tensor.stats})
        raise NotFoundError(f"no {quantity}/{stat} was watched; the run has: {', '.join(there) or 'no watched layers'}")
    keys = [f"{row.layer}/{row.tensor}/{quantity}/{stat}" for row in rows]
    found = store.columns_of_run(run, keys, "layer")
    series = [found.get(key) for key in keys]
    steps = np.unique(np.concatenate([one.steps for one in series if one is not None] or [np.zeros(0, np.int64)]))
    cut = lines.window(steps, low, high)
    steps = steps[cut]
    values = np.full((len(rows), len(steps)), np.nan, np.float32)
    strange = np.zeros(len(steps), np.bool_)
    for row, one in enumerate(series):
        if one is not None and len(steps):
            inside = slice(*np.searchsorted(one.steps, (steps[0], steps[-1] + 1)))
            place = np.searchsorted(steps, one.steps[inside])
            with np.errstate(over="ignore"):
                values[row, place] = one.values[inside]
            strange[place] |= ~np.isfinite(one.values[inside])
    chosen = _chosen(strange, px)
    return LayerMatrix(steps[chosen].astype(np.float64), values[:, chosen], rows)


def _chosen(strange: np.ndarray, most: int) -> np.ndarray:
    """Evenly chosen steps; of the steps that each stands for, the first strange one goes in its place."""
    chosen = evenly(len(strange), most)
    if len(chosen) == len(strange) or not strange.any():
        return chosen
    numbers = np.flatnonzero(strange)
    group = np.searchsorted(chosen, numbers, side="right") - 1
    first = np.concatenate(([True], group[1:] != group[:-1]))
    chosen[group[first]] = numbers[first]
    return chosen
