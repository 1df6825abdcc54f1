"""One suite for SQLite and PostgreSQL: what was logged is what is read, in every state of the index."""

from __future__ import annotations

import math
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import make_runs
from netscope.errors import NotFoundError, StorageError, UsageError
from netscope.formats import safetensors
from netscope.schema.run import EditRequest, Summary
from netscope.store import trash
from netscope.store.ingest import indexer
from netscope.store.journal import blobs, frames, host
from netscope.store.journal.journal_follower import JournalFollower
from netscope.store.store import Store
from tests.fuzzing import examples
from tests.store.journals import BEGAN, Script

Open = Callable[[Path], Store]


def test_series_read_as_they_were_written(tmp_path: Path, opened: Open) -> None:
    places = make_runs.make(tmp_path, 3, 4, 9000)
    store = opened(tmp_path)
    ids = sorted(place.name for place in places)
    for key in make_runs.key_names(4):
        found = store.columns(ids, key)
        assert list(found) == ids
        for number, run_id in enumerate(ids):
            config = {key: store.run(run_id).config[key] for key in ("lr",)}
            assert found[run_id].steps.tolist() == list(range(9000))
            assert np.all(np.diff(found[run_id].times) > 0)
            assert config["lr"] is not None
            assert len(found[run_id].values) == 9000
            assert number < 3


def test_a_reopened_index_needs_no_journal(tmp_path: Path, opened: Open) -> None:
    make_runs.make(tmp_path, 3, 2, 500)
    first = opened(tmp_path)
    expected = answers(first)
    assert first.bytes_read > 3 * 500 * 8 * 2
    first.close()
    again = opened(tmp_path)
    assert answers(again) == expected
    assert again.bytes_read < 500


def test_only_new_bytes_are_read(tmp_path: Path, opened: Open) -> None:
    script = Script()
    for step in range(20_000):
        script.log(step, {"loss": step / 7})
    path = script.write(tmp_path / "r")
    opened(tmp_path).close()
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(Script().log(20_000, {"loss": 1.0}).frames[-1])
    store = opened(tmp_path)
    assert store.bytes_read < 2000 < size
    assert len(store.columns(["r"], "loss")["r"].steps) == 20_001


def test_a_growing_run_is_followed(tmp_path: Path, opened: Open) -> None:
    script = Script().log(0, {"loss": 1.0})
    path = script.write(tmp_path / "r")
    store = opened(tmp_path)
    before = store.revision
    assert store.refresh(everything=True) == set()
    with path.open("ab") as file:
        file.write(script.log(1, {"loss": 0.5}).frames[-1])
    path.parent.touch()
    store.refresh(None, everything=True)
    assert store.columns(["r"], "loss")["r"].values.tolist() == [1.0, 0.5]
    assert store.revision > before
    assert [run.id for run in store.table(since=before).runs] == ["r"]
    assert store.table(since=store.revision).runs == []


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([("a",), ("b",), ("a", "b")]),
            st.one_of(st.integers(-3, 12), st.sampled_from([-(2**53), 2**53])),
            st.floats(width=32),
        ),
        min_size=1,
        max_size=40,
    ),
    st.lists(st.integers(0, 40), max_size=3),
)
def test_of_equal_steps_the_later_row_wins_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[tuple[str, ...], int, float]], reopen: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    script = Script()
    expected: dict[str, dict[int, float]] = {"a": {}, "b": {}}
    written = 0
    script.write(folder / "r")
    for i, (keys, step, value) in enumerate(rows):
        script.log(step, dict.fromkeys(keys, value), time=BEGAN - i)  # a clock that runs backwards
        for key in keys:
            expected[key][step] = value
        if i in reopen:  # what is indexed by then and what is new must join without a seam
            script.write(folder / "r")
            with Store(folder) as store:
                store.refresh(None, everything=True)
            written += 1
    script.write(folder / "r")
    with Store(folder) as store:
        store.refresh(None, everything=True)
        for key, points in expected.items():
            found = store.columns(["r"], key)
            steps = sorted(points)
            assert (found["r"].steps.tolist() if found else []) == steps
            if found:
                assert (
                    found["r"].values.astype(np.float64).tobytes()
                    == np.array([points[step] for step in steps]).tobytes()
                )


def test_summaries_are_last_min_and_max(tmp_path: Path, opened: Open) -> None:
    Script().log(0, {"x": 3.0}).log(2, {"x": 1.0}).log(1, {"x": 7.0}).end().write(tmp_path / "a")
    Script().log(0, {"x": math.nan}).log(1, {"x": math.inf}).end().write(tmp_path / "b")
    Script().log(0, {"y": 1.0}).end().write(tmp_path / "c")
    for _ in range(2):  # from memory, then from the index
        store = opened(tmp_path)
        found = {run.id: run.summary for run in store.table(keys=["x"]).runs}
        assert found == {
            "a": {"x": Summary(1.0, 1.0, 7.0, 1.0)},
            "b": {"x": Summary("Infinity", "NaN", "NaN", "Infinity")},
            "c": {},
        }
        store.close()


def test_the_summary_of_a_growing_series_counts_both_halves(tmp_path: Path, opened: Open) -> None:
    script = Script()
    for step in range(40_000):
        script.log(step, {"x": float(step)})
    path = script.write(tmp_path / "r")
    opened(tmp_path).close()
    with path.open("ab") as file:
        file.write(script.log(40_000, {"x": -5.0}).frames[-1] + script.log(7, {"x": 99_999.0}).frames[-1])
    store = opened(tmp_path)
    assert store.table(keys=["x"]).runs[0].summary["x"] == Summary(-5.0, -5.0, 99_999.0, -5.0)


def test_attempts_are_merged_with_ghosts(tmp_path: Path, opened: Open) -> None:
    first, second = Script(), Script(attempt=2, created=BEGAN + 100)
    for step in range(10):
        first.log(step, {"loss": 1.0})
    second.event("attempt", fork_step=6)
    for step in range(6, 15):
        second.log(step, {"loss": 2.0})
    first.write(tmp_path / "r", "1-a-1-0000.journal")
    second.end().write(tmp_path / "r", "2-a-2-0000.journal")
    store = opened(tmp_path)
    columns = store.columns(["r"], "loss")["r"]
    assert columns.values.tolist() == [1.0] * 6 + [2.0] * 9
    assert [ghost.steps.tolist() for ghost in columns.ghosts] == [[6, 7, 8, 9]]
    attempts = store.detail("r").attempts
    assert [(a.number, a.state, a.fork_step) for a in attempts] == [(1, "killed", None), (2, "finished", 6)]
    assert store.run("r").state == "finished"
    assert store.table(keys=["loss"]).runs[0].summary["loss"] == Summary(2.0, 1.0, 2.0, 2.0)


def test_a_resumption_without_a_fork_step_continues_from_its_smallest_step(tmp_path: Path, opened: Open) -> None:
    for attempt, steps in ((1, range(10)), (2, range(4, 8)), (3, range(6, 7))):
        script = Script(attempt=attempt)
        for step in steps:
            script.log(step, {"loss": float(attempt)})
        script.end().write(tmp_path / "r", f"{attempt}-a-1-0000.journal")
    columns = opened(tmp_path).columns(["r"], "loss")["r"]
    assert columns.values.tolist() == [1.0] * 4 + [2.0] * 2 + [3.0]
    assert [ghost.steps.tolist() for ghost in columns.ghosts] == [[4, 5, 6, 7, 8, 9], [6, 7]]


def test_keys_with_different_steps_are_resumed_separately(tmp_path: Path, opened: Open) -> None:
    first = Script(attempt=1)
    for batch in range(100):
        first.log(batch, {"train/loss": 1.0})
    for epoch in range(10):
        first.log(epoch, {"val/loss": 1.0})
    first.log(0, {"once": 1.0}).end().write(tmp_path / "r", "1-a-1-0000.journal")
    second = Script(attempt=2).log(10, {"val/loss": 2.0})
    for batch in range(90, 120):
        second.log(batch, {"train/loss": 2.0})
    second.end().write(tmp_path / "r", "2-a-1-0000.journal")
    store = opened(tmp_path)
    found = {key: store.columns(["r"], key)["r"] for key in ("train/loss", "val/loss", "once")}
    assert found["train/loss"].values.tolist() == [1.0] * 90 + [2.0] * 30
    assert [ghost.steps.tolist() for ghost in found["train/loss"].ghosts] == [list(range(90, 100))]
    assert found["val/loss"].values.tolist() == [1.0] * 10 + [2.0]
    assert found["once"].values.tolist() == [1.0]
    assert not found["val/loss"].ghosts and not found["once"].ghosts
    assert store.read.summaries.of(["r"], "once")["r"].last == 1.0


def test_the_lowest_rank_that_has_a_key_is_shown(tmp_path: Path, opened: Open) -> None:
    for rank in (0, 1, 2):
        script = Script(rank=rank).log(0, {"loss": float(rank)})
        if rank:
            script.log(0, {"only/ranks": float(rank)})
        script.end().write(tmp_path / "r", f"1-a-{rank}-0000.journal")
    store = opened(tmp_path)
    assert store.columns(["r"], "loss")["r"].values.tolist() == [0.0]
    assert store.columns(["r"], "only/ranks")["r"].values.tolist() == [1.0]
    assert [writer.rank for writer in store.detail("r").writers] == [0, 1, 2]


def test_writers_without_rank_are_merged_by_time(tmp_path: Path, opened: Open) -> None:
    Script().log(0, {"x": 1.0}).log(2, {"x": 1.0}, time=BEGAN + 9).end().write(tmp_path / "r", "1-a-1-0000.journal")
    Script().log(1, {"x": 2.0}).log(2, {"x": 2.0}, time=BEGAN + 5).end().write(tmp_path / "r", "1-a-2-0000.journal")
    columns = opened(tmp_path).columns(["r"], "x")["r"]
    assert columns.values.tolist() == [1.0, 2.0, 1.0]


def test_keys_are_counted_over_runs(tmp_path: Path, opened: Open) -> None:
    odd = ["a/b/c", "quote\"s'", "emoji 🦩", "nul\0", "new\nline", "long" * 2500, "ключ", " "]
    Script().log(0, dict.fromkeys(odd, 1.0)).log(0, {"cpu": 1.0}, kind="system").end().write(tmp_path / "a")
    Script().log(0, {"a/b/c": 2.0}).end().write(tmp_path / "b")
    store = opened(tmp_path)
    found = {key.key: key.n_runs for key in store.keys(["a", "b"], "scalar").keys}
    assert found == {**dict.fromkeys(odd, 1), "a/b/c": 2}
    assert [key.key for key in store.keys(["a"], "system").keys] == ["cpu"]
    again = opened(tmp_path)
    for key in odd:
        assert again.columns(["a"], key)["a"].values.tolist() == [1.0]


def test_ten_thousand_keys_in_a_run(tmp_path: Path, opened: Open) -> None:
    script = Script()
    keys = [f"key/{i}" for i in range(10_000)]
    for step in range(3):
        script.log(step, dict.fromkeys(keys, float(step)))
    script.end().write(tmp_path / "r")
    store = opened(tmp_path)
    assert len(store.keys(["r"]).keys) == 10_000
    assert store.columns(["r"], "key/9999")["r"].values.tolist() == [0.0, 1.0, 2.0]


def test_everything_else_is_read_from_memory_and_from_the_index(tmp_path: Path, opened: Open) -> None:
    script = Script()
    script.event("environment", environment={"host": "h", "cpu_count": 2, "packages": {"numpy": "2"}})
    layer = {"layer": "fc", "type": "Linear", "parameters": {"weight": [2, 3]}}
    script.event("layers", layers=[layer])
    for step in (0, 10):
        script.log(step, {"fc/weight/value/std": 0.5, "fc/weight/gradient/norm": 2.0}, kind="layer")
        script.bins(step, {"fc/weight/value": (7, [1, step])})
        script.histogram(step, "spread", [0.0, 1.0, 2.0], [float(step), 3.0])
        script.asset(step, "note", text=f"at {step}")
    script.print("one\ntwo").print(" halves\nbar 1\rbar 2\n").print("oops\n", 2).print("end")
    script.event("config", config={"lr": 0.1, "net": {"depth": 3, "sizes": [1, 2]}})
    script.event("config", config={"lr": 0.2})
    path = script.write(tmp_path / "r")
    for _ in range(2):
        store = opened(tmp_path)
        bins = store.read.histograms.watched("r", "fc/weight/value")
        assert bins.steps.tolist() == [0, 10]
        assert bins.dense()[:, 6:10].tolist() == [[0, 1, 0, 0], [0, 1, 10, 0]]
        found = store.read.histograms.logged("r", "spread")
        assert [(h.step, h.counts.tolist()) for h in found] == [(0, [0.0, 3.0]), (10, [10.0, 3.0])]
        assert [(key.key, key.n_runs) for key in store.keys(["r", "gone"], "histogram").keys] == [("spread", 1)]
        assert [(a.step, a.text) for a in store.read.media.assets("r", "note").assets] == [(0, "at 0"), (10, "at 10")]
        assert store.read.media.assets("r", kind="image").assets == []
        console = store.read.console.lines("r")
        assert [line.text for line in console.lines] == ["one", "two halves", "bar 2", "oops", "end"]
        assert [line.stream for line in console.lines] == ["out", "out", "out", "err", "out"]
        assert [line.text for line in store.read.console.lines("r", -2, 1).lines] == ["oops"]
        searched = store.read.console.lines("r", search="O")
        assert (searched.total, [line.text for line in searched.lines]) == (3, ["one", "two halves", "oops"])
        detail = store.detail("r")
        assert (detail.environment.host, detail.environment.packages) == ("h", {"numpy": "2"})
        assert msgspec.json.decode(detail.config) == {"lr": 0.2, "net": {"depth": 3, "sizes": [1, 2]}}
        assert detail.run.config == {"lr": 0.2, "net.depth": 3, "net.sizes": "[1,2]"}
        layers = store.read.layers.table("r")
        assert [one.layer for one in layers.layers] == ["fc"]
        assert layers.steps == [0, 10]
        assert [(t.quantity, t.stats, t.histogram) for t in layers.tensors] == [
            ("gradient", ["norm"], False),
            ("value", ["std"], True),
        ]
        assert detail.problems == []
        store.close()
        if _ == 0:
            with path.open("ab") as file:
                file.write(Script().end().frames[-1])


def test_the_console_of_many_lines_is_read_by_windows(tmp_path: Path, opened: Open) -> None:
    script = Script()
    for i in range(0, 9000, 3):
        script.print(f"line {i}\nline {i + 1}\nline {i + 2}\n")
    script.end().write(tmp_path / "r")
    store = opened(tmp_path)
    window = store.read.console.lines("r", 1999, 3)
    assert (window.total, [line.text for line in window.lines]) == (9000, ["line 1999", "line 2000", "line 2001"])
    assert store.read.console.lines("r", 9000, 5).lines == []


def test_arrays_are_read_with_their_values(tmp_path: Path, opened: Open) -> None:
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    name = blobs.write(tmp_path / "r", safetensors.encode({"value": value}), "safetensors")
    Script().asset(4, "weights", "array", blob=name, n=10).end().write(tmp_path / "r")
    run = opened(tmp_path).run("r")
    (array,) = run.arrays("weights")
    assert (array.step, array.value.tolist()) == (4, value.tolist())
    with pytest.raises(NotFoundError, match="has no array 'nope'; it has: weights"):
        run.arrays("nope")


def test_edits_persist_and_the_latest_wins(tmp_path: Path, opened: Open) -> None:
    for run in "ab":
        Script(name=f"run {run}").end().write(tmp_path / run)
    store = opened(tmp_path)
    edited = store.edit(EditRequest(runs=["a", "b"], notes="both", add_tags=["x", "y"]))
    assert [(run.notes, run.tags) for run in edited] == [("both", ["x", "y"])] * 2
    store.run("a").rename("new name")
    store.run("a").untag("x")
    store.run("a").archive()
    again = opened(tmp_path)
    run = again.run("new name")
    assert (run.id, run.tags, run.archived, run.notes) == ("a", ["y"], True, "both")
    assert [writer.attempt for writer in run.detail().writers] == [1]


def test_an_edit_is_seen_by_another_store(tmp_path: Path, opened: Open) -> None:
    Script().end().write(tmp_path / "r")
    here, there = opened(tmp_path), opened(tmp_path)
    for name in ("one", "two"):
        here.run("r").rename(name)
        there.refresh(None, everything=True)
        assert there.table().runs[0].name == name


def test_deleted_runs_go_to_the_trash_and_can_be_restored(tmp_path: Path, opened: Open) -> None:
    places = make_runs.make(tmp_path, 2, 1, 50)
    store, other = opened(tmp_path), opened(tmp_path)
    gone = places[0].name
    before = store.revision
    expected = store.columns([gone], "train/loss")[gone].values.tolist()
    assert store.delete([gone, "nope"]).runs == [gone]
    assert not places[0].exists()
    assert store.table(since=before).removed == [gone]
    other.refresh(None, everything=True)
    assert [run.id for run in other.table().runs] == [places[1].name]
    with pytest.raises(NotFoundError, match="no run"):
        store.columns([gone], "train/loss")
    assert store.restore([gone]).problems == []
    assert store.columns([gone], "train/loss")[gone].values.tolist() == expected
    assert store.restore([gone]).problems == [f"no run {gone!r} in the trash"]
    assert store.restore(["../r"]).problems == ["no run '../r' in the trash"]


def test_a_run_deleted_by_hand_disappears(tmp_path: Path, opened: Open) -> None:
    places = make_runs.make(tmp_path, 2, 1, 50)
    store = opened(tmp_path)
    shutil.rmtree(places[0])
    store.refresh(None, everything=True)
    assert [run.id for run in store.table().runs] == [places[1].name]
    assert [run.id for run in opened(tmp_path).table().runs] == [places[1].name]


def test_runs_are_filtered_and_sorted(tmp_path: Path, opened: Open) -> None:
    make_runs.make(tmp_path, 12, 2, 30)
    store = opened(tmp_path)
    found = store.runs('config.lr < 0.01 and state == "finished"', sort="-config.lr")
    rates = [float(str(run.config["lr"])) for run in found]
    assert rates == sorted(rates, reverse=True)
    assert 0 < len(rates) < 12
    assert all(rate < 0.01 for rate in rates)
    best = store.runs(sort='summary["val/loss"].min')[0]
    assert best.summary("val/loss")[1] == min(run.summary("val/loss")[1] for run in store.runs())
    assert store.runs(lambda run: run.id == best.id)[0].name == best.name
    with pytest.raises(UsageError, match="cannot be read"):
        store.runs("config.lr <")


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path, opened: Open) -> None:
    Script(name="calm").log(0, {"loss": 1.0}).end().write(tmp_path / "r")
    store = opened(tmp_path)
    with pytest.raises(NotFoundError, match="no run 'b'; the folder has: calm"):
        store.run("b")
    with pytest.raises(NotFoundError, match="no run 'b'; the folder has: r"):
        store.columns(["b"], "loss")
    with pytest.raises(NotFoundError, match="has no series 'los'; it has: loss"):
        store.run("r").series("los")
    with pytest.raises(NotFoundError, match="no blob"):
        store.blob("r", "../../etc/passwd")
    with pytest.raises(NotFoundError, match="no folder"):
        Store(tmp_path / "nowhere")


def test_a_name_that_several_runs_have_is_refused_with_their_ids(tmp_path: Path, opened: Open) -> None:
    for run_id in ("b", "a"):
        Script(name="twin").log(0, {"loss": 1.0}).end().write(tmp_path / run_id)
    store = opened(tmp_path)
    with pytest.raises(UsageError, match="2 runs are named 'twin'; give the id of one of them: a, b"):
        store.run("twin")
    assert store.run("a").name == "twin"


def test_hidden_characters_of_names_are_visible_in_messages(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, run_id: str) -> None:
        raise OSError(28, "full")

    Script(name="\u202elive\n").log(0, {"lo\tss": 1.0}).end().write(tmp_path / "r")
    store = opened(tmp_path)
    with pytest.raises(NotFoundError, match=r"has: ⟨U\+202E⟩live⟨U\+000A⟩$"):
        store.run("b")
    with pytest.raises(NotFoundError, match=r"it has: lo⟨U\+0009⟩ss$"):
        store.run("r").series("x")
    monkeypatch.setattr(trash, "put", refuse)
    with pytest.raises(StorageError, match=r"^⟨U\+202E⟩live⟨U\+000A⟩ could not be moved to the trash: full$"):
        store.run("r").delete()


def test_a_folder_without_a_journal_is_not_a_run(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a file").write_text("x")
    Script().end().write(tmp_path / "r")
    assert [run.id for run in opened(tmp_path).table().runs] == ["r"]


def test_a_pipe_named_like_a_journal_does_not_block(tmp_path: Path, opened: Open) -> None:
    Script().end().write(tmp_path / "fine")
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "1-x-1-aaaa.journal")
    assert [run.id for run in opened(tmp_path).table().runs] == ["fine"]


def test_the_folder_of_one_run_is_refused_as_a_folder_of_runs(tmp_path: Path) -> None:
    Script().end().write(tmp_path / "r")
    with pytest.raises(UsageError, match=f"a single run; open its parent folder: '{tmp_path}'"):
        Store(tmp_path / "r")
    assert not (tmp_path / "r" / ".netscope").exists()


def test_a_journal_of_a_newer_version_is_reported_without_affecting_others(tmp_path: Path, opened: Open) -> None:
    Script().log(0, {"x": 1.0}).end().write(tmp_path / "good")
    path = Script().end().write(tmp_path / "newer")
    path.write_bytes(path.read_bytes()[:8] + b"\x02\x00" + path.read_bytes()[10:])
    store = opened(tmp_path)
    newer, good = store.table().runs  # what cannot be read has no age
    assert (good.id, newer.id, newer.created, newer.updated) == ("good", "newer", 0.0, 0.0)
    assert (good.state, newer.state) == ("finished", "unreadable")
    (problem,) = store.detail("newer").problems
    assert "journal version 2, this netscope reads version 1" in problem
    assert (store.run("newer").unreadable, store.run("good").unreadable) == (problem, "")
    assert store.columns(["good", "newer"], "x")["good"].values.tolist() == [1.0]


def test_of_a_journal_that_is_none_only_the_size_is_known(tmp_path: Path, opened: Open) -> None:
    path = Script().end().write(tmp_path / "r")
    path.write_bytes(bytes(range(1, 251)) * 20)
    store = opened(tmp_path)
    (run,) = store.runs("created is missing and updated is missing and duration is missing")
    assert (run.state, run.created, run.updated) == ("unreadable", None, None)
    assert math.isnan(run.duration)
    assert [(writer.journal, writer.bytes) for writer in run.detail().writers] == [(path.name, 5000)]


def test_a_journal_replaced_by_a_shorter_one_is_read_again(tmp_path: Path, opened: Open) -> None:
    script = Script()
    for step in range(5000):
        script.log(step, {"x": 1.0})
    path = script.write(tmp_path / "r")
    store = opened(tmp_path)
    assert len(store.run("r").series("x").steps) == 5000
    shorter = Script(name="restored").log(0, {"x": 7.0}).end()
    path.write_bytes(shorter.bytes)
    for one in store, opened(tmp_path):
        assert one.run("restored").series("x").values.tolist() == [7.0]
        assert one.run("r").detail().problems == []
    path.write_bytes(shorter.log(1, {"x": 8.0}).bytes)
    assert store.run("r").series("x").values.tolist() == [7.0, 8.0]


def test_a_journal_replaced_while_no_store_was_open_is_noticed(tmp_path: Path, opened: Open) -> None:
    Script(rank=0).log(0, {"x": 1.0}).end().write(tmp_path / "r", "1-made-0-0000.journal")
    path = Script(rank=1).log(0, {"y": 1.0}).log(1, {"y": 2.0}).end().write(tmp_path / "r", "1-made-1-0000.journal")
    os.utime(tmp_path / "r", (1e9, 1e9))
    store = opened(tmp_path)
    store.refresh(None)  # indexes both and notes that the run is at rest
    shorter = Script(rank=1).log(0, {"y": 7.0})
    path.write_bytes(shorter.bytes)
    with path.open("r+b") as file:  # and its writer lives
        file.seek(frames.HEARTBEAT_AT)
        file.write(frames.HEARTBEAT.pack(time.time(), 1))
    store.refresh(None, everything=True)
    for one in store, opened(tmp_path):
        assert one.run("r").series("y").values.tolist() == [7.0]


def test_damage_is_counted_and_reported(tmp_path: Path, opened: Open) -> None:
    script = Script().log(0, {"x": 1.0}).log(1, {"x": 2.0}).log(2, {"x": 3.0}).end(dropped=4)
    path = script.write(tmp_path / "r")
    broken = bytearray(path.read_bytes())
    broken[len(broken) - len(script.frames[-1]) - len(script.frames[-2]) - 3] ^= 1
    path.write_bytes(broken)
    for _ in range(2):
        store = opened(tmp_path)
        assert store.columns(["r"], "x")["r"].values.tolist() == [1.0, 3.0]
        assert store.detail("r").problems == [
            "1-made-7-0000.journal: 40 bytes in one place are damaged and were skipped",
            "1-made-7-0000.journal: 4 rows were lost because the disk refused writes",
        ]


def test_a_crash_has_its_text(tmp_path: Path, opened: Open) -> None:
    Script().end("crashed", "ValueError: no").write(tmp_path / "r")
    detail = opened(tmp_path).detail("r")
    assert (detail.run.state, detail.attempts[0].error) == ("crashed", "ValueError: no")


def test_deleting_a_running_run_needs_force(tmp_path: Path, opened: Open) -> None:
    name, boot = host.host(), host.boot()
    started = psutil.Process().create_time()
    Script(host=name, boot=boot, pid=os.getpid(), started=started, created=time.time()).write(tmp_path / "r")
    store = opened(tmp_path)
    assert store.run("r").state == "running"
    deleted = store.delete(["r"])
    assert (deleted.runs, deleted.written) == ([], ["r"])
    with pytest.raises(
        StorageError, match=f"made is still running: process {os.getpid()} on .* delete it anyway .*force=True"
    ):
        store.run("r").delete()
    store.run("r").delete(force=True)
    assert store.runs() == []
    assert store.restore(["r"]).runs == ["r"]


@pytest.mark.parametrize(("silent_s", "is_kept"), [(40, True), (3600, True), (2 * 86_400, False)])
def test_deleting_a_run_that_may_be_suspended_elsewhere_needs_force(
    tmp_path: Path, opened: Open, silent_s: float, is_kept: bool
) -> None:
    then = time.time() - silent_s
    path = Script(created=then).write(tmp_path / "r")
    os.utime(path, (then, then))
    store = opened(tmp_path)
    assert store.run("r").state == "killed"
    deleted = store.delete(["r"])
    assert (deleted.written, deleted.runs) == (["r"] * is_kept, ["r"] * (not is_kept))
    assert all("made may still be running: process 7 on elsewhere was active" in text for text in deleted.problems)
    assert store.delete(["r"], force=True).runs == ["r"] * is_kept


def test_a_run_that_continued_since_it_was_read_is_not_deleted(tmp_path: Path, opened: Open) -> None:
    Script().end().write(tmp_path / "r")
    store = opened(tmp_path)
    assert store.run("r").state == "finished"
    Script(attempt=2, created=time.time()).write(tmp_path / "r", "2-made-7-0001.journal")
    assert store.delete(["r"]).written == ["r"]


def answers(store: Store) -> object:
    """All content of a store, for comparison, without revisions, which differ between processes."""
    table = store.table(keys=[key.key for key in store.keys([r.id for r in store.table().runs]).keys])
    ids = [run.id for run in table.runs]
    series = {
        key.key: {
            run_id: (c.steps.tolist(), c.times.tolist(), c.values.tobytes())
            for run_id, c in store.columns(ids, key.key, key.kind).items()
        }
        for key in store.keys(ids).keys
    }
    return [msgspec.structs.replace(run, revision=0) for run in table.runs], series


def test_reading_one_run_does_not_wait_for_a_disk_that_hangs_on_another(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    Script().log(0, {"x": 1.0}).end().write(tmp_path / "a")
    store = opened(tmp_path)
    hangs, goes_on = threading.Event(), threading.Event()
    real = JournalFollower._read_pieces

    def hang(self: JournalFollower, *arguments: object) -> bool:
        hangs.set()
        assert goes_on.wait(60)
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(JournalFollower, "_read_pieces", hang)
    Script().log(0, {"x": 2.0}).end().write(tmp_path / "b")
    with ThreadPoolExecutor(2) as pool:
        refreshed = pool.submit(store.refresh, None, everything=True)
        assert hangs.wait(60)
        try:
            read = pool.submit(lambda: (store.columns(["a"], "x")["a"].values.tolist(), store.detail("a").run.id))
            assert read.result(60) == ([1.0], "a")
            assert not refreshed.done()
        finally:
            goes_on.set()
        assert refreshed.result(60) == {"b"}
    assert store.columns(["b"], "x")["b"].values.tolist() == [2.0]


def test_circular_links_and_pipes_do_not_hide_other_runs(tmp_path: Path) -> None:
    Script().log(0, {"x": 1.0}).end().write(tmp_path / "r")
    for name in ("self", "r/self.journal", "dangling"):
        os.symlink(tmp_path / ("nowhere" if name == "dangling" else name), tmp_path / name)
    os.symlink(tmp_path, tmp_path / "up")
    for name in ("pipe", "r/pipe.journal", "r/blobs"):
        os.mkfifo(tmp_path / name)
    with Store(tmp_path) as store:
        store.refresh(None, everything=True)
        assert [run.id for run in store.table().runs] == ["r"]
        assert store.detail("r").problems == []


def test_a_run_of_the_far_future_can_still_be_renamed(tmp_path: Path) -> None:
    Script().event("edit", time=1e300, name="forever").end().write(tmp_path / "r")
    with Store(tmp_path) as store:
        run = store.run("forever")
        run.rename("not so")
        assert run.name == "not so"


def test_runs_deleted_by_hand_while_being_read_do_not_affect_others(tmp_path: Path, opened: Open) -> None:
    places = make_runs.make(tmp_path, 4, 1, 50)
    store = opened(tmp_path)
    ids = [place.name for place in places]
    for place in places[:2]:
        shutil.rmtree(place)
    assert list(store.columns(ids, "train/loss")) == ids  # as of the last refresh
    store.refresh(None, everything=True)
    assert [run.id for run in store.table().runs] == ids[2:]
    assert [len(c.points.steps) for c in store.columns(ids[2:], "train/loss").values()] == [50, 50]


@pytest.mark.parametrize("name", ["🦩" * 60, "x" * 255, "a\nb\x1b[31m", " ", "'; DROP TABLE run; --", "%s{0}"])
def test_a_run_may_have_any_name_that_a_folder_can(tmp_path: Path, opened: Open, name: str) -> None:
    Script(name="n" * 10_240).log(0, {"x": 1.0}).end().write(tmp_path / name)
    for _ in range(2):
        store = opened(tmp_path)
        assert store.run(name).name == "n" * 199 + "…"
        assert store.columns([name], "x")[name].points.values.tolist() == [1.0]


def test_a_long_run_is_listed_while_it_is_read_without_delaying_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "PIECE_BYTES", 1 << 16)
    short, long = make_runs.make(tmp_path, 2, 4, 50)
    make_runs.write_run(tmp_path, 1, 4, 40_000)
    with Store(tmp_path) as store:
        store.refresh(0.0)
        (run,) = store.table().runs
        assert (run.id, run.name) == (long.name, store.detail(long.name).run.name)
        assert 0 < run.read_bytes < run.total_bytes
        seen = [len(store.columns([long.name], "train/loss")[long.name].steps)]
        while store.is_behind:
            store.refresh(0.0)
            seen.append(len(store.columns([long.name], "train/loss")[long.name].steps))
            if len(seen) == 3:
                assert {run.id for run in store.table().runs} == {short.name, long.name}
        assert seen == sorted(seen)
        assert len(set(seen)) > 5
        assert seen[-1] == 40_000
        assert all(run.read_bytes == run.total_bytes for run in store.table().runs)


def test_files_that_are_not_runs_are_ignored(tmp_path: Path) -> None:
    Script().log(0, {"x": 1.0}).end().write(tmp_path / "r")
    for i in range(3000):
        (tmp_path / f"{i}.txt").touch()
    for i in range(100):
        (tmp_path / f"folder{i}").mkdir()
    with Store(tmp_path) as store:
        assert store.refresh(None, everything=True) == {"r"}
        assert store.refresh() == set()


def test_a_disk_failing_in_one_journal_does_not_delay_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "PIECE_BYTES", 1 << 16)
    older, newer = make_runs.make(tmp_path, 2, 4, 20_000)
    real = JournalFollower._read_pieces

    def fail(self: JournalFollower, *arguments: object) -> bool:
        if self.run == newer.name and self.offset > 1 << 16:
            raise OSError(5, "Input/output error")
        return real(self, *arguments)  # type: ignore[arg-type]

    with Store(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(JournalFollower, "_read_pieces", fail)
            store.refresh(None)
            assert not store.is_behind
            (problem,) = store.detail(newer.name).problems
            assert problem.endswith("cannot be read: Input/output error")
            assert len(store.columns([older.name], "train/loss")[older.name].points.steps) == 20_000
        newer.touch()  # it works again
        store.refresh(None, everything=True)
        assert store.detail(newer.name).problems == []
        assert len(store.columns([newer.name], "train/loss")[newer.name].points.steps) == 20_000


@pytest.mark.parametrize("attempts", [1, 2])
def test_many_series_read_at_once_equal_those_read_alone(tmp_path: Path, opened: Open, attempts: int) -> None:
    for attempt in range(1, attempts + 1):
        script = Script(attempt)
        for step in range(30 * attempt):
            script.log(step, {f"net.{i}/weight/value/mean": step + i for i in range(40)}, kind="layer")
            script.log(step, {"net.0/weight/value/std": float("nan")}, kind="layer")
        script.write(tmp_path / "r", f"{attempt}-made-7-0000.journal")
    keys = [f"net.{i}/weight/value/mean" for i in range(41)] + ["net.0/weight/value/std"]
    for _ in range(2):
        store = opened(tmp_path)
        found = store.read.series.of_run("r", keys, "layer")
        assert list(found) == [key for key in keys if key != "net.40/weight/value/mean"]
        for key, columns in found.items():
            alone = store.columns(["r"], key, "layer")["r"]
            assert columns.steps.tolist() == alone.steps.tolist()
            assert columns.times.tolist() == alone.times.tolist()
            np.testing.assert_equal(columns.values, alone.values)
