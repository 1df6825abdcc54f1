"""Writers, forks, stops, clocks and readers in any order: all points are seen, and the right state."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
import time
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from netscope.schema.run import EditRequest
from netscope.store.ingest import processes
from netscope.store.ingest.run_state import SILENCE_S
from netscope.store.journal import frames, host
from netscope.store.store import Store
from tests.fuzzing import examples
from tests.record.reading import read
from tests.store.journals import Script

RUNS = ("a", "b", "c")
AHEAD_BYTES = 1 << 16
PLACES = {
    "here": {},
    "another host": {"host": "elsewhere"},
    "another PID namespace": {"pid_ns": 1},
    "version 1.0": {"pid_ns": None},
}


@dataclasses.dataclass
class Process:
    """A writer, as it is; readers have only its journal."""

    run: str
    attempt: int
    pid: int
    where: str
    clock_s: float
    path: Path
    script: Script
    n_logged: int = 0
    beats: int = 0
    signed_at: float = 0.0
    is_there: bool = True
    is_stopped: bool = False
    ended: str = ""
    """The content of its journal."""
    said: str = ""
    """How it ended."""

    @property
    def acts(self) -> bool:
        return self.is_there and not self.is_stopped and not self.ended

    def is_alive(self, now: float) -> bool:
        """As far as it can be observed from here."""
        if self.ended:
            return False
        if self.where == "here":
            return self.is_there
        found = self.where == "version 1.0" and self.is_there
        return found or now - self.signed_at < SILENCE_S


class Lives(RuleBasedStateMachine):
    """Writers are growing files, processes a simulated table, and time passes by aging the files."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="netscope-lives-"))
        self.now = 1000.0
        self.processes: list[Process] = []
        self.undo = contextlib.ExitStack()
        real = time.monotonic
        self.undo.enter_context(mock.patch.object(time, "monotonic", lambda: real() + self.now))
        self.undo.enter_context(mock.patch.object(processes, "exists", self.exists))
        self.undo.enter_context(mock.patch.object(processes, "has_open", self.has_open))
        self.server = Store(self.folder)

    def teardown(self) -> None:
        self.server.close()
        self.undo.close()
        shutil.rmtree(self.folder)

    def exists(self, pid: int, started: float, ticks: int) -> bool:
        return any(p.pid == pid and p.is_there and p.where != "another host" for p in self.processes)

    def has_open(self, pid: int, path: str) -> bool:
        return any(p.pid == pid and os.fspath(p.path) == path for p in self.processes)

    def write(self, process: Process, at: int, data: bytes) -> None:
        with process.path.open("r+b") as file:
            file.seek(at)
            file.write(data)
        self.sign(process)

    def sign(self, process: Process) -> None:
        os.utime(process.path)
        process.signed_at = self.now

    @initialize(data=st.data())
    def begins(self, data: st.DataObject) -> None:
        for run in RUNS:
            self.starts(run, data.draw(st.sampled_from(list(PLACES))), 0, 1)

    @precondition(lambda self: len(self.processes) < 7)
    @rule(
        run=st.sampled_from(RUNS),
        where=st.sampled_from(list(PLACES)),
        clock_s=st.sampled_from([0, 120, -120, 7200]),
        attempt=st.sampled_from([1, 1, 1, 2]),
    )
    def starts(self, run: str, where: str, clock_s: float, attempt: int) -> None:
        """The first writer of a run, another rank, a forked child or a resumption: each is a journal of its own."""
        n = len(self.processes)
        created = time.time() + clock_s
        told = {"host": host.host(), "boot": host.boot(), "pid_ns": host.pid_namespace()} | PLACES[where]
        script = Script(attempt, rank=n, created=created, pid=5_000_000 + n, **told)
        path = script.write(self.folder / run, f"{attempt}-made-{n}-0000.journal", ahead=AHEAD_BYTES)
        process = Process(run, attempt, 5_000_000 + n, where, clock_s, path, script)
        self.processes.append(process)
        self.sign(process)

    @precondition(lambda self: any(p.acts for p in self.processes))
    @rule(data=st.data(), n=st.integers(1, 5))
    def logs(self, data: st.DataObject, n: int) -> None:
        process = data.draw(st.sampled_from([p for p in self.processes if p.acts]))
        at = len(process.script.bytes)
        for _ in range(n):
            process.script.log(process.n_logged, {f"k{process.pid}": float(process.n_logged)})
            process.n_logged += 1
        self.write(process, at, process.script.bytes[at:])

    @precondition(lambda self: any(p.acts for p in self.processes))
    @rule(data=st.data())
    def beats(self, data: st.DataObject) -> None:
        process = data.draw(st.sampled_from([p for p in self.processes if p.acts]))
        process.beats += 1
        heartbeat = frames.HEARTBEAT.pack(time.time() + process.clock_s, process.beats)
        self.write(process, frames.HEARTBEAT_AT, heartbeat)

    @precondition(lambda self: any(p.acts for p in self.processes))
    @rule(data=st.data(), state=st.sampled_from(["finished", "finished", "crashed"]))
    def ends(self, data: st.DataObject, state: str) -> None:
        process = data.draw(st.sampled_from([p for p in self.processes if p.acts]))
        header = process.path.read_bytes()[: frames.HEADER_BYTES]
        process.path.write_bytes(header + process.script.end(state).bytes[frames.HEADER_BYTES :])
        process.ended, process.said, process.is_there = state, state, False

    @precondition(lambda self: any(p.is_there for p in self.processes))
    @rule(data=st.data())
    def is_killed(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from([p for p in self.processes if p.is_there])).is_there = False

    @precondition(lambda self: any(p.is_there for p in self.processes))
    @rule(data=st.data())
    def is_stopped_or_goes_on(self, data: st.DataObject) -> None:
        process = data.draw(st.sampled_from([p for p in self.processes if p.is_there]))
        process.is_stopped = not process.is_stopped

    @rule(seconds=st.sampled_from([2.0, 11.0, 32.0, 100.0]))
    def time_goes_on(self, seconds: float) -> None:
        """For the reader's clock and for the files; heartbeats in a header are of the writer's clock, and stay."""
        self.now += seconds
        folders = {process.path.parent for process in self.processes}
        for path in (*folders, *(process.path for process in self.processes)):
            status = os.stat(path)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - int(seconds * 1e9)))

    @precondition(lambda self: any(p.acts for p in self.processes))
    @rule(data=st.data())
    def is_silent_for_long_and_goes_on(self, data: st.DataObject) -> None:
        self.time_goes_on(100.0)
        self.the_server_looks()
        self.logs(data, 1)

    @precondition(lambda self: any(not p.is_there and len(p.script.frames) > 1 for p in self.processes))
    @rule(data=st.data())
    def an_older_copy_of_a_journal_comes_and_grows(self, data: st.DataObject) -> None:
        """Like restoring a folder, or copying it repeatedly from elsewhere."""
        gone = [p for p in self.processes if not p.is_there and len(p.script.frames) > 1]
        process = data.draw(st.sampled_from(gone))
        header = process.path.read_bytes()[: frames.HEADER_BYTES]
        n = data.draw(st.integers(1, len(process.script.frames) - 1))
        self.time_goes_on(11.0)
        self.the_server_looks()
        for written in process.script.frames[:n], process.script.frames:
            process.path.write_bytes(header + b"".join(written))
            process.ended = process.said if written is process.script.frames else ""
            self.sign(process)
            self.a_server_that_looked_shows_all_points()

    @rule(run=st.sampled_from(RUNS))
    def is_edited(self, run: str) -> None:
        if any(p.run == run for p in self.processes) and run in self.server._indexer.runs:
            self.server.edit(EditRequest(runs=[run], add_tags=["seen"]))

    @rule()
    def the_server_looks(self) -> None:
        self.server.refresh(None)

    @rule()
    def somebody_lists_the_runs(self) -> None:
        with Store(self.folder) as store:
            self.compare(store)

    @rule()
    def the_index_is_deleted(self) -> None:
        for path in (self.folder / ".netscope").glob("index*"):
            path.unlink()

    @rule(run=st.sampled_from(RUNS))
    def is_deleted_and_restored(self, run: str) -> None:
        writers = [p for p in self.processes if p.run == run]
        if writers:
            deleted = self.server.delete([run])
            if any(p.is_alive(self.now) for p in writers):
                assert deleted.written == [run]
            if deleted.runs:
                assert self.server.restore([run]).runs == [run]

    def compare(self, store: Store) -> None:
        """Compare with all journals, read from scratch with `journal.scan`, and with the actual processes."""
        found = {run.id: run for run in store.runs()}
        assert found.keys() == {p.run for p in self.processes}
        for run_id, run in found.items():
            expected = {key: n for one in read(self.folder / run_id) for key, n in counts(one).items()}
            seen = {key: run.series(key) for key in expected}
            assert {key: sum(map(len, (s.steps, *(g.steps for g in s.ghosts)))) for key, s in seen.items()} == expected
            last = max(p.attempt for p in self.processes if p.run == run_id)
            assert run.state == self.state([p for p in self.processes if (p.run, p.attempt) == (run_id, last)])

    def state(self, writers: list[Process]) -> str:
        if any(p.ended == "crashed" for p in writers):
            return "crashed"
        if any(p.is_alive(self.now) for p in writers):
            return "running"
        return min(writers, key=lambda p: p.script.created).ended or "killed"

    @invariant()
    def a_server_that_looked_shows_all_points(self) -> None:
        self.server.refresh(None)
        for run in {p.run for p in self.processes}:
            expected = {key: n for one in read(self.folder / run) for key, n in counts(one).items()}
            seen = {key: self.server.columns([run], key)[run] for key in expected}
            assert {key: len(c.steps) + sum(len(g.steps) for g in c.ghosts) for key, c in seen.items()} == expected


def counts(one: object) -> dict[str, int]:
    """How many rows a journal has of each key."""
    found: dict[str, int] = {}
    for _, _, _, values in one.rows:
        for key in values:
            found[key] = found.get(key, 0) + 1
    return found


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=examples(25), stateful_step_count=25, deadline=None)
