"""Models that change while watched: the new model is measured, removed series end, and the change is reported."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import netscope
from netscope.record.watch.torch_watch import watch
from tests.watch.recorder import Recorder


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


def train(model: nn.Module, run: Recorder, n: int) -> None:
    """Train for some steps with a new optimiser, continuing the step count."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(n):
        optimizer.zero_grad()
        x = torch.randn(6, 4, dtype=next(model.parameters()).dtype)
        model(x).square().mean().backward()
        optimizer.step()
        run.log(run.step)


def changes(run: Recorder) -> list[tuple[str, str, str, int]]:
    told = [change for event in run.events for change in event.get("changes", [])]
    return [(change["layer"], change["change"], change["detail"], change["step"]) for change in told]


def steps_of(run: Recorder, key: str) -> list[int]:
    return [step for step, row in run.rows if key in row]


def replace_head(model: nn.Sequential) -> None:
    model[2] = nn.Linear(8, 3)


def append(model: nn.Sequential) -> None:
    model.append(nn.Linear(1, 2))


def remove(model: nn.Sequential) -> None:
    del model[2]


def assign(model: nn.Sequential) -> None:
    model.load_state_dict({name: tensor.clone() for name, tensor in model.state_dict().items()}, assign=True)


def freeze(model: nn.Sequential) -> None:
    model[0].requires_grad_(False)


def freeze_bias(model: nn.Sequential) -> None:
    model[0].bias.requires_grad_(False)


def wrap(model: nn.Sequential) -> None:
    """A LoRA layer."""
    model[2] = nn.Sequential(model[2], nn.Linear(1, 1, bias=False))


CHANGES: dict[str, tuple[Callable[[nn.Sequential], object], list[tuple[str, str, str]]]] = {
    "a part is replaced": (replace_head, [("2", "replaced", "Linear 1×8 → Linear 3×8")]),
    "a part is appended": (append, [("3", "added", "Linear 2×1")]),
    "a part is removed": (remove, [("2", "removed", "")]),
    "a part is wrapped": (
        wrap,
        [("2", "removed", ""), ("2.0", "added", "Linear 1×8"), ("2.1", "added", "Linear 1×1")],
    ),
    "parameters are assigned": (
        assign,
        [("0", "parameters", "weight, bias"), ("2", "parameters", "weight, bias")],
    ),
    "a weight is pruned": (
        lambda model: prune.l1_unstructured(model[0], "weight", amount=0.5),
        [("0", "parameters", "weight → weight_orig")],
    ),
    "a weight is parametrised": (
        lambda model: parametrizations.weight_norm(model[0]),
        [("0", "parameters", "weight → –"), ("0.parametrizations.weight", "added", "ParametrizationList 8×1")],
    ),
    "a layer is frozen": (freeze, [("0", "frozen", "")]),
    "a bias is frozen": (freeze_bias, [("0", "frozen", "bias")]),
    "the type is changed": (
        lambda model: model.double(),
        [("0", "parameters", "float32 → float64"), ("2", "parameters", "float32 → float64")],
    ),
    "nothing is changed": (lambda model: model.train(), []),
}


@pytest.mark.parametrize("case", CHANGES)
def test_changes_are_reported_with_their_step_and_the_new_model_is_measured(case):
    change, expected = CHANGES[case]
    model, run = network(), Recorder()
    watch(run, model, every=1)
    train(model, run, 2)
    before = set(run.last)
    change(model)
    train(model, run, 2)
    assert changes(run) == [(*one, 2) for one in expected]
    assert run.steps == [0, 1, 2, 3]
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    for quantity in ("gradient", "update"):
        end = f"/{quantity}/norm"
        measured = {key.removesuffix(end).replace("/", ".") for key in run.last if key.endswith(end)}
        assert measured == trained
    for name, p in model.named_parameters():
        layer, _, tensor = name.rpartition(".")
        value = run.last[f"{layer}/{tensor}/value/norm"]
        update = run.last.get(f"{layer}/{tensor}/update/norm", 0.0)
        assert value == pytest.approx(p.norm().item(), abs=update + 1e-5)
    if case == "nothing is changed":
        assert set(run.last) == before


def test_a_replaced_layer_is_measured_from_its_first_step():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    train(model, run, 2)
    model[2] = nn.Linear(8, 3)
    train(model, run, 1)
    assert run.bins[-1][1]["2/output/activation"].sum() == 6 * 3


def test_removed_layers_are_no_longer_measured():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    train(model, run, 2)
    del model[2]
    train(model, run, 2)
    assert steps_of(run, "2/weight/value/norm") == steps_of(run, "2/output/activation/norm") == [0, 1]
    assert run.layers == ["0", "1"]


def test_a_change_between_measurements_is_noticed_at_the_next():
    model, run = network(), Recorder()
    watch(run, model, every=5)
    train(model, run, 3)
    model[2] = nn.Linear(8, 3)
    train(model, run, 3)
    assert changes(run) == [("2", "replaced", "Linear 1×8 → Linear 3×8", 5)]


def test_unfreezing_is_reported():
    model, run = network(), Recorder()
    model[0].requires_grad_(False)
    watch(run, model, every=1)
    train(model, run, 2)
    model[0].requires_grad_(True)
    train(model, run, 2)
    assert changes(run) == [("0", "unfrozen", "", 2)]
    assert steps_of(run, "0/weight/update/norm") == [2, 3]


def test_changes_before_the_first_step_are_not_reported():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    assign(model)
    append(model)
    train(model, run, 1)
    assert changes(run) == []
    assert "3/weight/update/norm" in run.last


def test_a_store_has_the_layers_of_all_steps_and_the_changes(tmp_path):
    model = network()
    with netscope.init(dir=tmp_path, watch_system=False, console=False) as run:
        run.watch(model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(4):
            if step == 2:
                del model[2]
                model.append(nn.Sequential(nn.Linear(8, 1)))
                optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            model(torch.ones(2, 4)).sum().backward()
            optimizer.step()
            run.log({"loss": 1.0}, step=step)
    table = netscope.open(tmp_path).run(run.name).layers()
    assert [layer.layer for layer in table.layers] == ["0", "1", "2", "2.0"]
    assert [(change.layer, change.change, change.step) for change in table.changes] == [
        ("2", "removed", 2),
        ("2.0", "added", 2),
    ]
    series = netscope.open(tmp_path).run(run.name).series("2/weight/value/norm", kind="layer")
    assert series.steps.tolist() == [0, 1]


def test_changes_between_two_attempts_are_reported(tmp_path):
    """Layers that were replaced, added and removed before the training was resumed; functions are left out."""

    class Net(nn.Sequential):
        def forward(self, x):
            return torch.tanh(super().forward(x))

    def attempt(model, n, **options):
        with netscope.init(tmp_path, watch_system=False, console=False, **options) as run:
            run.watch(model, every=1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for _ in range(n):
                model(torch.randn(6, 4)).square().mean().backward()
                optimizer.step()
                run.log({"loss": 1.0})

    attempt(Net(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 10)), 3, name="a")
    attempt(Net(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3), nn.Sigmoid()), 2, resume="a")
    attempt(Net(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3)), 1, resume="a")
    with netscope.open(tmp_path) as store:
        told = store.read.layers.table(store.run("a").id).changes
    assert [(one.layer, one.change, one.detail, one.step) for one in told] == [
        ("1", "replaced", "ReLU → GELU", 3),
        ("2", "replaced", "Linear 10×8 → Linear 3×8", 3),
        ("3", "added", "Sigmoid", 3),
        ("3", "removed", "", 5),
    ]
