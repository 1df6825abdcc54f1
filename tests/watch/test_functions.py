"""Functions called in a `forward` are layers."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netscope.analyse import bins
from netscope.frameworks.torch_functions import NAMES
from netscope.record.watch.forward_hooks import first_tensor
from netscope.record.watch.torch_watch import watch
from tests.watch.recorder import Recorder


class Net(nn.Module):
    """A network of one layer, and whatever a test does with its output."""

    def __init__(self, then, **parts):
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(4, 6)
        self.then = then
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.then(self, self.fc(x))


def once(model: nn.Module, n: int = 1, x: torch.Tensor | None = None) -> Recorder:
    run = Recorder()
    watch(run, model, every=1)
    train(model, run, n, x)
    return run


def train(model: nn.Module, run: Recorder, n: int, x: torch.Tensor | None = None) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    for _ in range(n):
        first_tensor(model(torch.linspace(-3, 3, 20).reshape(5, 4) if x is None else x)).sum().backward()
        optimizer.step()
        run.log(run.step)


def seen(run: Recorder) -> list[str]:
    """The layers other than `fc` that have an output."""
    layers = [key.split("/")[0] for key in run.last if key.endswith("/output/activation/mean")]
    return [layer for layer in layers if layer != "fc"]


def test_the_network_of_the_tutorials_shows_its_dead_units():
    class Tutorial(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 4, 3)
            self.conv2 = nn.Conv2d(4, 8, 3)
            self.fc1 = nn.Linear(32, 10)
            self.fc2 = nn.Linear(10, 3)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            x = torch.flatten(x, 1)
            x = F.relu(self.fc1(x))
            return F.log_softmax(self.fc2(x), dim=1)

    model = Tutorial()
    with torch.no_grad():
        model.conv1.bias[:] = torch.tensor([-1e6, 1e6, 1e6, 1e6])
        model.fc1.bias[:] = torch.tensor([-1e6] * 4 + [1e6] * 6)
    run = once(model, x=torch.rand(6, 1, 14, 14))
    assert run.layers == [
        *("conv1", "relu", "max_pool2d", "conv2", "relu_1", "max_pool2d_1", "fc1", "relu_2", "fc2", "log_softmax"),
    ]
    assert run.events[-1]["layers"][1] == {"layer": "relu", "type": "relu()", "parameters": {}}
    assert run.last["relu/output/activation/dead"] == 0.25
    assert run.last["relu_2/output/activation/dead"] == pytest.approx(0.4)


SPELLINGS = {
    "relu": [F.relu, torch.relu, torch.Tensor.relu, F.relu_, torch.Tensor.relu_, lambda x: F.relu(x, inplace=True)],
    "tanh": [F.tanh, torch.tanh, torch.Tensor.tanh, torch.Tensor.tanh_],
    "sigmoid": [F.sigmoid, torch.sigmoid, torch.Tensor.sigmoid_, torch.special.expit],
    "gelu": [F.gelu, lambda x: F.gelu(x, approximate="tanh")],
    "silu": [F.silu, lambda x: F.silu(x, inplace=True)],
    "leaky_relu": [F.leaky_relu, lambda x: F.leaky_relu(x, 0.2), lambda x: F.leaky_relu(input=x, inplace=True)],
    "elu": [F.elu, F.elu_],
    "hardtanh": [F.hardtanh, lambda x: F.hardtanh(x, -2.0, 2.0)],
    "relu6": [F.relu6],
    "softplus": [F.softplus],
    "logsigmoid": [F.logsigmoid],
    "mish": [F.mish],
    "hardswish": [F.hardswish],
    "selu": [F.selu, torch.selu],
    "threshold": [lambda x: F.threshold(x, 0.1, 0.0)],
    "softmax": [lambda x: F.softmax(x, 1), lambda x: torch.softmax(x, 1), lambda x: x.softmax(1)],
    "log_softmax": [lambda x: F.log_softmax(x, 1), lambda x: x.log_softmax(1)],
    "dropout": [F.dropout, lambda x: torch.dropout(x, 0.5, True)],
    "max_pool1d": [lambda x: F.max_pool1d(x, 2), lambda x: F.max_pool1d(x, 2, return_indices=True)],
    "avg_pool1d": [lambda x: F.avg_pool1d(x, 2)],
    "adaptive_avg_pool1d": [lambda x: F.adaptive_avg_pool1d(x, 2)],
    "scaled_dot_product_attention": [lambda x: F.scaled_dot_product_attention(x, x, x)],
}


@pytest.mark.parametrize(("name", "function"), [(name, f) for name, several in SPELLINGS.items() for f in several])
def test_every_spelling_of_a_function_is_recognised(name, function):
    outs = []
    model = Net(lambda self, x: outs.append(function(x * 1)) or outs[-1])
    run = once(model)
    assert seen(run) == [name]
    out = first_tensor(outs[0]).detach().numpy()
    assert run.last[f"{name}/output/activation/mean"] == pytest.approx(out.astype("f8").mean(), rel=1e-6)
    assert (run.bins[0][1][f"{name}/output/activation"] == bins.count(out)).all()


MODULES = {
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(0.3),
    "elu": nn.ELU(0.5),
    "celu": nn.CELU(),
    "selu": nn.SELU(),
    "gelu": nn.GELU(approximate="tanh"),
    "silu": nn.SiLU(),
    "mish": nn.Mish(),
    "hardswish": nn.Hardswish(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "hardtanh": nn.Hardtanh(-0.5, 0.5),
    "hardsigmoid": nn.Hardsigmoid(),
    "softsign": nn.Softsign(),
    "softplus": nn.Softplus(2.0),
    "logsigmoid": nn.LogSigmoid(),
    "tanhshrink": nn.Tanhshrink(),
    "softshrink": nn.Softshrink(),
    "hardshrink": nn.Hardshrink(),
    "threshold": nn.Threshold(0.1, 0.0),
    "softmax": nn.Softmax(1),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_function_has_the_statistics_of_its_module_which_is_counted_once(name):
    """A submodule is a layer; for a module created inside `forward`, its function is the layer."""
    as_part = once(Net(lambda self, x: self.act(4 * x), act=MODULES[name]))
    on_the_spot = once(Net(lambda self, x: MODULES[name](4 * x)))
    assert (seen(as_part), seen(on_the_spot)) == (["act"], [name])

    def of(run: Recorder, layer: str) -> dict[str, float]:
        return {key.split("/")[3]: value for key, value in run.last.items() if key.startswith(f"{layer}/output")}

    assert of(on_the_spot, name) == of(as_part, "act")


class TestNames:
    """Functions are named in the module that calls them, by order, and keep their names."""

    def test_functions_are_named_by_order_in_the_calling_module(self):
        block = Net(lambda self, x: F.relu(F.relu(x)[:, :4]))
        model = Net(lambda self, x: torch.tanh(self.block(F.relu(x)[:, :4])), block=block)
        run = Recorder()
        watch(run, model, every=1, name="body")
        train(model, run, 1)
        assert run.layers == [
            *("body.fc", "body.relu", "body.block.fc", "body.block.relu", "body.block.relu_1", "body.tanh"),
        ]

    def test_a_function_does_not_take_the_path_of_a_module(self):
        run = once(Net(lambda self, x: F.relu(self.relu(x)), relu=nn.ReLU()))
        assert seen(run) == ["relu", "relu_1"]
        assert run.events[-1]["layers"][1]["type"] == "ReLU"

    def test_a_loop_over_layers_has_one_function_each_and_a_loop_over_time_one_for_all(self):
        layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))

        def then(self, x):
            for layer in self.layers:
                x = F.relu(layer(x))
            for _ in range(4):
                x = torch.tanh(self.cell(x))
            return x

        run = once(Net(then, layers=layers, cell=nn.Linear(6, 6)))
        assert seen(run) == ["layers.0", "relu", "layers.1", "relu_1", "layers.2", "relu_2", "cell", "tanh"]
        assert run.bins[0][1]["tanh/output/activation"].sum() == 4 * 30

    def test_a_skipped_branch_does_not_shift_names(self):
        model = Net(lambda self, x: F.relu(-F.relu(x)) if self.training else -F.relu(-x))
        run = once(model)
        model.eval()
        train(model, run, 1)
        model.train()
        train(model, run, 1)
        assert [sorted(key for key in row if "relu" in key and "mean" in key) for _, row in run.rows] == [
            ["relu/output/activation/mean", "relu_1/output/activation/mean"],
            ["relu_2/output/activation/mean"],
            ["relu/output/activation/mean", "relu_1/output/activation/mean"],
        ]

    def test_a_block_called_twice_adds_up(self):
        block = Net(lambda self, x: F.relu(x))
        run = once(Net(lambda self, x: self.block(x[:, :4]) + self.block(x[:, 2:]), block=block))
        assert [name for name in seen(run) if "relu" in name] == ["block.relu"]
        assert run.bins[0][1]["block.relu/output/activation"].sum() == 2 * 30

    def test_functions_of_torchs_own_compound_modules(self):
        run = once(nn.TransformerEncoderLayer(4, 2, 16, batch_first=True), x=torch.randn(2, 3, 4))
        assert "relu/output/activation/dead" in run.last


class TestWhen:
    """The function mode is active only in measured passes."""

    def test_functions_are_captured_only_in_measured_steps_of_the_model(self):
        depths = []

        def then(self, x):
            depths.append(torch._C._len_torch_function_stack())
            return F.relu(x)

        model, run = Net(then), Recorder()
        watch(run, model, every=2)
        train(model, run, 3)
        assert depths == [1, 0, 1]
        with torch.no_grad():
            model(torch.ones(1, 4))
        assert depths[3:] == [0]
        assert torch._C._len_torch_function_stack() == 0

    def test_a_network_of_modules_alone_needs_no_function_mode(self):
        class Filled(nn.Sequential):
            """A class of the user's whose `forward` is torch's."""

            def __init__(self):
                super().__init__(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))

        depths = []
        for model in (nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)), Filled()):
            model[1].register_forward_hook(lambda *given: depths.append(torch._C._len_torch_function_stack()))
            once(model)
        assert depths == [0, 0]

    def test_functions_are_captured_only_with_activations(self):
        model, run = Net(lambda self, x: F.relu(x)), Recorder()
        watch(run, model, every=1, quantities=["gradient"])
        train(model, run, 1)
        assert run.layers == ["fc"]

    @pytest.mark.parametrize("use_reentrant", [True, False])
    def test_recomputation_in_backward_is_counted_once(self, use_reentrant):
        from torch.utils.checkpoint import checkpoint

        block = Net(lambda self, x: torch.sigmoid(x))
        model = Net(lambda self, x: checkpoint(self.block, x[:, :4], use_reentrant=use_reentrant), block=block)
        run = once(model)
        assert run.bins[0][1]["block.sigmoid/output/activation"].sum() == 30
        assert run.last["block.sigmoid/output/activation/saturated"] == 0

    def test_with_torch_compile_measured_steps_capture_functions_without_recompiling(self):
        import torch._dynamo
        from torch._dynamo.utils import counters

        gc.collect()
        torch._dynamo.reset()
        counters.clear()
        model, run = Net(lambda self, x: F.relu(x)), Recorder()
        compiled = torch.compile(model, backend="eager")
        watch(run, compiled, every=2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        for step in range(6):
            compiled(torch.ones(2, 4)).sum().backward()
            optimizer.step()
            run.log(step)
        assert all("relu/output/activation/dead" in row for _, row in run.rows)
        assert counters["stats"]["unique_graphs"] == 1
        assert not counters["graph_break"]

    def test_functions_in_compiled_code_are_not_captured_and_a_note_says_so(self):
        torch.compiler.set_stance("eager_on_recompile")
        try:
            model, run = Net(lambda self, x: F.relu(x)), Recorder()
            watching = watch(run, model, every=1)
            train(model, run, 2)
            (note,) = watching.notes
            assert "functions are not measured" in note
            assert run.layers == ["fc"]
        finally:
            torch.compiler.set_stance("default")


def test_every_function_of_the_table_exists():
    assert {name for name in NAMES if not hasattr(F, name)} == set()
