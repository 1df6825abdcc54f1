"""Several stores in several processes on one growing folder: nothing is duplicated or lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from netscope.store.journal import frames, host
from netscope.store.store import Store
from tests.store.journals import BEGAN, Script

READER = """
import sys, time
from netscope.store.index import writer
from netscope.store.store import Store
writer.LARGE_BYTES, writer.LARGE_ROWS = 20_000, 100  # so that they race for every few hundred rows
store = Store(sys.argv[1], sys.argv[2] or None)
n, until = int(sys.argv[3]), time.monotonic() + 60
runs = sys.argv[4].split(",")
seen = dict.fromkeys(runs, 0)
while time.monotonic() < until:
    store.refresh()
    there = [run.id for run in store.table().runs]
    for run, columns in store.columns([run for run in runs if run in there], "a").items():
        steps = columns.steps
        assert steps.tolist() == list(range(len(steps))), (run, len(steps))
        assert len(steps) >= seen[run]
        seen[run] = len(steps)
    if all(count == n for count in seen.values()):
        break
print(seen)
store.close()
"""
N = 4000


@pytest.mark.parametrize("n_readers", [3])
def test_processes_indexing_one_growing_folder_agree(tmp_path: Path, index: str | None, n_readers: int) -> None:
    runs = ["r1", "r2"]
    command = [sys.executable, "-W", "error", "-c", READER, str(tmp_path), index or "", str(N), ",".join(runs)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    readers = [subprocess.Popen(command, **pipes, text=True) for _ in range(n_readers)]
    files = {}
    for run in runs:
        name, boot = host.host(), host.boot()
        started = psutil.Process().create_time()
        script = Script(host=name, boot=boot, pid=os.getpid(), started=started, created=time.time())
        script.keys("scalar", ["a", "b"])
        files[run] = script.write(tmp_path / run).open("ab", buffering=0)
    for step in range(N):
        for file in files.values():
            file.write(frames.row(1, step, BEGAN + step, [float(step), -1.0]))
    for file in files.values():
        file.write(Script().end().frames[-1])
        file.close()
    for reader in readers:
        output, errors = reader.communicate(timeout=90)
        assert output.strip() == str(dict.fromkeys(runs, N)), errors
    with Store(tmp_path, index) as store:
        store.refresh(None, everything=True)
        for key, expected in (("a", np.arange(N, dtype=float)), ("b", np.full(N, -1.0))):
            for columns in store.columns(runs, key).values():
                assert columns.values.tolist() == expected.tolist()
        assert store.read.summaries.of(runs, "a")["r1"].max == N - 1


def test_threads_read_while_one_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netscope.store.index.writer.LARGE_BYTES", 5_000)
    monkeypatch.setattr("netscope.store.index.writer.LARGE_ROWS", 50)
    script = Script().log(0, {"x": 0.0})
    path = script.write(tmp_path / "r")
    store = Store(tmp_path)
    store.refresh(None)
    done = threading.Event()
    wrong: list[str] = []

    def look() -> None:
        while not done.is_set():
            steps = store.columns(["r"], "x")["r"].steps
            if steps.tolist() != list(range(len(steps))):
                wrong.append(f"{len(steps)} points")
            store.table(keys=["x"])

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    with path.open("ab", buffering=0) as file:
        for step in range(1, 2001):
            file.write(frames.row(1, step, BEGAN, [float(step)]))
            if step % 10 == 0:
                path.parent.touch()
                store.refresh(None, everything=True)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(store.columns(["r"], "x")["r"].steps) == 2001
    store.close()
