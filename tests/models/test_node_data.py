"""Values of a user for the nodes of a graph: what is taken, what is refused, and that they reach the page."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper

import netscope
from netscope.errors import FormatError, NotFoundError, UsageError
from netscope.models.child import open_in_child
from netscope.models.node_data import checked, read_node_data, with_data
from netscope.models.open import open_model
from netscope.models.pack import pack, unpack
from tests.models.onnx_files import f32, saved


@pytest.fixture
def path(tmp_path: Path) -> Path:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="body/first"),
        helper.make_node("Abs", ["a"], ["y"], name="last"),
    ]
    return saved(tmp_path, helper.make_graph(nodes, "g", [f32("x", [1])], [f32("y", [1])]))


def test_values_go_through_the_pack(path: Path) -> None:
    model = with_data(open_model(path), checked({"latency": {"body/first": 2, "body": 3.5}, "device": {"last": "cpu"}}))
    assert unpack(pack(model)).data == {"latency": {"body/first": 2.0, "body": 3.5}, "device": {"last": "cpu"}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"a": np.float32(0.5), "b": torch.tensor(2)}, {"data": {"a": 0.5, "b": 2.0}}),
        ({"a": float("inf"), "b": None, "c": 10**400}, {"data": {}}),
        ({"a": False, "b": "x" * 300}, {"data": {"a": "false", "b": "x" * 200}}),
        ({}, {"data": {}}),
    ],
)
def test_values_become_numbers_or_words(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert checked(given) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": [1]}, "expected a number or a word for node 'a', got list"),
        ({"s": {"a": {"b": 1}}}, "expected a number or a word for node 'a', got dict"),
        ({str(i): {} for i in range(17)}, "at most 16 series of values for nodes, got 17"),
    ],
)
def test_other_values_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        checked(given)


def test_names_that_are_not_in_the_model_are_told(path: Path) -> None:
    model = open_model(path)
    with pytest.raises(
        UsageError, match="no node or module is named 'conv'; the model has: 'body', 'body/first', 'last'"
    ):
        with_data(model, {"data": {"conv": 1.0}})
    assert with_data(model, {"data": {"conv": 1.0, "last": 2.0}}).warnings[-1] == (
        "there are values for 'conv', but no node or module of that name"
    )


def test_a_file_is_read_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "latency.json"
    file.write_text('{"last": 3}')
    assert read_node_data(file) == {"latency": {"last": 3.0}}
    file.write_text("[1]")
    with pytest.raises(FormatError, match=r"'latency.json' is no JSON object of names and values"):
        read_node_data(file)
    file.write_text("[" * 100_000)
    with pytest.raises(FormatError):
        read_node_data(file)
    with pytest.raises(NotFoundError):
        read_node_data(tmp_path / "none.json")


def test_a_file_is_opened_with_its_values(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "latency.json"
    file.write_text(json.dumps({"body/first": 3}))
    assert unpack(open_in_child(path, data=file).pack).data == {"latency": {"body/first": 3.0}}
    file.write_text(json.dumps({"other": 3}))
    with pytest.raises(UsageError, match="no node or module is named 'other'"):
        open_in_child(path, data=file)


def test_a_live_network_takes_values() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    model = netscope.graph(net, torch.zeros(1, 2), data={"0": 0.25})
    assert model.data == {"data": {"0": 0.25}}
