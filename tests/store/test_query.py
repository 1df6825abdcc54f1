"""The filter language agrees with the shared cases, which its twin in the page is tested with, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import netscope
from netscope.errors import UsageError
from netscope.schema.run import Run
from netscope.store.journal import exact_numbers
from netscope.store.query import run_filter
from netscope.store.query.known_keys import KnownKeys

SHARED: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/queries.json").read_text(encoding="utf-8"))
RUNS = msgspec.convert(SHARED["runs"], list[Run])
KNOWN = KnownKeys({key for run in RUNS for key in run.config}, {key for run in RUNS for key in run.summary})


def _number(value: Any) -> Any:
    """A number as it goes over HTTP."""
    return exact_numbers.decode_numbers(value["number"], [[]]) if isinstance(value, dict) else value


NUMBERS: dict[str, Any] = SHARED["numbers"]
EXACT = msgspec.convert(
    [{**run, "config": {key: _number(value) for key, value in run["config"].items()}} for run in NUMBERS["runs"]],
    list[Run],
)


@pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["query"] or "nothing")
def test_a_filter_finds_these_runs(case: dict[str, Any]) -> None:
    assert [run.id for run in RUNS if run_filter.parse_filter(case["query"]).test(run)] == case["ids"]


@pytest.mark.parametrize("case", NUMBERS["cases"], ids=lambda case: case["query"][:60])
def test_numbers_are_compared_exactly(case: dict[str, Any]) -> None:
    assert [run.id for run in EXACT if run_filter.parse_filter(case["query"]).test(run)] == case["ids"]


@pytest.mark.parametrize("case", NUMBERS["sorted"], ids=lambda case: case["by"])
def test_numbers_are_sorted_exactly_and_missing_ones_last(case: dict[str, Any]) -> None:
    assert [run.id for run in run_filter.sort(EXACT, run_filter.order_of(case["by"]))] == case["ids"]


@pytest.mark.parametrize("case", SHARED["resolved"], ids=lambda case: case["query"])
def test_a_name_stands_for_the_only_key_that_ends_with_it(case: dict[str, Any]) -> None:
    assert [run.id for run in RUNS if run_filter.parse_filter(case["query"], KNOWN).test(run)] == case["ids"]


@pytest.mark.parametrize("case", SHARED["near"], ids=lambda case: case["query"])
def test_a_near_miss_is_answered_with_a_suggestion(case: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as told:
        run_filter.parse_filter(case["query"], KNOWN)
    assert str(told.value).partition("type instead: ")[2] == case["instead"]
    run_filter.parse_filter(case["instead"], KNOWN)


@pytest.mark.parametrize("text", SHARED["hopeless"])
def test_an_ambiguous_filter_is_not_guessed(text: str) -> None:
    with pytest.raises(UsageError) as told:
        run_filter.parse_filter(text, KNOWN)
    assert "type instead" not in str(told.value)


def test_a_name_that_several_keys_end_with_is_refused_with_those_keys() -> None:
    with pytest.raises(UsageError, match=r"'loss' is ambiguous: train/loss, val/loss; type the full name"):
        run_filter.parse_filter("loss < 1", KnownKeys(["lr"], ["train/loss", "val/loss"]))


def test_a_part_belongs_to_the_series_that_was_meant() -> None:
    assert KnownKeys(["lr"], ["train/loss"]).find("loss.min") == ["train/loss.min"]
    assert KnownKeys(["loss.min"], ["train/loss"]).find("loss.min") == ["loss.min"]
    assert KnownKeys(["opt.loss"], []).find("loss.min") == []


@pytest.mark.parametrize("text", SHARED["bad"])
def test_an_invalid_filter_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="filter"):
        run_filter.parse_filter(text)


def test_a_filter_names_the_series_it_needs() -> None:
    assert run_filter.parse_filter('summary.loss < 1 or summary["val/acc"].max > 0.5').keys == ["loss", "val/acc"]


@given(st.text(st.sampled_from("()[]<>=~!.,-'\" \\/ abconfig019éin"), max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        asked = run_filter.parse_filter(text)
    except UsageError:
        return
    for run in RUNS:
        assert asked.test(run) in (True, False)


@pytest.mark.parametrize("text", ["(" * 5000 + "1" + ")" * 5000 + " == 1", "not " * 5000 + "archived == 1", "[" * 300])
def test_deep_nesting_is_refused_or_answered_without_overflow(text: str) -> None:
    try:
        run_filter.parse_filter(text).test(RUNS[0])
    except UsageError as error:
        assert "nested too deeply" in str(error)


@pytest.mark.parametrize("word", ["or", "and"])
def test_thousands_of_terms_are_evaluated(word: str) -> None:
    terms = [f'id == "{"none" if word == "or" else "a"}"'] * 5000
    assert run_filter.parse_filter(f" {word} ".join([*terms, 'id == "a"'])).test(RUNS[0])


@pytest.mark.parametrize(
    ("by", "ids"),
    [
        ("name", "abcd"),
        ("-created", "dcba"),
        ("config.lr", "dbac"),
        ("-config.lr", "cabd"),
        ("summary.loss", "abdc"),
        ('-summary["val/acc"].max', "abcd"),
    ],
)
def test_runs_are_sorted_numbers_before_strings_and_missing_last(by: str, ids: str) -> None:
    assert "".join(run.id for run in run_filter.sort(RUNS, run_filter.order_of(by))) == ids


@pytest.mark.parametrize("by", ["created", "-created", "updated", "-updated", "duration", "-duration"])
def test_a_run_without_a_time_is_last_in_either_direction(by: str) -> None:
    unknown = replace(RUNS[0], id="?", created=0.0, updated=0.0)
    assert run_filter.sort([unknown, *RUNS], run_filter.order_of(by))[-1].id == "?"
    assert run_filter.parse_filter(f"{by.removeprefix('-')} is missing").test(unknown)


@pytest.mark.parametrize(
    ("by", "wrong"),
    [
        ("config.lr >", "the sort 'config.lr >' cannot be read: it ends too early"),
        ("-created §", "the sort 'created §' cannot be read from character 8 on: '§'"),
        ("name ~ '('", "in the sort \"name ~ '('\" is not a valid regular expression"),
    ],
)
def test_an_error_in_a_sort_mentions_the_sort(by: str, wrong: str) -> None:
    with pytest.raises(UsageError) as told:
        run_filter.order_of(by)
    assert wrong in str(told.value)


def test_an_unknown_name_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with netscope.init(tmp_path, config={"lr": 0.1, "width": 3}, watch_system=False, console=False) as run:
        run.log({"loss": 0.5})
    with netscope.open(tmp_path) as store:
        assert [found.id for found in store.runs("lr < 1 and loss < 1", sort="loss")] == [run.id]
        with pytest.raises(UsageError, match=r"no run has 'stat'.*type instead: state == \"running\""):
            store.runs('stat == "running"')
        with pytest.raises(UsageError, match=r"the sort 'widht': no run has 'widht'.*did you mean 'width'"):
            store.runs(sort="-widht")
