"""The state of a run, told from journals, processes and heartbeats."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from netscope.store import journal, machine
from netscope.store.follow import Follower
from netscope.store.state import is_alive
from netscope.store.stitch import Part, stitch
from netscope.store.store import Store
from tests.store.journals import Script


def state(folder: Path) -> str:
    with Store(folder) as store:
        store.refresh(None, everything=True)
        return store.run("r").state


def here(pid: int, started: float, **more: object) -> Script:
    host, boot = machine.host(), machine.boot()
    return Script(host=host, boot=boot, pid=pid, started=started, **more)


def test_a_run_is_running_while_its_process_lives_and_killed_after(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process, Store(tmp_path) as store:
        started = psutil.Process(process.pid).create_time()
        here(process.pid, started).log(0, {"x": 1.0}).write(tmp_path / "r", ahead=4096)
        store.refresh(None)
        assert store.run("r").state == "running"
        process.kill()  # it stays a zombie until somebody waits for it
        until = time.monotonic() + 20
        while store.table().runs[0].state == "running" and time.monotonic() < until:
            store.refresh()
        assert store.table().runs[0].state == "killed"
        process.communicate()
        assert store.run("r").state == "killed"
    assert state(tmp_path) == "killed"


def test_another_process_of_the_same_number_does_not_count(tmp_path: Path) -> None:
    here(os.getpid(), psutil.Process().create_time() - 3600).write(tmp_path / "r")
    assert state(tmp_path) == "killed"


def test_a_crash_of_any_writer_is_a_crash_of_the_run(tmp_path: Path) -> None:
    Script(rank=0).end().write(tmp_path / "r", "1-a-1-0000.journal")
    Script(rank=1, created=1.7e9 + 1).end("crashed", "boom").write(tmp_path / "r", "1-a-2-0000.journal")
    assert state(tmp_path) == "crashed"


def test_the_end_of_the_first_writer_is_the_end_of_the_run(tmp_path: Path) -> None:
    Script(rank=0).end().write(tmp_path / "r", "1-a-1-0000.journal")
    Script(rank=1, created=1.7e9 + 1).log(0, {"x": 1.0}).write(tmp_path / "r", "1-a-2-0000.journal")
    assert state(tmp_path) == "finished"


def test_the_last_attempt_tells_the_state(tmp_path: Path) -> None:
    Script().end("crashed", "boom").write(tmp_path / "r", "1-a-1-0000.journal")
    Script(attempt=2).end().write(tmp_path / "r", "2-a-1-0000.journal")
    Script(attempt=0).event("edit", name="edited").write(tmp_path / "r", "0-a-1-0000.journal")
    assert state(tmp_path) == "finished"


def test_elsewhere_the_heartbeat_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Script(created=time.time() - 1000).log(0, {"x": 1.0}).write(tmp_path / "r", ahead=4096)

    def beat(n: int, at: float) -> None:
        with path.open("r+b") as file:
            file.seek(journal.HEARTBEAT_AT)
            file.write(journal.HEARTBEAT.pack(at, n))

    with Store(tmp_path) as store:
        store.refresh(None)
        assert store.run("r").state == "killed"
        beat(1, time.time() - 900)  # the other machine's clock is wrong: it is the count that tells
        assert store.run("r").state == "running"
        real = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: real() + 29)
        assert store.run("r").state == "running"
        monkeypatch.setattr(time, "monotonic", lambda: real() + 40)
        assert store.run("r").state == "killed"
        beat(2, time.time())
        assert store.run("r").state == "running"


def test_a_journal_with_a_damaged_start_belongs_to_the_attempt_in_its_name(tmp_path: Path) -> None:
    path = Script(attempt=3).log(0, {"x": 1.0}).end().write(tmp_path / "r", "3-made-7-0000.journal")
    broken = bytearray(path.read_bytes())
    broken[90] ^= 1
    path.write_bytes(broken)
    with Store(tmp_path) as store:
        store.refresh(None)
        detail = store.detail("r")
        assert [attempt.number for attempt in detail.attempts] == [3]
        assert "damaged" in detail.problems[0]


def test_a_header_cut_short_is_waited_for(tmp_path: Path) -> None:
    whole = Script().log(0, {"x": 1.0}).end().bytes
    (tmp_path / "r").mkdir()
    path = tmp_path / "r" / "1-made-7-0000.journal"
    path.write_bytes(whole[:20])
    with Store(tmp_path) as store:
        store.refresh(None)
        assert store.detail("r").problems == []
        path.write_bytes(whole)
        assert store.run("r").series("x").values.tolist() == [1.0]


def test_a_start_time_may_differ_by_what_clocks_are_corrected(tmp_path: Path) -> None:
    for off, lives in ((0.5, True), (-0.5, True), (30.0, False)):
        follower = Follower(here(os.getpid(), psutil.Process().create_time() + off).write(tmp_path / "r"))
        follower.grow()
        assert is_alive(follower) == lives


def part(attempt: int, steps: list[int], times: list[float] | None = None, rank: int = 0) -> Part:
    return Part(attempt, rank, np.array(steps, np.int64), np.array(times or [0.0] * len(steps)))


def test_stitching_nothing_gives_nothing() -> None:
    assert stitch([], {}).curve.tolist() == []
    assert stitch([part(1, [])], {}).curve.tolist() == []


def test_a_later_attempt_may_fill_in_steps_before_its_fork() -> None:
    stitched = stitch([part(1, [0, 2, 4]), part(2, [1, 2, 4, 5])], {2: 4})
    assert stitched.curve.tolist() == [0, 3, 4, 5, 6]
    assert [ghost.tolist() for ghost in stitched.ghosts] == [[2]]


def test_steps_out_of_order_are_put_in_order() -> None:
    assert stitch([part(1, [5, -3, 5, 0])], {}).curve.tolist() == [1, 3, 2]


def test_between_journals_the_later_time_is_shown() -> None:
    assert stitch([part(1, [0, 1], [5.0, 1.0]), part(1, [0, 1], [4.0, 2.0])], {}).curve.tolist() == [0, 3]


def test_a_header_heartbeat_lies_where_the_format_says() -> None:
    head = journal.header(1.5, 9)
    assert struct.unpack_from("<dQ", head, 24) == (1.5, 0)
