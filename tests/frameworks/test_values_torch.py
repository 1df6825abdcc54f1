"""Values of live torch modules, against hooks and the tensors themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import netscope
from netscope.errors import NotFoundError


class Net(nn.Module):
    """Modules, functions, a write in place, and the logarithm of negative numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x))
        x = torch.relu_(x)
        x = x.mean((2, 3)) - 0.4
        return self.fc(torch.log(x))


def built(seed: int = 0) -> tuple[Net, torch.Tensor]:
    torch.manual_seed(seed)
    return Net(), torch.randn(2, 3, 16, 16)


def test_every_value_is_what_the_module_computes() -> None:
    model, x = built()
    model.eval()
    found = netscope.values(model, x)
    with torch.no_grad():
        conv = model.conv(x)
        norm = model.norm(conv)
        mean = torch.relu(norm).mean((2, 3))
        expected = {"x": x, "conv": conv, "norm": norm, "relu": torch.relu(norm), "mean": mean, "sub": mean - 0.4}
    for name, tensor in expected.items():
        np.testing.assert_allclose(found.read(name), tensor.numpy(), rtol=1e-5, atol=1e-6)


def test_a_value_is_measured_before_it_is_overwritten() -> None:
    model, x = built()
    found = netscope.values(model, x)
    assert found["norm"].min < 0
    assert found["relu"].min == 0


def test_the_first_nan_is_named() -> None:
    model, x = built()
    found = netscope.values(model, x)
    assert found.first_nan is not None
    assert found.first_nan.name == "log"
    assert found["output"].nan > 0


def test_every_call_has_a_time() -> None:
    model, x = built()
    assert (netscope.values(model, x).node_seconds > 0).all()


def test_the_module_stays_as_it_is() -> None:
    model, x = built()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    state = torch.get_rng_state()
    netscope.values(model, x)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert not model._forward_hooks


def test_values_are_kept_by_name() -> None:
    model, x = built()
    assert netscope.values(model, x, keep=["conv"]).read("conv").shape == (2, 8, 14, 14)
    with pytest.raises(NotFoundError, match="no value 'nothing'"):
        netscope.values(model, x, keep=["nothing"])


def test_bfloat16_and_integers_are_measured() -> None:
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2)).to(torch.bfloat16)
    found = netscope.values(model, torch.tensor([[1, 2, 9]]))
    assert found["input"].max == 9
    assert found.read("output").dtype == np.float32


def test_what_the_module_raises_is_raised() -> None:
    model, _ = built()
    with pytest.raises(RuntimeError, match="expected input"):
        netscope.values(model, torch.zeros(1, 4, 16, 16))
