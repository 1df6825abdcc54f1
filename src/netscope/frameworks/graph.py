"""`netscope.graph`: the graph of a network that is an object in Python, whatever framework it is of."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from netscope.errors import UsageError
from netscope.frameworks import layers_graph
from netscope.models.model import Model
from netscope.models.node_data import checked, with_data


def graph(model: Any, *inputs: Any, data: Mapping[str, Any] | None = None, **named: Any) -> Model:
    """The graph of a network: its operations, the tensors between them, its parameters, and what each step costs.

    A copy of a torch module is called as `model(*inputs, **named)` on tensors without values: nothing is computed, and
    the model stays as it is.

    Args:
        model: A `torch.nn.Module` (plain, wrapped, or on the meta device); an `ExportedProgram`, read as it is;
            a Sequential or Functional model of Keras, of any backend, which needs no inputs; a fitted
            `MLPClassifier` or `MLPRegressor`; or a network written by hand, as the list of its layers: objects with
            `forward`, functions, or (W, b).
        inputs: Arguments as in a call, or the input of the first layer; only their types and shapes matter.
        data: Numbers or words by the name of a node or module, to colour the graph by: {"conv1": 2.5}, or several
            series of them, {"latency": {"conv1": 2.5}, "device": {"conv1": "cpu"}}.
        named: Named arguments as in a call.

    Raises:
        UsageError: `model` is something else, or cannot be captured; or no node has a name of `data`.
        Exception: What the model itself raises for these inputs.
    """
    found = _graph(model, inputs, named)
    return found if data is None else with_data(found, checked(data))


def _graph(model: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> Model:
    if isinstance(model, Model):
        return model
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(model, keras.Model):  # with PyTorch as its backend it is a torch module, too
        from netscope.frameworks import keras_graph  # noqa: PLC0415  (loads keras)

        return keras_graph.of_keras(model)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module | torch.export.ExportedProgram):
        from netscope.frameworks import torch_graph  # noqa: PLC0415  (loads torch)

        if isinstance(model, torch.nn.Module):
            return torch_graph.capture(model, inputs, named)
        return torch_graph.of_exported(model)
    if isinstance(model, list | tuple):
        return layers_graph.of_layers(model, *inputs)
    if type(model).__module__.startswith("sklearn.neural_network."):
        return layers_graph.of_perceptron(model)
    raise UsageError(
        "graph takes a torch.nn.Module, a model of Keras, a perceptron of scikit-learn or a list of layers, "
        f"got {type(model).__name__}"
    )
