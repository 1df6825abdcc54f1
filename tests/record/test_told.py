"""Tags, notes, progress and summary rules set by a run."""

from __future__ import annotations

import time

import numpy as np
import pytest

import netscope
from netscope.errors import UsageError
from netscope.schema.run import EditRequest
from tests.record.reading import read
from tests.record.test_processes import in_fork


def stored(folder):
    """The row of the only run in a folder."""
    with netscope.open(folder) as store:
        (found,) = store.runs()
        return found.noun


@pytest.fixture
def edit(tmp_path):
    """Edit the only run like the page does."""

    def as_person(**fields):
        with netscope.open(tmp_path) as store:
            store.edit(EditRequest(runs=[run.id for run in store.runs()], **fields))

    return as_person


def test_tags_and_notes_of_init_and_of_later(begin, tmp_path):
    run = begin(tags=["a", "b"], notes="first try")
    run.tag("c", "a")
    run.note("lr halved")
    found = stored(tmp_path)
    assert (found.tags, found.notes) == (["a", "b", "c"], "first try\nlr halved")


def test_repeated_calls_are_written_once(run, journal_of):
    for _ in range(3):
        run.tag("a")
        run.note("the same")
    run.finish()
    assert [event for event in journal_of(run).events if event["event"] == "add" and "tags" in event] == [
        {"event": "add", "time": pytest.approx(time.time(), abs=60), "tags": ["a"]}
    ]


def test_a_removed_tag_stays_removed(begin, edit, tmp_path):
    run = begin(tags=["a"], notes="of the run")
    run.tag("b")
    edit(tags=["a", "mine"], notes="of a person")
    run.tag("b")  # this process knows that it said so
    run.finish()
    begin(resume=run.id, tags=["a", "b"], notes="of the run")  # and this one does not
    found = stored(tmp_path)
    assert (found.tags, found.notes) == (["a", "mine"], "of a person")


def test_notes_after_an_edit_are_appended(begin, edit, tmp_path):
    run = begin(tags=["a"], notes="of the run")
    edit(remove_tags=["a"], notes="of a person")
    run.tag("late")
    run.note("of later")
    found = stored(tmp_path)
    assert (found.tags, found.notes) == (["late"], "of a person\nof later")


def test_unread_tags_survive_an_edit(begin, tmp_path):
    run = begin(tags=["a"])
    with netscope.open(tmp_path) as store:
        (found,) = store.runs()
        run.tag("b")
        found.tag("mine")
        assert store.runs()[0].tags == ["a", "b", "mine"]


def test_ranks_and_forks_add_each_tag_once(begin, tmp_path, monkeypatch):
    begin(join="all", tags=["a"]).note("together")
    monkeypatch.setenv("RANK", "1")
    second = begin(join="all", tags=["a"])
    second.note("together")

    def child():
        second.tag("a", "forked")
        second.finish()

    assert in_fork(child) == 0
    found = stored(tmp_path)
    assert (found.tags, found.notes) == (["a", "forked"], "together")


@pytest.mark.parametrize("tag", [3, "", " ", ["a"], None, "\ud800"])
def test_a_tag_is_a_string(run, tag):
    with pytest.raises(UsageError, match="tag"):
        run.tag("good", tag)


@pytest.mark.parametrize("note", [3, "", None, ["a"], "x" * 1_000_001])
def test_a_note_is_a_string(run, note):
    with pytest.raises(UsageError, match="note"):
        run.note(note)


def test_progress_follows_the_logged_steps(run, tmp_path):
    run.progress(total=40)
    assert stored(tmp_path).progress.done == 0
    for _ in range(10):
        run.log({"loss": 1.0})
    run.log({"val/loss": 1.0}, step=4)  # beside an earlier step
    progress = stored(tmp_path).progress
    assert (progress.done, progress.total, progress.unit) == (10, 40, "steps")


def test_the_time_left_follows_the_pace_of_the_steps(run, tmp_path, monkeypatch):
    now = time.time()
    seconds = iter(range(100))
    monkeypatch.setattr("netscope.record.run._now", lambda: now + 2 * next(seconds))
    run.progress(total=40)
    for _ in range(10):
        run.log({"loss": 1.0})
    assert stored(tmp_path).progress.seconds_left == pytest.approx(60.0, abs=0.1)  # times are kept in ms
    run.finish()
    assert stored(tmp_path).progress.seconds_left is None


def test_the_time_left_follows_the_pace_of_reported_progress(run, tmp_path, monkeypatch):
    now = time.time()
    seconds = iter(range(100))
    monkeypatch.setattr("netscope.record.progress._now", lambda: now + 3 * next(seconds))
    monkeypatch.setattr("netscope.record.progress.INTERVAL_S", 0.0)
    for epoch in range(5):
        run.progress(epoch, total=20)
    assert stored(tmp_path).progress.seconds_left == pytest.approx(48.0, abs=0.1)


def test_steps_that_start_at_one_are_counted_correctly(run, tmp_path):
    run.progress(total=20, unit="epochs")
    for epoch in range(1, 20):
        run.log({"loss": 1.0}, step=epoch)
    progress = stored(tmp_path).progress
    assert (progress.done, progress.unit) == (19, "epochs")


def test_reported_progress_counts_instead_of_the_steps(run, tmp_path):
    run.progress(0, total=20, unit="epochs")
    run.log({"loss": 1.0}, step=1000)
    run.progress(np.float32(1.5))
    run.finish()
    progress = stored(tmp_path).progress
    assert (progress.done, progress.total, progress.unit, progress.seconds_left) == (1.5, 20, "epochs", None)


def test_a_run_without_calls_has_no_progress_and_no_rules(run, tmp_path):
    run.log({"loss": 1.0}, step=7)
    found = stored(tmp_path)
    assert (found.progress, found.rules, found.step) == (None, {}, 7)


def test_progress_is_written_about_once_a_second_and_at_the_end(run, journal_of, tmp_path):
    for i in range(1000):
        run.progress(i, total=1000)
    run.finish()
    events = [event for event in journal_of(run).events if event["event"] == "progress"]
    assert len(events) < 500
    assert stored(tmp_path).progress.done == 999


def test_a_resumed_run_keeps_its_total_and_continues_from_its_own_steps(begin, tmp_path):
    first = begin()
    first.progress(total=100)
    for _ in range(50):
        first.log({"loss": 1.0})
    first.finish()
    second = begin(resume=first.id)
    assert stored(tmp_path).progress.done == 50
    second.log({"loss": 1.0}, step=30)
    progress = stored(tmp_path).progress
    assert (progress.done, progress.total) == (31, 100)


def test_the_progress_of_ranks_is_that_of_the_first(begin, tmp_path, monkeypatch):
    for rank, n in (0, 5), (1, 3):
        monkeypatch.setenv("RANK", str(rank))
        run = begin(join="all")
        run.progress(total=10)
        for _ in range(n):
            run.log({f"loss/{rank}": 1.0})
    assert stored(tmp_path).progress.done == 5


def test_a_forked_child_does_not_repeat_its_parents_calls(run, journal_of):
    run.progress(1, total=9)
    run.progress(2)  # is not written yet

    def child():
        run.progress(3)
        run.finish()

    assert in_fork(child) == 0
    run.finish()
    told = {
        one.start["pid"]: [e.get("done") for e in one.events if e["event"] == "progress"] for one in read(run.folder)
    }
    assert sorted(told.values()) == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, "total=1000"),
        ({"total": 0}, "total must be above 0"),
        ({"total": "many"}, "total must be a number"),
        ({"total": -1}, "total must be a number"),
        ({"done": float("nan"), "total": 3}, "done must be a number"),
        ({"total": True}, "total must be a number"),
        ({"total": 3, "unit": 3}, "unit must be a string"),
    ],
)
def test_meaningless_progress_is_refused(run, told, message):
    with pytest.raises(UsageError, match=message):
        run.progress(**told)


def test_the_summary_of_a_key_follows_its_rule(run, tmp_path):
    run.summary["best"] = "max"
    run.summary.update({"lowest": "min", "usual": "mean", "end": "last", "test": np.float32(0.5), "odd": float("inf")})
    for value in (1.0, 5.0, float("nan"), 3.0):
        run.log(dict.fromkeys(("best", "lowest", "usual", "end", "plain"), value))
    with netscope.open(tmp_path) as store:
        (found,) = store.runs()
        keys = ("best", "lowest", "usual", "end", "plain", "test", "odd")
        assert [found.value(key) for key in keys] == [5, 1, 3, 3, 3, 0.5, float("inf")]
        assert found.summary("best") == (3, 1, 5)
        run.log({"best": 9.0})
        assert [run.name for run in store.runs('summary["best"] == 9 and test == 0.5')] == [run.name]
        assert store.runs()[0].value("best") == 9


def test_a_rule_set_again_replaces_the_one_before(begin, tmp_path):
    first = begin()
    first.summary["loss"] = "max"
    first.summary["old"] = "max"
    first.log({"loss": 3.0})
    first.log({"loss": 1.0})
    first.finish()
    second = begin(resume=first.id)
    assert dict(second.summary) == {"loss": "max", "old": "max"}
    second.summary["loss"] = "min"
    del second.summary["old"]
    assert stored(tmp_path).rules == {"loss": "min", "old": "last"}


def test_rules_of_ranks_and_forks_are_those_of_the_run(begin, tmp_path, monkeypatch):
    begin(join="all").summary["a"] = "max"
    monkeypatch.setenv("RANK", "1")
    second = begin(join="all")
    second.summary["a"] = "max"

    def child():
        second.summary["b"] = "min"
        second.finish()

    assert in_fork(child) == 0
    assert stored(tmp_path).rules == {"a": "max", "b": "min"}


@pytest.mark.parametrize("rule", ["best", None, [1, 2], {"a": 1}, 1j])
def test_a_rule_is_a_known_word_or_a_number(run, rule):
    with pytest.raises(UsageError, match="acc"):
        run.summary["val/acc"] = rule
    assert not run.summary


def test_reading_an_unset_summary_says_where_values_are(run):
    run.log({"loss": 1.0})
    with pytest.raises(KeyError, match=r"netscope\.open"):
        run.summary["loss"]


@pytest.mark.parametrize(
    "tell",
    [
        lambda run: run.tag("late"),
        lambda run: run.note("late"),
        lambda run: run.progress(1, total=2),
        lambda run: run.summary.update({"late": "max"}),
    ],
)
def test_after_the_end_calls_are_refused(run, tell):
    run.finish()
    with pytest.raises(UsageError, match="is finished"):
        tell(run)


def test_the_run_of_this_process(begin):
    assert netscope.run() is None
    first, second = begin(), begin()
    assert netscope.run() == second
    second.finish()
    assert netscope.run() == first
    first.finish()
    assert netscope.run() is None


def test_an_unreferenced_run_is_still_the_run_of_this_process(tmp_path):
    netscope.init(tmp_path, watch_system=False, console=False)
    netscope.run().log({"loss": 1.0})
    netscope.run().finish()
    assert stored(tmp_path).state == "finished"


def test_a_forked_child_has_the_run_of_its_parent(run):
    def child():
        netscope.run().log({"child": 1.0})
        netscope.run().finish()

    assert in_fork(child) == 0
    run.finish()
    assert sum(bool(one.series("child")) for one in read(run.folder)) == 1


def test_a_disabled_run_is_the_run_of_this_process_too(begin, monkeypatch, tmp_path):
    monkeypatch.setenv("NETSCOPE_MODE", "disabled")
    run = begin()
    assert netscope.run() == run
    run.tag("a")
    run.note("b")
    run.progress(total=3)
    run.summary["a"] = "max"
    run.finish()
    assert (netscope.run(), list(tmp_path.iterdir())) == (None, [])
