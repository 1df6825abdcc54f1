"""Cards of a watched network: its gradients over layers and steps, and the layers that stand out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netscope.analyse.thin import evenly
from netscope.charts.cards.interest import INTEREST
from netscope.schema.card import Card, Finding, Reason, ReasonCode
from netscope.schema.layer import LayerTable, LayerTensor, Quantity, Stat
from netscope.store.read.series_reader import Columns
from netscope.store.read.summary_reader import number
from netscope.store.store import Store

MOST_TENSORS = 400  # looked at of a very deep network, evenly chosen
MOST_FINDINGS = 6  # named; the sentence counts all
LATEST = 5  # measurements that are "now": one of a small batch says little
DEAD = 0.5  # share of a layer's units
JUMP = 0.1  # of the norm of the weights in one step; 0.001 is usual (Karpathy, CS231n)
FROZEN = 3  # measurements without any change
EXPLODED = 100.0  # times the usual norm of all gradients
VANISHED = 1e-3  # of the largest gradient of a later layer, value for value


class Watched(NamedTuple):
    """One statistic of one tensor over the steps at which it was watched."""

    tensor: LayerTensor
    type: str
    """Class of its layer."""
    steps: np.ndarray
    values: np.ndarray

    @property
    def now(self) -> float:
        """The median of the latest measurements; NaN if none of them is finite."""
        latest = self.values[-LATEST:]
        latest = latest[np.isfinite(latest)]
        return float(np.median(latest)) if len(latest) else math.nan


def layer_cards(store: Store, run: str) -> list[Card]:
    """Cards of the watched layers; none if nothing was watched."""
    table = store.read.layers.table(run)
    if not table.tensors:
        return []
    return [*_gradients(store, run, table), *_findings(store, run, table)]


def _gradients(store: Store, run: str, table: LayerTable) -> list[Card]:
    watched = _watched(store, run, table, _weights(table, "gradient", "norm"), "norm")
    if not watched:
        return []
    shapes = {layer.layer: layer.parameters for layer in table.layers}
    reason = gradient_reason(
        watched, [math.prod(shapes.get(w.tensor.layer, {}).get(w.tensor.tensor, [1])) for w in watched]
    )
    layer = reason.key or None
    return [Card("gradients", "gradients", "", INTEREST[reason.code], reason, step=reason.step, layer=layer)]


def gradient_reason(watched: Sequence[Watched], n_values: Sequence[int]) -> Reason:
    """What is to be said of the norms of gradients.

    Args:
        watched: Norms, in forward order.
        n_values: How many values each tensor has: norms of tensors of different sizes are compared value for value.
    """
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
    sizes = [norm / math.sqrt(max(k, 1)) for norm, k in zip(norms, n_values, strict=True)]
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


def _findings(store: Store, run: str, table: LayerTable) -> list[Card]:
    updates = _weights(table, "update", "norm")
    # Weights that get gradients but no updates, while others do, are in no optimiser.
    updated = {one.layer for one in updates}
    left_out = [one for one in _weights(table, "gradient", "norm") if updated and one.layer not in updated]
    looked_at: Mapping[str, list[Watched]] = {
        "not_finite": _watched(store, run, table, _of(table, "value", "nonfinite"), "nonfinite"),
        "dead": _watched(store, run, table, _of(table, "activation", "dead"), "dead"),
        "jumps": _watched(store, run, table, _weights(table, "update", "ratio"), "ratio"),
        "frozen": [
            *_watched(store, run, table, updates, "norm"),
            *(w._replace(values=np.zeros(len(w.steps))) for w in _watched(store, run, table, left_out, "norm")),
        ],
    }
    if not any(looked_at.values()):
        return []
    found = findings(looked_at)
    n_layers = len({one.tensor.layer for several in looked_at.values() for one in several})
    if not found:
        reason = Reason("layers_fine", n=n_layers, total=n_layers)
        fine = [_finding(one, "fine", one.now, len(one.steps) - 1, "ratio") for one in looked_at["jumps"]]
        return [Card("layers", "layers", "", INTEREST[reason.code], reason, findings=fine[:MOST_FINDINGS])]
    codes: Mapping[str, ReasonCode] = {
        "not_finite": "layers_not_finite", "dead": "layers_dead", "jumps": "layers_jump", "frozen": "layers_frozen",
    }  # fmt: skip
    first = found[0]
    alike = [one for one in found if one.problem == first.problem]
    total = len({one.tensor.layer for one in looked_at[first.problem]})
    reason = Reason(codes[first.problem], first.layer, value=first.value, step=first.step, n=len(alike), total=total)
    interest = INTEREST[reason.code]
    return [
        Card(
            "layers", "layers", "", interest, reason, step=first.step, layer=first.layer, findings=found[:MOST_FINDINGS]
        )
    ]


def findings(looked_at: Mapping[str, Sequence[Watched]]) -> list[Finding]:
    """Layers that stand out, the worst kind first, each layer once a kind.

    Args:
        looked_at: By kind of problem what shows it: "not_finite" (counts of a tensor's values), "dead" (share of
            units), "jumps" (norm of the update over that of the values), "frozen" (norm of the update).
    """
    found: list[Finding] = []
    for one in looked_at.get("not_finite", ()):
        if one.values[-1] > 0:
            found.append(_finding(one, "not_finite", float(one.values[-1]), _since(one.values > 0), "nonfinite"))
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


def _of(table: LayerTable, quantity: Quantity, stat: Stat) -> list[LayerTensor]:
    return [one for one in table.tensors if one.quantity == quantity and stat in one.stats]


def _weights(table: LayerTable, quantity: Quantity, stat: Stat) -> list[LayerTensor]:
    """The largest parameter of each layer: a bias of zeros has no size to compare an update with."""
    shapes = {layer.layer: layer.parameters for layer in table.layers}
    largest: dict[str, LayerTensor] = {}
    for one in _of(table, quantity, stat):
        sizes = {name: math.prod(shape) for name, shape in shapes.get(one.layer, {}).items()}
        before = largest.get(one.layer)
        if before is None or sizes.get(one.tensor, 0) > sizes.get(before.tensor, 0):
            largest[one.layer] = one
    return list(largest.values())


def _watched(store: Store, run: str, table: LayerTable, tensors: Sequence[LayerTensor], stat: Stat) -> list[Watched]:
    types = {layer.layer: layer.type for layer in table.layers}
    tensors = [tensors[i] for i in evenly(len(tensors), MOST_TENSORS).tolist()]
    keys = [f"{one.layer}/{one.tensor}/{one.quantity}/{stat}" for one in tensors]
    found: Mapping[str, Columns] = store.read.series.of_run(run, keys, "layer") if keys else {}
    return [
        Watched(one, types.get(one.layer, ""), found[key].steps, found[key].values)
        for key, one in zip(keys, tensors, strict=True)
        if key in found and len(found[key].steps)
    ]
