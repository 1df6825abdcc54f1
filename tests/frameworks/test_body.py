"""Importance finds what a class depends on, and the network stays as it was."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import netscope
from netscope.analyse.body.placement import Report
from netscope.errors import UsageError
from netscope.frameworks.body.torch_gains import GainOptions
from netscope.frameworks.body.torch_importance import METHODS, Importance, Method, importance
from netscope.frameworks.body.torch_layers import weight_layers


def ignore(done: int, total: int, unit: str) -> None: ...


silent: Report = ignore


class Known(nn.Module):
    """Class c is what inputs 2c and 2c + 1 add up to; hidden unit c passes it on; the others do nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 4), nn.Linear(4, 3)
        with torch.no_grad():
            for one in (self.first, self.second):
                one.weight.zero_()
                one.bias.zero_()
            for c in range(3):
                self.first.weight[c, 2 * c : 2 * c + 2] = 1
                self.second.weight[c, c] = 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


def known() -> tuple[Known, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    data = torch.rand(300, 8, generator=random)
    model = Known()
    return model, data, model(data).argmax(1)


def found(method: Method, model: nn.Module, data: torch.Tensor, labels: torch.Tensor, **options: Any) -> Importance:
    return importance(model, data, labels, method, GainOptions(**options), 0, silent)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_inputs_of_a_class(method: Method) -> None:
    result = found(method, *known())
    inputs, hidden, outputs = result.network().importance
    if method != "gain":  # to tell a class from the rest, the inputs of the others are as good
        assert inputs[:6].argmax(1).tolist() == [0, 0, 1, 1, 2, 2]
    assert hidden[:3].argmax(1).tolist() == [0, 1, 2]
    if method != "taylor":  # the loss of a class depends on the other outputs, too
        assert inputs[6:].max() < 0.35 * inputs[:6].max()
    np.testing.assert_array_equal(outputs, np.eye(3))


@pytest.mark.parametrize("options", [{}, {"centring": True}, {"initial_gain": 0.1}, {"l1": 0, "l2": 0.01}])
def test_gains_are_trained_with_every_option(options: dict[str, Any]) -> None:
    hidden = found("gain", *known(), **options).network().importance[1]
    assert hidden[:3].argmax(1).tolist() == [0, 1, 2]


def test_taylor_is_the_slow_reference() -> None:
    model, data, labels = known()
    result = found("taylor", model, data, labels)
    slow = np.zeros((8, 3))
    for sample, label in zip(data, labels, strict=True):
        x = sample[None].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(model(x), label[None]), x)
        slow[:, label] += (x * gradient)[0].detach().abs().numpy()
    np.testing.assert_allclose(result.nodes[0], slow / np.bincount(labels), rtol=1e-4, atol=1e-7)
    loss = nn.functional.cross_entropy(model(data), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, model.first.weight)
    expected = (gradient * model.first.weight).abs().detach().numpy().T
    np.testing.assert_allclose(result.edges[0], expected, rtol=1e-3, atol=1e-4)


def test_magnitude_is_that_of_the_weights_and_of_their_products() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    result = found("magnitude", model, torch.rand(4, 3), torch.tensor([0, 1, 0, 1]))
    first, second = (model[i].weight.detach().abs().numpy().T for i in (0, 1))
    np.testing.assert_allclose(result.edges[0], first, rtol=1e-6)
    np.testing.assert_allclose(result.nodes[0], first @ second / (first @ second).max(), rtol=1e-5)


def convolutional() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=2), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3)
    )


@pytest.mark.parametrize("method", METHODS)
def test_channels_are_the_nodes_of_a_convolution(method: Method) -> None:
    model = convolutional().eval()
    result = found(method, model, torch.rand(12, 2, 6, 6), torch.arange(12) % 3, max_steps=3)
    assert [len(one) for one in result.nodes] == [2, 4, 4, 3]
    assert [one.shape for one in result.edges] == [(2, 4), (4, 4), (4, 3)]
    assert (result.edges[1][:2, 2:] == 0).all()  # groups share no edges
    assert (result.edges[1][2:, :2] == 0).all()


def test_an_edge_of_a_convolution_is_the_length_of_its_kernel_and_goes_back_to_it() -> None:
    model = convolutional().eval()
    layers = weight_layers(model, torch.rand(2, 2, 6, 6))
    for layer in layers:
        weight = layer.module.weight
        marked = layer.spread(layer.edges(weight))
        assert marked.shape == weight.shape
        expected = layer.edges(weight) * np.sqrt(weight.numel() / max(1, np.count_nonzero(layer.edges(weight))))
        np.testing.assert_allclose(layer.edges(marked), expected, rtol=1e-5)


def test_the_network_stays_as_it_was() -> None:
    model = convolutional()
    model[0].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for method in METHODS:
        netscope.body(model, torch.rand(12, 2, 6, 6), torch.arange(12) % 3, method=method)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert model.training
    assert model[3].training
    assert [one.requires_grad for one in model.parameters()] == [False, *[True] * 7]
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_the_same_seed_gives_the_same_body() -> None:
    model, data, labels = known()
    first, second = (netscope.body(model, data, labels, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.edge_xy, second.edge_xy)
    assert [layer.name for layer in first.info.layers] == ["input of first", "first", "second"]


def test_labels_are_predicted_where_none_are_given_and_a_regression_has_one_class() -> None:
    model, data, labels = known()
    np.testing.assert_array_equal(
        netscope.body(model, data).node_importance, netscope.body(model, data, labels).node_importance
    )
    regression = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))
    for method in METHODS:
        assert netscope.body(regression, torch.rand(40, 5), torch.rand(40), method=method).info.classes == ["0"]


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x))


@pytest.mark.parametrize(
    ("model", "data", "labels", "message"),
    [
        (nn.ReLU(), torch.rand(4, 3), None, "calls no linear layer"),
        (Twice(), torch.rand(4, 3), None, "called twice"),
        (nn.Linear(3, 2), torch.rand(4, 5), None, "the network fails on data of shape"),
        (nn.Linear(3, 2), torch.rand(3), None, "expected at least two inputs"),
        (nn.Linear(3, 2), torch.rand(4, 3), [0, 1], "expected an integer for each of 4 inputs"),
        (nn.Linear(3, 2), torch.rand(4, 3), [0, 1, 2, 3], "labels are from 0 to 3; the network has 2 outputs"),
        (nn.Linear(3, 2), torch.rand(4, 3), [0, 0, 0, 0], "class 1 has no inputs"),
        ("model.pt", torch.rand(4, 3), None, "takes a torch.nn.Module, got str"),
    ],
    ids=range(8),
)
def test_what_does_not_fit_is_named(model: Any, data: torch.Tensor, labels: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        netscope.body(model, data, labels)


def test_unknown_methods_and_parameters_are_listed() -> None:
    with pytest.raises(UsageError, match="there are gain, magnitude"):
        netscope.body(nn.Linear(3, 2), torch.rand(4, 3), method="guess")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no parameter 'prune'"):
        netscope.body(nn.Linear(3, 2), torch.rand(4, 3), prune=0.5)


def test_weights_that_are_not_finite_are_refused() -> None:
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight[0, 0] = float("nan")
    with pytest.raises(UsageError, match="not finite"):
        netscope.body(model, torch.rand(8, 3), torch.arange(8) % 2, method="magnitude")
