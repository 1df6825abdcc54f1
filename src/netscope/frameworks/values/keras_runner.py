"""Run a Keras file layer by layer, on the backend that is there. Keras refuses Lambda layers, which hold code."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from netscope import optional
from netscope.errors import FormatError, UsageError
from netscope.frameworks.values.collector import Collector
from netscope.models.model import Model

BACKENDS = ("torch", "jax", "tensorflow")
ERRORS = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError, ArithmeticError, OSError)
"""What a layer, or loading a file, may raise because of the file or the input."""


def run(path: Path, model: Model, inputs: Mapping[str, npt.NDArray[Any]], collector: Collector) -> None:
    """Run a file and collect the results of its layers.

    Raises:
        FormatError: Keras cannot load it, or refuses it because of code.
        UsageError: Keras has no backend here.
    """
    keras = _keras()
    backend = keras.backend.backend()
    collector.runner = f"Keras {keras.__version__} on {backend}"
    try:
        loaded = keras.saving.load_model(str(path), compile=False, safe_mode=True)
    except ERRORS as error:
        reason = " ".join(str(error).split())[:500]
        raise FormatError(f"Keras {keras.__version__} cannot load {path.name!r}: {reason}") from error
    names = [model.graph.values[index].name for index in model.graph.inputs.tolist()]
    for index, name in zip(model.graph.inputs.tolist(), names, strict=True):
        collector.add(index, inputs[name])
    asked = [tensor.name for tensor in loaded.inputs]
    given = [inputs[name] for name in (asked if set(asked) == set(names) else names)]
    following = _Following(keras, loaded, model, collector)
    with following.attached(), _without_gradients(backend), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an array is as good as a list of one
        try:
            loaded(given if len(given) > 1 else given[0], training=False)
        except ERRORS as error:
            collector.failed(following.row, f"{following.running} failed: {' '.join(str(error).split())[:500]}")


def _keras() -> Any:
    if "keras" not in sys.modules and "KERAS_BACKEND" not in os.environ:
        found = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
        if not found:
            raise UsageError(f"Keras needs one of {', '.join(BACKENDS)} to run a model; none is installed")
        os.environ["KERAS_BACKEND"] = found[0]
    return optional.extra("running Keras files", "keras", "keras")


@contextlib.contextmanager
def _without_gradients(backend: str) -> Iterator[None]:
    if backend != "torch":
        yield
        return
    with sys.modules["torch"].no_grad():
        yield


class _Following:
    """Sees the calls of all layers while it is attached, and hands over their results."""

    def __init__(self, keras: Any, root: Any, model: Model, collector: Collector) -> None:
        self.keras, self.root, self.collector = keras, root, collector
        self.rows = {node.name: node for node in model.graph.nodes}
        self.running_layers: list[tuple[Any, str]] = []
        self.calls: Counter[str] = Counter()
        self.row, self.running = -1, ""

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """See the calls of layers and of other operations."""
        kinds = (self.keras.layers.Layer, self.keras.Operation)
        before = [kind.__call__ for kind in kinds]
        for kind, call in zip(kinds, before, strict=True):
            kind.__call__ = self._seen(call)
        try:
            yield
        finally:
            for kind, call in zip(kinds, before, strict=True):
                kind.__call__ = call

    def _seen(self, call: Any) -> Any:
        def called(layer: Any, *given: Any, **named: Any) -> Any:
            return self._called(call, layer, given, named)

        return called

    def _called(self, call: Any, layer: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        around = self.running_layers[-1] if self.running_layers else None
        # A layer calls itself as an operation, and may hold layers that are no part of the graph.
        if around is not None and (around[0] is layer or not isinstance(around[0], self.keras.Model)):
            return call(layer, *given, **named)
        path = self._path(layer, "" if around is None else around[1])
        node = self.rows.get(path)
        self.running_layers.append((layer, path))
        if node is not None:
            self.row, self.running = node.index, f"{node.op} {path!r}"
        begun = time.perf_counter()
        try:
            result = call(layer, *given, **named)
        finally:
            self.running_layers.pop()
        if node is not None:
            self.collector.took(node.index, time.perf_counter() - begun)
            self.collector.progress(sum(self.calls.values()), len(self.rows))
            first = result[0] if isinstance(result, list | tuple) else result
            if node.outputs and node.outputs[0] is not None and self.keras.ops.is_tensor(first):
                self.collector.add(node.outputs[0].index, self.keras.ops.convert_to_numpy(first), node.op)
        return result

    def _path(self, layer: Any, around: str) -> str:
        """The name of the node that a call is."""
        if layer is self.root:
            return ""
        path = f"{around}/{layer.name}" if around else str(layer.name)
        self.calls[path] += 1
        return path if self.calls[path] == 1 else f"{path} (call {self.calls[path]})"
