"""Resuming continues after everything that was logged, with a complete, partial or broken index."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

import netscope
from netscope.store.ingest.resume import read
from netscope.store.journal import frames
from tests.store.journals import Script


def open_and_read(folder):
    with netscope.open(folder) as store:
        store.refresh(None)


def without_index(folder, path, script):
    path.write_bytes(script.bytes)


def with_index(folder, path, script):
    path.write_bytes(script.bytes)
    open_and_read(folder)


def with_an_index_of_half_of_it(folder, path, script):
    half = len(script.frames) // 2
    path.write_bytes(frames.header(0.0, 1) + b"".join(script.frames[:half]))
    open_and_read(folder)
    path.write_bytes(script.bytes)


def with_a_broken_index(folder, path, script):
    with_index(folder, path, script)
    (file,) = (folder / ".netscope").glob("index-*.sqlite")
    file.write_bytes(b"no database" * 1000)


def with_an_index_of_a_longer_journal(folder, path, script):
    whole = script.bytes
    script.log(999_999, {"loss": 0.0})
    with_index(folder, path, script)
    path.write_bytes(whole)


INDEXES = [
    without_index, with_index, with_an_index_of_half_of_it, with_a_broken_index, with_an_index_of_a_longer_journal,
]  # fmt: skip


@pytest.fixture
def quiet(tmp_path):
    return {"dir": tmp_path, "watch_system": False, "console": False}


@pytest.mark.parametrize("prepare", INDEXES)
def test_a_long_run_of_two_key_sets_is_resumed_after_its_last_step(tmp_path, quiet, prepare):
    script = Script(name="x").event("config", config={"lr": 0.1, "seed": 1})
    for step in range(8_000):
        script.log(step, {"warmup": 1.0})
    script.event("config", config={"lr": 0.001})
    for step in range(8_000, 30_000):
        script.log(step, {"loss": 1.0 / (step + 1)})
    (tmp_path / "r").mkdir()
    prepare(tmp_path, tmp_path / "r" / "1-made-7-0000.journal", script)
    run = netscope.init(resume="x", **quiet)
    assert (run.id, run.name, run.attempt, run.step) == ("r", "x", 2, 30_000)
    assert dict(run.config) == {"lr": 0.001, "seed": 1}
    run.log({"loss": 0.0})
    run.finish()
    series = netscope.open(tmp_path).run("x").series("loss")
    assert series.steps.tolist() == list(range(8_000, 30_001))
    assert series.ghosts == []


@pytest.mark.parametrize("prepare", INDEXES)
def test_a_resumed_run_starts_after_the_last_row_of_the_last_attempt(tmp_path, prepare):
    first = Script().log(100, {"a": 1.0, "b": 1.0})
    first.write(tmp_path / "r")
    second = Script(attempt=2, created=0.0)  # a clock that was set back
    second.log(90, {"a": 1.0}).log(70, {"b": 1.0}).log(80, {"a": 1.0}).log(500, {"cpu": 1.0}, kind="system")
    prepare(tmp_path, tmp_path / "r" / "2-made-7-0000.journal", second)
    assert read(tmp_path / "r").step == 81


def test_a_run_without_rows_is_resumed_at_its_first_step(tmp_path):
    Script().write(tmp_path / "r")
    assert read(tmp_path / "r").step == 0


def test_frames_after_unwritten_space_count_when_their_writer_has_ended(tmp_path):
    script = Script().log(3, {"a": 1.0})
    path = script.write(tmp_path / "r", ahead=4096)
    path.write_bytes(path.read_bytes() + script.log(8, {"a": 1.0}).frames[-1])
    assert read(tmp_path / "r").step == 9


def test_a_killed_run_is_resumed_after_its_last_row(tmp_path, quiet):
    code = (
        "import netscope, sys; run = netscope.init(sys.argv[1], name='one', watch_system=False, console=False)\n"
        "for i in range(30_000): run.log({'a': 1.0, 'b': 2.0}, step=i * 2)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert netscope.init(resume="one", **quiet).step == 59_999


@pytest.mark.parametrize("prepare", INDEXES)
def test_a_run_is_found_by_its_latest_name_among_many(tmp_path, quiet, prepare):
    for i in range(20):
        Script(name=f"run-{i}").end().write(tmp_path / f"r{i}")
    edits = Script(attempt=0).event("edit", name="old", time=2e9).event("edit", name="new", time=2.1e9)
    prepare(tmp_path, tmp_path / "r7" / "0-made-7-0000.journal", edits)
    with netscope.init(resume="new", **quiet) as run:
        assert run.id == "r7"


def test_resuming_neither_needs_nor_creates_an_index(tmp_path, quiet):
    Script(name="x").log(0, {"a": 1.0}).write(tmp_path / "r")
    netscope.init(resume="x", **quiet).finish()
    assert [one.name for one in tmp_path.iterdir()] == ["r"]
