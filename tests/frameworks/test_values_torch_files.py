"""Values of TorchScript files and exported programs, against the modules that were saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import netscope
from netscope.errors import FormatError
from netscope.frameworks.values.inputs import inputs_of
from netscope.frameworks.values.result import Values
from netscope.frameworks.values.run import run_file
from netscope.frameworks.values.runners import describe
from netscope.models.open import open_model
from tests.models import torch_scripts

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Net(nn.Module):
    """Results in several parts, and logarithms of negative numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.conv(x)))
        a, b = x.split(4, 1)
        x = torch.cat([a * 2, b], 1).mean((2, 3))
        return self.fc(torch.log(x - 0.5))


def exported(net: nn.Module, x: Tensor, path: Path) -> Path:
    torch.export.save(torch.export.export(net, (x,)), path.with_suffix(".pt2"))
    return path.with_suffix(".pt2")


def scripted(net: nn.Module, x: Tensor, path: Path) -> Path:
    torch.jit.save(torch.jit.script(net), path)
    return path


def traced(net: nn.Module, x: Tensor, path: Path) -> Path:
    torch.jit.save(torch.jit.trace(net, x), path)
    return path


Saver = Callable[[nn.Module, Tensor, Path], Path]


def output(values: Values) -> np.ndarray:
    return values.read(int(values.model.graph.outputs[0]))


def by_op(values: Values) -> dict[str, list[np.ndarray]]:
    """The results of operations, by the operation."""
    found: dict[str, list[np.ndarray]] = {}
    for node in values.model.graph.nodes:
        for value in node.outputs:
            if value is not None and value.index in values.measured:
                found.setdefault(node.op.partition(".")[0].replace("_convolution", "conv2d"), []).append(
                    values.read(value.index)
                )
    return found


@pytest.mark.parametrize("save", [exported, scripted, traced])
def test_values_are_those_of_the_module(save: Saver, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, x = Net().eval(), torch.randn(2, 3, 16, 16)
    found = netscope.values(save(net, x, tmp_path / "net.pt"), x.numpy())
    with torch.no_grad():
        conv = net.conv(x)
        norm = net.norm(conv)
        split = torch.relu(norm).split(4, 1)
        expected = {
            "aten::conv2d": [conv],
            "aten::batch_norm": [norm],
            "aten::relu": [torch.relu(norm)],
            "aten::split": list(split),
            "aten::cat": [torch.cat([split[0] * 2, split[1]], 1)],
            "aten::linear": [net(x)],
        }
    ops = by_op(found)
    for op, tensors in expected.items():
        if op in ops or op != "aten::split":  # TorchScript has a list there, whose parts come after
            for array, tensor in zip(ops[op], tensors, strict=True):
                np.testing.assert_allclose(array, tensor.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(output(found), net(x).detach().numpy(), rtol=1e-4, atol=1e-5)
    assert found.first_nan is not None
    assert found.first_nan.op == "aten::log"
    assert np.nansum(found.node_seconds) > 0
    assert found.warnings == ()


@pytest.mark.parametrize(("name", "shape"), [("Chain", (1, 3, 8, 8)), ("Attention", (1, 5, 8))])
def test_scripts_with_modules_that_run_twice_and_branches_run(
    name: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    net, x = getattr(torch_scripts, name)().eval(), torch.randn(shape)
    found = netscope.values(scripted(net, x, tmp_path / "net.pt"), x.numpy())
    np.testing.assert_allclose(output(found), net(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_loops_run_and_numbers_are_passed_as_numbers(tmp_path: Path) -> None:
    net, x = torch_scripts.Control().eval(), torch.randn(2, 3)
    found = netscope.values(scripted(net, x, tmp_path / "net.pt"), x.numpy(), np.array(3))
    np.testing.assert_allclose(output(found), net(x, 3).detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize("save", [exported, scripted])
def test_what_ran_before_an_operation_failed_is_kept(save: Saver, tmp_path: Path) -> None:
    path = save(Net().eval(), torch.randn(2, 3, 16, 16), tmp_path / "net.pt")
    found = run_file(path, open_model(path), {"x": np.ones((2, 3, 2, 2), np.float32)})
    assert len(found) == 1
    assert found.model.graph.nodes[found.failed_node].op.startswith("aten::conv2d")
    assert "conv2d" in found.warnings[-1]


class Writer(nn.Module):
    """Makes a file when it runs."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.from_file(self.path, True, 4)


def test_nothing_in_a_file_runs_before_it_is_asked_to(tmp_path: Path) -> None:
    made = tmp_path / "made"
    path = scripted(Writer(str(made)), torch.zeros(4), tmp_path / "writer.pt")
    model = open_model(path)
    assert describe(model).runs_code
    inputs_of(model)
    assert not made.exists()
    netscope.values(path, np.zeros(4, np.float32))
    assert made.exists()


def test_what_a_script_takes_is_guessed_from_its_first_weights(tmp_path: Path) -> None:
    (one,) = inputs_of(open_model(scripted(Net(), torch.zeros(1), tmp_path / "net.pt")))
    assert (one.shape, one.dtype, one.proposed) == (None, "float32", [1, 3, 224, 224])
    text = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    (one,) = inputs_of(open_model(scripted(text, torch.zeros(1), tmp_path / "text.pt")))
    assert (one.dtype, one.proposed, one.high) == ("int64", [1, 16], 9)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    net, x = Net().eval(), torch.randn(2, 3, 16, 16)
    path = scripted(net, x, tmp_path / "net.pt")
    model = open_model(path)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(FormatError, match=r"cannot load 'net\.pt'"):
        run_file(path, model, {"x": x.numpy()})
