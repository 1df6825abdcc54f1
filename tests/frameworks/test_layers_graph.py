"""Graphs of networks without a framework's modules: lists of layers in NumPy, and scikit-learn's perceptrons."""

from __future__ import annotations

import numpy as np
import pytest

import netscope
from netscope.errors import UsageError


class Dense:
    """A layer as courses teach it: it keeps its input, and gradients beside its weights."""

    def __init__(self, n_in: int, n_out: int, rng: np.random.Generator) -> None:
        self.W, self.b = rng.normal(size=(n_in, n_out)), np.zeros(n_out)
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)
        self.learning_rate = 0.1
        self.x = np.zeros((1, n_in))

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return x @ self.W + self.b


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def test_a_list_of_layers_is_a_chain_with_its_weights():
    rng = np.random.default_rng(0)
    layers = [Dense(4, 8, rng), relu, Dense(8, 3, rng)]
    model = netscope.graph(layers, np.zeros((5, 4)))
    nodes = list(model.graph.nodes)
    assert [one.op for one in nodes] == ["Dense", "relu", "Dense"]
    assert [one.outputs[0].shape for one in nodes] == [(5, 8), (5, 8), (5, 3)]
    assert [one.name for one in model.graph.tensors] == ["0.Dense.W", "0.Dense.b", "2.Dense.W", "2.Dense.b"]
    assert nodes[0].flops == 2 * 5 * 4 * 8
    assert nodes[0].attributes == {"learning_rate": 0.1}
    assert nodes[2].inputs[0].producer == nodes[1]
    assert model.metadata["parameters"] == 4 * 8 + 8 + 8 * 3 + 3
    assert layers[0].x.shape == (1, 4)


def test_pairs_of_arrays_are_layers():
    model = netscope.graph([(np.ones((4, 2)), np.ones(2))], np.zeros((3, 4)))
    assert [one.shape for one in model.graph.tensors] == [(4, 2), (2,)]
    assert model.graph.nodes[0].outputs[0].shape == (3, 2)


def test_without_an_input_shapes_are_not_known():
    model = netscope.graph([Dense(4, 2, np.random.default_rng(0))])
    assert model.graph.nodes[0].outputs[0].shape is None


def test_an_empty_list_is_refused():
    with pytest.raises(UsageError, match="the list is empty"):
        netscope.graph([])


def test_a_perceptron_of_scikit_learn_has_its_layers():
    from sklearn.neural_network import MLPClassifier

    x, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    network = MLPClassifier((8, 5), solver="lbfgs", max_iter=200, tol=1.0, random_state=0)
    with pytest.raises(UsageError, match="this MLPClassifier is not fitted"):
        netscope.graph(network)
    model = netscope.graph(network.fit(x, y))
    assert [one.op for one in model.graph.nodes] == ["Dense", "relu", "Dense", "relu", "Dense", "softmax"]
    assert [one.shape for one in model.graph.tensors] == [(4, 8), (8,), (8, 5), (5,), (5, 3), (3,)]
    assert model.graph.values[0].shape == ("sample", 4)
    assert model.format == "scikit-learn"
