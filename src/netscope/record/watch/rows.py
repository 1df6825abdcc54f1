"""Convert the moments and bins of watched tensors to journal rows: the keys of their series and the values."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from netscope.analyse.bins import Histograms
from netscope.analyse.measure import LARGE, Measured
from netscope.schema.layer import Layer, LayerChange, Quantity, Stat
from netscope.store.journal.frames import SetKind

Undo = Callable[[], None]


class Recorder(Protocol):
    """The part of a session that watching needs."""

    name: str
    step: int

    def on_next_log(self, call: Callable[[int], None]) -> Undo:
        """Call this once, at the next `log`, with its step."""

    def on_beat(self, call: Callable[[], None]) -> Undo:
        """Call this about every 2 s on the background thread."""

    def on_finish(self, call: Callable[[], None]) -> Undo:
        """Call this when the run finishes, while it can still be written."""

    def put_row(
        self,
        kind: SetKind,
        keys: tuple[str, ...],
        step: int,
        values: npt.NDArray[np.float64],
        time: float | None = None,
    ) -> None:
        """Append one row."""

    def put_bins(self, keys: tuple[str, ...], step: int, counts: Histograms) -> None:
        """Append histograms."""

    def put_event(self, event: dict[str, Any]) -> None:
        """Append an event."""


class TensorKey(NamedTuple):
    """Identifies what is measured: the first three parts of the keys of its series."""

    layer: str
    tensor: str
    quantity: Quantity


tensor_key = functools.lru_cache(1 << 16)(TensorKey)
"""A cached `TensorKey`: creating tens of thousands per measurement would burden the garbage collector."""


class Rows(NamedTuple):
    """One measurement, ready to be written to the journal."""

    keys: tuple[str, ...]
    values: npt.NDArray[np.float64]
    bins_keys: tuple[str, ...]
    bins: Histograms


_ALWAYS: tuple[Stat, ...] = ("mean", "std", "norm", "min", "max", "zeros", "nonfinite")
_NORM = _ALWAYS.index("norm")


def rows(places: tuple[TensorKey, ...], found: Measured, shares: Mapping[TensorKey, Mapping[Stat, float]]) -> Rows:
    """The rows of a measurement. Empty tensors have no series.

    Updates also have a `ratio` if the value of the same tensor was measured.

    Args:
        places: The tensor of each row of `found`.
        found: The moments and histograms.
        shares: Further statistics, as fractions, such as `dead`.
    """
    if not (found.moments[:, 0] > 0).all():
        kept = np.flatnonzero(found.moments[:, 0] > 0)
        places = tuple(places[i] for i in kept.tolist())
        found = Measured(found.moments[kept], found.histograms.take(kept))
    further = tuple([(place, tuple(shares[place])) for place in places if place in shares])
    order = _order(places, further)
    values = np.empty(len(order.keys))
    if len(places):
        with np.errstate(all="ignore"):
            stats = _statistics(found.moments)
            norms = stats[:, _NORM]
            values[order.ratios] = norms[order.updates] / norms[order.values]
        values[order.always] = stats
        values[order.further] = [share for place, _ in further for share in shares[place].values()]
    return Rows(order.keys, values, order.bins_keys, found.histograms)


def _statistics(moments: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compute the columns `_ALWAYS` from the fields of `Moments`."""
    n, zeros, nonfinite, mean, std, low, high = moments.T
    found = np.empty_like(moments)
    found[:, 0], found[:, 1], found[:, 3], found[:, 4], found[:, 6] = mean, std, low, high, nonfinite
    found[:, _NORM] = np.sqrt(n - nonfinite) * np.hypot(mean, std)
    found[:, 5] = zeros / n
    if nonfinite.any():
        found[n <= nonfinite, 2:5] = np.nan
    return found


class _Order(NamedTuple):
    """The keys of a row, and the positions of the values in it."""

    keys: tuple[str, ...]
    bins_keys: tuple[str, ...]
    always: npt.NDArray[np.int64]
    """[tensor, statistic] positions of the statistics `_ALWAYS`."""
    further: npt.NDArray[np.int64]
    """Positions of the fractions, tensor after tensor."""
    ratios: npt.NDArray[np.int64]
    """Positions of the ratios."""
    updates: npt.NDArray[np.int64]
    """Per ratio, the index of the update's tensor."""
    values: npt.NDArray[np.int64]
    """Per ratio, the index of the value's tensor."""


@functools.lru_cache(maxsize=8)
def _order(places: tuple[TensorKey, ...], shares: tuple[tuple[TensorKey, tuple[Stat, ...]], ...]) -> _Order:
    """Lay out a row. Cached, because it is slow for many tensors and does not change between measurements."""
    shares_of = dict(shares)
    number = {place: i for i, place in enumerate(places)}
    keys: list[str] = []
    starts, further, ratios, updates, values = [], [], [], [], []
    for i, place in enumerate(places):
        starts.append(len(keys))
        name = "/".join(place)
        keys += [f"{name}/{stat}" for stat in _ALWAYS]
        for stat in shares_of.get(place, ()):
            further.append(len(keys))
            keys.append(f"{name}/{stat}")
        value = number.get(place._replace(quantity="value")) if place.quantity == "update" else None
        if value is not None:
            ratios.append(len(keys))
            updates.append(i)
            values.append(value)
            keys.append(f"{name}/ratio")
    always = np.array(starts, np.int64)[:, None] + np.arange(len(_ALWAYS))
    indices = (np.array(index, np.int64) for index in (further, ratios, updates, values))
    return _Order(tuple(keys), tuple("/".join(place) for place in places), always, *indices)


_written: weakref.WeakKeyDictionary[Recorder, dict[object, list[Layer]]] = weakref.WeakKeyDictionary()


def write_layers(
    run: Recorder, source: object, layers: list[Layer], changes: Sequence[LayerChange] = (), step: int | None = None
) -> None:
    """Write the layers of a source (a watched model, arrays) together with those of the run's other sources.

    `changes` are the changes of layers since the last measurement, noticed in the measurement at `step`.

    `source` is kept as long as the run, so it must be a name or a marker and not refer to a model. If several sources
    have a layer of the same name, the latest is written: a model that is watched again has its layers only once.
    """
    sources = _written.setdefault(run, {})
    sources[source] = layers
    every = {layer.layer: layer for several in sources.values() for layer in several}
    event = {"event": "layers", "layers": msgspec.to_builtins(list(every.values())), "sampled_above": LARGE}
    if changes:
        noticed = [msgspec.structs.replace(change, step=step) for change in changes]
        event |= {"changes": msgspec.to_builtins(noticed)}
    run.put_event(event)
