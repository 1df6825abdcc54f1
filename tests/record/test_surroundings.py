"""Environment and system metrics."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

import netscope
from netscope.record import heartbeat
from netscope.record.capture import environment, gpus, system
from netscope.schema.run import Environment
from tests.waiting import until


@pytest.fixture
def repository(tmp_path):
    where = tmp_path / "source"
    where.mkdir()
    for command in (
        "init -q -b trunk",
        "config user.email a@b.c",
        "config user.name me",
        "remote add origin https://me:hunter2@example.com/a/b.git",
    ):
        subprocess.run(["git", "-C", where, *command.split()], check=True)
    (where / "train.py").write_text("x = 1\n")
    subprocess.run(["git", "-C", where, "add", "."], check=True)
    subprocess.run(["git", "-C", where, "commit", "-qm", "one"], check=True)
    return where


def test_the_state_of_the_git_repository_is_recorded(repository):
    found = environment.git(repository)
    assert len(found["commit"]) == 40
    assert (found["branch"], found["changes"]) == ("trunk", "")
    (repository / "train.py").write_text("x = 2\n")
    assert environment.git(repository)["changes"]


def test_without_a_repository_no_git_state_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment.git(tmp_path) == {}
    monkeypatch.setenv("PATH", "")
    assert environment.git(tmp_path) == {}


SCRIPT = """
import netscope, sys
netscope.init(sys.argv[1], watch_system=False).finish()
"""


def test_an_environment_is_recorded_once_without_secrets(repository, tmp_path):
    from tests.record.reading import read

    (repository / "train.py").write_text(SCRIPT)
    secrets = ["--password", "hunter2", "--api_key=hunter2", "model.token=hunter2", "https://me:hunter2@host/x"]
    subprocess.run(
        [sys.executable, repository / "train.py", tmp_path / "runs", "--lr=0.1", *secrets],
        check=True,
        env={**os.environ, "WANDB_API_KEY": "hunter2"},
    )
    (run,) = (tmp_path / "runs").iterdir()
    (found,) = read(run)
    assert b"hunter2" not in found.path.read_bytes()
    told = msgspec.convert(found.event("environment")["environment"], Environment)
    assert told.python == sys.version.split()[0]
    assert told.command.endswith("--lr=0.1 --password '***' '--api_key=***' 'model.token=***' 'https://***@host/x'")
    assert (told.git_branch, told.git_dirty, told.git_remote) == ("trunk", True, "https://example.com/a/b.git")
    assert told.cpu_count == os.cpu_count()
    assert told.memory_bytes == psutil.virtual_memory().total
    assert told.directory == os.getcwd()


def test_packages_are_the_installed_ones():
    from importlib.metadata import version

    found = environment.packages(sys.path)
    for name in ("numpy", "msgspec", "psutil"):
        assert found[name] == version(name)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--token", "abc"], ["--token", "***"]),
        (["--hfToken=abc"], ["--hfToken=***"]),
        (["--tokenizer", "bert", "--max-tokens=100"], ["--tokenizer", "bert", "--max-tokens=100"]),
        (["--secret-key", "s", "--lr", "1"], ["--secret-key", "***", "--lr", "1"]),
        (["--password", "--lr=1"], ["--password", "--lr=1"]),
        (["hf_abcdefghijklmnopqrstu"], ["***"]),
        (["--key=sk-abcdefghijklmnop"], ["--key=***"]),
        (["--author=me", "auth.txt"], ["--author=me", "auth.txt"]),
        (["-c", "password='a b'; train()"], ["-c", "password=***"]),
    ],
)
def test_only_secrets_are_removed_from_the_command(arguments, shown):
    assert environment.redact(arguments) == shown


def test_system_metrics_are_rows_of_their_own_kind(tmp_path, monkeypatch, journal_of):
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.02)
    monkeypatch.setattr(system, "EVERY_S", 0.04)
    run = netscope.init(tmp_path, console=False)
    until(lambda: sum(row[0] == "system" for row in journal_of(run).rows) >= 3)
    run.finish()
    rows = [row for row in journal_of(run).rows if row[0] == "system"]
    assert [row[1] for row in rows] == [int(1e3 * row[2]) for row in rows]
    last = rows[-1][3]
    assert 0 <= last["memory/percent"] <= 100
    assert 0 <= last["cpu/percent"] <= 100
    assert last["process/memory_mb"] == pytest.approx(psutil.Process().memory_info().rss / 2**20, rel=0.5)
    assert {
        "process/cpu_percent",
        "disk/read_mb_s",
        "disk/written_mb_s",
        "network/received_mb_s",
        "network/sent_mb_s",
    } <= last.keys()
    assert all(value >= 0 for value in last.values())


def test_a_run_that_ends_at_once_has_system_metrics(tmp_path, journal_of):
    run = netscope.init(tmp_path, console=False)
    run.finish()
    (row,) = [row for row in journal_of(run).rows if row[0] == "system"]
    assert {"cpu/percent", "memory/percent", "process/memory_mb"} <= row[3].keys()


def test_the_system_metrics_of_ranks_are_separate(tmp_path, monkeypatch):
    from netscope.store.journal import host

    monkeypatch.setattr(heartbeat, "BEAT_S", 0.02)
    monkeypatch.setattr(system, "EVERY_S", 0.0)
    name = host.host()
    runs = []
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        runs.append(netscope.init(tmp_path, join="both", console=False))
    with netscope.open(tmp_path) as store:
        until(lambda: {"process/threads@rank 0", "process/threads@rank 1"} <= set(store.run("both").keys("system")))
        found = store.run("both").keys("system")
    for run in runs:
        run.finish()
    assert f"cpu/percent@{name}" in found
    assert not [key for key in found if "@" not in key]
    machines = [key for key in found if not key.startswith("process/")]
    assert {key.partition("@")[2] for key in machines} == {name}


def test_the_system_metrics_of_a_resumed_run_continue(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.02)
    monkeypatch.setattr(system, "EVERY_S", 0.0)

    def figures() -> int:
        with netscope.open(tmp_path) as store:
            run = store.run("r")
            return len(run.series("memory/percent", "system").steps) if run.keys("system") else 0

    before = 0
    for resume in (None, "r"):
        run = netscope.init(tmp_path, None if resume else "r", resume=resume, console=False)
        run.log({"loss": 1.0})
        until(lambda before=before: figures() >= before + 3)
        run.finish()
        before = figures()


class Nvml:
    """What of nvidia-ml-py is used, for a machine with two GPUs of which one cannot tell its power."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    class Numbers:
        gpu, used, total = 50, 4 << 30, 16 << 30

    def nvmlInit(self):
        pass

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, i):
        return i

    def nvmlDeviceGetName(self, i):
        return b"Fast GPU" if i else "Faster GPU"

    def nvmlDeviceGetUtilizationRates(self, i):
        return self.Numbers

    nvmlDeviceGetMemoryInfo = nvmlDeviceGetUtilizationRates

    def nvmlDeviceGetTemperature(self, i, _):
        return 60 + i

    def nvmlDeviceGetPowerUsage(self, i):
        if i:
            raise self.NVMLError
        return 250_000


def test_gpus_report_what_they_support(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", Nvml())
    monkeypatch.setattr(gpus, "DEVICES", [Path(os.devnull)])
    found = gpus.Gpus()
    assert found.names() == ["Faster GPU", "Fast GPU"]
    assert found.sample() == {
        "gpu.0/percent": 50, "gpu.0/memory_mb": 4096, "gpu.0/memory_percent": 25, "gpu.0/temperature_c": 60,
        "gpu.0/power_w": 250, "gpu.1/percent": 50, "gpu.1/memory_mb": 4096,
        "gpu.1/memory_percent": 25, "gpu.1/temperature_c": 61,
    }  # fmt: skip


def test_a_machine_without_gpus_reports_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(gpus, "DEVICES", [Path(os.devnull)])
    assert gpus.Gpus().sample() == {}
    assert gpus.Gpus().names() == []


def test_the_heartbeat_moves_in_the_header(begin, journal_of, monkeypatch):
    from netscope.store.journal import frames

    monkeypatch.setattr(heartbeat, "BEAT_S", 0.02)
    run = begin()
    (path,) = run.folder.glob("*.journal")
    until(lambda: frames.read_header(path.read_bytes(), "").beats >= 2)
    header = frames.read_header(path.read_bytes(), "")
    assert header.heartbeat > header.created
    assert header.pid == os.getpid()
