"""Graphs of TensorFlow are read from their messages; variables from the checkpoint beside them."""

from pathlib import Path

import numpy as np
import pytest

from netscope.models.open import open_model
from tests.models import protobuf_files
from tests.models.damage import opens_or_says_why, survives_damage


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    path = tmp_path / "frozen.pb"
    path.write_bytes(protobuf_files.graph())
    return path


def test_nodes_read_each_other_by_name(frozen: Path) -> None:
    model = open_model(frozen)
    assert (model.format, model.format_version) == ("TensorFlow GraphDef", "1882")
    nodes = {node.name: node for node in model.graph.nodes}
    assert len(nodes) == model.graph.n_nodes == 10  # seven of the graph, three of the functions
    assert [value.producer.name for value in nodes["net/add"].inputs] == ["net/split", "net/split"]
    assert [value.name for value in nodes["net/split"].outputs] == ["net/split", "net/split:2"]
    assert nodes["net/split"].attributes["control_inputs"] == ["ready"]
    assert nodes["net/fc/MatMul"].attributes == {"T": "float32", "transpose_a": False}
    assert nodes["net/fc/MatMul"].scope.name == "net/fc"
    given = model.graph.values[int(model.graph.inputs[0])]
    assert (given.name, given.dtype, given.shape) == ("x", "float32", (None, 2))
    assert [model.graph.values[i].name for i in model.graph.outputs] == ["run"]


def test_functions_are_scopes_of_the_node_that_calls_them(frozen: Path) -> None:
    graph = open_model(frozen).graph
    assert [(scope.name, scope.owner.name) for scope in graph.scopes if scope.owner] == [
        ("outer", "run"), ("outer/inner", "outer/call"),
    ]  # fmt: skip
    add = next(node for node in graph.nodes if node.name == "outer/inner/twice/add")
    assert (add.scope.name, [value.name for value in add.inputs]) == ("outer/inner/twice", ["a", "a"])


def test_weights_are_read_from_where_they_lie(frozen: Path) -> None:
    model = open_model(frozen)
    assert [(tensor.name, tensor.scope.name) for tensor in model.graph.tensors] == [("net/fc/weight", "net/fc")]
    np.testing.assert_array_equal(model.read("net/fc/weight"), protobuf_files.WEIGHT)


def test_a_saved_model_has_its_signature_and_its_variables(tmp_path: Path) -> None:
    folder = tmp_path / "my_model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(protobuf_files.saved_model())
    variables = {
        "layer/bias/.ATTRIBUTES/VARIABLE_VALUE": np.ones(3, np.float32),
        "layer/kernel/.ATTRIBUTES/VARIABLE_VALUE": np.arange(8, dtype=np.float32).reshape(2, 4),
    }
    index, data = protobuf_files.checkpoint(variables)
    (folder / "variables" / "variables.index").write_bytes(index)
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(data)
    model = open_model(folder / "saved_model.pb")
    assert (model.name, model.format, model.producer) == ("my_model", "TensorFlow SavedModel", "TensorFlow 2.18.0")
    assert model.metadata == {"tags": ["serve"], "signatures": {"serving_default": "predict"}}
    assert [model.graph.values[i].name for i in model.graph.outputs] == ["run"]
    for name, array in variables.items():
        np.testing.assert_array_equal(model.read(name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE")), array)
    assert open_model(folder).graph == model.graph
    (folder / "variables" / "variables.data-00000-of-00001").unlink()
    assert "is not there" in open_model(folder).warnings[0]


@pytest.mark.fuzz
def test_a_checkpoint_alone_is_a_list_of_variables(tmp_path: Path) -> None:
    index, data = protobuf_files.checkpoint({f"block_{i}/w": np.full(4, i, np.float32) for i in range(40)})
    (tmp_path / "model.index").write_bytes(index)
    (tmp_path / "model.data-00000-of-00001").write_bytes(data)
    model = open_model(tmp_path / "model.index")
    assert (model.format, model.graph.n_tensors) == ("TensorFlow checkpoint", 40)
    np.testing.assert_array_equal(model.read("block_17/w"), np.full(4, 17))
    survives_damage(tmp_path / "model.index", index, 60)


def test_functions_that_call_each_other_end(tmp_path: Path) -> None:
    f = protobuf_files
    call = f.node("again", "PartitionedCall", ["a"], {"f": f.field(10, f.field(1, "loop"))})
    loop = f.field(1, f.field(1, "loop") + f.field(2, f.field(1, "a"))) + f.field(3, call)
    start = f.node("go", "PartitionedCall", ["missing"], {"f": f.field(10, f.field(1, "loop"))})
    (tmp_path / "loop.pb").write_bytes(f.field(1, start) + f.field(2, f.field(1, loop)))
    assert open_model(tmp_path / "loop.pb").graph.n_nodes == 2


@pytest.mark.fuzz
def test_damage_leads_to_a_model_or_a_sentence(frozen: Path) -> None:
    survives_damage(frozen, frozen.read_bytes(), 100)
    survives_damage(frozen, protobuf_files.saved_model(), 100)


@pytest.mark.parametrize(
    "data", [b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\x08\x01", b"\x0a\x00" * 4, b"\x0a" + b"\xff" * 12]
)
def test_what_is_no_graph_is_refused(tmp_path: Path, data: bytes) -> None:
    found = opens_or_says_why(tmp_path / "x.pb", data)
    assert isinstance(found, str) or found.graph.n_nodes
