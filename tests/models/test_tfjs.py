"""Models of TensorFlow.js: nodes or layers, and the weights of the manifest."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netscope.models.model import Model
from netscope.models.open import open_model
from tests.models.damage import opens_or_says_why, survives_damage

KERNEL, BIAS = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(3, dtype=np.uint8)
SHAPE = {"dim": [{"size": "-1"}, {"size": "2"}]}


def manifest(kernel: str, bias: str) -> list[dict[str, Any]]:
    weights = [
        {"name": kernel, "shape": [2, 3], "dtype": "float32"},
        {"name": bias, "shape": [3], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}},
    ]
    return [{"paths": ["group1-shard1of1.bin"], "weights": weights}]


def constant(name: str) -> dict[str, Any]:
    return {"name": name, "op": "Const", "attr": {"dtype": {"type": "DT_FLOAT"}}}


GRAPH = {
    "format": "graph-model",
    "convertedBy": "a test",
    "modelTopology": {
        "node": [
            {"name": "x", "op": "Placeholder", "attr": {"dtype": {"type": "DT_FLOAT"}, "shape": {"shape": SHAPE}}},
            constant("net/fc/kernel"),
            constant("net/fc/bias"),
            {
                "name": "net/fc/Relu", "op": "_FusedMatMul", "input": ["x", "net/fc/kernel", "net/fc/bias"],
                "attr": {
                    "T": {"type": "DT_FLOAT"}, "transpose_a": {"b": False}, "num_args": {"i": "1"},
                    "fused_ops": {"list": {"s": ["Qmlhc0FkZA==", "UmVsdQ=="]}},
                },
            },
        ]
    },
    "weightsManifest": manifest("net/fc/kernel", "net/fc/bias"),
}  # fmt: skip
LAYERS = {
    "format": "layers-model",
    "modelTopology": {
        "keras_version": "tfjs-layers 4",
        "model_config": {
            "class_name": "Sequential",
            "config": {"name": "s", "layers": [
                {"class_name": "Dense", "config": {"name": "dense", "units": 3, "batch_input_shape": [None, 2]}},
            ]},
        },
    },
    "weightsManifest": manifest("dense/kernel", "dense/bias"),
}  # fmt: skip


def written(folder: Path, said: Any) -> Model:
    (folder / "group1-shard1of1.bin").write_bytes(KERNEL.tobytes() + BIAS.tobytes())
    (folder / "model.json").write_text(json.dumps(said))
    return open_model(folder / "model.json")


def test_a_graph_model_has_its_nodes_attributes_and_weights(tmp_path: Path) -> None:
    model = written(tmp_path, GRAPH)
    assert (model.format, model.producer, model.graph.n_nodes) == ("TensorFlow.js graph model", "a test", 4)
    fused = model.graph.nodes[3]
    assert (fused.name, fused.scope.name) == ("net/fc/Relu", "net/fc")
    assert fused.attributes == {
        "T": "float32", "transpose_a": False, "num_args": 1, "fused_ops": ["BiasAdd", "Relu"],
    }  # fmt: skip
    assert [value.name for value in fused.inputs] == ["x", "net/fc/kernel", "net/fc/bias"]
    assert fused.inputs[0].shape == (None, 2)
    assert fused.inputs[2].quantisation == {"scale": 0.5, "minimum": -1.0}
    np.testing.assert_array_equal(model.read("net/fc/kernel"), KERNEL)
    np.testing.assert_array_equal(model.read("net/fc/bias"), BIAS)
    assert [model.graph.values[i].name for i in model.graph.outputs] == ["net/fc/Relu"]


def test_a_layers_model_is_shown_layer_by_layer(tmp_path: Path) -> None:
    model = written(tmp_path, LAYERS)
    assert [(node.op, node.name) for node in model.graph.nodes] == [("Dense", "dense")]
    assert model.graph.nodes[0].input_names == ["", "kernel", "bias"]
    np.testing.assert_array_equal(model.read("dense/kernel"), KERNEL)


def test_a_manifest_alone_is_a_list_of_weights(tmp_path: Path) -> None:
    model = written(tmp_path, GRAPH["weightsManifest"])
    assert [(tensor.name, tensor.dtype) for tensor in model.graph.tensors] == [
        ("net/fc/kernel", "float32"), ("net/fc/bias", "uint8"),
    ]  # fmt: skip


def test_weights_outside_of_the_folder_are_not_read(tmp_path: Path) -> None:
    said = json.loads(json.dumps(GRAPH))
    said["weightsManifest"][0]["paths"] = ["../group1-shard1of1.bin"]
    (tmp_path / "inner").mkdir()
    (tmp_path / "group1-shard1of1.bin").write_bytes(b"secret" * 100)
    model = written(tmp_path / "inner", said)
    assert model.stored == (None, None)
    assert "'../group1-shard1of1.bin' with weights is not beside" in model.warnings[0]


@pytest.mark.fuzz
def test_damage_leads_to_a_model_or_a_sentence(tmp_path: Path) -> None:
    for said in (GRAPH, LAYERS):
        written(tmp_path, said)
        survives_damage(tmp_path / "model.json", (tmp_path / "model.json").read_bytes(), 80, 30)


@pytest.mark.parametrize("wrong", [None, 7, [7], {"a": 7}, "x", [None], [{"name": 3, "op": 4, "input": [5]}], [[]]])
def test_parts_of_another_kind_lead_to_a_model_or_a_sentence(tmp_path: Path, wrong: Any) -> None:
    for said in (
        GRAPH | {"modelTopology": {"node": wrong}}, GRAPH | {"weightsManifest": wrong},
        LAYERS | {"modelTopology": {"class_name": "Sequential", "config": wrong}}, LAYERS | {"modelTopology": wrong},
    ):  # fmt: skip
        assert opens_or_says_why(tmp_path / "model.json", json.dumps(said).encode())
