"""The filter language gives what the shared cases say; its twin in the page is held to the same file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netscope.errors import UsageError
from netscope.schema import Run
from netscope.store import query

SHARED: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/queries.json").read_text(encoding="utf-8"))
RUNS = msgspec.convert(SHARED["runs"], list[Run])


@pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["query"] or "nothing")
def test_a_query_finds_these_runs(case: dict[str, Any]) -> None:
    assert [run.id for run in RUNS if query.understand(case["query"]).test(run)] == case["ids"]


@pytest.mark.parametrize("text", SHARED["bad"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="filter"):
        query.understand(text)


def test_a_query_names_the_series_it_needs() -> None:
    assert query.understand('summary.loss < 1 or summary["val/acc"].max > 0.5').keys == ["loss", "val/acc"]


@given(st.text(st.sampled_from("()[]<>=~!.,-'\" \\/ abconfig019éin"), max_size=40))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        asked = query.understand(text)
    except UsageError:
        return
    for run in RUNS:
        assert asked.test(run) in (True, False)


@pytest.mark.parametrize("text", ["(" * 5000 + "1" + ")" * 5000 + " == 1", "not " * 5000 + "archived == 1", "[" * 300])
def test_deep_nesting_is_refused_or_answered_without_overflow(text: str) -> None:
    try:
        query.understand(text).test(RUNS[0])
    except UsageError as error:
        assert "nested too deeply" in str(error)


@pytest.mark.parametrize("word", ["or", "and"])
def test_thousands_of_terms_are_answered(word: str) -> None:
    terms = [f'id == "{"none" if word == "or" else "a"}"'] * 5000
    assert query.understand(f" {word} ".join([*terms, 'id == "a"'])).test(RUNS[0])


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
def test_runs_are_sorted_numbers_before_texts_and_what_is_missing_last(by: str, ids: str) -> None:
    assert "".join(run.id for run in query.sort(RUNS, by)) == ids
