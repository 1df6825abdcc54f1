"""Natural order, visible names and durations; the twins in the page are tested with the same files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netscope
from netscope.text import duration, natural, visible

DATA = Path(__file__).parents[1] / "data"
SHARED: dict[str, Any] = json.loads((DATA / "names.json").read_text(encoding="utf-8"))
DURATIONS: list[tuple[float, str]] = json.loads((DATA / "durations.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("names", SHARED["sorted"], ids=lambda names: ascii(names[-1]))
def test_names_are_in_natural_order(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(backwards, key=natural) == names


@pytest.mark.parametrize(("text", "seen"), SHARED["shown"], ids=ascii)
def test_invisible_characters_are_shown(text: str, seen: str) -> None:
    assert visible(text) == seen


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("seconds", [math.nan, math.inf])
def test_an_unknown_duration_is_not_shown(seconds: float) -> None:
    assert duration(seconds) == ""


@given(st.text())
def test_shown_text_never_changes_direction_or_breaks_the_line(text: str) -> None:
    assert not set(visible(text)) & set(
        "\n\r\t\x1b\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u200b"
    )


@given(st.lists(st.text(st.sampled_from("aAé0129-./ ßΣ日😀"), max_size=6)))
def test_the_order_is_total(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural) == sorted(backwards, key=natural)


def test_keys_are_listed_in_natural_order(tmp_path: Path) -> None:
    with netscope.init(tmp_path, watch_system=False, console=False) as run:
        run.log({"layer10": 1, "Layer2": 1, "layer1": 1})
    with netscope.open(tmp_path) as store:
        assert store.run(run.id).keys() == ["layer1", "Layer2", "layer10"]
