"""The state of a run, from journals, processes and heartbeats."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from netscope.record.process import start_ticks
from netscope.store.ingest.folder_clock import FolderClock
from netscope.store.ingest.run_state import WriterState, writer_state
from netscope.store.journal import frames, host
from netscope.store.journal.journal_follower import JournalFollower
from netscope.store.read.merge_attempts import SeriesPart, merge_parts
from netscope.store.store import Store
from tests.store.journals import Script


def state(folder: Path) -> str:
    with Store(folder) as store:
        store.refresh(None, everything=True)
        return store.run("r").state


def here(pid: int, started: float, **more: object) -> Script:
    told = {"host": host.host(), "boot": host.boot(), "pid_ns": host.pid_namespace()} | more
    return Script(pid=pid, started=started, **told)


def beat(path: Path, n: int, at: float) -> None:
    """Write a heartbeat like a writer whose clock shows `at`."""
    with path.open("r+b") as file:
        file.seek(frames.HEARTBEAT_AT)
        file.write(frames.HEARTBEAT.pack(at, n))


def age(path: Path, seconds: float) -> None:
    """Make a file look as old as that."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def judged(path: Path) -> WriterState:
    follower = JournalFollower(path)
    follower.read_new()
    return writer_state(follower, FolderClock(path.parent))


def test_asking_a_file_server_for_its_time_does_not_change_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "_O_TMPFILE_WORKS", False)  # as on NFS
    with Store(tmp_path):
        age(tmp_path, 1000)
        before = tmp_path.stat().st_mtime_ns
        assert abs(FolderClock(tmp_path).age(time.time())) < 60
        assert tmp_path.stat().st_mtime_ns == before


def test_a_run_is_running_while_its_process_lives_and_killed_after(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process, Store(tmp_path) as store:
        started = psutil.Process(process.pid).create_time()
        here(process.pid, started, created=time.time()).log(0, {"x": 1.0}).write(tmp_path / "r", ahead=4096)
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


def test_another_process_with_the_same_pid_does_not_count(tmp_path: Path) -> None:
    here(os.getpid(), psutil.Process().create_time() - 3600).write(tmp_path / "r")
    assert state(tmp_path) == "killed"


def test_a_crash_of_any_writer_is_a_crash_of_the_run(tmp_path: Path) -> None:
    Script(rank=0).end().write(tmp_path / "r", "1-a-1-0000.journal")
    Script(rank=1, created=1.7e9 + 1).end("crashed", "boom").write(tmp_path / "r", "1-a-2-0000.journal")
    assert state(tmp_path) == "crashed"


def test_a_run_ends_like_its_first_writer_once_no_writer_is_alive(tmp_path: Path) -> None:
    Script(rank=0).end().write(tmp_path / "r", "1-a-1-0000.journal")
    other = here(os.getpid(), psutil.Process().create_time(), rank=1, created=1.7e9 + 1)
    path = other.log(0, {"x": 1.0}).write(tmp_path / "r", "1-a-2-0000.journal")
    with path.open("rb"), Store(tmp_path) as store:  # as who writes it has it open
        assert store.run("r").state == "running"
        path.write_bytes(other.log(1, {"x": 2.0}).end().bytes)
        assert store.run("r").state == "finished"
        assert store.run("r").series("x").values.tolist() == [1.0, 2.0]


def test_the_last_attempt_determines_the_state(tmp_path: Path) -> None:
    Script().end("crashed", "boom").write(tmp_path / "r", "1-a-1-0000.journal")
    Script(attempt=2).end().write(tmp_path / "r", "2-a-1-0000.journal")
    Script(attempt=0).event("edit", name="edited").write(tmp_path / "r", "0-a-1-0000.journal")
    assert state(tmp_path) == "finished"


OF_OTHERS = {
    "another host": {"host": "elsewhere"},
    "another boot": {"boot": "before"},
    "another PID namespace": {"pid_ns": 1},
    "version 1.0, which tells no namespace": {"pid_ns": None},
}


@pytest.mark.parametrize("whose", OF_OTHERS.values(), ids=OF_OTHERS)
@pytest.mark.parametrize("ahead_s", [0, 120, -120, 3600])
def test_an_unreachable_process_is_alive_while_its_file_is_written_whatever_its_clock(
    tmp_path: Path, whose: dict[str, object], ahead_s: float
) -> None:
    nobody = 2**22 + 1  # more than the kernel gives
    path = here(nobody, 1.0, created=time.time() + ahead_s, **whose).write(tmp_path / "r", ahead=4096)
    assert judged(path) is WriterState.ALIVE
    age(path, 40)
    assert judged(path) is WriterState.SILENT


def test_heartbeats_are_compared_with_the_clock_of_the_file_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Script(created=time.time()).write(tmp_path / "r", ahead=4096)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 300)  # ours
    assert judged(path) is WriterState.ALIVE
    age(path, 340)
    assert judged(path) is WriterState.SILENT


def test_a_copy_of_an_old_run_is_not_running(tmp_path: Path) -> None:
    assert judged(Script(created=time.time() - 3 * 86_400).write(tmp_path / "r", ahead=4096)) is WriterState.SILENT


def test_a_copy_of_a_running_run_is_not_running(tmp_path: Path) -> None:
    path = here(os.getpid(), psutil.Process().create_time()).write(tmp_path / "r", ahead=4096)
    age(path, 40)
    with path.open("rb"):
        assert judged(path) is WriterState.ALIVE  # however long it says nothing
    assert judged(path) is WriterState.GONE


def test_a_stopped_process_is_alive_and_a_zombie_is_not(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        began = psutil.Process(process.pid).create_time()
        path = here(process.pid, began, created=time.time()).write(tmp_path / "r")
        process.send_signal(signal.SIGSTOP)
        stopped = judged(path)
        process.kill()
        until = time.monotonic() + 20
        while judged(path) is WriterState.ALIVE and time.monotonic() < until:
            time.sleep(0.01)
        assert (stopped, judged(path)) == (WriterState.ALIVE, WriterState.GONE)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells")
def test_setting_the_clock_does_not_make_a_process_look_killed(tmp_path: Path) -> None:
    for ticks, life in ((start_ticks(), WriterState.ALIVE), (start_ticks() + 1, WriterState.GONE)):
        path = here(os.getpid(), 1e9, ticks=ticks).write(tmp_path / f"r{ticks}")
        with path.open("rb"):
            assert judged(path) is life


def test_a_new_heartbeat_makes_a_run_running_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Script(created=time.time() - 1000).log(0, {"x": 1.0}).write(tmp_path / "r", ahead=4096)
    age(path, 1000)
    real, later_s = time.monotonic, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: real() + later_s)
    with Store(tmp_path) as store:
        assert store.run("r").state == "killed"
        for n in 1, 2:
            beat(path, n, 5.0 * n)  # by a clock that was never set
            age(path, 1000)  # on a file system that keeps no times
            assert store.run("r").state == "running"
            later_s += 29
            assert store.run("r").state == "running"
            later_s += 2
            assert store.run("r").state == "killed"


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


def test_a_truncated_header_is_read_again_later(tmp_path: Path) -> None:
    whole = Script().log(0, {"x": 1.0}).end().bytes
    (tmp_path / "r").mkdir()
    path = tmp_path / "r" / "1-made-7-0000.journal"
    path.write_bytes(whole[:20])
    with Store(tmp_path) as store:
        store.refresh(None)
        assert store.detail("r").problems == []
        path.write_bytes(whole)
        assert store.run("r").series("x").values.tolist() == [1.0]


def test_a_start_time_may_differ_by_clock_corrections(tmp_path: Path) -> None:
    for off, life in ((0.5, WriterState.ALIVE), (-0.5, WriterState.ALIVE), (30.0, WriterState.GONE)):
        path = here(os.getpid(), psutil.Process().create_time() + off).write(tmp_path / f"r{off}")
        with path.open("rb"):
            assert judged(path) is life


def part(attempt: int, steps: list[int], times: list[float] | None = None, rank: int = 0) -> SeriesPart:
    return SeriesPart(attempt, rank, np.array(steps, np.int64), np.array(times or [0.0] * len(steps)))


def test_merging_no_attempts_gives_nothing() -> None:
    assert merge_parts([], {}).curve.tolist() == []
    assert merge_parts([part(1, [])], {}).curve.tolist() == []


def test_a_later_attempt_may_fill_in_steps_before_its_fork() -> None:
    stitched = merge_parts([part(1, [0, 2, 4]), part(2, [1, 2, 4, 5])], {2: 4})
    assert stitched.curve.tolist() == [0, 3, 4, 5, 6]
    assert [ghost.tolist() for ghost in stitched.ghosts] == [[2]]


def test_steps_out_of_order_are_sorted() -> None:
    assert merge_parts([part(1, [5, -3, 5, 0])], {}).curve.tolist() == [1, 3, 2]


def test_of_two_journals_the_later_time_wins() -> None:
    assert merge_parts([part(1, [0, 1], [5.0, 1.0]), part(1, [0, 1], [4.0, 2.0])], {}).curve.tolist() == [0, 3]


def test_the_heartbeat_in_the_header_is_where_the_format_says() -> None:
    head = frames.header(1.5, 9)
    assert struct.unpack_from("<dQ", head, 24) == (1.5, 0)
