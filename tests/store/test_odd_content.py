"""Odd content of a run is read as far as possible and reported, without affecting other runs."""

from __future__ import annotations

import math
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import netscope
from netscope.charts.curves import curves
from netscope.charts.layers import Window, matrix
from netscope.errors import FormatError, StorageError
from netscope.schema.series import SeriesRequest
from netscope.store.journal import blobs, frames
from netscope.store.journal.journal_follower import JournalFollower
from netscope.store.journal.limits import LONGEST_NAME
from netscope.store.store import Store
from tests.store.journals import BEGAN, Script

Open = Callable[[Path], Store]


def read(folder: Path) -> Store:
    store = Store(folder)
    store.refresh(None, everything=True)
    return store


def test_tags_that_repeat_are_shown_once(tmp_path: Path) -> None:
    Script().event("edit", tags=["b", "a", "b", "a"]).end().write(tmp_path / "r")
    with netscope.init(tmp_path, name="sdk", tags=["x", "x"], watch_system=False, console=False):
        pass
    with read(tmp_path) as store:
        assert [run.tags for run in store.table().runs] == [["b", "a"], ["x"]]


@pytest.mark.parametrize(
    ("tags", "wrong"), [([1, "a"], "`$.tags[0]`"), (["a", None], "`$.tags[1]`"), ("abc", "`$.tags`"), ({}, "`$.tags`")]
)
def test_tags_that_are_not_strings_are_reported_as_damage(tmp_path: Path, tags: object, wrong: str) -> None:
    Script().event("edit", tags=["kept"]).event("edit", time=BEGAN + 1, tags=tags).end().write(tmp_path / "r")
    with read(tmp_path) as store:
        (run,) = store.runs()
        assert run.tags == ["kept"]
        assert wrong in run.detail().problems[1]


@pytest.mark.parametrize("created", [1e300, -1.0, 1e11])
def test_a_start_time_out_of_range_is_reported_and_replaced_by_the_journals(tmp_path: Path, created: float) -> None:
    script = Script().log(0, {"x": 1.0}).end()
    told = {"run": "r", "attempt": 1, "name": "made", "created": created}
    script.frames[0] = frames.json_frame(frames.START, told)
    script.write(tmp_path / "r")
    with read(tmp_path) as store:
        (run,) = store.runs()
        assert run.created.timestamp() == BEGAN
        assert "start at byte 64" in run.detail().problems[1]
        assert "$.created" in run.detail().problems[1]


@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf, 1e300, -1.0])
def test_a_header_with_impossible_times_is_reported(tmp_path: Path, time: float) -> None:
    path = Script().log(0, {"x": 1.0}).end().write(tmp_path / "r")
    data = bytearray(path.read_bytes())
    data[16:32] = struct.pack("<dd", time, time)
    path.write_bytes(data)
    with read(tmp_path) as store:
        (run,) = store.runs()
        assert run.created.timestamp() == BEGAN
        assert "out of range" in run.detail().problems[1]


@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf, 1e300, -1e300])
def test_values_with_an_impossible_time_are_kept_without_it(tmp_path: Path, opened: Open, time: float) -> None:
    script = Script().log(0, {"x": 1.0}).log(1, {"x": 2.0}, time=time).log(2, {"x": 3.0})
    script.print("hello\n", time=time).histogram(1, "h", [0.0, 1.0], [1.0]).end().write(tmp_path / "r")
    for _ in range(2):
        store = opened(tmp_path)
        series = store.run("r").series("x")
        assert series.values.tolist() == [1.0, 2.0, 3.0]
        assert np.isnan(series.times).tolist() == [False, True, False]
        assert series.to_pandas()["time"].isna().tolist() == [False, True, False]
        for x in ("time", "relative"):
            (info,) = curves(store, SeriesRequest(["r"], ["x"], x=x, px=2, times=True)).reply.series
            assert info.n == 2
        assert [line.time for line in store.run("r").console()] == [BEGAN]
        assert any("valid time" in problem for problem in store.run("r").detail().problems)


def test_a_name_of_megabytes_is_truncated_and_reported(tmp_path: Path) -> None:
    script = Script(name="n" * 3_000_000)
    script.end().write(tmp_path / "r")
    Script().event("edit", name="m" * 3_000_000).end().write(tmp_path / "s")
    with read(tmp_path) as store:
        for run, letter in (("r", "n"), ("s", "m")):
            assert store.run(run).name == letter * (LONGEST_NAME - 1) + "…"
            assert store.run(run).detail().problems[0].endswith("a name of 3,000,000 characters was cut to 200")


def test_a_key_of_megabytes_is_damage(tmp_path: Path) -> None:
    Script().log(0, {"k" * 3_000_000: 1.0}).log(0, {"x": 1.0}).end().write(tmp_path / "r")
    with read(tmp_path) as store:
        assert store.run("r").keys() == ["x"]
        assert "a key of 3,000,000 characters" in store.run("r").detail().problems[1]


@pytest.mark.parametrize(
    "change",
    [{"shape": [-1]}, {"shape": [1] * 100}, {"bytes": -5}, {"time": 1e300}, {"step": 2**63}, {"blob": "../../secret"}],
)
def test_an_impossible_asset_is_damage(tmp_path: Path, change: dict[str, object]) -> None:
    body = {"key": "k", "kind": "image", "step": 1, "time": 1.0, "blob": "", "bytes": 1, "text": "", "shape": []}
    script = Script()
    script.frames.append(frames.json_frame(frames.ASSET, {**body, **change}))
    script.asset(2, "k").end().write(tmp_path / "r")
    with read(tmp_path) as store:
        assert [asset.step for asset in store.run("r").assets()] == [2]
        assert "asset at byte" in store.run("r").detail().problems[1]


def test_key_sets_with_equal_joined_names_are_distinct(tmp_path: Path, opened: Open) -> None:
    Script().log(0, {"a\0b": 1.0}).end().write(tmp_path / "r")
    Script().log(0, {"a": 2.0, "b": 3.0}).end().write(tmp_path / "s")
    for _ in range(2):
        store = opened(tmp_path)
        assert store.run("r").keys() == ["a\0b"]
        assert store.run("s").keys() == ["a", "b"]


STEPS = [
    [-(2**53), 2**53],
    [-(2**63), 2**63 - 1],
    [-(2**63), *range(3000), 2**63 - 1],
    [*range(-(2**53), -(2**53) + 3000), *range(2**53 - 3000, 2**53)],
    [2**63 - 1],
    list(range(2**63 - 3000, 2**63)),
]


@pytest.mark.parametrize("steps", STEPS, ids=range(len(STEPS)))
@pytest.mark.parametrize("px", [1, 20, 400])
def test_the_smallest_and_largest_steps_are_drawn_together(tmp_path: Path, steps: list[int], px: int) -> None:
    script = Script()
    for step in steps:
        script.log(step, {"x": 1.0, "y": 2.0}, time=BEGAN)
        script.log(step, {"net/weight/value/mean": 1.0}, time=BEGAN, kind="layer")
    script.end().write(tmp_path / "r")
    for _ in range(2):
        with read(tmp_path) as store:
            assert store.run("r").series("x").steps.tolist() == steps
            for x in ("step", "relative", "y"):
                for low, high in ((None, None), (-1e18, 1e18), (-9.3e18, 9.3e18), (0.0, 1.0)):
                    found = curves(store, SeriesRequest(["r"], ["x"], px=px, x=x, low=low, high=high))
                    if x == "step" and low is None:
                        assert (found.x[0], found.x[-1]) == (float(steps[0]), float(steps[-1]))
            assert len(store.run("r").layers().steps) == min(len(steps), 2000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("what", ["pipe", "folder", "socket", "nothing"])
def test_anything_else_in_place_of_a_blob_is_reported_without_blocking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    with netscope.init(tmp_path, name="r", watch_system=False, console=False) as run:
        run.image("image", np.zeros((2, 2)), 0)
        run.audio("audio", np.zeros(8), 0)
        run.array("array", np.zeros(8), 0)
        run.table("table", {"a": [1]}, 0)
        run.text("text", "long " * 2000, 0)
    monkeypatch.chdir(run.folder)  # a socket's path may only be short
    for path in Path("blobs").rglob("*.*"):
        path.unlink()
        if what == "pipe":
            os.mkfifo(path)
        elif what == "folder":
            path.mkdir()
        elif what == "socket":
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(str(path))
    with read(tmp_path) as store:
        stored = store.run("r")
        for ask in (
            lambda: stored.images("image")[0].value,
            lambda: stored.audio("audio")[0].value,
            lambda: stored.audio("audio")[0].rate,
            lambda: stored.arrays("array"),
            lambda: stored.tables("table")[0].value,
            lambda: stored.texts("text"),
        ):
            with pytest.raises(StorageError, match="the logged file cannot be read"):
                ask()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_in_place_of_a_journal_does_not_block(tmp_path: Path) -> None:
    path = Script().log(0, {"x": 1.0}).write(tmp_path / "r")
    Script().log(0, {"x": 1.0}).end().write(tmp_path / "healthy")
    store = read(tmp_path)
    path.unlink()
    os.mkfifo(path)
    store.refresh(None, everything=True)
    os.mkfifo(tmp_path / "r" / "1-other.journal")
    with pytest.raises(OSError, match="not a regular file"):
        JournalFollower(path).read()
    store.close()
    with read(tmp_path) as again:
        assert [run.id for run in again.runs()] == ["healthy"]


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="needs links")
def test_a_journal_that_is_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    secret = Script().log(0, {"secret": 1.0}).end().write(tmp_path / "elsewhere")
    (tmp_path / "runs/r").mkdir(parents=True)
    (tmp_path / "runs/r/1-a.journal").symlink_to(secret)
    Script().log(0, {"x": 1.0}).end().write(tmp_path / "runs/healthy")
    with read(tmp_path / "runs") as store:
        assert store.keys([run.id for run in store.runs()]).keys[0].key == "x"
        assert store.run("r").state == "unreadable"
        assert "leads out of the run's folder" in store.run("r").unreadable
        assert "leads out of the run's folder" in store.run("r").detail().problems[0]
        assert (store.run("r").created, store.run("r").updated) == (None, None)
        assert math.isnan(store.run("r").duration)
        assert [run.id for sort in ("created", "-created") for run in store.runs(sort=sort)] == ["healthy", "r"] * 2
    with pytest.raises(FormatError, match="leads out of the run's folder"):
        JournalFollower(tmp_path / "runs/r/1-a.journal").read_heartbeat()


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="needs links")
def test_a_journal_that_is_a_link_within_the_folder_is_read(tmp_path: Path) -> None:
    path = Script().log(0, {"x": 1.0}).end().write(tmp_path / "r", "kept")
    (tmp_path / "r/1-a.journal").symlink_to(path)
    with read(tmp_path) as store:
        assert store.run("r").keys() == ["x"]


def test_invalid_blob_paths_are_detected() -> None:
    assert blobs.is_name("a" * 64 + ".png")
    assert not blobs.is_name("../" + "a" * 64 + ".png")


def test_layers_at_the_smallest_and_largest_steps_are_shown(tmp_path: Path) -> None:
    script = Script()
    for step in (-(2**63), 0, 2**63 - 1):
        script.log(step, {"net/weight/value/mean": 1.0}, time=BEGAN, kind="layer")
    script.end().write(tmp_path / "r")
    with read(tmp_path) as store:
        found = matrix(store, "r", "value", "mean", Window(px=10))
        assert (found.steps.tolist(), found.values.tolist()) == ([-(2.0**63), 0.0, 2.0**63], [[1.0, 1.0, 1.0]])
