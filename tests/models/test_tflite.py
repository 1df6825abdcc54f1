"""TensorFlow Lite files are shown as the official accessors read them."""

import struct
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tflite
from tflite.utils import BUILTIN_OPCODE2NAME

from netscope.errors import FormatError
from netscope.models.open import open_model
from netscope.models.readers.tflite_schema import OPERATORS, OPTIONS, OPTIONS_2
from tests.models import tflite_files
from tests.models.damage import opens_or_says_why, survives_damage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "net.tflite"
    found.write_bytes(tflite_files.quantised())
    return found


def test_the_names_of_operators_are_those_of_the_schema() -> None:
    assert [BUILTIN_OPCODE2NAME[i] for i in range(len(BUILTIN_OPCODE2NAME))] == OPERATORS[: len(BUILTIN_OPCODE2NAME)]
    for found, schema in ((OPTIONS, tflite.BuiltinOptions), (OPTIONS_2, tflite.BuiltinOptions2)):
        assert len(found) >= sum(not name.startswith("_") for name in vars(schema))


def test_counts_are_those_of_the_official_accessors(path: Path) -> None:
    official = tflite.Model.GetRootAs(path.read_bytes(), 0)
    graphs = [official.Subgraphs(i) for i in range(official.SubgraphsLength())]
    graph = open_model(path).graph
    assert graph.n_nodes == sum(one.OperatorsLength() for one in graphs)
    assert graph.n_values == sum(one.TensorsLength() for one in graphs)
    assert graph.n_tensors == 2


def test_operators_have_options_scopes_and_names_of_inputs(path: Path) -> None:
    model = open_model(path)
    conv, strange, loop, *_ = model.graph.nodes
    assert (model.format, model.format_version, model.producer) == ("TensorFlow Lite", "3", "made by a test")
    assert (conv.op, conv.name, conv.scope.name) == ("CONV_2D", "net/conv/Relu", "net/conv")
    assert conv.attributes == {"padding": "VALID", "stride_w": 1, "stride_h": 2, "fused_activation_function": "RELU"}
    assert conv.input_names == ["input", "filter", "bias"]
    assert (strange.op, strange.inputs[1]) == ("Strange", None)
    assert loop.attributes == {"cond_subgraph_index": 1, "body_subgraph_index": 2}
    assert [(scope.name, scope.owner) for scope in model.graph.scopes if scope.owner] == [
        ("condition", loop),
        ("body", loop),
    ]


def test_types_quantisation_and_unknown_sizes_are_said(path: Path) -> None:
    graph = open_model(path).graph
    image, weights = graph.nodes[0].inputs[:2]
    assert (image.dtype, image.shape) == ("int8", (None, 8, 8, 1))
    assert image.quantisation == {"scale": 0.5, "zero_point": -3}
    assert weights.quantisation == {"scale": [1, 2, 3, 4], "zero_point": [0, 0, 0, 0], "axis": 0}
    assert [graph.values[i].name for i in graph.inputs] == ["image"]


def test_weights_are_read_from_where_they_lie(path: Path) -> None:
    model = open_model(path)
    np.testing.assert_array_equal(model.read("net/conv/filter"), tflite_files.FILTER)
    np.testing.assert_array_equal(model.read("net/conv/bias"), tflite_files.BIAS)
    assert next(iter(model.graph.tensors)).scope.name == "net/conv"


@pytest.mark.fuzz
def test_damage_leads_to_a_model_or_a_sentence(path: Path) -> None:
    survives_damage(path, path.read_bytes(), 200, 8)


def test_a_file_whose_parts_refer_to_each_other_too_often_is_refused(tmp_path: Path) -> None:
    b = flatbuffers.Builder(1024)
    big = tflite_files.tensor(b, "x", [1] * 100_000, 0)
    graph = tflite_files.subgraph(b, "main", [big] * 10_000, [], ([], []))
    path = tmp_path / "bomb.tflite"
    path.write_bytes(tflite_files.model(b, [], [graph], []))
    with pytest.raises(FormatError, match="refer to each other more often"):
        open_model(path)


@pytest.mark.parametrize(
    "data", [b"\0\0\0\0TFL3", struct.pack("<I", 0xFFFFFFFF) + b"TFL3", b"\4\0\0\0TFL3" + b"\xff" * 64]
)
def test_a_file_without_tables_is_refused(tmp_path: Path, data: bytes) -> None:
    assert isinstance(opens_or_says_why(tmp_path / "bad.tflite", data), str)
