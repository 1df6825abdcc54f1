"""Full disks and vanished folders: training continues with one warning, and the loss is reported at the end."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

import netscope
from netscope.errors import StorageError
from netscope.record import session
from netscope.record.journal import journal_file
from netscope.store.journal import blobs
from tests.record.reading import read

WIDE = {f"k{i}": float(i) for i in range(500)}  # 4 kB a row


@contextmanager
def full(monkeypatch, free: int):
    """A disk with limited space for each file."""
    real = os.posix_fallocate

    def allocate(fd, start, n):
        if start + n > free:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(fd, start, n)

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", allocate)
        yield


def test_a_full_disk_warns_once_and_finish_reports_the_loss(settled, journal_of, monkeypatch):
    run = settled
    with full(monkeypatch, 200_000), pytest.warns(RuntimeWarning, match="No space left.*training continues") as told:
        for _ in range(100):
            run.log(WIDE)
    assert len(told) == 1
    assert told[0].filename == __file__  # the line that logs, not one of ours
    assert run.step == 100
    with pytest.warns(RuntimeWarning, match=r"logged items could not be written.*No space") as told:
        run.finish()
    assert told[0].filename == __file__
    found = journal_of(run)
    kept = len(found.rows)
    assert 30 < kept < 50  # the environment is there too
    assert found.event("end")["dropped"] == 100 - kept
    assert str(told[0].message).startswith(f"{100 - kept} logged items")
    assert found.event("end")["state"] == "finished"


def test_freed_space_is_used_again(settled, journal_of, monkeypatch):
    monkeypatch.setattr(journal_file, "RETRY_S", 0.0)
    run = settled
    with full(monkeypatch, 100_000), pytest.warns(RuntimeWarning):
        for _ in range(50):
            run.log(WIDE)
    run.log(WIDE, step=1000)
    run.log({"other": 1.0})
    with pytest.warns(RuntimeWarning, match="could not be written"):
        run.finish()
    found = journal_of(run)
    assert not found.n_damaged
    assert found.series("k7")[1000] == 7.0
    assert found.series("other") == {1001: 1.0}


def test_a_refused_key_set_is_defined_before_its_next_row(settled, journal_of, monkeypatch):
    monkeypatch.setattr(journal_file, "RETRY_S", 0.0)
    run = settled
    run.log({"a": 1.0})
    many = {f"very/long/key/number/{i}": 1.0 for i in range(4000)}
    with full(monkeypatch, 70_000), pytest.warns(RuntimeWarning):
        run.log(many)
    run.log(many)
    with pytest.warns(RuntimeWarning, match="could not be written"):
        run.finish()
    assert journal_of(run).series("very/long/key/number/3999") == {2: 1.0}


def test_a_disk_error_does_not_hide_an_exception(settled, journal_of, monkeypatch):
    with full(monkeypatch, 70_000), pytest.warns(RuntimeWarning), pytest.raises(ValueError, match="the real trouble"):
        with settled as run:
            for _ in range(100):
                run.log(WIDE)
            raise ValueError("the real trouble")
    assert journal_of(run).event("end")["error"].endswith("the real trouble")


def test_a_refused_blob_is_counted_but_not_listed(run, journal_of, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(blobs, "write", refuse)
    with pytest.warns(RuntimeWarning):
        run.log({"loss": 1.0, "picture": netscope.Image([[0.0, 1.0]])})
    with pytest.warns(RuntimeWarning, match=r"^1 logged items"):
        run.finish()
    assert journal_of(run).series("loss") == {0: 1.0}
    assert journal_of(run).assets == []


LIMITED = """
import resource, sys, warnings
import netscope
run = netscope.init(sys.argv[1], watch_system=False, console=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
wide = {f"k{i}": 1.0 for i in range(500)}
for i in range(200):
    run.log(wide)
run.finish()
print("the model is saved")
"""


def test_a_disk_quota_does_not_kill_the_training(tmp_path):
    done = subprocess.run([sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the model is saved\n"
    assert done.stderr.count("RuntimeWarning") == 2  # at the first refusal, and at the end
    assert "logged items could not be written" in done.stderr
    (run,) = tmp_path.iterdir()
    (found,) = read(run)
    assert 60 < len(found.rows) < 73
    assert found.event("end")["dropped"] == 200 - len(found.rows)


@contextmanager
def small_disk(tmp_path: Path, megabytes: int):
    """A real file system of a few megabytes, if this machine allows mounting one."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"mounting needs rights that we have not ({done.stderr.strip()}); the quota's test does without")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


FILL = """
import sys, os
import netscope
run = netscope.init(sys.argv[1], watch_system=False, console=False)
wide = {f"k{i}": 1.0 for i in range(500)}
for i in range(2000):
    run.log(wide)
    if i == 20:
        with open(os.path.join(sys.argv[1], "hog"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
run.finish()
"""


def test_a_disk_filled_by_another_program_does_not_kill_the_training(tmp_path):
    with small_disk(tmp_path, 4) as disk:
        done = subprocess.run([sys.executable, "-c", FILL, disk], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr  # not -7, SIGBUS
        assert "logged items could not be written" in done.stderr
        (run,) = [path for path in disk.iterdir() if path.is_dir()]
        (found,) = read(run)
        assert found.event("end")["dropped"] == 2000 - len(found.rows)


def test_a_vanished_folder_warns_once_and_counts_everything_lost(settled, monkeypatch):
    monkeypatch.setattr(session, "RETRY_S", 0.0)
    run = settled
    for _ in range(10):
        run.log({"a": 1.0})
    shutil.rmtree(run.folder)
    with pytest.warns(RuntimeWarning, match="was deleted"):
        run._session._beat()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            run.log({"a": 1.0})
        run.image("p", [[0.5]])
    with pytest.warns(RuntimeWarning, match=r"^16 logged items.*was deleted"):
        run.finish()
    assert not run.folder.exists(), "what was deleted on purpose stays deleted"


def test_a_folder_that_reappears_is_written_again(settled, monkeypatch):
    monkeypatch.setattr(session, "RETRY_S", 0.0)
    run = settled
    run.log({"a": 1.0})
    shutil.rmtree(run.folder)
    with pytest.warns(RuntimeWarning, match="was deleted"):
        run._session._beat()
    run.log({"a": 2.0})
    run.folder.mkdir()
    run.log({"a": 3.0})
    run.log({"a": 4.0})
    with pytest.warns(RuntimeWarning, match=r"^2 logged items"):
        run.finish()
    (found,) = read(run.folder)
    assert found.series("a") == {2: 3.0, 3: 4.0}


def test_a_folder_that_vanished_just_before_the_end_is_noticed(settled):
    run = settled
    run.log({"a": 1.0})
    shutil.rmtree(run.folder)
    with (
        pytest.warns(RuntimeWarning, match="was deleted.*continues"),
        pytest.warns(RuntimeWarning, match=r"^1 logged items"),
    ):
        run.finish()


def test_a_moved_folder_is_still_written(run, tmp_path):
    run.log({"a": 1.0})
    moved = run.folder.rename(tmp_path / "moved")
    run._session._beat()
    run.log({"a": 2.0})
    run.finish()
    (found,) = read(moved)
    assert found.series("a") == {0: 1.0, 1: 2.0}


def test_init_refuses_a_read_only_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot record a run in"):
        netscope.init(tmp_path / "file" / "runs")


def test_init_refuses_a_full_disk(tmp_path, monkeypatch):
    with full(monkeypatch, 0), pytest.raises(StorageError, match="No space"):
        netscope.init(tmp_path)


def test_a_network_disk_is_written_soon(begin, journal_of, monkeypatch):
    monkeypatch.setattr(journal_file, "is_networked", lambda path: True)
    run = begin()
    for i in range(100):
        run.log({"a": float(i)})
    run._session._flush()
    assert len(journal_of(run).rows) == 100
    run.log({"a": 100.0})
    run.finish()
    assert len(journal_of(run).rows) == 101
    assert journal_of(run).event("end")["state"] == "finished"
