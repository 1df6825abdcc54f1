from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netscope.record.journal import journal_file
from netscope.record.journal.journal_file import RESERVE, Batched, Mapped
from netscope.store.journal import frames
from tests.fuzzing import examples


def begin(way, folder: Path):
    path = folder / "j"
    path.unlink(missing_ok=True)
    made = way(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL), path)
    made.append(frames.header(1.0, 2))
    return made


def bodies(path: Path) -> list[bytes]:
    return [bytes(item.body) for item in frames.scan(path.read_bytes(), 64)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(40), deadline=None)
@pytest.mark.parametrize("way", [Mapped, Batched])
@given(st.lists(st.sampled_from([0, 1, 100, 4000, 4096, 65_000, 70_000, 3 << 20]), max_size=12))
def test_frames_of_any_size_are_read_back_and_the_file_ends_with_the_last(tmp_path, way, sizes):
    made = begin(way, tmp_path)
    expected = [bytes([i + 1]) * size for i, size in enumerate(sizes)]
    for body in expected:
        made.append(frames.frame(4, body))
    last = frames.frame(4, b"end")
    made.close(last)
    assert bodies(made.path) == [*expected, b"end"]
    assert made.path.read_bytes().endswith(last)


@pytest.mark.parametrize("way", [Mapped, Batched])
def test_a_heartbeat_rewrites_only_the_header(tmp_path, way):
    made = begin(way, tmp_path)
    made.append(frames.frame(4, b"x" * 100))
    made.flush()
    made.beat(5.0)
    made.beat(7.0)
    assert frames.read_header(made.path.read_bytes(), "")[1:] == (7.0, 2, 2)
    made.close(b"")
    assert bodies(made.path) == [b"x" * 100]


def test_a_mapped_frame_is_in_the_file_when_append_returns(tmp_path):
    made = begin(Mapped, tmp_path)
    made.append(frames.frame(4, b"now"))
    assert bodies(made.path) == [b"now"]
    made.close(b"")


def test_the_window_stays_small_while_the_file_grows(tmp_path):
    made = begin(Mapped, tmp_path)
    for _ in range(40):
        made.append(frames.frame(4, bytes(1 << 20)))
    assert len(made._window) <= journal_file.MOST_AT_ONCE + (1 << 20) + 2 * RESERVE
    assert made.path.stat().st_size > 40 << 20
    made.close(b"")


def test_space_is_allocated_before_it_is_mapped(tmp_path):
    made = begin(Mapped, tmp_path)
    made.append(frames.frame(4, bytes(200_000)))
    stat = made.path.stat()
    assert stat.st_blocks * 512 >= stat.st_size  # a sparse file dies of SIGBUS on a full disk
    made.close(b"")


@pytest.mark.parametrize("is_missing", [True, False])
def test_without_posix_fallocate_zeros_are_written(tmp_path, monkeypatch, is_missing):
    def unsupported(*_):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    if is_missing:
        monkeypatch.delattr(os, "posix_fallocate")
    else:
        monkeypatch.setattr(os, "posix_fallocate", unsupported)
    test_space_is_allocated_before_it_is_mapped(tmp_path)


def test_partially_written_zeros_are_completed(tmp_path, monkeypatch):
    real = os.pwrite
    monkeypatch.delattr(os, "posix_fallocate")
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:1000], at))
    with (tmp_path / "file").open("wb") as file:
        journal_file.allocate(file.fileno(), 0, 5000)
        assert os.fstat(file.fileno()).st_size == 5000


def full_after(n: int):
    def allocate(fd, start, length):
        if start + length > n:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.ftruncate(fd, start + length)

    return allocate


def test_a_full_disk_accepts_what_fits_then_refuses_then_accepts_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full_after(100_000))
    made = begin(Mapped, tmp_path)
    n = 0
    with pytest.raises(OSError, match="No space"):
        for _ in range(1000):
            made.append(frames.frame(4, bytes(1000)))
            n += 1
    assert n >= (100_000 - 2 * RESERVE - 4096) // 1016
    with pytest.raises(OSError, match="No space"):
        made.append(frames.frame(4, bytes(1000)))
    made.close(frames.frame(4, b"end" * 100))
    assert bodies(made.path) == [bytes(1000)] * n + [b"end" * 100]


def test_a_disk_with_space_again_is_written_again(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full_after(65_536))
    monkeypatch.setattr(journal_file, "RETRY_S", 0.0)
    made = begin(Mapped, tmp_path)
    with pytest.raises(OSError, match="No space"):
        made.append(frames.frame(4, bytes(100_000)))
    monkeypatch.setattr(os, "posix_fallocate", full_after(1 << 30))
    made.append(frames.frame(4, b"again"))
    made.append(frames.frame(4, bytes(100_000)))
    made.close(b"")
    assert bodies(made.path) == [b"again", bytes(100_000)]


def test_what_a_network_disk_refuses_is_retried_then_dropped(tmp_path, monkeypatch):
    made = begin(Batched, tmp_path)
    made.flush()
    real = os.pwrite

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    made.append(frames.frame(4, b"waits"))
    with pytest.raises(OSError, match="No space"):
        made.flush()
    with pytest.raises(OSError, match="No space"):
        for _ in range(20):
            made.append(frames.frame(4, bytes(1 << 20)))
    monkeypatch.setattr(os, "pwrite", real)
    made.flush()
    made.close(b"")
    found = bodies(made.path)
    assert found[0] == b"waits"
    assert 10 < len(found) < 20


def test_short_writes_are_continued(tmp_path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:7], at))
    made = begin(Batched, tmp_path)
    made.append(frames.frame(4, b"in sevens " * 9))
    made.close(frames.frame(4, b"end"))
    assert bodies(made.path) == [b"in sevens " * 9, b"end"]


def test_a_journal_appears_completely_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full_after(10))
    with pytest.raises(OSError, match="No space"):
        journal_file.open_journal(tmp_path / "a.journal", frames.frame(1, b"{}"), 1.0)
    assert list(tmp_path.iterdir()) == []


def test_logging_from_a_signal_handler_while_the_file_grows_loses_nothing(tmp_path, monkeypatch):
    made = begin(Mapped, tmp_path)
    real, calls = os.posix_fallocate, []

    def interrupted(fd, start, n):
        if not calls:
            calls.append(1)
            made.append(frames.frame(4, b"handler"))
        real(fd, start, n)

    made.append(frames.frame(4, bytes(50_000)))
    monkeypatch.setattr(os, "posix_fallocate", interrupted)
    made.append(frames.frame(4, bytes(20_000)))
    made.close(b"")
    assert sorted(map(len, bodies(made.path))) == [7, 20_000, 50_000]


def test_a_moved_file_still_exists_but_a_deleted_one_does_not(tmp_path):
    made = begin(Mapped, tmp_path)
    moved = made.path.rename(tmp_path / "moved")
    assert not made.is_gone()
    moved.unlink()
    assert made.is_gone()
    made.close(b"")
