"""The graph of a torch module: what runs, in which module, on which tensors, and what it costs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netscope
from netscope.errors import UsageError
from netscope.frameworks.torch_modules import STATISTICS
from netscope.models.model import Model
from netscope.models.rows import Node
from tests.frameworks import networks

PRODUCTS = {
    "Conv2d", "ConvTranspose2d", "Linear", "GRUCell", "LSTM", "GRU", "MultiheadAttention", "matmul",
    "scaled_dot_product_attention", "einsum", "linear", "conv2d", "bmm",
}  # fmt: skip


def node(model: Model, name: str) -> Node:
    (found,) = [one for one in model.graph.nodes if one.name == name]
    return found


def ops(model: Model) -> list[str]:
    return [one.op for one in model.graph.nodes]


def sources(model: Model, name: str) -> list[str]:
    """What a node reads: the names of nodes, weights and inputs of the graph."""
    return [value.producer.name if value.producer else value.name for value in node(model, name).inputs if value]


def shapes(model: Model, name: str) -> list[Any]:
    return [value.shape for value in node(model, name).outputs if value]


def products(model: Model) -> float:
    return sum(one.flops for one in model.graph.nodes if one.op in PRODUCTS)


def counted(module: nn.Module, *inputs: torch.Tensor, **named: torch.Tensor) -> int:
    """The count of torch's own counter, which knows products only; without values, like ours."""
    from torch.utils.flop_counter import FlopCounterMode  # loads Triton, which tests/watch must do first

    module = copy.deepcopy(module).to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*(one.to("meta") for one in inputs), **{name: one.to("meta") for name, one in named.items()})
    return int(counter.get_total_flops())


torch.manual_seed(0)
X = torch.randn(2, 4, 8)
CASES: dict[str, tuple[nn.Module, tuple[torch.Tensor, ...], dict[str, torch.Tensor], int, int]] = {
    # name: module, inputs, named inputs, nodes, scopes without the root
    "mlp": (networks.mlp(), (torch.randn(3, 4),), {}, 4, 0),
    "tutorial": (networks.Tutorial(), (torch.randn(2, 3, 32, 32),), {}, 10, 0),
    "residual": (networks.ResidualBlock(3, 8, 2), (torch.randn(2, 3, 8, 8),), {}, 8, 0),
    "resnet50": (networks.resnet50(), (torch.randn(1, 3, 64, 64),), {}, 175, 24),
    "unet": (networks.UNet(), (torch.randn(1, 1, 8, 8),), {}, 8, 2),
    "lstm": (nn.LSTM(8, 5, 2, bidirectional=True), (X,), {}, 1, 0),
    "gru": (nn.GRU(8, 5, batch_first=True), (X,), {}, 1, 0),
    "attention": (nn.MultiheadAttention(8, 2), (X, X, X), {}, 1, 0),
    "encoder": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (X,), {}, 11, 0),
    "gpt": (networks.GPT(), (torch.zeros(2, 9, dtype=torch.long),), {}, 44, 7),
    "llama": (networks.Llama(2, 32, 4, 48, 60), (torch.zeros(2, 9, dtype=torch.long),), {}, 110, 8),
    "loop over time": (networks.Unrolled(), (torch.randn(2, 4, 3),), {}, 14, 0),
    "twice": (networks.Twice(), (torch.randn(2, 2, 4, 4),), {}, 19, 2),
    "routed": (networks.Routed(), (torch.randn(2, 4),), {"scale": torch.tensor(2.0)}, 6, 1),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    module, inputs, named, n_nodes, n_scopes = CASES[request.param]
    return module, inputs, named, netscope.graph(module, *inputs, **named), n_nodes, n_scopes


class TestEveryNetwork:
    def test_nodes_and_scopes_are_counted_right(self, case):
        *_, model, n_nodes, n_scopes = case
        assert (model.graph.n_nodes, model.graph.n_scopes) == (n_nodes, 1 + n_scopes)

    def test_products_cost_what_torch_counts(self, case):
        module, inputs, named, model, *_ = case
        assert products(model) == counted(module, *inputs, **named)

    def test_all_nodes_have_a_cost(self, case):
        assert all(one.flops >= 0 for one in case[3].graph.nodes)

    def test_parameters_are_the_models_own(self, case):
        module, _, _, model, *_ = case
        assert model.metadata["parameters"] == sum(one.numel() for one in module.parameters())
        stored = {one.name: (one.shape, one.bytes) for one in model.graph.tensors}
        tensors = [*module.named_parameters(), *module.named_buffers()]
        assert stored == {name: (tuple(one.shape), one.nbytes) for name, one in tensors}

    def test_the_result_follows_from_the_inputs(self, case):
        model = case[3]
        reached, waiting = set(), list(model.graph.outputs.tolist())
        while waiting:
            value = waiting.pop()
            if value not in reached:
                reached.add(value)
                producer = int(model.graph.value_producer[value])
                if producer >= 0:
                    waiting += [one.index for one in model.graph.nodes[producer].inputs if one]
        assert set(model.graph.inputs.tolist()) <= reached

    def test_outputs_have_the_shapes_of_a_call(self, case):
        module, inputs, named, model, *_ = case
        with torch.no_grad():
            result = copy.deepcopy(module)(*inputs, **named)
        found: list[torch.Tensor] = []

        def collect(part: Any) -> None:
            if isinstance(part, torch.Tensor):
                found.append(part)
            else:
                for one in part.values() if isinstance(part, dict) else part:
                    collect(one)

        collect(result if result is not None else ())
        assert [model.graph.values[i].shape for i in model.graph.outputs] == [tuple(one.shape) for one in found]

    def test_each_node_reads_only_what_is_there_before_it(self, case):
        for one in case[3].graph.nodes:
            assert all(value.producer is None or value.producer.index < one.index for value in one.inputs if value)


class TestNodes:
    def test_a_module_of_torch_is_one_node_with_its_settings_and_weights(self):
        model = netscope.graph(networks.Tutorial(), torch.zeros(2, 3, 32, 32))
        conv = node(model, "conv2")
        assert (conv.op, conv.scope.name) == ("Conv2d", "")
        assert (conv.attributes["out_channels"], conv.attributes["kernel_size"]) == (16, [5, 5])
        assert conv.input_names == ["input", "weight", "bias"]
        assert sources(model, "conv2") == ["pool", "conv2.weight", "conv2.bias"]
        assert shapes(model, "conv2") == [(2, 16, 10, 10)]
        assert conv.flops == 2 * 2 * 16 * 10 * 10 * 6 * 5 * 5

    def test_functions_are_nodes_named_as_watch_names_them(self):
        model = netscope.graph(networks.Tutorial(), torch.zeros(2, 3, 32, 32))
        assert [one.name for one in model.graph.nodes] == [
            *("conv1", "relu", "pool", "conv2", "relu_1", "pool (call 2)", "flatten", "fc1", "relu_2", "fc2"),
        ]

    def test_modules_with_modules_inside_are_scopes(self):
        model = netscope.graph(networks.GPT(), torch.zeros(2, 9, dtype=torch.long))
        scopes = {one.name: one.kind for one in model.graph.scopes}
        assert scopes[""] == "GPT"
        assert scopes["h"] == "ModuleList"
        assert (scopes["h.1"], scopes["h.1.attn"]) == ("Block", "Attention")
        attention = node(model, "h.1.attn.scaled_dot_product_attention")
        assert attention.scope.name == "h.1.attn"
        assert attention.attributes == {"is_causal": True}
        assert node(model, "h.1.mlp.0").scope.kind == "Sequential"

    def test_a_shared_weight_is_one_tensor_of_two_nodes(self):
        model = netscope.graph(networks.GPT(), torch.zeros(2, 9, dtype=torch.long))
        assert sources(model, "wte")[1] == sources(model, "head")[1] == "wte.weight"
        assert [one.name for one in model.graph.tensors].count("wte.weight") == 1
        assert "head.weight" not in [one.name for one in model.graph.tensors]

    def test_a_module_called_twice_is_there_twice(self):
        model = netscope.graph(networks.Twice(), torch.zeros(2, 2, 4, 4))
        assert [one.name for one in model.graph.scopes] == ["", "block", "block (call 2)"]
        assert [one.kind for one in model.graph.scopes] == ["Twice", "ResidualBlock", "ResidualBlock"]
        assert sources(model, "block (call 2).conv1") == ["block.relu (call 2)", "block.conv1.weight"]

    def test_skip_connections_join(self):
        model = netscope.graph(networks.UNet(), torch.zeros(1, 1, 8, 8))
        assert sources(model, "cat") == ["down1.1", "up"]
        assert node(model, "cat").input_names == ["tensors.0", "tensors.1"]
        assert shapes(model, "cat") == [(1, 8, 8, 8)]

    def test_a_loop_over_time_is_drawn_as_it_ran(self):
        model = netscope.graph(networks.Unrolled(), torch.zeros(2, 3, 3))
        cells = [one.name for one in model.graph.nodes if one.op == "GRUCell"]
        assert cells == ["cell", "cell (call 2)", "cell (call 3)"]
        assert sources(model, "cell (call 2)")[:2] == ["getitem_1", "tanh"]
        assert node(model, "getitem_1").attributes["index"] == [":", 1]

    def test_branches_that_did_not_run_are_named(self):
        model = netscope.graph(networks.Routed(), torch.zeros(2, 4), scale=torch.tensor(2.0))
        assert [model.graph.values[i].name for i in model.graph.inputs] == ["x", "scale"]
        assert [model.graph.values[i].name for i in model.graph.outputs] == ["classes", "boxes"]
        assert "heads.unused" not in [one.name for one in model.graph.nodes]
        assert model.warnings == ("2 of 8 tensors were not used: heads.unused.weight, heads.unused.bias",)

    def test_outputs_of_a_dict_have_their_names(self):
        ids = torch.zeros(2, 9, dtype=torch.long)
        model = netscope.graph(networks.GPT(), ids, targets=ids.clone())
        assert [model.graph.values[i].name for i in model.graph.outputs] == ["logits", "loss"]
        assert [model.graph.values[i].dtype for i in model.graph.inputs] == ["int64", "int64"]


class Does(nn.Module):
    """A module that does what a test says."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.does = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs, **named):
        return self.does(self, *inputs, **named)


class TestTensors:
    def test_a_write_into_a_view_changes_the_whole(self):
        def forward(self, x):
            y = x * 2
            part = y[:, 0]
            part.add_(1)
            return y + 3

        model = netscope.graph(Does(forward), torch.zeros(2, 3))
        assert ops(model) == ["mul", "getitem", "add", "add"]
        assert sources(model, "add_1") == ["add"]
        assert node(model, "add").attributes == {"other": 1, "inplace": True}

    def test_an_assignment_to_a_part_is_a_node(self):
        def forward(self, x, y):
            x = x.clone()
            x[:, 1:] = y
            return x

        model = netscope.graph(Does(forward), torch.zeros(2, 3), torch.ones(2, 2))
        assert sources(model, "setitem") == ["clone", "inputs.1"]
        assert node(model, "setitem").attributes["index"] == [":", "1:"]
        assert model.graph.values[int(model.graph.outputs[0])].producer == node(model, "setitem")

    def test_operators_and_methods_are_the_same_operation(self):
        def forward(self, x, y):
            return (1 - x) @ y.T, torch.matmul(x, y.mT), torch.sub(1, x)

        model = netscope.graph(Does(forward), torch.zeros(2, 3), torch.zeros(2, 3))
        assert ops(model) == ["sub", "T", "matmul", "mT", "matmul", "sub"]
        assert (node(model, "sub").input_names, node(model, "sub").attributes) == (["other"], {"input": 1})

    def test_several_results_are_several_values(self):
        def forward(self, x):
            a, b, c = x.chunk(3, dim=1)
            values, _ = (a + b * c).max(1)
            return sum(row.mean() for row in values)

        model = netscope.graph(Does(forward), torch.zeros(2, 6))
        assert shapes(model, "chunk") == [(2, 2)] * 3
        assert node(model, "chunk").attributes == {"chunks": 3, "dim": 1}
        assert node(model, "max").attributes == {"dim": 1}
        assert sources(model, "mean_1") == ["unbind"]

    def test_parameters_and_attributes_that_forward_uses_have_their_names(self):
        def forward(self, x):
            return x * self.scale + self.shift + self.table

        module = Does(forward, scale=nn.Parameter(torch.ones(3)), table=torch.ones(3))
        module.register_buffer("shift", torch.zeros(3), persistent=False)
        model = netscope.graph(module, torch.zeros(2, 3))
        assert sources(model, "mul") == ["inputs.0", "scale"]
        assert sources(model, "add") == ["mul", "shift"]
        assert sources(model, "add_1") == ["add", "table"]
        assert {one.name for one in model.graph.tensors} == {"scale", "shift"}

    def test_a_module_that_does_nothing_keeps_its_place(self):
        def forward(self, x):
            return x + self.drop(self.same(x))

        model = netscope.graph(Does(forward, same=nn.Identity(), drop=nn.Dropout()).eval(), torch.zeros(2, 3))
        assert ops(model) == ["Identity", "Dropout", "add"]
        assert sources(model, "add") == ["inputs.0", "drop"]

    def test_conversions_that_are_not_needed_are_left_out(self):
        model = netscope.graph(Does(lambda self, x: x.contiguous().float().to("cpu").abs()), torch.zeros(2, 3))
        assert ops(model) == ["abs"]

    def test_objects_and_packed_sequences_are_looked_into(self):
        packed = nn.utils.rnn.pack_sequence([torch.zeros(3, 8), torch.zeros(2, 8)])
        model = netscope.graph(nn.LSTM(8, 5), packed)
        assert node(model, "LSTM").input_names[:2] == ["input.data", "input.batch_sizes"]
        assert node(model, "LSTM").flops == 2 * 5 * (20 * 8 + 20 * 5)

    def test_weights_that_are_computed_show_how(self):
        model = netscope.graph(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), torch.zeros(2, 4))
        assert ops(model) == ["_WeightNorm", "linear"]
        assert node(model, "parametrizations.weight.0").scope.kind == "ParametrizationList"
        assert sources(model, "linear") == ["input", "parametrizations.weight.0", "bias"]

    def test_functions_of_autograd_show_what_they_compute(self):
        class Double(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

        model = netscope.graph(Does(lambda self, x: Double.apply(x).relu()), torch.zeros(2, 3, requires_grad=True))
        assert ops(model) == ["mul", "relu"]
        assert sources(model, "relu") == ["mul"]

    def test_checkpointed_modules_are_seen(self):
        from torch.utils.checkpoint import checkpoint

        def forward(self, x):
            return checkpoint(self.a, x, use_reentrant=False) + checkpoint(self.a, x, use_reentrant=True)

        x = torch.zeros(2, 3, requires_grad=True)
        model = netscope.graph(Does(forward, a=nn.Linear(3, 3)), x)
        assert ops(model) == ["Linear", "Linear", "add"]
        assert sources(model, "add") == ["a", "a (call 2)"]


class TestTheModuleStaysAsItIs:
    def test_nothing_of_it_changes(self):
        module = nn.Sequential(networks.ResidualBlock(2, 2), nn.Dropout(), nn.Flatten(), nn.LazyLinear(3))
        module[0].counter = 0
        module[0].register_forward_pre_hook(lambda module, args: setattr(module, "counter", module.counter + 1))
        x = torch.randn(2, 2, 4, 4)
        module(x).sum().backward()
        before = copy.deepcopy(module.state_dict())
        gradients = [one.grad.clone() for one in module.parameters()]
        state = torch.get_rng_state()
        netscope.graph(module, x)
        assert torch.equal(torch.get_rng_state(), state)
        assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())
        assert all(torch.equal(one.grad, kept) for one, kept in zip(module.parameters(), gradients, strict=True))
        assert module[0].counter == 1
        assert module.training
        assert not any(one._forward_hooks or one._forward_hooks_always_called for one in module.modules())
        assert torch._C._len_torch_function_stack() == 0

    def test_where_values_are_needed_the_copy_runs_and_the_graph_says_so(self):
        def forward(self, x):
            x = self.norm(x)
            return self.a(x) if x.sum() > 1e9 else self.b(self.drop(x))

        module = Does(forward, norm=nn.BatchNorm1d(3), a=nn.Linear(3, 1), b=nn.Linear(3, 2), drop=nn.Dropout())
        x, state = torch.randn(4, 3), torch.get_rng_state()
        model = netscope.graph(module, x)
        assert ops(model) == ["BatchNorm1d", "sum", "gt", "Dropout", "Linear"]
        assert "reads numbers out of tensors (bool in Does)" in model.warnings[0]
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(module.norm.running_mean, torch.zeros(3))
        assert set(STATISTICS) <= set(dict(module.norm.named_buffers()))
        assert torch._C._len_torch_function_stack() == 0

    def test_a_failing_module_raises_its_own_error_and_leaves_no_mode(self):
        with pytest.raises(RuntimeError, match="mat1 and mat2"):
            netscope.graph(networks.mlp(), torch.zeros(2, 5))
        assert torch._C._len_torch_function_stack() == 0
        assert torch._C._len_torch_dispatch_stack() == 0


class TestModels:
    def test_wrappers_are_taken_off(self):
        inner = networks.mlp()
        plain = netscope.graph(inner, torch.zeros(2, 4))
        for wrapped in (nn.DataParallel(inner), torch.compile(inner, backend="eager")):
            assert netscope.graph(wrapped, torch.zeros(2, 4)).graph == plain.graph

    def test_a_model_of_any_size_needs_no_memory(self):
        with torch.device("meta"):
            model = networks.Llama(n_layers=2).to(torch.bfloat16)
        found = netscope.graph(model, torch.zeros(1, 2048, dtype=torch.long))
        assert found.metadata["parameters"] == 2 * 202_383_360 + 2 * 32000 * 4096 + 4096
        assert node(found, "lm_head").flops == 2 * 2048 * 4096 * 32000
        assert shapes(found, "layers.1.scaled_dot_product_attention") == [(1, 32, 2048, 128)]
        assert node(found, "lm_head").outputs[0].dtype == "bfloat16"

    def test_a_model_without_memory_whose_path_depends_on_values_says_so(self):
        with torch.device("meta"):
            module = Does(lambda self, x: self.fc(x) if x.sum() > 0 else x, fc=nn.Linear(3, 3))
        with pytest.raises(UsageError, match=r"this Does has no memory \(meta device\)"):
            netscope.graph(module, torch.zeros(2, 3))

    def test_lazy_modules_are_initialised_in_the_copy_only(self):
        module = nn.LazyLinear(3)
        model = netscope.graph(module, torch.zeros(2, 4))
        assert node(model, "LazyLinear").op == "Linear"
        assert node(model, "LazyLinear").inputs[1].shape == (3, 4)
        assert nn.parameter.is_lazy(module.weight)

    def test_an_exported_program_is_read_as_it_is(self):
        module = networks.GPT()
        program = torch.export.export(module, (torch.zeros(2, 9, dtype=torch.long),))
        model = netscope.graph(program)
        exported = [one for one in program.graph.nodes if one.op == "call_function" and "getitem" not in one.name]
        assert model.format == "PyTorch ExportedProgram"
        assert model.graph.n_nodes == len(exported)
        assert {"h.0.attn", "h.1.mlp"} <= {one.name for one in model.graph.scopes}
        assert model.graph.tensors[0].shape == (50, 16)
        assert model.graph.values[int(model.graph.outputs[0])].shape == (2, 9, 50)

    @pytest.mark.filterwarnings("ignore:`torch.jit.trace")
    def test_other_objects_are_refused(self):
        with pytest.raises(UsageError, match=r"graph takes a torch.nn.Module, .*, got function"):
            netscope.graph(F.relu)
        with pytest.raises(UsageError, match="TorchScript"):
            netscope.graph(torch.jit.trace(nn.ReLU(), torch.zeros(1)), torch.zeros(1))

    def test_a_module_that_cannot_be_copied_is_refused_with_the_reason(self):
        import threading

        with pytest.raises(UsageError, match=r"this Does cannot be copied \(cannot pickle '_thread.lock' object\)"):
            netscope.graph(Does(lambda self, x: x, lock=threading.Lock()), torch.zeros(1))
