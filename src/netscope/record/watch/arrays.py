"""Watch a network that is made of arrays: plain NumPy, JAX, or anything else that NumPy can read."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope.analyse.bins import N_BINS, Histograms
from netscope.analyse.measure import Measured, measure, measure_sample, warm
from netscope.errors import UsageError
from netscope.record.log_values import whole_step
from netscope.record.watch.rows import Place, Recorder, rows, tell_layers
from netscope.schema.layer import Layer, Quantity

_QUANTITIES: dict[str, Quantity] = {"value": "value", "gradient": "gradient", "update": "update"}
_layers: weakref.WeakKeyDictionary[Recorder, dict[str, dict[str, list[int]]]] = weakref.WeakKeyDictionary()


def watch_arrays(run: Recorder, arrays: Mapping[str, Mapping[str, Any]], step: int | None = None) -> None:
    """Measure arrays once and write what was found, under `step` or that of the next `log`.

    The words for a layer's arrays: `activation` is its output; `gradient` and `update` are those of its `weight`;
    with several parameters, `bias.gradient` and `bias.update`. Every other word is the name of a parameter. Where a
    parameter and its update are both given, their `ratio` is written too.

    Args:
        run: Where to write.
        arrays: For instance {"layer1": {"weight": W, "gradient": dW, "bias": b, "bias.gradient": db, "activation": A}}.
        step: A whole number.

    Raises:
        UsageError: Not two levels of names, or something that is no array of numbers; nothing was written.
    """
    step = whole_step(run.step if step is None else step)
    if not isinstance(arrays, Mapping):
        raise UsageError(f"watch_arrays takes {{layer: {{name: array}}}}, found {type(arrays).__name__}")
    found: dict[Place, npt.NDArray[np.floating]] = {}
    for layer, named in arrays.items():
        if not isinstance(layer, str) or not isinstance(named, Mapping):
            raise UsageError(f"watch_arrays takes {{layer: {{name: array}}}}, found {layer!r}: {type(named).__name__}")
        for word, array in named.items():
            place = _place(layer, word)
            if place in found:
                raise UsageError(f"layer {layer!r} has two arrays for {place.tensor} {place.quantity}: {word!r} again")
            found[place] = _floats(array, f"{layer}: {word}")
    warm()
    moments, counts = np.empty((len(found), 7)), np.zeros((len(found), N_BINS), np.uint32)
    for i, (place, values) in enumerate(found.items()):
        look = measure_sample if place.quantity == "activation" else measure
        moments[i] = look(values, counts[i])
    _tell(run, found)
    made = rows(tuple(found), Measured(moments, Histograms.of(counts)), {})
    if made.keys:
        run.put_row("layer", made.keys, step, made.values)
        run.put_bins(made.bins_keys, step, made.bins)


def _place(layer: str, word: str) -> Place:
    """Where an array belongs.

    >>> _place("layer1", "bias.gradient")
    Place(layer='layer1', tensor='bias', quantity='gradient')
    """
    if not isinstance(word, str) or not word or not layer:
        raise UsageError(f"arrays have names, such as 'weight' and 'gradient'; found {word!r} in layer {layer!r}")
    layer, word = (name.replace("/", "\N{DIVISION SLASH}") for name in (layer, word))
    if word in ("activation", "output"):
        return Place(layer, "output", "activation")
    tensor, _, quantity = word.rpartition(".")
    if quantity in _QUANTITIES:
        return Place(layer, tensor or "weight", _QUANTITIES[quantity])
    return Place(layer, word, "value")


def _floats(array: Any, where: str) -> npt.NDArray[np.floating]:
    """A NumPy array of real floats; complex numbers by magnitude."""
    if hasattr(array, "detach"):  # a torch tensor, of any device
        array = array.detach().cpu()
        array = array.float() if str(array.dtype) == "torch.bfloat16" else array
    try:
        values = np.asarray(array)
        if values.dtype.kind == "c":
            return np.asarray(np.abs(values))
        return values if values.dtype.kind == "f" and values.dtype.itemsize <= 8 else values.astype(np.float64)
    except (TypeError, ValueError) as problem:
        raise UsageError(f"{where} is not an array of numbers, but {type(array).__name__}: {problem}") from None


def _tell(run: Recorder, found: Mapping[Place, npt.NDArray[np.floating]]) -> None:
    """Write the layers when there are new ones, in the order in which they came."""
    known = _layers.setdefault(run, {})
    is_new = False
    for place, values in found.items():
        shapes = known.get(place.layer)
        if shapes is None:
            shapes = known[place.layer] = {}
            is_new = True
        if place.quantity == "value" and shapes.get(place.tensor) != list(values.shape):
            shapes[place.tensor] = list(values.shape)
            is_new = True
    if is_new:
        tell_layers(run, "arrays", [Layer(layer=name, type="arrays", parameters=of) for name, of in known.items()])
