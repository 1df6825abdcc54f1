"""Tags, notes, progress and headline numbers in handmade journals."""

from __future__ import annotations

from pathlib import Path

import pytest

from netscope.schema.run import Run, RunDetail
from netscope.store.store import Store
from tests.store.journals import BEGAN, Script


def detail(folder: Path) -> RunDetail:
    with Store(folder) as store:
        store.refresh(None)
        return store.detail("r")


def row(folder: Path) -> Run:
    return detail(folder).run


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("add", {"tags": "abc"}),
        ("add", {"notes": [1]}),
        ("summary", {}),
        ("summary", {"rules": {"a": ["max"]}}),
        ("summary", {"rules": {"k" * 10_001: "max"}}),
        ("progress", {"total": -1}),
        ("progress", {"done": "half"}),
        ("progress", {"done": 1e300}),
    ],
)
def test_entries_that_violate_the_format_are_damage(tmp_path: Path, event: str, fields: dict[str, object]) -> None:
    Script().event(event, **fields).log(0, {"a": 1.0}).end().write(tmp_path / "r")
    found = detail(tmp_path)
    assert (found.run.tags, found.run.rules, found.run.progress) == ([], {}, None)
    assert any("are damaged" in problem for problem in found.problems)


def test_a_rule_of_a_newer_version_is_ignored(tmp_path: Path) -> None:
    rules = {"a": "median", "b": "max", "c": "NaN", "d": 3}
    Script().event("summary", rules=rules).log(0, {"a": 1.0}).end().write(tmp_path / "r")
    found = detail(tmp_path)
    assert (found.run.rules, found.problems) == ({"b": "max", "c": "NaN", "d": 3.0}, [])


def test_entries_survive_closing_the_index(tmp_path: Path) -> None:
    script = Script().event("add", tags=["a"]).event("add", notes=["n"]).event("summary", rules={"x": "mean", "y": 7.0})
    script.event("progress", total=4.0).log(0, {"x": 1.0}).log(2, {"x": 3.0}).end().write(tmp_path / "r")
    before = row(tmp_path)
    with Store(tmp_path) as store:
        store.refresh(None)
        again = store.table(keys=["x", "y"]).runs[0]
        assert store.bytes_read < 200  # the journal was not read again
    assert (again.tags, again.notes, again.rules, again.progress) == (["a"], "n", before.rules, before.progress)
    assert again.progress is not None
    assert (again.progress.done, again.progress.time) == (3.0, BEGAN + 0.25)
    assert (again.summary["x"].value, again.summary["y"]) == (2.0, again.summary["y"].__class__(7.0, 7.0, 7.0, 7.0))


def test_tags_are_in_the_order_in_which_they_were_first_added(tmp_path: Path) -> None:
    Script(rank=0).event("add", time=BEGAN + 3, tags=["late", "both"]).end().write(tmp_path / "r", "1-a-1-0000.journal")
    Script(rank=1).event("add", time=BEGAN + 1, tags=["both"]).end().write(tmp_path / "r", "1-b-2-0000.journal")
    assert row(tmp_path).tags == ["both", "late"]


def test_the_progress_of_the_last_attempt_counts(tmp_path: Path) -> None:
    first = Script().event("progress", total=100.0)
    for step in range(60):
        first.log(step, {"a": 1.0})
    first.end().write(tmp_path / "r", "1-a-1-0000.journal")
    assert getattr(row(tmp_path).progress, "done", None) == 60
    second = Script(attempt=2, created=BEGAN + 100).event("progress", total=50.0)
    second.log(40, {"a": 1.0}).end().write(tmp_path / "r", "2-a-2-0000.journal")
    found = row(tmp_path)
    assert found.step == 40
    assert found.progress is not None
    assert (found.progress.done, found.progress.total) == (41, 50)


def test_rows_without_a_possible_time_have_steps_but_no_pace(tmp_path: Path) -> None:
    script = Script().event("progress", total=10.0).log(0, {"a": 1.0}, time=-5.0).log(1, {"a": 1.0}, time=-4.0)
    script.end().write(tmp_path / "r")
    for _ in range(2):  # from the journal, and from the index
        found = detail(tmp_path)
        assert found.run.progress is not None
        assert (found.run.progress.done, found.run.progress.seconds_left) == (2, None)
        assert not any("index" in problem for problem in found.problems)
    with Store(tmp_path) as store:
        assert store.problems == []
