"""ONNX models in other forms than protobuf: what they hold is what the binary file holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from netscope.errors import FormatError
from netscope.models.model import Model
from netscope.models.open import open_model
from tests.models.damage import opens_or_says_why, survives_damage
from tests.models.onnx_files import LIGHT, saved, with_if

TEXTS = [".textproto", ".pbtxt", ".prototxt", ".onnxtxt", ".onnxjson", ".json"]


def ort(source: Path, target: Path) -> Path:
    """The model as ONNX Runtime saves it, not optimised."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    return target


def nodes(model: Model) -> list[tuple[str, str, str, dict[str, object]]]:
    return [(node.op, node.name, node.scope.name, node.attributes) for node in model.graph.nodes]


@pytest.mark.parametrize("suffix", TEXTS)
def test_a_text_is_the_same_model_as_the_binary_file(tmp_path: Path, suffix: str) -> None:
    source = LIGHT / "light_squeezenet.onnx"
    path = tmp_path / f"net{suffix}"
    onnx.save(onnx.load(source), path)
    model, expected = open_model(path), open_model(source)
    assert (model.format, model.reader, model.format_version) == ("ONNX", "netscope", expected.format_version)
    assert nodes(model) == nodes(expected)
    assert model.graph.node_flops.tolist() == expected.graph.node_flops.tolist()
    for tensor in expected.graph.tensors:
        np.testing.assert_array_equal(model.read(tensor.name), expected.read(tensor.name))


def test_a_file_of_onnx_runtime_is_the_model_that_it_was_made_from(tmp_path: Path) -> None:
    source = LIGHT / "light_squeezenet.onnx"
    model, expected = open_model(ort(source, tmp_path / "net.ort")), open_model(source)
    assert (model.format, model.format_version, model.reader) == ("ONNX Runtime", "ORT format 6", "netscope")
    for mine, its in zip(sorted(nodes(model), key=str), sorted(nodes(expected), key=str), strict=True):
        assert mine[:3] == its[:3]
        assert mine[3].items() >= its[3].items()  # ONNX Runtime adds the defaults
    assert np.nansum(model.graph.node_flops) == np.nansum(expected.graph.node_flops)
    assert [model.graph.values[i].name for i in model.graph.inputs] == ["data_0"]
    assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in model.graph.tensors} == {
        tensor.name: (tensor.dtype, tensor.shape) for tensor in expected.graph.tensors
    }
    for tensor in expected.graph.tensors:
        np.testing.assert_array_equal(model.read(tensor.name), expected.read(tensor.name))


def test_branches_of_onnx_runtime_are_bodies(tmp_path: Path) -> None:
    source = saved(tmp_path, with_if())
    model, expected = open_model(ort(source, tmp_path / "net.ort")), open_model(source)
    assert {scope.name for scope in model.graph.scopes if scope.owner} == {
        scope.name for scope in expected.graph.scopes if scope.owner
    }


@pytest.mark.fuzz
def test_damage_of_a_file_of_onnx_runtime_leads_to_a_model_or_a_sentence(tmp_path: Path) -> None:
    path = ort(saved(tmp_path, with_if()), tmp_path / "net.ort")
    survives_damage(path, path.read_bytes(), 60, 8)


@pytest.mark.parametrize("suffix", [".textproto", ".onnxtxt", ".onnxjson"])
@pytest.mark.fuzz
def test_damage_of_a_text_leads_to_a_model_or_a_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    onnx.save(onnx.load(saved(tmp_path, with_if())), path)
    survives_damage(path, path.read_bytes(), 30, 40)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("deep.textproto", b"ir_version: 8\ngraph {" + b"node { attribute { g {" * 5000),
        ("deep.onnxjson", b'{"irVersion": "8", "graph": ' + b'{"node": [' * 5000),
        ("deep.onnxtxt", b"<ir_version: 8>\ng (float x) => (float y) {" + b"y = If <a = g () => (float z) {" * 5000),
    ],
)
def test_a_text_of_brackets_within_brackets_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    assert "nests brackets deeper than 90" in str(opens_or_says_why(tmp_path / name, data))


def test_a_text_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "net.textproto").write_bytes(b'ir_version: 8\nproducer_name: "\xff"')
    with pytest.raises(FormatError, match="not UTF-8"):
        open_model(tmp_path / "net.textproto")
