"""Copying and saving watched models."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import netscope
from netscope.record.run import Run
from netscope.record.watch.torch_watch import watch
from tests.watch.recorder import Recorder
from tests.watch.test_watch import hooks_of


def saved(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded: nn.Module = torch.load(file, weights_only=False)
    return loaded


WAYS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "save": saved,
    "average": lambda model: torch.optim.swa_utils.AveragedModel(model).module,
}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with netscope.init(dir=tmp_path / "runs", watch_system=False, console=False) as run:
        yield run


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by_hand", [True, False])
def test_a_copy_computes_the_same(run: Run, way: str, by_hand: bool) -> None:
    model = network()
    run.watch(model, every=1)
    if not by_hand:
        step(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert hooks_of(model)
    x = torch.randn(3, 4)
    assert torch.equal(WAYS[way](model)(x), model(x))


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_not_measured(way: str) -> None:
    recorder, model = Recorder(), network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watching = watch(recorder, model, every=1)
    step(model, optimizer)
    recorder.log(0)
    WAYS[way](model)(torch.full((2, 4), torch.inf)).sum().backward()
    step(model, optimizer)
    recorder.log(1)
    watching.remove()
    nonfinite = {key: value for _, row in recorder.rows for key, value in row.items() if key.endswith("/nonfinite")}
    assert nonfinite and not any(nonfinite.values())


def test_a_checkpoint_of_a_watched_model_opens_without_netscope(run: Run, tmp_path: Path) -> None:
    model = network()
    run.watch(model, every=1)
    torch.save(model, tmp_path / "model.pt")
    code = (
        "import sys; sys.modules['netscope'] = None; import torch; "
        f"print(torch.load({str(tmp_path / 'model.pt')!r}, weights_only=False)(torch.ones(1, 4)).shape)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "torch.Size([1, 1])\n"
