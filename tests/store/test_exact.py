"""Numbers that JSON cannot hold survive the journal and HTTP exactly."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import netscope
from netscope.store.ingest.run_row import flatten
from netscope.store.journal import exact_numbers
from tests.store.journals import Script

numbers = st.integers() | st.floats() | st.integers(-(2**70), 2**70) | st.text() | st.none() | st.booleans()
trees = st.recursive(numbers, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def same(a: Any, b: Any) -> bool:
    return repr(a) == repr(b)


@given(trees)
def test_numbers_are_restored_exactly(value: Any) -> None:
    spelt, places = exact_numbers.encode_numbers(value)
    read = msgspec.json.decode(msgspec.json.encode([spelt, places]))
    assert same(exact_numbers.decode_numbers(*read), value)
    msgspec.msgpack.encode(spelt)  # as the index keeps it


@given(trees, st.lists(st.lists(st.text() | st.integers(-3, 3))))
def test_invalid_paths_are_ignored(value: Any, places: list[list[str | int]]) -> None:
    exact_numbers.decode_numbers(value, places)


@given(st.dictionaries(st.text('a."', max_size=3), trees, max_size=4))
def test_flattening_loses_no_key(config: dict[str, Any]) -> None:
    def leaves(value: Any) -> int:
        return sum(map(leaves, value.values())) if isinstance(value, dict) and value else 1

    assert len(flatten(config)) == (leaves(config) if config else 0)


@pytest.mark.parametrize(
    ("config", "flat"),
    [
        ({"a.b": 1, "a": {"b": 2}}, {'"a.b"': 1, "a.b": 2}),
        ({"a": {"b": 2}, "a.b": 1}, {"a.b": 2, '"a.b"': 1}),
        ({"a.b": 1}, {"a.b": 1}),
        ({"a.b": {"c": 1}, "a": {"b.c": 2, "b": {"c": 3}}}, {'"a.b".c': 1, 'a."b.c"': 2, "a.b.c": 3}),
        ({"a.b": {"c": 1}, "a": {"b.c": 2}}, {'"a.b".c': 1, 'a."b.c"': 2}),
        ({"list": [0.5, math.inf], "empty": {}}, {"list": "[0.5,Infinity]", "empty": "{}"}),
    ],
)
def test_flattened_keys_are_distinct(config: dict[str, Any], flat: dict[str, Any]) -> None:
    assert flatten(config) == flat


def test_a_journal_of_version_1_0_reads_as_before(tmp_path: Path) -> None:
    path = Script().event("config", config={"lr": "NaN", "n": 2**64 - 1}).write(tmp_path / "r")
    data = bytearray(path.read_bytes())
    data[10:12] = b"\0\0"
    path.write_bytes(data)
    with netscope.open(tmp_path) as store:
        assert store.run("r").config == {"lr": "NaN", "n": 2**64 - 1}


def test_an_integer_of_any_size_in_a_journal_is_read(tmp_path: Path) -> None:
    Script().event("config", config={"seed": 2**70, "in": {"list": [2**80]}}).write(tmp_path / "r")
    for _ in range(2):  # from the journal, then from the index
        with netscope.open(tmp_path) as store:
            assert store.run("r").config == {"seed": 2**70, "in.list": f"[{2**80}]"}
            assert json.loads(store.run("r").detail().config) == {"seed": 2**70, "in": {"list": [2**80]}}


def test_runs_with_exact_numbers_are_found_and_sorted(tmp_path: Path) -> None:
    seeds = [2**53 + 1, 2**53, math.nan, 2**70, -math.inf, math.inf]
    for i, seed in enumerate(seeds):
        netscope.init(tmp_path, name=f"r{i}", config={"seed": seed}, watch_system=False, console=False).finish()
    with netscope.open(tmp_path) as store:
        assert [run.name for run in store.runs(f"config.seed == {2**53 + 1}")] == ["r0"]
        assert [run.name for run in store.runs("config.seed == nan")] == ["r2"]
        assert [run.name for run in store.runs(sort="config.seed")] == ["r4", "r1", "r0", "r3", "r5", "r2"]
