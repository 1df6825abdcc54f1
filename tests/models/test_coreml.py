"""Core ML models: what Netron's own decoder finds in them is what is shown, and weights lie where they are said to."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from netscope.errors import FormatError, NotFoundError
from netscope.models.open import open_model
from netscope.models.readers import netron
from tests.models import coreml_files
from tests.models.coreml_files import BIAS, DENSE, KERNEL
from tests.models.damage import opens_or_says_why, survives_damage


def written(folder: Path, data: bytes) -> Path:
    path = folder / "net.mlmodel"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("make", [coreml_files.network, coreml_files.program])
def test_nodes_are_those_of_another_decoder(tmp_path: Path, make: Callable[[], bytes]) -> None:
    path = written(tmp_path, make())
    mine, its = open_model(path), netron.read(path)
    outer = [node.op for node in mine.graph.nodes if not mine.graph.scope_in_body[node.scope.index]]
    assert (mine.reader, mine.format) == ("netscope", "Core ML")
    assert sorted(outer) == sorted(node.op for node in its.graph.nodes if node.scope.owner is None)
    assert [mine.graph.values[i].name for i in mine.graph.inputs] == [
        its.graph.values[i].name for i in its.graph.inputs
    ]


def test_layers_have_settings_weights_and_networks_within_them(tmp_path: Path) -> None:
    model = open_model(written(tmp_path, coreml_files.network()))
    conv, act, branch, fc, same = model.graph.nodes
    assert conv.attributes == {
        "outputChannels": 2, "kernelChannels": 1, "nGroups": 1, "kernelSize": [3, 3], "valid": True, "hasBias": True,
    }  # fmt: skip
    assert act.attributes == {"function": "leakyReLU", "alpha": 0.5}
    assert [(fc.op, fc.scope.name, fc.scope.owner), (same.op, same.scope.name, same.scope.owner)] == [
        ("innerProduct", "if/ifBranch", branch), ("copy", "if/elseBranch", branch),
    ]  # fmt: skip
    assert fc.inputs[0] == act.outputs[0]
    for name, array in (("conv.weights", KERNEL), ("conv.bias", BIAS), ("fc.weights", DENSE)):
        np.testing.assert_array_equal(model.read(name), array)
    assert model.metadata["description"] == "a test"
    assert model.producer == "coremltools 9.0"


def test_a_package_has_its_weights_in_a_file_beside_the_program(tmp_path: Path) -> None:
    model = open_model(coreml_files.package(tmp_path))
    conv, cond, relu, tanh = model.graph.nodes
    assert (model.name, model.format_version, model.metadata["type"]) == ("net.mlpackage", "5", "Program")
    assert (conv.op, conv.name, conv.scope.name, conv.attributes) == ("conv", "net/conv", "net", {"strides": [1, 1]})
    assert conv.input_names == ["x", "weight", "bias"]
    assert conv.flops == (2 * 9 + 1) * 2 * 6 * 6
    assert [(relu.op, relu.scope.owner), (tanh.op, tanh.scope.owner)] == [("relu", cond), ("tanh", cond)]
    assert relu.inputs == tanh.inputs == conv.outputs
    np.testing.assert_array_equal(model.read("w"), KERNEL)
    np.testing.assert_array_equal(model.read("b"), BIAS)
    assert model.stored[0] is not None and Path(model.stored[0].path).name == "weight.bin"


def test_weights_that_are_missing_or_elsewhere_are_said(tmp_path: Path) -> None:
    path = coreml_files.package(tmp_path)
    weights = path / "Data/com.apple.CoreML/weights/weight.bin"
    data = bytearray(weights.read_bytes())
    data[64:68] = bytes(4)
    weights.write_bytes(data)
    with pytest.raises(FormatError, match="has no array at byte 64 for 'w'"):
        open_model(path)
    data[64:88] = struct.pack("<IIQQ", 0xDEADBEEF, 1, 1 << 62, 1 << 62)
    weights.write_bytes(data)
    with pytest.raises(FormatError, match="cut off"):
        open_model(path)
    weights.unlink()
    model = open_model(path)
    assert "not beside the model" in model.warnings[0]
    with pytest.raises(NotFoundError):
        model.read("w")
    model_file = path / "Data/com.apple.CoreML/model.mlmodel"
    model_file.write_bytes(model_file.read_bytes().replace(b"@model_path/weights", b"@model_path/../../x"))
    assert open_model(path).warnings


def test_parts_of_a_pipeline_read_each_others_results(tmp_path: Path) -> None:
    graph = open_model(written(tmp_path, coreml_files.pipeline())).graph
    trees = graph.nodes[graph.n_nodes - 1]
    assert (trees.op, trees.attributes) == ("TreeEnsembleRegressor", {"trees": 2, "nodes": 4})
    assert (trees.scope.name, trees.scope.kind) == ("trees", "TreeEnsembleRegressor")
    assert trees.inputs[0] is not None and trees.inputs[0].producer is not None
    assert trees.inputs[0].producer.scope.name == "features"
    assert [graph.values[i].name for i in graph.outputs] == ["y"]


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("{", "manifest of 'net.mlpackage' is damaged"),
        ('{"itemInfoEntries": {}, "rootModelIdentifier": "a"}', "manifest of 'net.mlpackage' is damaged"),
        ('{"itemInfoEntries": {"a": {"path": "../../../x"}}, "rootModelIdentifier": "a"}', "not in the folder"),
    ],
)
def test_a_manifest_that_names_no_model_of_the_folder_is_refused(tmp_path: Path, manifest: str, said: str) -> None:
    path = coreml_files.package(tmp_path)
    (path / "Manifest.json").write_text(manifest)
    with pytest.raises(FormatError, match=said):
        open_model(path)


@pytest.mark.parametrize("make", [coreml_files.network, coreml_files.program, coreml_files.pipeline])
@pytest.mark.fuzz
def test_damage_leads_to_a_model_or_a_sentence(tmp_path: Path, make: Callable[[], bytes]) -> None:
    survives_damage(tmp_path / "net.mlmodel", make(), 100, 2)


def test_networks_within_networks_without_end_are_refused(tmp_path: Path) -> None:
    inner = coreml_files.layers()
    for _ in range(60):
        inner = coreml_files.layer("if", ["b"], ["c"], coreml_files.field(605, coreml_files.field(1, inner)))
    said = opens_or_says_why(tmp_path / "deep.mlmodel", coreml_files.model(coreml_files.field(500, inner), {}, {}))
    assert "nested deeper than" in str(said)
