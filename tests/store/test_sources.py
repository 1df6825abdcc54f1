"""A kind of file that netscope does not know becomes a run with one reader: here a log of JSON lines."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest

from netscope.errors import FormatError
from netscope.schema.run import EditRequest
from netscope.store.ingest import indexer, run_state
from netscope.store.journal.follower import Follower, source_of
from netscope.store.journal.memtable import KeySet, RowBlock
from netscope.store.journal.new_data import NewData
from netscope.store.journal.regular_files import open_inside
from netscope.store.sources import SOURCES
from netscope.store.store import Store
from tests.store.journals import Script


class JsonLines(Follower):
    """Lines such as {"step": 3, "time": 1.7e9, "loss": 0.5}."""

    __slots__ = ()

    @staticmethod
    def is_mine(name: str) -> bool:
        return name.endswith(".jsonl")

    def has_changed(self) -> bool:
        return os.stat(self.path).st_size != self.offset

    def read_heartbeat(self) -> bool:
        mtime = os.stat(self.path).st_mtime
        has_moved = mtime != self.mtime
        self.mtime = self.heartbeat = mtime
        return has_moved

    def read(self, most: int = 1 << 62, *, thorough: bool = False) -> NewData | None:
        with open_inside(self.path) as file:
            status = os.fstat(file.fileno())
            self.size, self.mtime, self.heartbeat = status.st_size, status.st_mtime, status.st_mtime
            self.created = self.created or status.st_mtime
            file.seek(self.offset)
            lines = (file.read(min(most, self.size - self.offset)) or b"").splitlines(keepends=True)
        lines = [line for line in lines if line.endswith(b"\n")]
        if not lines:
            return None
        news = NewData(self.offset, self.metadata, self._sets)
        at = 0
        for line in lines:
            try:
                row = msgspec.json.decode(line, type=dict[str, float])
            except msgspec.MsgspecError as error:
                raise FormatError(f"{self.name} is not a log of JSON lines: {error}") from None
            step, time = int(row.pop("step")), row.pop("time")
            keys = KeySet("scalar", tuple(row))
            if keys not in news.sets.values():
                news.define_key_set(len(news.sets), keys)
            block = RowBlock(np.array([at]), np.array([step]), np.array([time]), np.array([list(row.values())]))
            news.add_rows([(keys, 1)], block)
            at += len(line)
        news.offset += at
        self.bytes_read += at
        return news


def line(step: int, **values: float) -> str:
    return msgspec.json.encode({"step": step, "time": 1_700_000_000.0 + step, **values}).decode() + "\n"


def open_all(folder: Path, index: str | None) -> Store:
    return Store(folder, index, sources=(*SOURCES, JsonLines))


def losses(store: Store, run: str = "theirs") -> list[float]:
    return store.columns([run], "loss")[run].points.values.tolist()


def test_a_log_of_another_program_is_a_run_beside_those_of_netscope(
    tmp_path: Path, index: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_state, "SILENCE_S", 3600.0)  # however slow this machine is
    Script().log(0, {"loss": 9.0}).end().write(tmp_path / "ours")
    log = tmp_path / "theirs" / "log.jsonl"
    log.parent.mkdir()
    log.write_text("".join(line(step, loss=step / 2) for step in range(100)) + '{"step": 100, "ti')
    with open_all(tmp_path, index) as store:
        store.refresh(None, everything=True)
        assert [run.id for run in store.table().runs] == ["ours", "theirs"]
        assert losses(store, "ours") == [9.0]
        assert losses(store) == [step / 2 for step in range(100)]
        assert store.run("theirs").state == "running"
        store.edit(EditRequest(runs=["theirs"], tags=["imported"]))
        assert store.run("theirs").tags == ["imported"]


def test_a_growing_log_is_followed_and_continued_from_the_index(
    tmp_path: Path, index: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "STATE_CHECK_S", 0.0)
    log = tmp_path / "theirs" / "log.jsonl"
    log.parent.mkdir()
    log.write_text(line(0, loss=1.0))
    with open_all(tmp_path, index) as store:
        store.refresh(None, everything=True)
        with log.open("a") as file:
            file.write(line(1, loss=0.5) + line(2, loss=0.25, acc=0.9))
        assert store.refresh(None, everything=True) == {"theirs"}
        assert losses(store) == [1.0, 0.5, 0.25]
        assert [key.key for key in store.keys(["theirs"]).keys] == ["acc", "loss"]
        long_ago = log.stat().st_mtime - 10 * run_state.SILENCE_S
        os.utime(log, (long_ago, long_ago))
        store.refresh(None, everything=True)
        assert store.run("theirs").state != "running"
    with log.open("a") as file:
        file.write(line(3, loss=0.125))
    with open_all(tmp_path, index) as store:
        store.refresh(None, everything=True)
        assert losses(store) == [1.0, 0.5, 0.25, 0.125]
        assert store.bytes_read < log.stat().st_size


def test_without_its_reader_a_log_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "log.jsonl").write_text(line(0, loss=1.0))
    with Store(tmp_path) as store:
        store.refresh(None, everything=True)
        assert store.table().runs == []


def test_a_deleted_log_is_listed_in_the_trash_and_comes_back(tmp_path: Path) -> None:
    log = tmp_path / "theirs" / "log.jsonl"
    log.parent.mkdir()
    log.write_text(line(0, loss=1.0))
    with open_all(tmp_path, None) as store:
        store.refresh(None, everything=True)
        assert store.delete(["theirs"], force=True).runs == ["theirs"]
        assert [one.id for one in store.trash()] == ["theirs"]
        store.restore(["theirs"])
        assert losses(store) == [1.0]


def test_what_a_reader_cannot_read_is_said_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "log.jsonl").write_text("no json\n")
    with open_all(tmp_path, None) as store:
        store.refresh(None, everything=True)
        (problem,) = store.detail("theirs").problems
        assert problem.startswith("log.jsonl is not a log of JSON lines")


@pytest.mark.parametrize("name", ["log.jsonl", "1-a.journal"])
def test_the_first_source_that_knows_a_name_reads_the_file(name: str) -> None:
    found = source_of(name, (*SOURCES, JsonLines))
    assert found is not None
    assert (found is JsonLines) == (name == "log.jsonl")
    assert source_of("notes.txt", SOURCES) is None
