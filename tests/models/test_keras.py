"""Keras models are shown layer by layer, from the configuration in the file; nothing in it is run."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from netscope.errors import FormatError
from netscope.models.model import Model
from netscope.models.open import open_model
from tests.models.damage import opens_or_says_why, survives_damage

KERNEL, BIAS = np.arange(12, dtype=np.float32).reshape(4, 3), np.ones(3, np.float32)


def layer(kind: str, name: str, inbound: Any = None, **settings: Any) -> dict[str, Any]:
    found = {"class_name": kind, "name": name, "config": {"name": name, **settings}}
    return found if inbound is None else found | {"inbound_nodes": inbound}


def tensor(name: str, call: int = 0) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": [name, call, 0]}}


def keras_2(path: Path, config: dict[str, Any]) -> Model:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(config), "2.15.0"
        weights = file.create_group("model_weights")
        weights["dense/dense/kernel:0"], weights["dense/dense/bias:0"] = KERNEL, BIAS
        file["optimizer_weights/Adam/dense/m:0"] = KERNEL
    return open_model(path)


def keras_3(path: Path, config: dict[str, Any], method: int = zipfile.ZIP_STORED) -> Model:
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = KERNEL, BIAS
        file["layers/functional/layers/conv2d/vars/0"] = np.zeros((3, 3, 1, 2), np.float32)
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.9.0", "date_saved": "today"}))
        file.writestr("config.json", json.dumps(config))
        file.writestr("model.weights.h5", held.getvalue())
    return open_model(path)


FUNCTIONAL_2 = {
    "class_name": "Functional",
    "config": {
        "name": "net",
        "layers": [
            layer("InputLayer", "x", [], batch_input_shape=[None, 4], dtype="float32"),
            layer("Dense", "dense", [[["x", 0, 0, {}]], [["add", 0, 0, {}]]], units=3, activation="relu"),
            layer("Add", "add", [[["x", 0, 0, {}], ["x", 0, 0, {}]]]),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["dense", 1, 0]],
    },
}
INNER = layer(
    "Functional", "inner", [{"args": [tensor("x")], "kwargs": {}}],
    layers=[
        layer("InputLayer", "y", [], batch_shape=[None, 4]),
        layer("Conv2D", "conv", [{"args": [tensor("y")], "kwargs": {"training": False}}], filters=2),
    ],
    input_layers=[["y", 0, 0]], output_layers=[["conv", 0, 0]],
)  # fmt: skip
FUNCTIONAL_3 = layer(
    "Functional", "net",
    layers=[
        layer("InputLayer", "x", [], batch_shape=[None, 4], dtype="float32"),
        INNER,
        layer("Dense", "dense", [{"args": [tensor("inner")], "kwargs": {}}], units=3),
        layer("Concatenate", "join", [{"args": [[tensor("dense"), tensor("x")]], "kwargs": {"axis": 1}}]),
    ],
    input_layers=["x", 0, 0], output_layers=["join", 0, 0],
)  # fmt: skip


def edges(model: Model) -> dict[str, list[str]]:
    return {node.name: [value.name for value in node.inputs] for node in model.graph.nodes}


def test_a_functional_model_of_keras_2_in_order_of_its_calls(tmp_path: Path) -> None:
    model = keras_2(tmp_path / "net.h5", FUNCTIONAL_2)
    assert (model.format, model.producer) == ("Keras", "Keras 2.15.0")
    assert edges(model) == {
        "dense": ["x", "dense/bias", "dense/kernel"], "add": ["x", "x"],
        "dense (call 2)": ["add", "dense/bias", "dense/kernel"],
    }  # fmt: skip
    assert model.graph.nodes[0].attributes == {"units": 3, "activation": "relu"}
    assert [model.graph.values[i].shape for i in model.graph.inputs] == [(None, 4)]
    assert model.graph.values[int(model.graph.outputs[0])].producer.name == "dense (call 2)"
    np.testing.assert_array_equal(model.read("dense/kernel"), KERNEL)


def test_the_state_of_the_optimizer_is_apart(tmp_path: Path) -> None:
    graph = keras_2(tmp_path / "net.h5", FUNCTIONAL_2).graph
    kinds = {scope.name: scope.kind for scope in graph.scopes}
    assert kinds["optimizer_weights"] == "optimizer"
    assert [tensor.name for tensor in graph.tensors] == [
        "dense/bias",
        "dense/kernel",
        "optimizer_weights/Adam/dense/m:0",
    ]


def test_a_sequential_model_of_keras_2(tmp_path: Path) -> None:
    layers = [
        layer("Dense", "dense", units=3, batch_input_shape=[None, 4]),
        layer("Lambda", "square", function="no_such"),
    ]
    model = keras_2(tmp_path / "net.h5", {"class_name": "Sequential", "config": layers})
    assert edges(model) == {"dense": ["dense", "dense/bias", "dense/kernel"], "square": ["dense"]}


def test_a_functional_model_of_keras_3_with_a_model_within(tmp_path: Path) -> None:
    model = keras_3(tmp_path / "net.keras", FUNCTIONAL_3)
    assert (model.producer, model.metadata) == ("Keras 3.9.0", {"date_saved": "today"})
    assert edges(model) == {
        "inner/conv": ["x", "inner/conv/kernel"], "dense": ["conv", "dense/kernel", "dense/bias"],
        "join": ["dense", "x"],
    }  # fmt: skip
    assert {scope.name: scope.kind for scope in model.graph.scopes} == {"": "Functional", "inner": "Functional"}
    assert model.graph.nodes[2].attributes == {"axis": 1}
    np.testing.assert_array_equal(model.read("dense/bias"), BIAS)


def test_weights_without_a_configuration_are_listed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "only.weights.h5", "w") as file:
        file["block/dense/kernel"] = KERNEL
        file.create_dataset("block/packed", data=KERNEL, chunks=(2, 2), compression="gzip")
        file["elsewhere"] = h5py.ExternalLink("/etc/hostname", "/")
        file["around"] = file["/"]
    model = open_model(tmp_path / "only.weights.h5")
    assert [(tensor.name, tensor.scope.name) for tensor in model.graph.tensors] == [
        ("block/packed", "block"), ("block/dense/kernel", "block/dense"),
    ]  # fmt: skip
    np.testing.assert_array_equal(model.read("block/dense/kernel"), KERNEL)
    assert model.stored[0] is None  # compressed


def test_code_in_a_lambda_layer_is_not_looked_at(tmp_path: Path) -> None:
    target = tmp_path / "touched"
    code = f"__import__('os').system('touch {target}')"
    held = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    trap = [layer("Dense", "dense", units=3, batch_input_shape=[None, 4]), layer("Lambda", "trap", function=held)]
    model = keras_3(tmp_path / "net.keras", layer("Sequential", "net", layers=trap))
    assert model.graph.nodes[1].attributes == {"function": f"code, {len(code)} letters"}
    assert not target.exists()


def deep(n: int) -> dict[str, Any]:
    found = layer("Dense", "dense")
    for i in range(n):
        found = layer("Sequential", f"s{i}", layers=[found])
    return found


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            FUNCTIONAL_3 | {"config": FUNCTIONAL_3["config"] | {"output_layers": ["none", 0, 0]}},
            "'none', which nothing",
        ),
        (
            layer("Functional", "n", layers=[layer("Add", "a", [[["a", 0, 0, {}]]])], input_layers=[]),
            "which nothing computes",
        ),
        (layer("Functional", "n", layers=[7], input_layers=[]), "configuration is damaged"),
        (layer("Sequential", "n", layers=None), "configuration is damaged"),
        (deep(200), "nested deeper"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    with pytest.raises(FormatError, match=said):
        keras_3(tmp_path / "net.keras", config)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.keras", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", bytes(130 << 20))
    assert "more than" in str(opens_or_says_why(tmp_path / "net.keras", (tmp_path / "net.keras").read_bytes()))


@pytest.mark.parametrize("name", ["net.h5", "net.keras"])
@pytest.mark.fuzz
def test_damage_leads_to_a_model_or_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    keras_2(path, FUNCTIONAL_2) if name == "net.h5" else keras_3(path, FUNCTIONAL_3)
    survives_damage(path, path.read_bytes(), 60, 8)
