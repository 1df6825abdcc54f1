"""Keras models in Python have the graph of the file that Keras saves of them, with shapes and what each layer costs."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import netscope
from netscope.errors import UsageError
from netscope.models.open import open_model
from netscope.models.shapes import n_elements

os.environ.setdefault("KERAS_BACKEND", "torch")
pytestmark = pytest.mark.filterwarnings("ignore")
keras: Any = importlib.import_module("keras")  # after the backend is chosen


@pytest.fixture(scope="module")
def model() -> Any:
    """Convolutions, a model within it, attention, a recurrent layer, and a dense layer that is called twice."""
    layers = keras.layers
    x = keras.Input((16, 16, 3), name="image")
    y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", name="first")(x)))
    inner = [keras.Input((16, 16, 8)), layers.DepthwiseConv2D(3, padding="same"), layers.Conv2D(4, 1)]
    y = layers.MaxPooling2D()(keras.Sequential(inner, name="inner")(y))
    words = layers.Reshape((64, 4))(y)
    words = layers.MultiHeadAttention(2, 4)(words, words)
    words = layers.LSTM(6, return_sequences=True)(words)
    dense = layers.Dense(5, name="shared")
    words = layers.Add()([dense(words), dense(words)])
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(words))
    return keras.Model(x, outputs, name="net")


def test_layers_are_those_of_the_saved_file(model: Any, tmp_path: Path) -> None:
    graph = netscope.graph(model).graph
    model.save(tmp_path / "net.keras")
    saved = open_model(tmp_path / "net.keras").graph
    assert [(node.op, node.name, node.scope.name) for node in graph.nodes] == [
        (node.op, node.name, node.scope.name) for node in saved.nodes
    ]
    assert [node.attributes for node in graph.nodes] == [node.attributes for node in saved.nodes]
    assert sorted(tensor.shape for tensor in graph.tensors) == sorted(tensor.shape for tensor in saved.tensors)


def test_every_value_has_the_shape_that_keras_computes(model: Any) -> None:
    found = netscope.graph(model)
    by_name = {node.name: node for node in found.graph.nodes}
    for layer in model.layers[1:]:
        if layer.name != "inner":
            output = by_name[layer.name].outputs[0]
            assert output is not None and output.shape == tuple(layer._inbound_nodes[0].outputs[0].shape)
    assert by_name["inner/conv2d"].scope.kind == "Sequential"
    assert found.metadata["parameters"] == model.count_params() == sum(np.prod(t.shape) for t in found.graph.tensors)


def test_a_layer_that_is_called_twice_has_its_weights_once(model: Any) -> None:
    graph = netscope.graph(model).graph
    first, second = (node for node in graph.nodes if node.name.startswith("shared"))
    assert (first.name, second.name) == ("shared", "shared (call 2)")
    assert first.inputs[1:] == second.inputs[1:]
    assert first.flops == second.flops == (2 * 6 + 1) * 64 * 5


def test_a_known_network_costs_what_pytorch_counts_as_it_runs() -> None:
    network = keras.applications.MobileNet(weights=None, input_shape=(64, 64, 3), alpha=0.25)
    graph = netscope.graph(network).graph
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 64, 64, 3))
    products = [node for node in graph.nodes if "Conv" in node.op or node.op == "Dense"]
    outputs = [node.outputs[0] for node in products if "bias" in node.input_names]
    biases = sum(n_elements(value.shape[1:]) for value in outputs if value is not None and value.shape)
    assert sum(node.flops for node in products) - biases == counter.get_total_flops()
    assert not np.isnan(graph.node_flops).any()


def test_what_has_no_layers_in_its_configuration_is_refused() -> None:
    class Own(keras.Model):
        """Calls its layer with code of its own."""

        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    own = Own()
    with pytest.raises(UsageError, match="is not built"):
        netscope.graph(own)
    own(np.zeros((1, 3), np.float32))
    with pytest.raises(UsageError, match="code of its own"):
        netscope.graph(own)
