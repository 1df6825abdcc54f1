"""A training process dies at random moments, and nothing that `log` returned from is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.record.reading import read

TRAIN = """
import os, sys
import netscope
run = netscope.init(sys.argv[1], watch_system=False, console=False)
wide = {f"k{i}": 1.0 for i in range(800)}  # the journal grows all the time
i = 0
while True:
    run.log({"loss": float(i), "acc": 0.5})
    if i % 3 == 0:
        run.log(wide, step=i)
    os.write(1, b"%d\\n" % i)  # this log has returned
    i += 1
"""
ROUNDS = 50
FORK = """
import os, sys, tempfile
import netscope
netscope.init(tempfile.mkdtemp(), watch_system=False, console=False).finish()  # imports what the children need
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.write(1, b"%d\\n" % os.getpid())
        sys.argv[1] = line.rstrip("\\n")
        exec(TRAIN)
    os.waitpid(child, 0)
    os.write(1, b"dead\\n")
"""


def start(folder: Path, *, in_group: bool = False) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", TRAIN, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=in_group)


def kill_and_count(child: subprocess.Popen[bytes], kill, delay_s: float) -> int:
    """Kill some time after the first log returned; returns the last step whose log had returned."""
    seen = os.read(child.stdout.fileno(), 1 << 16)
    until = time.monotonic() + delay_s
    while (left := until - time.monotonic()) > 0:
        seen = (seen + os.read(child.stdout.fileno(), 1 << 16))[-100:]
        time.sleep(min(left, 0.001))
    kill()
    while rest := os.read(child.stdout.fileno(), 1 << 16):
        seen = (seen + rest)[-100:]
    child.wait()
    child.stdout.close()
    return int(seen.rpartition(b"\n")[0].rpartition(b"\n")[2])


def check(folder: Path, last: int) -> None:
    (run,) = [path for path in folder.iterdir() if path.is_dir()]
    (found,) = read(run)
    series = found.series("loss")
    assert list(series.items())[: last + 1] == [(i, float(i)) for i in range(last + 1)]
    assert len(series) <= last + 2  # one log may have been written and not returned
    wide = found.series("k799")
    assert set(range(0, last + 1, 3)) <= wide.keys()
    assert not found.n_damaged
    assert not any(event["event"] == "end" for event in found.events)


def test_fifty_kills_lose_no_log_that_returned(tmp_path):
    chance = random.Random(0)
    code = f"TRAIN = {TRAIN!r}\n{FORK}"  # the parent imports netscope once; each child is a process that trains
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, ""], **pipes, bufsize=0) as parent:
        for i in range(ROUNDS):
            parent.stdin.write(f"{tmp_path / str(i)}\n".encode())
            child = int(parent.stdout.readline())
            said = os.read(parent.stdout.fileno(), 1 << 16)  # the first log returned
            until = time.monotonic() + chance.expovariate(1 / 0.04)
            while (left := until - time.monotonic()) > 0:
                said = (said + os.read(parent.stdout.fileno(), 1 << 16))[-100:]
                time.sleep(min(left, 0.001))
            os.kill(child, signal.SIGKILL)
            while not said.endswith(b"dead\n"):
                said = (said + os.read(parent.stdout.fileno(), 1 << 16))[-100:]
            check(tmp_path / str(i), int(said.split(b"\n")[-3]))
        parent.stdin.close()


def test_killing_the_whole_process_group_loses_no_log_that_returned(tmp_path):
    child = start(tmp_path, in_group=True)
    last = kill_and_count(child, lambda: os.killpg(child.pid, signal.SIGKILL), 0.1)
    check(tmp_path, last)


def test_sigterm_counts_as_killed(tmp_path):
    child = start(tmp_path)
    last = kill_and_count(child, child.terminate, 0.05)
    check(tmp_path, last)


@pytest.mark.parametrize("moment", range(12))
def test_a_kill_while_a_run_begins_leaves_no_partial_journal(tmp_path, moment):
    child = start(tmp_path)
    while not tmp_path.exists() or not any(path.is_dir() for path in tmp_path.iterdir()):
        assert child.poll() is None
        time.sleep(0.0005)
    time.sleep(moment * 0.0002)
    child.kill()
    child.stdout.read()
    child.wait()
    child.stdout.close()
    for run in tmp_path.iterdir():
        for found in read(run):
            assert found.start["run"] == run.name
