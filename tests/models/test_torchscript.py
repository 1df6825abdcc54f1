"""The code of a TorchScript archive is followed as a graph, and never run."""

import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from netscope.models.model import Model
from netscope.models.open import open_model
from tests.models.damage import survives_damage
from tests.models.torch_scripts import Attention, Chain, Control

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def saved(path: Path, script: torch.jit.ScriptModule) -> Model:
    script.save(str(path))
    return open_model(path)


def ops(model: Model) -> Counter[str]:
    return Counter(node.op for node in model.graph.nodes)


def inlined(script: torch.jit.ScriptModule) -> Counter[str]:
    """The operators that PyTorch itself counts once all calls are inlined."""
    graph = script.inlined_graph
    return Counter(node.kind() for node in graph.nodes() if node.kind().startswith("aten::"))


def test_a_traced_module_has_the_operators_that_pytorch_counts(tmp_path: Path) -> None:
    script = torch.jit.trace(Chain().eval(), torch.zeros(1, 3, 8, 8))
    model = saved(tmp_path / "chain.pt", script)
    assert (model.format, model.warnings) == ("TorchScript", ())
    assert ops(model) == inlined(torch.jit.load(tmp_path / "chain.pt"))


def test_calls_of_modules_are_scopes_with_their_classes(tmp_path: Path) -> None:
    graph = saved(tmp_path / "chain.pt", torch.jit.trace(Chain().eval(), torch.zeros(1, 3, 8, 8))).graph
    kinds = {scope.name: scope.kind for scope in graph.scopes}
    assert kinds["first.conv"] == "Conv2d"
    assert kinds["first (call 2)"] == "Block"
    assert Counter(node.scope.name for node in graph.nodes if node.op == "aten::relu") == Counter(
        ["first", "first (call 2)", "second"]
    )
    head = next(node for node in graph.nodes if node.op == "aten::linear")
    assert head.input_names == ["input", "weight", "bias"]
    assert head.inputs[1].tensor.name == "head.weight"
    assert head.inputs[0].producer.op == "aten::mean"
    assert [graph.values[i].name for i in graph.inputs] == ["x"]
    assert graph.values[int(graph.outputs[0])].producer == head


def test_weights_are_those_of_the_module(tmp_path: Path) -> None:
    net = Chain().eval()
    model = saved(tmp_path / "chain.pt", torch.jit.script(net))
    state = net.state_dict()
    assert {tensor.name for tensor in model.graph.tensors} == set(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(model.read(name), tensor.numpy())


def test_branches_and_loops_are_nodes_with_scopes(tmp_path: Path) -> None:
    graph = saved(tmp_path / "control.pt", torch.jit.script(Control().eval())).graph
    bodies = {scope.name: scope.owner.op for scope in graph.scopes if scope.owner}
    assert bodies == {"if.then": "prim::If", "if.else": "prim::If", "loop.body": "prim::Loop"}
    assert [node.scope.name for node in graph.nodes if node.op in ("aten::sigmoid", "aten::tanh")] == [
        "if.then",
        "if.else",
    ]
    assert not any(node.op == "aten::dropout" for node in graph.nodes)  # self.training is false in the file


def test_attention_is_followed(tmp_path: Path) -> None:
    model = saved(tmp_path / "attention.pt", torch.jit.script(Attention().eval()))
    assert model.warnings == ()
    assert any(node.scope.name == "attention" for node in model.graph.nodes)


def replaced(path: Path, member: str, text: bytes) -> bytes:
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    found = next(name for name in members if name.endswith(member))
    members[found] = text
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path.read_bytes()


FORWARD = b"class Control(Module):\n  def forward(self, x):\n    "
HOSTILE = {
    "a command": b"import os\nos.system('touch {target}')\nopen('{target}', 'w')\n",
    "a command in forward": FORWARD + b"return __import__('os').system('touch {target}')\n",
    "no Python": b"class Control(Module:\n",
    "deep brackets": FORWARD + b"return " + b"(" * 5000 + b")" * 5000 + b"\n",
    "deep signs": FORWARD + b"return " + b"-" * 5000 + b"x\n",
    "calls itself": FORWARD + b"return (self).forward((self).forward(x))\n",
    "doubling lists": FORWARD + b"a = [x, x]\n" + b"    a = [a, a]\n" * 60 + b"    return a\n",
    "doubling calls": FORWARD
    + b"return self.f0(x)\n  def f50(self, x):\n    return torch.relu(x)\n"
    + b"".join(b"  def f%d(self, x):\n    return self.f%d(self.f%d(x))\n" % (i, i + 1, i + 1) for i in range(50)),
    "arguments by position only": FORWARD + b"return self.f(x)\n  def f(self=1, /, x=2):\n    return x\n",
    "long texts": FORWARD + b"a = torch.remainder('%999999999d', 5)\n    return x\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_is_not_run_and_its_weights_are_shown(tmp_path: Path, name: str) -> None:
    target, path = tmp_path / "touched", tmp_path / "control.pt"
    saved(path, torch.jit.script(Control().eval()))
    code = HOSTILE[name].replace(b"{target}", str(target).encode())
    replaced(path, "torch_scripts.py", code)
    model = open_model(path)
    assert {tensor.name for tensor in model.graph.tensors} == {"fc.weight", "fc.bias"}
    assert not target.exists()


@pytest.mark.fuzz
def test_damage_leads_to_a_model_or_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "control.pt"
    saved(path, torch.jit.script(Control().eval()))
    survives_damage(path, path.read_bytes(), 40, 4)
