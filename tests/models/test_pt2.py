"""An exported program is shown with the nodes, types and weights that PyTorch exported."""

import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._export.serde.schema import ScalarType

from netscope.errors import FormatError
from netscope.models.open import open_model
from netscope.models.readers.pt2 import DTYPES
from netscope.models.shapes import dtype_bytes
from tests.models.damage import survives_damage

pytestmark = pytest.mark.filterwarnings("ignore")


class Net(nn.Module):
    """A convolution and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


class Branch(nn.Module):
    """A branch on what the input says."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda x: x.sin() + 1, lambda x: x.cos(), (x,))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.export.ExportedProgram]:
    path = tmp_path_factory.mktemp("exported") / "net.pt2"
    batch = torch.export.Dim("batch")
    program = torch.export.export(Net().eval(), (torch.zeros(2, 1, 8, 8),), dynamic_shapes=({0: batch},))
    torch.export.save(program, path)
    return path, program


def test_nodes_are_those_of_the_program(exported: tuple[Path, torch.export.ExportedProgram]) -> None:
    path, program = exported
    model = open_model(path)
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    assert [node.name.rpartition(".")[2] for node in model.graph.nodes] == [node.name for node in calls]
    assert (model.format, model.producer, model.warnings) == (
        "PyTorch ExportedProgram", f"PyTorch {torch.__version__}", (),
    )  # fmt: skip
    conv = model.graph.nodes[0]
    assert (conv.op, conv.scope.name, conv.scope.kind) == ("aten::conv2d", "conv", "Conv2d")
    assert conv.input_names == ["input", "weight", "bias"]


def test_every_type_of_an_exported_program_has_its_name() -> None:
    names = {one.value: one.name for one in ScalarType if one.name != "UNKNOWN"}
    assert DTYPES.keys() == names.keys()
    for number, dtype in DTYPES.items():
        kind = getattr(torch, dtype, torch.bool)
        assert dtype_bytes(dtype) == kind.itemsize, names[number]


def test_shapes_keep_their_symbols(exported: tuple[Path, torch.export.ExportedProgram]) -> None:
    path, program = exported
    graph = open_model(path).graph
    symbol = str(next(node for node in program.graph.nodes if node.name == "x").meta["val"].shape[0])
    given = graph.values[int(graph.inputs[0])]
    assert (given.name, given.dtype, given.shape) == ("x", "float32", (symbol, 1, 8, 8))
    assert graph.values[int(graph.outputs[0])].shape == (symbol, 2)


def test_weights_are_those_of_the_program(exported: tuple[Path, torch.export.ExportedProgram]) -> None:
    path, program = exported
    model = open_model(path)
    found = {tensor.name: tensor.index for tensor in model.graph.tensors}
    assert set(found) == set(program.state_dict)
    for name, tensor in program.state_dict.items():
        np.testing.assert_array_equal(model.read(found[name]), tensor.detach().numpy())


def test_branches_are_scopes_of_their_node(tmp_path: Path) -> None:
    torch.export.save(torch.export.export(Branch(), (torch.ones(3),)), tmp_path / "branch.pt2")
    graph = open_model(tmp_path / "branch.pt2").graph
    assert {scope.name: scope.owner.op for scope in graph.scopes if scope.owner} == {
        "true_graph_0": "higher_order::cond", "false_graph_0": "higher_order::cond",
    }  # fmt: skip
    assert [node.op for node in graph.nodes if node.scope.name == "false_graph_0"] == ["aten::cos"]


def test_the_archives_of_older_versions_are_read(
    exported: tuple[Path, torch.export.ExportedProgram], tmp_path: Path
) -> None:
    path, program = exported
    torch.save(dict(program.state_dict), tmp_path / "state.pt")
    with zipfile.ZipFile(path) as new, zipfile.ZipFile(tmp_path / "old.pt2", "w") as old:
        graph = next(name for name in new.namelist() if "/models/" in name)
        old.writestr("serialized_exported_program.json", new.read(graph))
        old.writestr("serialized_state_dict.pt", (tmp_path / "state.pt").read_bytes())
    model = open_model(tmp_path / "old.pt2")
    np.testing.assert_array_equal(model.read("head.bias"), program.state_dict["head.bias"].detach().numpy())


@pytest.mark.parametrize("program", [b"{}", b"[" * 100_000, b'{"graph_module": {"graph": {"nodes": [7]}}}', b"\xff"])
def test_a_damaged_program_is_refused(tmp_path: Path, program: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "bad.pt2", "w") as file:
        file.writestr("models/model.json", program)
    with pytest.raises(FormatError, match=r"bad\.pt2"):
        open_model(tmp_path / "bad.pt2")


@pytest.mark.fuzz
def test_damage_leads_to_a_model_or_a_sentence(
    exported: tuple[Path, torch.export.ExportedProgram], tmp_path: Path
) -> None:
    survives_damage(tmp_path / "net.pt2", exported[0].read_bytes(), 40, 4)


def test_damage_within_the_program_leads_to_a_model_or_a_sentence(
    exported: tuple[Path, torch.export.ExportedProgram], tmp_path: Path
) -> None:
    with zipfile.ZipFile(exported[0]) as file:
        program = msgspec.json.decode(file.read(next(name for name in file.namelist() if "/models/" in name)))
    graph = program["graph_module"]["graph"]
    for wrong in (None, 7, [], {}, "x", [None], {"as_int": None}):
        for key in graph:
            changed = program | {"graph_module": program["graph_module"] | {"graph": graph | {key: wrong}}}
            with zipfile.ZipFile(tmp_path / "net.pt2", "w") as file:
                file.writestr("models/model.json", msgspec.json.encode(changed))
            try:
                open_model(tmp_path / "net.pt2")
            except FormatError as error:
                assert str(error)
