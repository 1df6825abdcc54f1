"""What a model is in numbers, in Python and on the command line."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

from netscope import cli
from netscope.model_commands import open_models
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.open import open_model
from netscope.models.summary import summary
from netscope.schema.model import ModelSummary
from netscope.show import server
from tests.models.onnx_files import LIGHT, f32, saved, weight, with_if


def two_layers(tmp_path: Path) -> Path:
    """Two dense layers of modules, and an output."""
    nodes = [
        helper.make_node("MatMul", ["x", "fc1.weight"], ["a"], name="/fc1/MatMul"),
        helper.make_node("Relu", ["a"], ["b"], name="/act/Relu"),
        helper.make_node("MatMul", ["b", "fc2.weight"], ["c"], name="/fc2/MatMul"),
        helper.make_node("Add", ["c", "fc2.bias"], ["y"], name="/fc2/Add"),
    ]
    stored = [weight("fc1.weight", 8, 4), weight("fc2.weight", 4, 2), weight("fc2.bias", 2)]
    stored.append(helper.make_tensor("steps", TensorProto.INT64, [3], [1, 2, 3]))
    return saved(tmp_path, helper.make_graph(nodes, "g", [f32("x", ["batch", 8])], [f32("y", ["batch", 2])], stored))


def test_counts_are_those_of_the_file(tmp_path: Path) -> None:
    found = summary(open_model(two_layers(tmp_path)))
    assert (found.nodes, found.nested_nodes, found.tensors) == (4, 0, 4)
    assert (found.values, found.parameters, found.bytes) == (45, 42, 42 * 4 + 3 * 8)
    assert found.ops == {"MatMul": 2, "Relu": 1, "Add": 1}
    assert [(value.name, value.dtype, value.shape) for value in found.inputs] == [("x", "float32", ["batch", 8])]
    assert found.flops == 2 * 8 * 4 + 4 + 2 * 4 * 2 + 2


def test_the_table_has_a_row_a_module_and_adds_up(tmp_path: Path) -> None:
    found = summary(open_model(two_layers(tmp_path)))
    assert [(layer.name, layer.op, layer.nodes, layer.parameters) for layer in found.layers] == [
        ("fc1", "MatMul", 1, 32),
        ("act", "Relu", 1, 0),
        ("fc2", "MatMul", 2, 10),
        ("", "", 0, 0),
    ]


@pytest.mark.parametrize("name", sorted(path.name for path in LIGHT.glob("*.onnx")))
def test_the_table_of_a_real_network_adds_up(name: str) -> None:
    found = summary(open_model(LIGHT / name))
    assert sum(layer.parameters for layer in found.layers) == found.parameters
    assert sum(layer.bytes for layer in found.layers) == found.bytes
    assert sum(layer.nodes for layer in found.layers) == found.nodes
    assert sum(layer.flops or 0 for layer in found.layers) == pytest.approx(found.flops)


def test_nodes_of_branches_are_nested(tmp_path: Path) -> None:
    found = summary(open_model(saved(tmp_path, with_if())))
    assert (found.nodes, found.nested_nodes) == (1, 5)


def test_a_tensor_that_two_nodes_share_counts_once() -> None:
    builder = GraphBuilder()
    tensor = builder.add_tensor("w", "float32", (3, 3), 36)
    value = builder.add_value("w", "float32", (3, 3), tensor=tensor)
    for name in ("a", "b"):
        builder.add_node("Linear", [value], [], name=name)
    found = summary(Model("m", "test", builder.build()))
    assert [(layer.name, layer.parameters) for layer in found.layers] == [("a", 9), ("b", 0)]


def test_costs_that_are_not_known_are_not_zero() -> None:
    builder = GraphBuilder()
    builder.add_node("Mystery", [], [], flops=math.nan)
    found = summary(Model("m", "test", builder.build()))
    assert (found.flops, found.unknown_flops, found.layers[0].flops) == (None, 1, None)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        cli.main(arguments)
        status = 0
    except SystemExit as left:
        status = int(left.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_command_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "summary", str(two_layers(tmp_path)))
    assert status == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["model.onnx"]
    assert ["format", "ONNX", "opset", "17"] in lines
    assert ["input", "x", "float32", "[batch,", "8]"] in lines
    assert ["parameters", "42"] in lines
    assert ["fc1", "MatMul", "[batch,", "4]", "32", "64", "74.4%"] in lines


def test_the_command_writes_json_for_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = two_layers(tmp_path)
    status, out, _ = run(capsys, "summary", str(path), "--json")
    found = json.loads(out)
    assert status == 0
    assert set(found) == set(ModelSummary.__struct_fields__)
    assert (found["format"], found["nodes"], found["parameters"]) == ("ONNX", 4, 42)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "is empty"),
        (b"just words", "a text that begins 'just words'"),
        (b'{"a": 1}', "JSON that begins"),
        (b"\x00\x01\x02\x03\xff", "begins with the bytes 00 01 02 03 ff"),
        (b"\x89PNG\r\n", "a PNG image"),
    ],
)
def test_a_file_of_another_kind_is_told_with_what_it_looks_like(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, word: str
) -> None:
    path = tmp_path / "file.xyz"
    path.write_bytes(content)
    status, _, err = run(capsys, "summary", str(path))
    assert status == 2
    assert word in err
    assert not content or "ONNX (.onnx)" in err


def test_what_is_no_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no file" in run(capsys, "summary", str(tmp_path / "none.onnx"))[2]
    assert "is a folder" in run(capsys, "summary", str(tmp_path))[2]
    assert "no file" in run(capsys, "open", str(tmp_path / "none.onnx"))[2]
    assert "name the file" in run(capsys, "open")[2]


def test_values_for_nodes_are_for_one_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, data = str(two_layers(tmp_path)), tmp_path / "data.json"
    data.write_text("{}")
    assert "--data is for one model" in run(capsys, "open", path, path, "--data", str(data))[2]
    data.write_text("[]")
    assert "'data.json' is no JSON object of names and values" in run(capsys, "open", path, "--data", str(data))[2]


def test_open_says_where_the_first_model_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []

    def serve(folders: list[Path], host: str, port: int, **options: Any) -> None:
        assert all(folder.is_dir() for folder in folders)
        shown.extend(options["models"])
        options["ready"]("http://127.0.0.1:6061/", [], ["a1", "b2"])

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.chdir(tmp_path)
    path = two_layers(tmp_path)
    open_models(path, path, browser=False)
    out = capsys.readouterr().out
    assert shown == [path, path]
    assert out.startswith(
        "port 6060 is taken; netscope shows model.onnx, model.onnx at http://127.0.0.1:6061/graph?model=a1"
    )
