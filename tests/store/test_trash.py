"""Deleted runs are listed, restored, or deleted for good."""

from __future__ import annotations

from pathlib import Path

import pytest

import netscope
from netscope.store.store import Store
from netscope.store.trash import folder_of
from tests.store.journals import Script


@pytest.fixture
def store(tmp_path: Path) -> Store:
    for i, name in enumerate(("a", "b", "c")):
        Script(name=f"run {name}", created=1000.0 + i).log(0, {"loss": 1.0}).end().write(tmp_path / name)
    with netscope.open(tmp_path) as opened:
        opened.run("b").rename("the better one")
        opened.run("b").tag("best")
        yield opened


def test_the_trash_lists_deleted_runs_the_latest_first(store: Store) -> None:
    assert store.trash() == []
    store.delete(["a"])
    store.delete(["b"])
    later, earlier = store.trash()
    assert (later.id, later.name, later.tags, later.created) == ("b", "the better one", ["best"], 1001.0)
    assert (earlier.id, earlier.name) == ("a", "run a")
    assert later.deleted >= earlier.deleted > 1001.0
    assert later.bytes > 0


def test_a_restored_run_is_no_longer_in_the_trash(store: Store) -> None:
    store.delete(["a", "b"])
    store.restore(["a"])
    assert [run.id for run in store.trash()] == ["b"]
    assert {run.id for run in store.runs()} == {"a", "c"}


def test_deleting_for_good_removes_only_runs_in_the_trash(store: Store) -> None:
    store.delete(["a", "b"])
    reply = store.delete_for_good(["a", "c", "..", ""])
    assert reply.runs == ["a"]
    assert [problem for problem in reply.problems if "in the trash" in problem] == reply.problems
    assert len(reply.problems) == 3
    assert not (folder_of(store.folder) / "a").exists()
    assert [run.id for run in store.trash()] == ["b"]
    assert [run.id for run in store.runs()] == ["c"]


def test_two_deleted_runs_with_one_id_are_separate(store: Store, tmp_path: Path) -> None:
    store.delete(["a"])
    Script(name="another", created=2000.0).log(0, {"loss": 1.0}).end().write(tmp_path / "a")
    store.refresh(None, everything=True)
    store.delete(["a"])
    assert {(run.id, run.name) for run in store.trash()} == {("a", "run a"), ("a.2", "another")}


def test_a_damaged_run_in_the_trash_does_not_hide_others(store: Store) -> None:
    store.delete(["a", "b"])
    for journal in (folder_of(store.folder) / "a").iterdir():
        journal.write_bytes(b"no journal")
    assert {run.id for run in store.trash()} == {"a", "b"}
