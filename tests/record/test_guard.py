"""Failures beside a training do not stop it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import psutil
import pytest

import netscope
from netscope.errors import StorageError, UsageError
from netscope.record import guard
from netscope.record.capture import environment, gpus, system
from netscope.record.heartbeat import Heartbeat
from tests.record.reading import read


@pytest.fixture
def no_threads(monkeypatch):
    """A system that allows no more threads, like `ulimit -u`."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_failures_warn_once_per_kind():
    with pytest.warns(RuntimeWarning) as told:
        assert [guard.attempt("the weather", lambda: 1 / 0, "fine") for _ in range(3)] == ["fine"] * 3
        guard.attempt("the tide", lambda: [][0], None)
    assert [str(one.message) for one in told] == [
        "the weather failed; the training continues: ZeroDivisionError: division by zero",
        "the tide failed; the training continues: IndexError: list index out of range",
    ]
    assert told[0].filename == __file__


def test_a_meaningless_call_still_raises():
    def call():
        raise UsageError("no")

    with pytest.raises(UsageError):
        guard.attempt("x", call, None)


def test_the_background_thread_continues_if_warnings_are_errors(monkeypatch):
    told, has_gone_on = [], threading.Event()
    monkeypatch.setattr(threading, "excepthook", told.append)
    thread = Heartbeat("a run", [lambda: 1 / 0, has_gone_on.set], lambda: None, [], 0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        thread.start()
        assert has_gone_on.wait(100)
        thread.stop()
    assert [one.exc_type for one in told] == [RuntimeWarning]


def test_a_process_without_threads_records_everything(tmp_path, no_threads, journal_of):
    with pytest.warns(RuntimeWarning, match="background thread.*can't start new thread"):
        run = netscope.init(tmp_path, console=False)
    for i in range(100):
        run.log({"loss": float(i)})
    run.finish()
    found = journal_of(run)
    assert list(found.series("loss")) == list(range(100))
    assert found.event("environment")["environment"]["python"] == sys.version.split()[0]
    assert found.event("end")["state"] == "finished"


def test_without_a_thread_logging_sends_heartbeats(tmp_path, no_threads, monkeypatch):
    from netscope.record import heartbeat
    from netscope.store.journal import frames

    monkeypatch.setattr(heartbeat, "BEAT_S", 0.0)
    with pytest.warns(RuntimeWarning, match="background thread"):
        run = netscope.init(tmp_path, console=False)
    for i in range(5):
        run.log({"loss": float(i)})
    (path,) = run.folder.glob("*.journal")
    assert frames.read_header(path.read_bytes(), "").beats >= 4
    run.finish()
    assert any(kind == "system" for kind, *_ in read(run.folder)[0].rows)


def test_a_row_without_memory_is_counted_as_lost(begin, journal_of, monkeypatch):
    run = begin()
    run.log({"a": 1.0})
    row_writer = run._session.row_writers["a",]

    def refuse(*_):
        raise MemoryError

    monkeypatch.setattr(row_writer, "_append", refuse)
    with pytest.warns(RuntimeWarning, match="no memory"):
        run.log({"a": 2.0})
    monkeypatch.undo()
    run.log({"a": 3.0})
    with pytest.warns(RuntimeWarning, match="1 logged items"):
        run.finish()
    assert journal_of(run).series("a") == {0: 1.0, 2: 3.0}


def test_an_image_without_memory_is_dropped(begin, journal_of, monkeypatch):
    from netscope.record.media import convert

    def refuse(*_, **__):
        raise MemoryError

    run = begin()
    monkeypatch.setattr(convert, "Image", refuse)
    with pytest.warns(RuntimeWarning, match=r"logging 'x' failed; the training continues: MemoryError"):
        run.image("x", [[0.0]])
    run.finish()
    assert journal_of(run).assets == []


@pytest.mark.parametrize("broken", ["virtual_memory", "cpu_percent", "Process", "disk_io_counters"])
def test_metrics_that_psutil_lacks_are_omitted(monkeypatch, broken):
    def refuse(*_, **__):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, broken, refuse)
    found = system.System().sample()
    assert found
    assert "network/sent_mb_s" in found


def test_a_failing_driver_leaves_the_other_metrics(monkeypatch):
    def refuse(*_):
        raise UnicodeDecodeError("utf-8", b"x", 0, 1, "broken driver")

    monkeypatch.setattr(gpus.Gpus, "sample", refuse)
    with pytest.warns(RuntimeWarning, match="sampling the GPUs failed"):
        assert "memory/percent" in system.System().sample()


def test_a_missing_working_directory_leaves_the_rest_of_the_environment(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    found = environment.capture()
    assert found.directory == ""
    assert found.python


def test_a_failing_git_is_ignored(tmp_path, monkeypatch):
    (tmp_path / "git").write_text("#!/bin/sh\nkill -SEGV $$\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert environment.git(tmp_path) == {}


def script(code: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, **options)


def test_logging_while_the_process_exits_does_not_raise(tmp_path):
    done = script(
        "import atexit, netscope\n"
        "atexit.register(lambda: run.log({'late': 1.0}))\n"
        f"run = netscope.init({str(tmp_path)!r}, watch_system=False, console=False)\n"
        "run.log({'a': 1.0})"
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "later log calls are dropped" in done.stderr
    (folder,) = tmp_path.iterdir()
    assert read(folder)[0].event("end")["state"] == "finished"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("how", ["sys.{0}.close()", "sys.{0} = None", "sys.{0} = io.StringIO()", "del sys.{0}.write"])
def test_a_closed_or_replaced_stream_is_harmless(tmp_path, stream, how):
    done = script(
        f"import io, netscope, sys\nrun = netscope.init({str(tmp_path)!r}, watch_system=False, quiet=True)\n"
        f"print('x', file=sys.{stream})\n{how.format(stream)}\nrun.log({{'a': 1.0}}); run.finish()"
    )
    assert (done.returncode, done.stderr.replace("x\n", "")) == (0, "")
    (folder,) = tmp_path.iterdir()
    assert [text for _, text in read(folder)[0].console] == ["x\n"]


@pytest.mark.parametrize("address", ["s3://bucket/runs", "gs://b/x", "hdfs:/u", "S3://b", Path("s3://bucket/runs")])
def test_an_address_is_refused_as_a_folder_with_advice(tmp_path, monkeypatch, address):
    monkeypatch.chdir(tmp_path)
    for use in (netscope.init, netscope.open):
        with pytest.raises(UsageError, match=r"got the address .*mount it as a folder, or log to a local folder"):
            use(address)
    monkeypatch.setenv("NETSCOPE_DIR", str(address))
    with pytest.raises(UsageError, match=r"^NETSCOPE_DIR: expected"):
        netscope.init()
    assert list(tmp_path.iterdir()) == []


def test_a_file_address_says_what_to_remove(tmp_path):
    with pytest.raises(UsageError, match="leave out the 'file://'"):
        netscope.init(f"file://{tmp_path}")


@pytest.mark.parametrize("wrong", ["", "a\0b", 3, Path("a\0b")])
def test_a_value_that_is_not_a_path_is_refused(wrong):
    for use in (netscope.init, netscope.open):
        with pytest.raises(UsageError, match="expected the path of a folder, got"):
            use(wrong)


def test_a_home_folder_is_expanded_or_a_full_path_requested(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    run = netscope.init("~/runs", watch_system=False, console=False)
    run.finish()
    assert run.folder.parent == tmp_path / "runs"
    with pytest.raises(UsageError, match="the home folder is unknown; give the absolute path"):
        netscope.init("~nobody-of-this-name/runs")


def test_a_missing_working_directory_is_reported(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(StorageError, match="'runs', but the current folder is gone"):
        netscope.init()


def test_a_user_without_a_home_can_read_runs(tmp_path, monkeypatch):
    with netscope.init(tmp_path, name="a", watch_system=False, console=False) as run:
        run.log({"x": 1.0})
    from netscope.store.index import database

    def nobody(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", lambda path: nobody(path) if str(path).startswith("~") else path)
    monkeypatch.setattr(database, "is_writable", lambda folder: False)
    with netscope.open(tmp_path) as store:
        assert store.run("a").series("x").values.tolist() == [1.0]
        assert store.backend == "memory"
