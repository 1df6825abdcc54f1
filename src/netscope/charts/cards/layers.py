"""Cards of a watched network: its gradients over layers and steps, and the layers that stand out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from netscope.analyse.thin import evenly
from netscope.charts.cards.interest import INTEREST
from netscope.schema.card import Card, Finding, Reason, ReasonCode
from netscope.schema.layer import Layer, LayerTable, LayerTensor, Quantity, Stat
from netscope.store.read.summary_reader import number
from netscope.store.store import Store

MOST_LAYERS = 400  # all of them are looked at; neighbours share blocks of the index, so that costs as much as
FEWER_LAYERS = 128  # evenly chosen ones of a deeper network do
MOST_FINDINGS = 6  # named; the sentence counts all
LATEST = 5  # measurements that are "now": one of a small batch says little
DEAD = 0.5  # share of a layer's units
JUMP = 0.1  # of the norm of the weights in one step; 0.001 is usual (Karpathy, CS231n)
FROZEN = 3  # measurements without any change
EXPLODED = 100.0  # times the usual norm, of a gradient or of all gradients
VANISHED = 1e-3  # of the largest gradient of a later layer, value for value


class Watched(NamedTuple):
    """One statistic of one tensor over the steps at which it was watched."""

    tensor: LayerTensor
    type: str
    """Class of its layer."""
    n_values: int
    steps: np.ndarray
    values: np.ndarray

    @property
    def now(self) -> float:
        """The median of the latest measurements; NaN if none of them is finite."""
        latest = self.values[-LATEST:]
        latest = latest[np.isfinite(latest)]
        return float(np.median(latest)) if len(latest) else math.nan


class Statistic(NamedTuple):
    """What is read of the layers."""

    quantity: Quantity
    stat: Stat
    of_weights: bool
    """Of the largest parameter of each layer only: a bias of zeros has no size to compare an update with."""


STATISTICS: Mapping[str, Statistic] = {
    "gradient": Statistic("gradient", "norm", True),
    "update": Statistic("update", "norm", True),
    "ratio": Statistic("update", "ratio", True),
    "dead": Statistic("activation", "dead", False),
    "nonfinite": Statistic("value", "nonfinite", False),
}


class Network(NamedTuple):
    """A watched network as its cards need it."""

    watched: Mapping[str, list[Watched]]
    """By the names of STATISTICS, in forward order."""
    n_unread: int
    """Layers of a very deep network that were not looked at."""

    def unread(self, reason: Reason) -> Reason:
        """A reason that counts layers, with how many there are beside those that were looked at."""
        return replace(reason, unread=self.n_unread)


def layer_cards(store: Store, run: str, table: LayerTable) -> list[Card]:
    """Cards of the watched layers; none if nothing was watched."""
    if not table.tensors:
        return []
    network = _read(store, run, table)
    return [*_gradients(network), *_findings(network)]


def standing_out(store: Store, run: str) -> list[Finding]:
    """All layers that stand out, the worst kind first."""
    return findings(_looked_at(_read(store, run, store.read.layers.table(run), is_whole=True)))


def _read(store: Store, run: str, table: LayerTable, is_whole: bool = False) -> Network:
    """The statistics of the layers, or of evenly chosen ones of a very deep network, in one question."""
    layers = {layer.layer: layer for layer in table.layers}
    names = list(dict.fromkeys(one.layer for one in table.tensors))
    most = len(names) if is_whole or len(names) <= MOST_LAYERS else FEWER_LAYERS
    chosen = {names[i] for i in evenly(len(names), most).tolist()}
    wanted: dict[str, tuple[str, LayerTensor]] = {}
    for name, (quantity, stat, of_weights) in STATISTICS.items():
        some = [one for one in table.tensors if one.layer in chosen and one.quantity == quantity and stat in one.stats]
        for one in _largest(some, layers) if of_weights else some:
            wanted[f"{one.layer}/{one.tensor}/{quantity}/{stat}"] = name, one
    found = store.read.series.of_run(run, list(wanted), "layer")
    watched: dict[str, list[Watched]] = {name: [] for name in STATISTICS}
    for key, (name, one) in wanted.items():
        if key in found and len(found[key].steps):
            layer = layers.get(one.layer, Layer(one.layer, "", {}))
            size = math.prod(layer.parameters.get(one.tensor, [1]))
            watched[name].append(Watched(one, layer.type, size, found[key].steps, found[key].values))
    return Network(watched, len(names) - len(chosen))


def _largest(tensors: Sequence[LayerTensor], layers: Mapping[str, Layer]) -> list[LayerTensor]:
    """The largest parameter of each layer."""
    largest: dict[str, tuple[int, LayerTensor]] = {}
    for one in tensors:
        size = math.prod(layers[one.layer].parameters.get(one.tensor, [0])) if one.layer in layers else 0
        if one.layer not in largest or size > largest[one.layer][0]:
            largest[one.layer] = size, one
    return [one for _, one in largest.values()]


def _gradients(network: Network) -> list[Card]:
    watched = network.watched["gradient"]
    if not watched:
        return []
    reason = gradient_reason(watched)
    return [
        Card(
            "gradients", "gradients", "", INTEREST[reason.code], network.unread(reason), step=reason.step,
            layer=reason.key or None,
        )
    ]  # fmt: skip


def gradient_reason(watched: Sequence[Watched]) -> Reason:
    """What is to be said of the norms of gradients, in forward order. Layers are compared value for value."""
    n = len(watched)
    broken = [one for one in watched if not np.isfinite(one.values[-1])]
    if broken:
        step = min(int(one.steps[_since(~np.isfinite(one.values))]) for one in broken)
        return Reason("gradients_not_finite", broken[0].tensor.layer, step=step, n=len(broken), total=n)
    steps, total = _whole_norm(watched)
    usual = float(np.median(total)) if len(total) else math.nan
    now = float(np.median(total[-LATEST:])) if len(total) else math.nan
    if len(total) > 2 * LATEST and now >= EXPLODED * usual > 0:
        at = _since(total >= math.sqrt(now * usual))
        return Reason("gradients_exploded", value=number(now), before=number(usual), step=int(steps[at]))
    norms = [one.now for one in watched]
    if not np.nanmax(norms) > 0:
        return Reason("gradients_zero", step=int(steps[_since(total == 0)]) if not total[-1:].any() else None, n=n)
    sizes = [norm / math.sqrt(max(one.n_values, 1)) for norm, one in zip(norms, watched, strict=True)]
    largest = int(np.nanargmax(sizes))
    if largest > 0:
        smallest = int(np.nanargmin(sizes[:largest]))
        if 0 <= sizes[smallest] < VANISHED * sizes[largest]:
            names = watched[smallest].tensor.layer, watched[largest].tensor.layer
            times = sizes[largest] / sizes[smallest] if sizes[smallest] else math.inf
            return Reason("gradients_vanish", *names, value=number(times))
    return Reason(
        "gradients_steady", n=n, before=number(float(np.nanmin(norms))), value=number(float(np.nanmax(norms)))
    )


def _whole_norm(watched: Sequence[Watched]) -> tuple[np.ndarray, np.ndarray]:
    """The norm of all gradients together, at the steps at which each of them was watched."""
    steps = watched[0].steps
    for one in watched[1:]:
        steps = np.intersect1d(steps, one.steps, assume_unique=True)
    squares = np.zeros(len(steps))
    for one in watched:
        squares += np.asarray(one.values[np.searchsorted(one.steps, steps)], np.float64) ** 2
    whole = np.sqrt(squares)
    return steps[np.isfinite(whole)], whole[np.isfinite(whole)]


def _looked_at(network: Network) -> Mapping[str, list[Watched]]:
    """By kind of problem, what shows it."""
    watched = network.watched
    updated = {one.tensor.layer for one in watched["update"]}
    # Weights that get gradients but no updates, while others do, are in no optimiser.
    left_out = [one for one in watched["gradient"] if updated and one.tensor.layer not in updated]
    return {
        "not_finite": watched["nonfinite"],
        "explodes": watched["gradient"],
        "dead": watched["dead"],
        "jumps": watched["ratio"],
        "frozen": [*watched["update"], *(one._replace(values=np.zeros(len(one.steps))) for one in left_out)],
    }


def _findings(network: Network) -> list[Card]:
    looked_at = _looked_at(network)
    if not any(looked_at.values()):
        return []
    found = findings(looked_at)
    n_layers = len({one.tensor.layer for several in looked_at.values() for one in several})
    if not found:
        reason = Reason("layers_fine", n=n_layers, total=n_layers)
        fine = [_finding(one, "fine", one.now, len(one.steps) - 1, "ratio") for one in looked_at["jumps"]]
        return [
            Card("layers", "layers", "", INTEREST[reason.code], network.unread(reason), findings=fine[:MOST_FINDINGS])
        ]
    codes: Mapping[str, ReasonCode] = {
        "not_finite": "layers_not_finite", "dead": "layers_dead", "jumps": "layers_jump", "frozen": "layers_frozen",
        "explodes": "layers_explode",
    }  # fmt: skip
    first = found[0]
    alike = [one for one in found if one.problem == first.problem]
    total = len({one.tensor.layer for one in looked_at[first.problem]})
    reason = Reason(codes[first.problem], first.layer, value=first.value, step=first.step, n=len(alike), total=total)
    return [
        Card(
            "layers", "layers", "", INTEREST[reason.code], network.unread(reason), step=first.step, layer=first.layer,
            findings=found[:MOST_FINDINGS],
        )
    ]  # fmt: skip


def findings(looked_at: Mapping[str, Sequence[Watched]]) -> list[Finding]:
    """Layers that stand out, the worst kind first, each layer once a kind.

    Args:
        looked_at: By kind of problem, what shows it: "not_finite" (counts of a tensor's values), "explodes" (norm of
            the gradient), "dead" (share of units), "jumps" (norm of the update over that of the values), "frozen"
            (norm of the update).
    """
    found: list[Finding] = []
    for one in looked_at.get("not_finite", ()):
        if one.values[-1] > 0:
            found.append(_finding(one, "not_finite", float(one.values[-1]), _since(one.values > 0), "nonfinite"))
    exploded = [(one.now / usual, one) for one in looked_at.get("explodes", ()) if (usual := _usual(one)) > 0]
    for times, one in sorted(exploded, key=lambda pair: -pair[0]):
        if times >= EXPLODED and len(one.values) > 2 * LATEST:
            is_high = ~(one.values < one.now / math.sqrt(times))
            found.append(_finding(one, "explodes", times, _since(is_high), "norm"))
    dead = [one for one in looked_at.get("dead", ()) if one.now > DEAD]
    for one in sorted(dead, key=lambda one: -one.now):
        found.append(_finding(one, "dead", one.now, _since(one.values > DEAD), "dead"))
    jumping = [one for one in looked_at.get("jumps", ()) if len(one.values) > LATEST and one.now > JUMP]
    for one in sorted(jumping, key=lambda one: -one.now):
        found.append(_finding(one, "jumps", one.now, len(one.values) - 1, "ratio"))
    for one in looked_at.get("frozen", ()):
        still = _since(one.values == 0)
        if len(one.values) - still >= FROZEN:
            found.append(_finding(one, "frozen", float(one.steps[still]), still, "norm"))
    return list({(one.layer, one.problem): one for one in reversed(found)}.values())[::-1]


def _usual(one: Watched) -> float:
    """The median of all finite measurements; NaN if there is none."""
    finite = one.values[np.isfinite(one.values)]
    return float(np.median(finite)) if len(finite) else math.nan


def _finding(one: Watched, problem: str, value: float, at: int, stat: Stat) -> Finding:
    at = min(at, len(one.steps) - 1)
    return Finding(one.tensor.layer, one.type, problem, number(value), int(one.steps[at]), one.tensor.quantity, stat)  # type: ignore[arg-type]


def _since(is_so: np.ndarray) -> int:
    """Place from which on it is so until the end; the length if it is not so at the end.

    >>> _since(np.array([True, False, True, True]))
    2
    """
    others = np.flatnonzero(~is_so)
    return int(others[-1]) + 1 if len(others) else 0
