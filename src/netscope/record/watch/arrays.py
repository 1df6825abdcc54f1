"""Watch a network made of arrays: NumPy, JAX, or anything else that NumPy can read."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope.analyse.bins import N_BINS, Histograms
from netscope.analyse.measure import Measured, load_kernels, measure, measure_sample
from netscope.errors import UsageError
from netscope.record.log_values import whole_step
from netscope.record.watch.rows import Recorder, TensorKey, rows, write_layers
from netscope.schema.layer import Layer, Quantity

_QUANTITIES: dict[str, Quantity] = {"value": "value", "gradient": "gradient", "update": "update"}
_layers: weakref.WeakKeyDictionary[Recorder, dict[str, dict[str, list[int]]]] = weakref.WeakKeyDictionary()


def watch_arrays(run: Recorder, arrays: Mapping[str, Mapping[str, Any]], step: int | None = None) -> None:
    """Measure arrays once and write the results at `step`, which defaults to the step of the next `log`.

    Names of a layer's arrays: `activation` is its output; `gradient` and `update` belong to its `weight`, and
    `bias.gradient` and `bias.update` to another parameter. Every other name is that of a parameter. If a parameter and
    its update are both given, their `ratio` is written too.

    Args:
        run: Where to write.
        arrays: {"layer1": {"weight": W, "gradient": dW, "bias": b, "bias.gradient": db, "activation": A}}, for example.
        step: Any integer.

    Raises:
        UsageError: The names do not have two levels, or a value is not an array of numbers; nothing was written.
    """
    step = whole_step(run.step if step is None else step)
    if not isinstance(arrays, Mapping):
        raise UsageError(f"watch_arrays takes {{layer: {{name: array}}}}, got {type(arrays).__name__}")
    found: dict[TensorKey, npt.NDArray[np.floating]] = {}
    for layer, named in arrays.items():
        if not isinstance(layer, str) or not isinstance(named, Mapping):
            raise UsageError(f"watch_arrays takes {{layer: {{name: array}}}}, got {layer!r}: {type(named).__name__}")
        for word, array in named.items():
            key = _key_of(layer, word)
            if key in found:
                raise UsageError(f"layer {layer!r} has two arrays for {key.tensor} {key.quantity}: {word!r} again")
            found[key] = _floats(array, f"{layer}: {word}")
    load_kernels()
    moments, counts = np.empty((len(found), 7)), np.zeros((len(found), N_BINS), np.uint32)
    for i, (key, values) in enumerate(found.items()):
        look = measure_sample if key.quantity == "activation" else measure
        moments[i] = look(values, counts[i])
    _write_new_layers(run, found)
    made = rows(tuple(found), Measured(moments, Histograms.of(counts)), {})
    if made.keys:
        run.put_row("layer", made.keys, step, made.values)
        run.put_bins(made.bins_keys, step, made.bins)


def _key_of(layer: str, word: str) -> TensorKey:
    """The key of an array.

    >>> _key_of("layer1", "bias.gradient")
    TensorKey(layer='layer1', tensor='bias', quantity='gradient')
    """
    if not isinstance(word, str) or not word or not layer:
        raise UsageError(f"arrays need names such as 'weight' and 'gradient', got {word!r} in layer {layer!r}")
    layer, word = (name.replace("/", "\N{DIVISION SLASH}") for name in (layer, word))
    if word in ("activation", "output"):
        return TensorKey(layer, "output", "activation")
    tensor, _, quantity = word.rpartition(".")
    if quantity in _QUANTITIES:
        return TensorKey(layer, tensor or "weight", _QUANTITIES[quantity])
    return TensorKey(layer, word, "value")


def _floats(array: Any, where: str) -> npt.NDArray[np.floating]:
    """Convert to a NumPy array of real floats; complex numbers become their magnitude."""
    if hasattr(array, "detach"):  # a torch tensor, on any device
        array = array.detach().cpu()
        array = array.float() if str(array.dtype) == "torch.bfloat16" else array
    try:
        values = np.asarray(array)
        if values.dtype.kind == "c":
            return np.asarray(np.abs(values))
        return values if values.dtype.kind == "f" and values.dtype.itemsize <= 8 else values.astype(np.float64)
    except (TypeError, ValueError) as problem:
        raise UsageError(f"{where} must be an array of numbers, got {type(array).__name__}: {problem}") from None


def _write_new_layers(run: Recorder, found: Mapping[TensorKey, npt.NDArray[np.floating]]) -> None:
    """Write the layers if there are new ones, in the order of their first appearance."""
    known = _layers.setdefault(run, {})
    is_new = False
    for key, values in found.items():
        shapes = known.get(key.layer)
        if shapes is None:
            shapes = known[key.layer] = {}
            is_new = True
        if key.quantity == "value" and shapes.get(key.tensor) != list(values.shape):
            shapes[key.tensor] = list(values.shape)
            is_new = True
    if is_new:
        write_layers(run, "arrays", [Layer(layer=name, type="arrays", parameters=of) for name, of in known.items()])
