"""Consoles: processes merged by time, filters, rows that can still change, and journals of version 1.0."""

from __future__ import annotations

import struct

import pytest

import netscope
from netscope.errors import NotFoundError
from netscope.store.journal import frames
from netscope.store.journal.metadata import Metadata
from tests.store.journals import Script


def texts(store, **options) -> list[str]:
    return [line.text for line in store.read.console.lines("r", **options).lines]


def live(script: Script, text: str, n_back: int = 0, stream: int = 1) -> Script:
    head = struct.pack("<dBB", script.created, stream, n_back)
    script.frames.append(frames.frame(frames.LIVE_ROWS, head + text.encode()))
    return script


@pytest.fixture
def ranks(tmp_path):
    """A run of two ranks that printed in turn, and a worker without a rank."""
    for rank, times in ((0, (10.0, 30.0, 50.0)), (1, (20.0, 40.0)), (None, (35.0,))):
        script = Script(rank=rank, created=1.0 if rank == 0 else 2.0, pid=70)
        for time in times:
            script.print(f"{'worker' if rank is None else rank} at {time:.0f}\n", stream=1 + (time == 40.0), time=time)
        script.end().write(tmp_path / "r", f"1-h-70-{rank}.journal")
    with netscope.open(tmp_path) as store:
        store.refresh(None)
        yield store


def test_lines_of_ranks_are_merged_by_time(ranks):
    assert texts(ranks) == ["0 at 10", "1 at 20", "0 at 30", "worker at 35", "1 at 40", "0 at 50"]
    found = ranks.read.console.lines("r", start=-3, n=2)
    assert (found.start, found.total, [line.text for line in found.lines]) == (3, 6, ["worker at 35", "1 at 40"])
    assert [line.rank for line in found.lines] == [None, 1]
    assert found.processes == ["rank 0", "rank 1", "70 on elsewhere"]


def test_lines_can_be_selected_by_rank_stream_and_text(ranks):
    assert texts(ranks, process="rank 1") == ["1 at 20", "1 at 40"]
    assert texts(ranks, process="rank 1", start=-1) == ["1 at 40"]
    assert texts(ranks, stream="err") == ["1 at 40"]
    assert texts(ranks, stream="out", search="AT 5") == ["0 at 50"]
    assert [line.text for line in ranks.run("r").console(rank=0)] == ["0 at 10", "0 at 30", "0 at 50"]
    with pytest.raises(NotFoundError, match=r"no process 'rank 7' in run 'r'; it has: .*'rank 0', 'rank 1'"):
        ranks.run("r").console(rank=7)


def test_a_clock_that_is_set_back_does_not_change_the_order_of_one_process(tmp_path):
    Script(rank=0).print("a\n", time=100.0).print("b\n", time=50.0).end().write(tmp_path / "r", name="1-h-1-a.journal")
    Script(rank=1).print("c\n", time=99.0).end().write(tmp_path / "r", name="1-h-2-b.journal")
    with netscope.open(tmp_path) as store:
        store.refresh(None)
        assert texts(store) == ["c", "a", "b"]


def test_live_rows_follow_the_lines_until_they_are_replaced(tmp_path):
    script = live(Script().print("one\ntwo\n"), "bar 10%\nbar 20%").print("three\n")
    script.write(tmp_path / "r")
    with netscope.open(tmp_path) as store:
        store.refresh(None)
        assert texts(store) == ["one", "two", "three", "bar 10%", "bar 20%"]
    live(script, "bar 99%", n_back=1)
    script.write(tmp_path / "r")
    with netscope.open(tmp_path) as store:
        store.refresh(None)
        assert texts(store) == ["one", "two", "bar 99%"]
    live(script, "").print("done\n").end().write(tmp_path / "r")
    with netscope.open(tmp_path) as store:
        store.refresh(None)
        assert texts(store) == ["one", "two", "done"]
        assert store.read.console.lines("r").total == 3


def test_only_the_last_lines_of_a_stream_can_be_retracted():
    metadata = Metadata()
    many = "".join(f"{i}\n" for i in range(frames.MOST_TAKEN_BACK + 3))
    settled = metadata.add_output(1.0, 1, many)
    settled += metadata.add_output(1.0, 2, "err\n")
    metadata.set_live_rows(2.0, 1, 255, "new")
    assert [line.text for line in settled] == ["0", "1", "2", "3"]
    assert [line.text for line in metadata.pending_lines] == ["err", "new"]
    assert [line.text for line in metadata.finish_console()] == ["err", "new"]
    assert metadata.n_lines == 6


def test_live_rows_survive_the_index(tmp_path):
    script = Script()
    for i in range(5000):
        script.print(f"line {i}\n")
    live(script, "bar 10%", n_back=2).write(tmp_path / "r")
    for _ in range(2):
        with netscope.open(tmp_path) as store:
            store.refresh(None)
            found = store.read.console.lines("r", -2, 2)
            assert (found.total, [line.text for line in found.lines]) == (4999, ["line 4997", "bar 10%"])
