"""Graphs of networks whose layers run one after the other: lists of layers in NumPy, and perceptrons of scikit-learn.

A hand-written network is a list of layers: objects with `forward`, `predict` or `__call__`, functions, or tuples of
arrays such as (W, b). The arrays that a layer holds are its tensors. With an input, copies of the layers are called one
after the other, so that shapes are known.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from netscope.errors import UsageError
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model

_CALLED = ("forward", "__call__", "predict")


def of_layers(layers: Sequence[Any], x: Any = None) -> Model:
    """The graph of a list of layers.

    Args:
        layers: In the order in which they run.
        x: An input [sample, …]; without it, or where a layer cannot be called, shapes are not known.

    Raises:
        UsageError: The list is empty.
        Exception: What a layer raises for this input.
    """
    if not layers:
        raise UsageError("graph takes a torch.nn.Module or a list of layers; the list is empty")
    chain = _Chain("input", x)
    for i, layer in enumerate(layers):
        copied = copy.deepcopy(layer)
        before, call = _arrays(copied), _call_of(copied)
        if x is not None:
            x = None if call is None else call(x)
        # What a pass assigned is remembered of the input (`self.x = x`), and no weight.
        weights = {name: one for name, one in _arrays(copied).items() if x is None or one is before.get(name)}
        kind = _kind(layer)
        chain.add(kind, f"{i}.{kind}", weights, _settings(layer), x, _product(weights, chain.shape))
    return chain.model("network", "NumPy", np.__version__)


def of_perceptron(model: Any) -> Model:
    """The graph of a fitted MLPClassifier or MLPRegressor of scikit-learn: matrix products, biases and activations.

    Raises:
        UsageError: It is not fitted.
    """
    if not hasattr(model, "coefs_"):
        raise UsageError(f"this {type(model).__name__} is not fitted; call fit first")
    chain = _Chain("X", None, ("sample", int(model.n_features_in_)))
    last = len(model.coefs_) - 1
    for i, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        n = int(weight.shape[1])
        shape = ("sample", n)
        chain.add("Dense", f"layer{i + 1}", {f"coefs_[{i}]": weight, f"intercepts_[{i}]": bias}, {}, shape=shape)
        activation = model.out_activation_ if i == last else model.activation
        if activation != "identity":
            chain.add(activation, f"layer{i + 1}.{activation}", {}, {}, shape=shape)
    solver = {"solver": model.solver, "iterations": int(model.n_iter_), "loss": float(model.loss_)}
    return chain.model(type(model).__name__, "scikit-learn", "", solver)


class _Chain:
    """A graph in which each node reads the result of the one before it."""

    def __init__(self, name: str, x: Any, shape: Sequence[int | str] | None = None) -> None:
        self._builder = GraphBuilder()
        self.shape = tuple(np.shape(x)) if x is not None else shape
        self._value = self._builder.add_value(name, _dtype(x), self.shape)
        self._builder.inputs.append(self._value)
        self._n_parameters = 0

    def add(
        self,
        op: str,
        name: str,
        arrays: Mapping[str, np.ndarray],
        settings: Mapping[str, Any],
        result: Any = None,
        flops: float = float("nan"),
        *,
        shape: Sequence[int | str] | None = None,
    ) -> None:
        """Add a node with its tensors."""
        builder, inputs, names = self._builder, [self._value], ["input"]
        for key, array in arrays.items():
            full, dtype = f"{name}.{key}", array.dtype.name
            tensor = builder.add_tensor(full, dtype, array.shape, array.nbytes)
            inputs.append(builder.add_value(full, dtype, array.shape, tensor=tensor))
            names.append(key)
            self._n_parameters += array.size
        self.shape = tuple(np.shape(result)) if result is not None else shape
        self._value = builder.add_value(name, _dtype(result), self.shape)
        builder.add_node(
            op, inputs, [self._value], name=name, attributes=settings or None, input_names=names, flops=flops
        )

    def model(self, name: str, format: str, version: str, metadata: Mapping[str, Any] | None = None) -> Model:
        """The model; the last result is its output."""
        self._builder.outputs.append(self._value)
        return Model(
            name=name,
            format=format,
            format_version=version,
            graph=self._builder.build(),
            metadata={"parameters": self._n_parameters, **(metadata or {})},
        )


def _dtype(array: Any) -> str:
    return str(getattr(getattr(array, "dtype", None), "name", ""))


def _arrays(layer: Any) -> dict[str, np.ndarray]:
    """The arrays that a layer holds, without those that belong to another one: `dW`, `W_grad`, `m_W` beside `W`."""
    if isinstance(layer, tuple | list):
        named: Mapping[str, Any] = dict(
            zip("Wb" if len(layer) == 2 else map(str, range(len(layer))), layer, strict=True)
        )
    else:
        named = {} if _is_function(layer) else getattr(layer, "__dict__", {})
    found = {name: one for name, one in named.items() if isinstance(one, np.ndarray)}
    return {
        name: one
        for name, one in found.items()
        if not any(other in name and other != name and found[other].shape == one.shape for other in found)
    }


def _settings(layer: Any) -> dict[str, Any]:
    named = {} if _is_function(layer) or isinstance(layer, tuple | list) else getattr(layer, "__dict__", {})
    return {name: one for name, one in named.items() if isinstance(one, bool | int | float | str) and name[0] != "_"}


def _is_function(layer: Any) -> bool:
    return callable(layer) and hasattr(layer, "__name__")


def _kind(layer: Any) -> str:
    if isinstance(layer, tuple | list):
        return "Dense"
    return str(layer.__name__) if _is_function(layer) else type(layer).__name__


def _call_of(layer: Any) -> Callable[[Any], Any] | None:
    """How a layer is called."""
    if isinstance(layer, tuple | list):
        weight, *rest = layer
        return lambda x: x @ weight + sum(rest)
    names = ("__call__",) if _is_function(layer) else _CALLED
    return next((getattr(layer, name) for name in names if callable(getattr(layer, name, None))), None)


def _product(arrays: Mapping[str, np.ndarray], shape: Sequence[int | str] | None) -> float:
    """The operations of x @ W, if that is what a layer with these arrays does."""
    matrices = [array for array in arrays.values() if array.ndim == 2]
    if len(matrices) != 1 or not shape or any(not isinstance(size, int) for size in shape):
        return float("nan")
    if shape[-1] not in matrices[0].shape:
        return float("nan")
    return 2.0 * float(np.prod([int(size) for size in shape[:-1]])) * matrices[0].size
