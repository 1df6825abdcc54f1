"""Forks, spawned children and ranks: each process has its own journal, without locks."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter

import pytest

import netscope
from tests.record.reading import all_series, read
from tests.waiting import PATIENCE_S


def in_fork(work) -> int:
    """Run `work` in a forked child that exits like a script; returns its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001  # the child must not go on with pytest's own work
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_forked_child_writes_a_journal_of_its_own(run):
    run.log({"a": 1.0})

    def child():
        run.log({"a": 2.0, "child": 1.0}, step=100)
        run.finish()

    assert in_fork(child) == 0
    run.log({"a": 3.0})
    run.finish()
    parent, forked = read(run.folder)
    assert parent.series("a") == {0: 1, 1: 3}
    assert forked.series("a") == {100: 2}
    assert forked.start["pid"] != parent.start["pid"] == os.getpid()
    assert forked.start["attempt"] == parent.start["attempt"]
    assert forked.event("end")["state"] == "finished"


def test_a_forked_child_that_logs_nothing_leaves_no_journal(run):
    run.log({"a": 1.0})
    assert in_fork(run.finish) == 0
    run.log({"a": 1.0})
    run.finish()
    assert len(read(run.folder)) == 1


def test_a_fork_while_other_threads_log_never_hangs(run):
    is_over = threading.Event()

    def train():
        while not is_over.is_set():
            run.log({"a": 1.0})

    threads = [threading.Thread(target=train) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for i in range(20):
            pid = os.fork()
            if pid == 0:
                run.log({"child": float(i)}, step=i)
                os._exit(0)
            deadline = time.monotonic() + PATIENCE_S
            while not (done := os.waitpid(pid, os.WNOHANG))[0]:
                assert time.monotonic() < deadline, "the child hangs"
                time.sleep(0.002)
            assert done[1] == 0
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    run.finish()
    assert all_series(run.folder, "child") == {i: [float(i)] for i in range(20)}


def log_some(run, name, n):
    for i in range(n):
        run.log({name: float(i)}, step=i)


def fail_after_one(run):
    run.log({"a": 1.0})
    raise ValueError("this rank fails")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_write_the_same_run(run, method):
    log_some(run, "main", 3)
    context = multiprocessing.get_context(method)
    children = [context.Process(target=log_some, args=(run, f"child{i}", 200)) for i in range(2)]
    for child in children:
        child.start()
    log_some(run, "main", 200)
    for child in children:
        child.join()
        assert child.exitcode == 0
    run.finish()
    found = read(run.folder)
    assert len(found) == 3
    assert all(one.event("end")["state"] == "finished" for one in found)
    for i in range(2):
        assert all_series(run.folder, f"child{i}") == {j: [float(j)] for j in range(200)}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_that_fails_records_the_reason(run, method):
    run.log({"a": 0.0})
    child = multiprocessing.get_context(method).Process(target=fail_after_one, args=(run,))
    child.start()
    child.join()
    run.finish()
    (end,) = [end for one in read(run.folder) if (end := one.event("end"))["state"] == "crashed"]
    assert "ValueError: this rank fails" in end["error"]


def test_a_pickled_run_is_the_same_run_in_its_own_process(run):
    assert pickle.loads(pickle.dumps(run)) == run


RANK = """
import sys, netscope
run = netscope.init(sys.argv[1], join="job-7", config={"lr": 0.1}, watch_system=False)
for i in range(100):
    run.log({"loss": float(i), "by": {run.rank: 1.0} if False else 1.0}, step=i)
"""


def test_processes_that_join_write_one_run(tmp_path):
    command = [sys.executable, "-c", RANK, str(tmp_path)]
    ranks = [subprocess.Popen(command, env={**os.environ, "RANK": str(i)}) for i in range(3)]
    assert [rank.wait() for rank in ranks] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["job-7"]
    found = read(tmp_path / "job-7")
    assert sorted(one.start["rank"] for one in found) == [0, 1, 2]
    assert {(one.start["attempt"], one.start["name"]) for one in found} == {(1, "job-7")}
    assert all(one.series("loss") == {i: float(i) for i in range(100)} for one in found)


def test_two_processes_a_fork_and_threads_write_one_run(begin):
    run = begin(join="shared")
    spawned = multiprocessing.get_context("spawn").Process(target=log_some, args=(run, "x", 100))
    spawned.start()
    threads = [threading.Thread(target=log_some, args=(run, "x", 100)) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert in_fork(lambda: (log_some(run, "x", 100), run.finish())) == 0
    for thread in threads:
        thread.join()
    spawned.join()
    joined = netscope.record.run.attach(str(run.folder), run.name, 1)
    assert joined == run
    run.finish()
    assert len(read(run.folder)) == 3
    # 3 threads of one process, a fork and a spawned child
    counts = Counter(step for one in read(run.folder) for _, step, _, values in one.rows if "x" in values)
    assert counts == dict.fromkeys(range(100), 5)
