"""Unusual models: compiled, wrapped, shared, lazy, sparse, complex, checkpointed, called twice or never."""

from __future__ import annotations

import dataclasses
import gc
import math
import threading

import numpy as np
import pytest
import torch
from torch import nn

from netscope.analyse import bins, measure
from netscope.record.watch import forward_hooks
from netscope.record.watch.forward_hooks import first_tensor, flat_parts
from netscope.record.watch.torch_watch import watch
from tests.watch.recorder import Recorder
from tests.watch.test_watch import hooks_of, images, network, train


@pytest.fixture(autouse=True)
def kernels():
    measure.load_kernels(wait=True)
    torch.manual_seed(0)


def once(model: nn.Module, *inputs: torch.Tensor, wrapped: nn.Module | None = None) -> tuple[Recorder, list[str]]:
    """One watched step: what was recorded, and the notes."""
    run = Recorder()
    watching = watch(run, wrapped if wrapped is not None else model, every=1)
    out = first_tensor((wrapped or model)(*inputs))
    assert out is not None
    (out.abs() if out.is_complex() else out).square().sum().backward()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1).step()
    run.log(0)
    return run, watching.notes


class TestCompiled:
    """torch.compile, with the backend that needs no C++ compiler."""

    @pytest.fixture(autouse=True)
    def no_other_watch(self):
        gc.collect()  # those of earlier tests end with their models, and with the last one eager mode does

    def test_measured_steps_see_all_layers_without_recompiling(self):
        import torch._dynamo
        from torch._dynamo.utils import counters

        torch._dynamo.reset()
        counters.clear()
        model, run = network(), Recorder()
        compiled = torch.compile(model, backend="eager")
        watch(run, compiled, every=2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        n_graphs = []
        for step in range(8):
            optimizer.zero_grad()
            compiled(images()).square().mean().backward()
            optimizer.step()
            run.log(step)
            n_graphs.append(counters["stats"]["unique_graphs"])
        run.finish()
        assert run.steps == [0, 2, 4, 6]
        assert all("2/output/activation/dead" in row for _, row in run.rows)
        assert run.layers == ["0", "1", "2", "4", "5"]
        assert n_graphs == [0, 1, 1, 1, 1, 1, 1, 1]
        assert not counters["graph_break"]

    def test_compiled_after_watch_and_compiled_in_place(self):
        for make in (lambda m: torch.compile(m, backend="eager"), lambda m: m.compile(backend="eager") or m):
            model, run = network(), Recorder()
            watch(run, model, every=2)
            compiled = make(model)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for step in range(4):
                compiled(images()).square().mean().backward()
                optimizer.step()
                run.log(step)
            run.finish()
            assert run.steps == [0, 2]
            assert all("0/output/activation/mean" in row for _, row in run.rows)

    def test_the_compiler_stance_is_restored(self):
        from torch._dynamo import eval_frame

        model, run = network(), Recorder()
        watching = watch(run, model, every=1)
        train(model, run, 1)
        assert eval_frame._stance.stance == "force_eager"
        watching.remove()
        assert eval_frame._stance.stance == "default"

    def test_a_users_compiler_stance_is_not_changed(self):
        from torch._dynamo import eval_frame

        torch.compiler.set_stance("eager_on_recompile")
        try:
            model, run = network(), Recorder()
            watch(run, model, every=2)
            train(model, run, 3)
            assert eval_frame._stance.stance == "eager_on_recompile"
            run.finish()
            assert eval_frame._stance.stance == "eager_on_recompile"
        finally:
            torch.compiler.set_stance("default")


class TestWrapped:
    """Wrappers do not change the paths of layers."""

    def test_data_parallel(self):
        model = network()
        run, _ = once(model, images(), wrapped=nn.DataParallel(model))
        assert run.layers == ["0", "1", "2", "4", "5"]

    def test_a_wrapped_part(self):
        model = nn.Sequential(
            nn.DataParallel(nn.Sequential(nn.Linear(2, 2))), torch.compile(nn.Linear(2, 1), backend="eager")
        )
        run, _ = once(model, torch.ones(1, 2))
        assert run.layers == ["0.0", "1"]
        assert "0.0/weight/gradient/norm" in run.last

    def test_a_module_named_module_keeps_its_name(self):
        model = nn.ModuleDict({"module": nn.Linear(2, 1)})
        model.forward = lambda x: model["module"](x)
        run, _ = once(model, torch.ones(1, 2))
        assert run.layers == ["module"]

    def test_replicas_add_up(self):
        """Like DataParallel on two devices: replicas called from threads, each with its part of the batch."""
        model, run = network(), Recorder()
        watching = watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        outs: dict[int, torch.Tensor] = {}
        part_of: dict[int, int] = {}

        class ForwardPasses(forward_hooks.ForwardPasses):
            def is_new(self, module, args):
                return part_of[id(module)] == 0

        watching._forward_hooks._passes = watching._manual_steps._passes = ForwardPasses()
        for _ in range(2):
            replicas = [replicate(model) for _ in range(2)]
            part_of.update({id(replica): number for number, replica in enumerate(replicas)})
            first_is_done = threading.Event()

            def work(number, replicas=replicas, first_is_done=first_is_done):
                if number:
                    first_is_done.wait(100)
                with torch.enable_grad():
                    outs[number] = replicas[number](images(3 + number))
                first_is_done.set()

            threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
            [t.start() for t in threads]
            [t.join() for t in threads]
            torch.cat([outs[0], outs[1]]).square().sum().backward()
            optimizer.step()
        run.log(0)
        both = torch.cat([outs[0], outs[1]]).detach().numpy()
        assert np.array_equal(run.bins[-1][1]["5/output/activation"], bins.count(both))
        assert run.last["5/output/activation/std"] == pytest.approx(both.astype("f8").std(), rel=1e-6)

    def test_a_pass_is_new_when_its_device_comes_again(self):
        passes, model = forward_hooks.ForwardPasses(), nn.Linear(1, 1)
        replica = replicate(model)
        on = {name: torch.empty(1, device=name) for name in ("cpu", "meta")}
        found = [passes.is_new(replica, (on[d],)) for d in ("cpu", "meta", "cpu", "meta", "cpu", "cpu")]
        assert found == [True, False, True, False, True, True]
        assert passes.is_new(model, (on["cpu"],))


def replicate(model: nn.Module) -> nn.Module:
    replica = model._replicate_for_data_parallel()
    for name, child in model._modules.items():
        replica._modules[name] = replicate(child)
    for name, parameter in model._parameters.items():
        setattr(replica, name, parameter)
    return replica


class TestShared:
    """Tensors and modules with more than one owner."""

    def test_tied_weights_are_measured_once_and_both_owners_named(self):
        class Tied(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed = nn.Embedding(5, 3)
                self.out = nn.Linear(3, 5, bias=False)
                self.out.weight = self.embed.weight

            def forward(self, x):
                return self.out(self.embed(x))

        run, notes = once(Tied(), torch.tensor([1, 2]))
        assert notes == ["out.weight is the same tensor as embed.weight, and is shown there"]
        assert "embed/weight/gradient/norm" in run.last
        assert not any(key.startswith("out/weight/") for key in run.last)
        assert [layer["parameters"] for layer in run.events[-1]["layers"]] == [{"weight": [5, 3]}, {"weight": [5, 3]}]

    def test_a_layer_called_twice_adds_up(self):
        class Twice(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(2, 2)
                self.act = nn.ReLU()

            def forward(self, x):
                self.outs = [self.layer(x), self.layer(-3 * x)]
                return self.act(self.outs[0]) + self.act(self.outs[1])

        model = Twice()
        run, _ = once(model, torch.randn(16, 2))
        both = torch.cat(model.outs).detach().numpy()
        assert np.array_equal(run.bins[0][1]["layer/output/activation"], bins.count(both))
        assert run.last["layer/output/activation/std"] == pytest.approx(both.astype("f8").std(), rel=1e-6)

    def test_a_unit_is_dead_only_if_no_call_activates_it(self):
        model = nn.Sequential(act := nn.ReLU(), act, nn.Linear(2, 1))
        model.forward = lambda x: model[2](model[0](x) + model[0](-x))
        run, notes = once(model, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        assert run.last["0/output/activation/dead"] == 0.5
        assert notes == ["1 is the same module as 0, and is shown there"]

    def test_a_module_in_two_places_is_noted(self):
        block = nn.Linear(2, 2)
        _, notes = once(nn.Sequential(block, block), torch.ones(1, 2))
        assert notes == ["1 is the same module as 0, and is shown there"]


class TestTensors:
    """Parameters and outputs that are not dense floats."""

    def test_frozen_parameters_have_values_but_no_gradients(self):
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        model[0].requires_grad_(False)
        run, _ = once(model, torch.ones(1, 2))
        assert "0/weight/value/norm" in run.last
        assert not any(key.startswith(("0/weight/gradient", "0/weight/update")) for key in run.last)
        assert "1/weight/update/ratio" in run.last

    def test_sparse_gradients_count_the_zeros_they_do_not_store(self):
        model = nn.Embedding(100, 2, sparse=True)
        run, _ = once(model, torch.tensor([3, 3, 7]))
        assert run.last["Embedding/weight/gradient/zeros"] == pytest.approx(0.98)
        histogram = run.bins[0][1]["Embedding/weight/gradient"]
        assert histogram.sum() == 200
        assert histogram[0] == 196
        dense = model.weight.grad.to_dense()
        assert run.last["Embedding/weight/gradient/std"] == pytest.approx(dense.std(correction=0).item(), rel=1e-5)

    def test_complex_parameters_by_magnitude(self):
        model = nn.Linear(2, 2, dtype=torch.complex64)
        before = model.weight.detach().abs()
        run, _ = once(model, torch.ones(1, 2, dtype=torch.complex64))
        assert run.last["Linear/weight/value/max"] == pytest.approx(before.max().item())
        assert run.last["Linear/output/activation/min"] >= 0
        assert "Linear/weight/update/ratio" in run.last

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
    def test_other_float_types(self, dtype):
        model = nn.Linear(3, 2, dtype=dtype)
        before = model.weight.detach().clone()
        run, _ = once(model, torch.ones(1, 3, dtype=dtype))
        assert run.last["Linear/weight/value/mean"] == pytest.approx(before.double().mean().item(), rel=1e-9)
        assert np.array_equal(run.bins[0][1]["Linear/weight/value"], bins.count(before.float().numpy()))

    def test_channels_last_weights(self):
        model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        before = model.weight.detach().clone()
        run, _ = once(model, images().contiguous(memory_format=torch.channels_last))
        assert run.last["Conv2d/weight/value/std"] == pytest.approx(before.std(correction=0).item(), rel=1e-5)

    def test_integer_weights_are_left_out_with_a_note(self):
        model = nn.Linear(2, 1)
        model.packed = nn.Parameter(torch.zeros(4, dtype=torch.uint8), requires_grad=False)
        run, notes = once(model, torch.ones(1, 2))
        assert notes == ["Linear.packed is not measured: its numbers are uint8, not floats"]
        assert not any("packed" in key for key in run.last)

    @pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
    def test_quantised_weights_are_left_out_with_a_note(self):
        model = nn.Linear(2, 1)
        quantised = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
        model.packed = nn.Parameter(quantised, requires_grad=False)
        _, notes = once(model, torch.ones(1, 2))
        assert notes == ["Linear.packed is not measured: its numbers are qint8, not floats"]

    def test_meta_and_empty_tensors(self):
        model = nn.Linear(2, 1)
        model.none = nn.Parameter(torch.zeros(0))
        model.ghost = nn.Parameter(torch.zeros(3, device="meta"), requires_grad=False)
        run, notes = once(model, torch.ones(1, 2))
        assert notes == ["Linear.ghost is not measured: it has no data (meta device)"]
        assert not any("none" in key or "ghost" in key for key in run.last)

    def test_lazy_modules_are_seen_once_they_have_a_shape(self):
        model, run = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d(), nn.Linear(3, 1)), Recorder()
        watch(run, model, every=1)
        assert run.events[0]["layers"][0]["parameters"] == {}
        model(torch.ones(4, 2)).sum().backward()
        torch.optim.SGD(model.parameters(), lr=0.1).step()
        run.log(0)
        assert run.events[-1]["layers"][0] == {
            "layer": "0",
            "type": "Linear",
            "parameters": {"weight": [3, 2], "bias": [3]},
        }
        assert {"0/weight/value/norm", "0/weight/gradient/norm", "0/weight/update/norm"} <= run.last.keys()
        assert "1/running_mean/value/mean" in run.last

    def test_a_model_of_lazy_modules_alone_is_seen_too(self):
        model, run = nn.Sequential(nn.LazyLinear(3), nn.ReLU()), Recorder()
        watching = watch(run, model, every=1)
        model(torch.ones(4, 2)).sum().backward()
        torch.optim.SGD(model.parameters(), lr=0.1).step()
        run.log(0)
        assert watching.count == 1
        assert {"0/weight/value/norm", "0/weight/gradient/norm", "0/weight/update/norm"} <= run.last.keys()

    @pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
    def test_a_scripted_part_shows_its_weights_but_not_its_outputs(self):
        model = nn.Sequential(torch.jit.script(nn.Sequential(nn.Linear(2, 3))), nn.Linear(3, 1))
        run, _ = once(model, torch.ones(4, 2))
        weight = next(model.parameters())
        assert run.last["0.0/weight/gradient/norm"] == pytest.approx(weight.grad.norm().item(), rel=1e-6)
        assert not any(key.startswith("0") and "activation" in key for key in run.last)
        assert "1/output/activation/mean" in run.last

    def test_a_distributed_tensor_shows_its_local_part(self, tmp_path):
        from torch import distributed
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.tensor import Shard, distribute_tensor

        distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
        try:
            mesh = init_device_mesh("cpu", (1,))
            model = nn.Linear(2, 4, bias=False)
            plain = model.weight.detach().clone()
            model.weight = nn.Parameter(distribute_tensor(plain.clone(), mesh, [Shard(0)]))
            run = Recorder()
            watching = watch(run, model, every=1)
            from torch.distributed.tensor import Replicate

            model(distribute_tensor(torch.ones(3, 2), mesh, [Replicate()])).square().sum().backward()
            torch.optim.SGD(model.parameters(), lr=0.1).step()
            run.log(0)
            assert run.last["Linear/weight/value/norm"] == pytest.approx(plain.norm().item(), rel=1e-6)
            assert run.last["Linear/weight/update/ratio"] > 0
            assert watching.notes == ["Linear.weight is spread over ranks: each rank measures its own part"]
            run.finish()
        finally:
            distributed.destroy_process_group()


class TestOutputs:
    """Modules that return more than one tensor, or behave unusually."""

    def test_the_first_float_tensor_is_the_output(self):
        @dataclasses.dataclass
        class Reply:
            ids: torch.Tensor
            logits: torch.Tensor

        one = torch.ones(2)
        assert first_tensor((None, torch.tensor([1]), [one])) is one
        assert first_tensor({"ids": torch.tensor([1]), "x": {"y": one}}) is one
        assert first_tensor(Reply(torch.tensor([1]), one)) is one
        assert first_tensor("text") is None
        assert first_tensor(torch.zeros(0)) is None

    def test_a_recurrent_layer(self):
        model = nn.LSTM(3, 4, batch_first=True)
        run, _ = once(model, torch.randn(2, 5, 3))
        assert run.bins[0][1]["LSTM/output/activation"].sum() == 2 * 5 * 4
        assert "LSTM/weight_hh_l0/gradient/norm" in run.last

    @pytest.mark.parametrize("use_reentrant", [True, False])
    def test_checkpointed_layers_are_counted_once(self, use_reentrant):
        from torch.utils.checkpoint import checkpoint

        class Saving(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid())

            def forward(self, x):
                return checkpoint(self.inner, x, use_reentrant=use_reentrant)

        run, _ = once(Saving(), torch.randn(6, 2, requires_grad=True))
        assert run.bins[0][1]["inner.0/output/activation"].sum() == 12
        assert run.bins[0][1]["inner.1/output/activation"].sum() == 12
        assert run.last["inner.1/output/activation/saturated"] == 0

    def test_outputs_within_vmap_are_skipped(self):
        class Mapped(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(2, 2)
                self.outer = nn.Linear(2, 1)

            def forward(self, x):
                return self.outer(torch.func.vmap(self.inner)(x))

        run, _ = once(Mapped(), torch.ones(3, 2))
        assert "outer/output/activation/mean" in run.last
        assert "inner/output/activation/mean" not in run.last
        assert "inner/weight/gradient/norm" in run.last

    def test_a_transformer(self):
        model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        run, _ = once(model, torch.randn(2, 3, 8))
        assert "self_attn/in_proj_weight/gradient/norm" in run.last
        assert "self_attn/output/activation/std" in run.last
        assert "self_attn.out_proj/weight/value/std" in run.last

    def test_weights_with_a_parametrization_show_what_is_trained(self):
        model = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
        run, _ = once(model, torch.ones(1, 2))
        assert "parametrizations.weight/original0/update/ratio" in run.last

    def test_a_model_without_parameters(self):
        run = Recorder()
        model = nn.Sequential(nn.ReLU())
        watch(run, model, every=1)
        model(torch.ones(1, requires_grad=True)).sum().backward()
        run.log(0)
        run.finish()
        assert run.rows == []

    def test_a_slash_in_a_name_does_not_split_the_key(self):
        model = nn.Sequential()
        model.add_module("a/b", nn.Linear(2, 1))
        run, _ = once(model, torch.ones(1, 2))
        assert all(key.count("/") == 3 for key in run.last)

    def test_dead_channels_of_convolutions_and_dead_features(self):
        model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1))
        with torch.no_grad():
            model[0].weight.copy_(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))
            model[0].bias.zero_()
            model[3].weight.fill_(1.0)
            model[3].bias.copy_(torch.tensor([0.0, -1e3, -1e3, -1e3]))
        run, _ = once(model, torch.rand(5, 1, 2, 2) + 0.1)
        assert run.last["1/output/activation/dead"] == 0.5
        assert run.last["1/output/activation/zeros"] == 0.5
        assert run.last["4/output/activation/dead"] == 0.75

    def test_a_watched_model_can_be_copied_and_pickled_after_a_step(self):
        import copy

        model, run = network(), Recorder()
        watch(run, model, every=5)
        train(model, run, 2)
        assert hooks_of(copy.deepcopy(model)) == 0


@pytest.mark.parametrize(
    "module",
    [
        nn.Sigmoid(),
        nn.Tanh(),
        nn.Hardtanh(),
        nn.ReLU6(inplace=True),
        nn.GELU(),
        nn.GELU(approximate="tanh"),
        nn.SiLU(),
        nn.ELU(alpha=0.5, inplace=True),
        nn.Softplus(),
        nn.Softsign(),
        nn.Hardsigmoid(),
        nn.Mish(),
    ],
    ids=lambda module: repr(module),
)
def test_a_unit_is_saturated_if_its_slope_is_below_a_hundredth_of_the_maximum(module):
    x = torch.linspace(-25, 25, 3001, dtype=torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(module(x * 1).sum(), x)
    grid = torch.linspace(-12, 12, 100_001, dtype=torch.float64).requires_grad_()
    (slopes,) = torch.autograd.grad(module(grid * 1).sum(), grid)
    flat = slope.abs() < 0.01 * slopes.abs().max()
    inside = torch.zeros_like(flat)
    for low, high in flat_parts(module):
        inside |= (x.detach() >= low) & (x.detach() <= high)
    assert 0 < flat.sum() < len(flat)
    assert (flat != inside).sum() <= 2  # a point of the grid may lie on the edge itself


def test_a_saturated_sigmoid_is_reported():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    nn.init.constant_(model[0].weight, 1)
    nn.init.zeros_(model[0].bias)
    run, _ = once(model, torch.tensor([[0.0], [4.0], [7.0], [-7.0], [math.nan]]))
    assert run.last["1/output/activation/saturated"] == pytest.approx(0.4)
    assert run.last["1/output/activation/nonfinite"] == 1
