"""A watched run has the graph of its model, captured in the training's own forward pass."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
import torch
from torch import nn

import netscope
from netscope.models.model import Model
from netscope.models.pack import unpack
from netscope.record.watch.graph_capture import PATIENCE
from netscope.record.watch.torch_watch import watch
from tests.frameworks import networks
from tests.watch.recorder import Recorder

IDS = torch.zeros(2, 9, dtype=torch.long)


class Graphs(list):
    """The graphs that a watch writes: step, name and model."""

    def __call__(self, model: Model, step: int, name: str) -> None:
        self.append((step, name, model))


def train(model: nn.Module, run: Recorder, *inputs: torch.Tensor, n: int = 1, **named) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    for _ in range(n):
        output = model(*inputs, **named)
        (output["loss"] if isinstance(output, dict) else output).sum().backward()
        optimizer.step()
        run.log(run.step)


def watched(model: nn.Module, *inputs: torch.Tensor, n: int = 1, every: int = 1, **named) -> Graphs:
    run, graphs = Recorder(), Graphs()
    watch(run, model, every, put_graph=graphs)
    train(model, run, *inputs, n=n, **named)
    run.finish()
    return graphs


def modes() -> int:
    return torch._C._len_torch_function_stack() + torch._C._len_torch_dispatch_stack()


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (networks.Tutorial(), (torch.zeros(2, 3, 32, 32),)),
        (networks.ResidualBlock(2, 2), (torch.zeros(2, 2, 4, 4),)),
        (networks.GPT(), (IDS, IDS.clone())),
        (networks.Unrolled(), (torch.zeros(2, 4, 3),)),
        (networks.Twice(), (torch.zeros(2, 2, 4, 4),)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_the_graph_is_that_of_netscope_graph(model, inputs):
    ((step, name, captured),) = watched(model, *inputs, n=3)
    assert (step, name) == (0, "")
    assert captured.metadata["captured"] == "in training"
    assert captured.graph == netscope.graph(model, *inputs).graph


def test_layers_of_the_watch_are_nodes_or_scopes():
    run, graphs, model = Recorder(), Graphs(), networks.GPT()
    watch(run, model, 1, put_graph=graphs)
    train(model, run, IDS, IDS.clone())
    run.finish()
    graph = graphs[0][2].graph
    there = {one.name for one in graph.nodes} | {one.name for one in graph.scopes}
    assert {layer for layer in run.layers if layer != "GPT"} <= there
    assert "h.0.attn.scaled_dot_product_attention" in run.layers


def test_measurements_are_the_same_with_and_without_a_graph():
    model, plain, with_graph = networks.Tutorial(), Recorder(), Recorder()
    watch(plain, model, 1)
    train(model, plain, torch.ones(2, 3, 32, 32))
    plain.finish()
    model.zero_grad()
    watch(with_graph, model, 1, put_graph=Graphs())
    train(model, with_graph, torch.ones(2, 3, 32, 32))
    assert with_graph.last == plain.last


def test_it_is_captured_once_and_again_when_a_layer_is_replaced():
    run, graphs, model = Recorder(), Graphs(), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    watch(run, model, 1, put_graph=graphs)
    train(model, run, torch.zeros(2, 4), n=3)
    for beat in run.beats:
        beat()
    assert [step for step, *_ in graphs] == [0]
    model[2] = nn.Linear(8, 5)
    train(model, run, torch.zeros(2, 4), n=3)
    run.finish()
    assert len(graphs) == 2
    assert [one.outputs[0].shape for one in graphs[1][2].graph.nodes] == [(2, 8), (2, 8), (2, 5)]


def test_a_layer_replaced_before_the_first_step_is_in_the_graph():
    run, graphs, model = Recorder(), Graphs(), nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    watch(run, model, 1, put_graph=graphs)
    model[1] = nn.Linear(8, 5)
    train(model, run, torch.zeros(2, 4), n=2)
    run.finish()
    assert [one.op for one in graphs[-1][2].graph.nodes] == ["Linear", "Linear"]
    assert graphs[-1][2].graph.tensors[2].shape == (5, 8)


def test_a_watch_with_a_name_puts_it_before_every_path():
    run, graphs, model = Recorder(), Graphs(), nn.Sequential(nn.Linear(4, 2))
    watch(run, model, 1, name="critic", put_graph=graphs)
    train(model, run, torch.zeros(2, 4))
    run.finish()
    ((_, name, captured),) = graphs
    assert name == "critic"
    assert [one.name for one in captured.graph.nodes] == ["critic.0"]
    assert [(one.name, one.kind) for one in captured.graph.scopes] == [("", ""), ("critic", "Sequential")]
    assert [one.name for one in captured.graph.tensors] == ["critic.0.weight", "critic.0.bias"]


def test_validation_before_the_training_is_not_captured():
    run, graphs, model = Recorder(), Graphs(), nn.Sequential(nn.Linear(4, 2))
    watch(run, model, 1, put_graph=graphs)
    with torch.no_grad():
        model(torch.zeros(99, 4))
    train(model, run, torch.zeros(2, 4))
    run.finish()
    assert graphs[0][2].graph.values[0].shape == (2, 4)


def test_parts_that_are_called_by_themselves_are_captured():
    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.Linear(4, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 4))

    run, graphs, model = Recorder(), Graphs(), Autoencoder()
    watch(run, model, 1, put_graph=graphs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    model.decoder(model.encoder(torch.zeros(2, 4))).sum().backward()
    optimizer.step()
    run.log(0)
    run.finish()
    assert [one.name for one in graphs[0][2].graph.nodes] == ["encoder", "decoder.0", "decoder.1"]
    assert graphs[0][2].graph.nodes[1].inputs[0].producer.name == "encoder"


@pytest.mark.parametrize("quantities", [["value"], ["activation"]])
def test_hooks_and_modes_are_gone_after_the_step(quantities):
    run, model = Recorder(), networks.Tutorial()
    watch(run, model, 100, quantities=quantities, put_graph=Graphs())
    assert any(one._forward_hooks for one in model.modules())
    train(model, run, torch.zeros(2, 3, 32, 32))
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in model.modules())
    assert not any(one._forward_hooks_with_kwargs or one._forward_hooks_always_called for one in model.modules())
    assert modes() == 0


def test_a_pass_that_fails_is_captured_when_it_works():
    run, graphs, model = Recorder(), Graphs(), nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    watch(run, model, 1, put_graph=graphs)
    with pytest.raises(RuntimeError, match="mat1"):
        model(torch.zeros(2, 5))
    assert modes() == 0
    train(model, run, torch.zeros(2, 4), n=2)
    run.finish()
    assert [one.op for one in graphs[0][2].graph.nodes] == ["Linear", "ReLU"]


def test_no_tensor_of_the_pass_is_kept():
    run, model, seen = Recorder(), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), []
    model[0].register_forward_hook(lambda module, args, output: seen.append(weakref.ref(output)))
    watch(run, model, 1, put_graph=Graphs())
    with torch.no_grad(), torch.enable_grad():
        output = model(torch.zeros(2, 4)).detach()
    assert output.shape == (2, 2)
    assert seen[0]() is None


def test_a_failure_in_the_capture_ends_the_capture_alone(monkeypatch):
    def fail(*args):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("netscope.frameworks.torch_values.shape_of", fail)
    run, graphs, model = Recorder(), Graphs(), networks.Tutorial()
    with pytest.warns(UserWarning, match=r"the graph of this Tutorial failed and ends here; .* planted"):
        watch(run, model, 1, put_graph=graphs)
        train(model, run, torch.zeros(2, 3, 32, 32), n=2)
    run.finish()
    assert not graphs
    assert run.steps == [0, 1]
    assert "conv1/output/activation/mean" in run.last
    assert not any(one._forward_hooks for one in model.modules())
    assert modes() == 0


def test_a_model_that_is_never_called_is_said_once():
    run, graphs, model = Recorder(), Graphs(), nn.Linear(4, 2)
    watch(run, model, 1, put_graph=graphs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> None:
        for one in model.parameters():
            one.grad = torch.ones_like(one)
        optimizer.step()
        run.log(run.step)

    for _ in range(PATIENCE - 1):
        step()
    with pytest.warns(UserWarning, match="the graph of this Linear is not in the run: no forward pass was seen"):
        step()
    step()
    run.finish()
    assert not graphs


def test_compiled_models_are_seen_and_not_compiled_again():
    import torch._dynamo
    from torch._dynamo.utils import counters

    gc.collect()  # watches of earlier tests end with their models, and with the last one eager mode does
    torch._dynamo.reset()
    counters.clear()
    run, graphs, model = Recorder(), Graphs(), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    compiled = torch.compile(model, backend="eager")
    watch(run, compiled, 100, quantities=["value"], put_graph=graphs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(4):
        compiled(torch.zeros(2, 4)).sum().backward()
        optimizer.step()
        run.log(step)
    run.finish()
    assert [one.op for one in graphs[0][2].graph.nodes] == ["Linear", "ReLU", "Linear"]
    assert counters["stats"]["unique_graphs"] == 1


def test_replicas_in_other_threads_are_captured_once():
    run, graphs, model = Recorder(), Graphs(), nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    watch(run, model, 1, put_graph=graphs)
    first, second = threading.Event(), threading.Event()

    def wait_for_the_other(*_) -> None:
        if not first.is_set():
            first.set()
            second.wait(60)

    model[1].register_forward_hook(wait_for_the_other)

    def other() -> None:
        first.wait(60)
        model(torch.zeros(3, 4))
        second.set()

    thread = threading.Thread(target=other)
    thread.start()
    train(model, run, torch.zeros(2, 4))
    thread.join()
    run.finish()
    assert [one.outputs[0].shape for one in graphs[0][2].graph.nodes] == [(2, 2), (2, 2)]


class TestRuns:
    def test_a_watched_run_has_its_graph(self, tmp_path):
        model = networks.Tutorial()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with netscope.init(tmp_path, "a", quiet=True) as run:
            run.watch(model, every=2)
            for _ in range(3):
                model(torch.zeros(2, 3, 32, 32)).sum().backward()
                optimizer.step()
                run.log({"loss": 1.0})
        (asset,) = netscope.open(tmp_path).run("a").assets(kind="graph")
        assert (asset.key, asset.step, asset.text) == ("graph", 0, "Tutorial")
        (blob,) = (tmp_path).rglob(asset.blob)
        assert unpack(blob.read_bytes()).graph == netscope.graph(model, torch.zeros(2, 3, 32, 32)).graph

    def test_other_ranks_do_not_write_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv("RANK", "1")
        monkeypatch.setenv("WORLD_SIZE", "2")
        model = nn.Linear(4, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with netscope.init(tmp_path, "a", quiet=True) as run:
            run.watch(model, every=1)
            model(torch.zeros(2, 4)).sum().backward()
            optimizer.step()
            run.log({"loss": 1.0})
        assert not netscope.open(tmp_path).run(run.id).assets(kind="graph")

    def test_a_graph_is_logged_by_hand(self, tmp_path):
        with netscope.init(tmp_path, "a", quiet=True) as run:
            run.log({"loss": 1.0})
            run.graph(networks.Routed(), torch.zeros(2, 4), scale=torch.tensor(1.0))
        (asset,) = netscope.open(tmp_path).run("a").assets(kind="graph")
        assert (asset.key, asset.step, asset.text, asset.shape) == ("graph", 1, "Routed", [6])
