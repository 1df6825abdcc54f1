"""A configuration of any kind of object is recorded and read back exactly."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import json
import math
import types
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np
import omegaconf
import pydantic
import pytest
import torch
from ml_collections import config_dict

import netscope
from netscope.errors import UsageError


class Metric(str, enum.Enum):  # noqa: UP042  (whose str() is "Metric.LOSS")
    LOSS = "loss"


class Optimiser(enum.Enum):
    ADAM = "adam"
    SGD = 2


class Level(enum.IntEnum):
    HIGH = 3


class Point(collections.namedtuple("Point", "x y")):
    __slots__ = ()


@dataclasses.dataclass
class Options:
    lr: float = 0.1
    never_set: int = dataclasses.field(init=False)


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    lr: float = 0.1


class Constants:
    lr = 0.1
    seed = 3

    def method(self) -> None: ...

    @property
    def computed(self) -> float:
        raise RuntimeError


def str_of(value: object) -> str:
    """A name of a case that is the same in each run of the tests."""
    return type(value).__name__


class Raises:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.fixture
def read_back(tmp_path: Path) -> Any:
    """What a reader sees of a configuration: flattened, and nested."""

    def of(config: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        with netscope.init(tmp_path / "runs", name="one", config=config, watch_system=False, console=False):
            pass
        with netscope.open(tmp_path / "runs") as store:
            run = store.runs()[-1]
            return dict(run.config), json.loads(run.detail().config)

    return of


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (0.1, 0.1),
        (np.float32(0.1), 0.1),
        (np.float16(0.1), 0.1),
        (np.array(0.3, np.float32), 0.3),
        (np.float64(0.1) + 0.2, 0.30000000000000004),
        (torch.tensor(0.1), 0.1),
        (torch.tensor(1e-4, dtype=torch.bfloat16), 1e-4),
        (torch.tensor([0.1, 2.0], requires_grad=True), [0.1, 2.0]),
        (torch.empty(2, device="meta"), "float32 array of shape [2]"),
        (np.zeros((99, 99)), "float64 array of shape [99, 99]"),
        (np.bool_(True), True),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (2**53 + 1, 2**53 + 1),
        (-(2**63) - 1, -(2**63) - 1),
        (10**30, 10**30),
        (math.inf, math.inf),
        ([1, [-math.inf, 2**65]], [1, [-math.inf, 2**65]]),
        (decimal.Decimal("0.10"), 0.1),
        (decimal.Decimal("0.12345678901234567890123"), "0.12345678901234567890123"),
        (decimal.Decimal("1E+20"), 10**20),
        (fractions.Fraction(1, 3), "1/3"),
        (fractions.Fraction(4, 2), 2),
        (1 + 2j, "1+2j"),
        (Level.HIGH, 3),
        (Metric.LOSS, "loss"),
        (Optimiser.ADAM, "adam"),
        (Optimiser.SGD, "SGD"),
        ({3, 1, 2}, [1, 2, 3]),
        (range(3), [0, 1, 2]),
        (datetime.datetime(2024, 1, 2, 3), "2024-01-02T03:00:00"),
        (datetime.timedelta(3), "3 days, 0:00:00"),
        (Path("a/b"), "a/b"),
        (torch.relu, "torch.relu"),
        (torch.nn.ReLU, "torch.nn.modules.activation.ReLU"),
        (functools.partial(torch.relu, inplace=True), "torch.relu(inplace=True)"),
        (torch.float32, "torch.float32"),
        (object(), "object"),
        (Raises(), "(RuntimeError)"),
        ("a\udc80b", "a\ufffdb"),
        (b"x", "x"),
        (math, "math"),
    ],
    ids=str_of,
)
def test_a_value_is_read_as_it_was_typed(read_back, given, told):
    assert read_back({"value": given})[1] == {"value": told}


def test_not_a_number_stays_a_number(read_back):
    flat, nested = read_back({"a": math.nan, "b": {"c": np.float32("nan")}, "text": "NaN"})
    assert math.isnan(flat["a"]) and math.isnan(flat["b.c"]) and math.isnan(nested["b"]["c"])
    assert flat["text"] == "NaN"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Options(), {"lr": 0.1, "never_set": "(AttributeError)"}),
        (Model(extra=3), {"lr": 0.1, "extra": 3}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Constants, {"lr": 0.1, "seed": 3}),
        (Constants(), {"lr": 0.1, "seed": 3}),
        (argparse.Namespace(a=1), {"a": 1}),
        (types.SimpleNamespace(a=types.SimpleNamespace(b=2)), {"a": {"b": 2}}),
        ([("a", 1)], {"a": 1}),
        (collections.OrderedDict(a=1), {"a": 1}),
        ({Metric.LOSS: 1, Optimiser.ADAM: 2, Level.HIGH: 3}, {"loss": 1, "adam": 2, "HIGH": 3}),
        ({1: "int", "1": "str"}, {"1": "int", "1 (str)": "str"}),
    ],
    ids=str_of,
)
def test_a_configuration_may_be_any_object_with_attributes(read_back, given, told):
    assert read_back(given)[1] == told


def test_unresolvable_omegaconf_values_stay_as_written(read_back):
    config = omegaconf.OmegaConf.create(
        {"lr": 0.1, "copy": "${lr}", "data": "???", "home": "${oc.env:NOT_THERE}", "sizes": [1, "${nope}"]}
    )
    assert read_back(config)[1] == {
        "lr": 0.1, "copy": 0.1, "data": "???", "home": "${oc.env:NOT_THERE}", "sizes": [1, "${nope}"],
    }  # fmt: skip


def test_references_in_a_config_dict_are_resolved_and_missing_ones_named(read_back):
    config = ml_collections.ConfigDict({"lr": 0.1, "model": {"width": 2}})
    config.copy, config.needed = config.get_ref("lr"), config_dict.required_placeholder(int)
    assert read_back(config)[1] == {
        "lr": 0.1, "model": {"width": 2}, "copy": 0.1, "needed": "(RequiredValueError)",
    }  # fmt: skip


def test_a_configuration_that_contains_itself_many_times_ends_soon(read_back):
    inner: list[Any] = []
    inner += [inner, {"again": inner}, inner]
    assert read_back({"a": inner})[1] == {"a": ["…", {"again": "…"}, "…"]}


def test_a_key_with_a_dot_and_a_nested_key_are_both_kept(read_back):
    flat, nested = read_back({"opt.lr": 1, "opt": {"lr": 2}})
    assert flat == {'"opt.lr"': 1, "opt.lr": 2}
    assert nested == {"opt.lr": 1, "opt": {"lr": 2}}


@pytest.mark.parametrize("given", [3, "text", [1, 2], len, {1, 2}, lambda: 1, object()])
def test_a_configuration_without_names_is_refused(tmp_path, given):
    with pytest.raises(UsageError, match="config must be a dict"):
        netscope.init(tmp_path, config=given)


def test_a_later_value_replaces_a_number_that_json_cannot_hold(tmp_path):
    with netscope.init(tmp_path, config={"seed": 2**70}, watch_system=False, console=False) as run:
        run.config.seed = "5"
    with netscope.open(tmp_path) as store:
        assert store.run(run.id).config == {"seed": "5"}


@pytest.mark.parametrize("key", [Metric.LOSS, Optimiser.ADAM, np.str_("loss")])
def test_one_metric_is_not_split_by_the_type_of_its_key(tmp_path, key):
    text = "adam" if key is Optimiser.ADAM else "loss"
    with netscope.init(tmp_path, tags=[Metric.LOSS], watch_system=False, console=False) as run:
        for step, name in enumerate([key, text, key, text]):
            run.log({name: 1, "part": {key: 2}})
            run.text(key, f"step {step}")
    with netscope.open(tmp_path) as store:
        found = store.run(run.id)
        assert found.keys() == sorted([text, f"part/{text}"])
        assert found.series(text).steps.tolist() == [0, 1, 2, 3]
        assert {asset.key for asset in found.assets()} == {text}
        assert found.tags == ["loss"]
