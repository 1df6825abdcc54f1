"""States of writers, attempts and runs, and when the journals of a run are read.

A writer (the process behind a journal of an attempt) is

    ENDED       its journal has an end event
    ALIVE       its process exists, stopped or not; or it cannot be checked, and showed activity within SILENCE_S
    SILENT      it cannot be checked from here, and showed no activity for SILENCE_S; it may be stopped, or continue
    GONE        its process no longer exists
    UNREADABLE  its journal cannot be read at all

    ALIVE  -> ENDED        the end event was read
    ALIVE  -> GONE         the process disappeared
    ALIVE <-> SILENT       no activity for SILENCE_S; activity again
    SILENT, GONE -> ENDED  an end event written late was read
    any   <-> UNREADABLE   the file cannot be read; it can be read again

It can be checked if host, boot and PID namespace are ours: then the process with its id and start time exists or not.
Otherwise activity decides: the heartbeat count changed since the last reading; or, at the first reading, the file was
modified recently by the clock of its file system (`FolderClock`). The writer's clock is compared with ours in one case
only: a heartbeat more than a day away belongs to a copied run.

An attempt is crashed if one of its writers crashed; else running while one is ALIVE; else it has the end state of its
first writer; else it is killed. A run's state is that of its last attempt.

A run's journals are

    UNREAD  to be read, because they are new or changed
    LIVE    read in every refresh, because a writer is ALIVE
    IDLE    read to the end, without a live writer: checked in turn

    (new)  -> UNREAD  the folder was found
    UNREAD -> LIVE    read, and a writer is ALIVE
    UNREAD -> IDLE    read to the very end, and no writer is ALIVE
    LIVE   -> UNREAD  the last writer is no longer ALIVE: its last data must be read
    IDLE   -> UNREAD  a check finds a new or missing journal, another file size, bytes at the read position or a new
                      heartbeat; or a person edited the run here

So a run that became IDLE too early is noticed at the next check by its file sizes. Opening a store checks all runs;
an open store checks IDLE_AT_ONCE runs in each refresh (`indexer`).
"""

from __future__ import annotations

import enum
import time
from collections.abc import Mapping

from netscope.schema.run import Attempt, State
from netscope.store.ingest import processes
from netscope.store.ingest.folder_clock import FolderClock
from netscope.store.journal import host
from netscope.store.journal.follower import Follower
from netscope.text import duration

SILENCE_S = 30.0  # a heartbeat comes every 2 s
OTHER_CLOCK_S = 86_400.0  # clocks are minutes apart, not days
PATIENCE_S = 86_400.0  # a silent process elsewhere may be stopped for this long


class WriterState(enum.Enum):
    """State of a writer; see above."""

    ENDED = "ended"
    ALIVE = "alive"
    SILENT = "silent"
    GONE = "gone"
    UNREADABLE = "unreadable"


class ReadState(enum.Enum):
    """When the journals of a run are read; see above."""

    UNREAD = "unread"
    LIVE = "live"
    IDLE = "idle"


def writer_state(follower: Follower, clock: FolderClock) -> WriterState:
    """Determine the state of a journal's writer."""
    if follower.metadata.ended:
        return WriterState.ENDED
    if follower.problem:
        return WriterState.UNREADABLE
    start = follower.metadata.start
    has_activity = is_active(follower, clock)
    is_local = start.boot and (start.host, start.boot) == (host.host(), host.boot())
    if is_local and start.pid_ns in (None, host.pid_namespace()):
        is_there = processes.exists(start.pid, start.started, start.ticks)
        if is_there and (has_activity or processes.has_open(start.pid, follower.path) is not False):
            return WriterState.ALIVE  # else this file is a copy of the one it writes
        if is_there is not None and start.pid_ns is not None:
            return WriterState.GONE
    return WriterState.ALIVE if has_activity else WriterState.SILENT


def is_active(follower: Follower, clock: FolderClock) -> bool:
    """Whether the writer of a journal showed activity within SILENCE_S."""
    if follower.moved_at and time.monotonic() - follower.moved_at < SILENCE_S:
        return True
    is_same_day = abs(time.time() - follower.heartbeat) < OTHER_CLOCK_S
    return is_same_day and abs(clock.age(follower.mtime)) < SILENCE_S


def may_be_written(follower: Follower, state: WriterState, clock: FolderClock) -> str:
    """Why a journal may still be written, as the end of a sentence; '' if no process writes it."""
    start = follower.metadata.start
    who = f"process {start.pid} on {start.host}" if start.pid else "an unknown process"
    if state is WriterState.ALIVE:
        return f"is still running: {who} is writing it"
    silence_s = max(clock.age(follower.mtime), 0.0)
    is_recent = silence_s < PATIENCE_S and abs(time.time() - follower.heartbeat) < 2 * PATIENCE_S
    if state is WriterState.SILENT and is_recent:
        return f"may still be running: {who} was active {duration(silence_s)} ago and cannot be checked from here"
    return ""


def attempt_of(follower: Follower) -> int:
    """The attempt of a journal, from its start frame; from its file name if the start frame is damaged."""
    if follower.metadata.start.attempt >= 0:
        return follower.metadata.start.attempt
    number = follower.name.split("-", 1)[0]
    return int(number) if number.isdecimal() and len(number) < 10 else 1


def in_order(followers: list[Follower]) -> list[Follower]:
    """Sort journals by attempt, then rank, then age."""
    if len(followers) < 2:
        return followers

    def place(f: Follower) -> tuple[int, int, float, str]:
        return attempt_of(f), f.metadata.start.rank or 0, f.metadata.start.created or f.created, f.name

    return sorted(followers, key=place)


def recorded_forks(followers: list[Follower]) -> dict[int, int]:
    """Per attempt that recorded it, the step from which it continues."""
    said: dict[int, int] = {}
    for follower in followers:
        step, number = follower.metadata.fork_step, attempt_of(follower)
        if step is not None:
            said[number] = min(step, said.get(number, step))
    return said


def forks(followers: list[Follower]) -> dict[int, int]:
    """Per attempt after the first, the step from which it continues: the recorded one, or its first logged step."""
    if len(followers) < 2:
        return {}
    found: dict[int, list[Follower]] = {}
    for follower in followers:
        found.setdefault(attempt_of(follower), []).append(follower)
    result = {}
    first = min((n for n in found if n), default=0)
    for number, writers in found.items():
        said = [w.metadata.fork_step for w in writers if w.metadata.fork_step is not None]
        logged = [w.metadata.first_step for w in writers if w.metadata.first_step is not None]
        other = [w.metadata.first_other for w in writers if w.metadata.first_other is not None]
        step = min(said or logged or other, default=None)
        if number > first and step is not None:
            result[number] = step
    return result


def first_of(writers: list[Follower]) -> Follower:
    """The writer that started an attempt."""
    return min(writers, key=lambda w: w.metadata.start.created or w.created)


def unreadable(ordered: list[Follower]) -> str:
    """Why the state of a run is unknown, if its last attempt cannot be read at all; else ''."""
    last = attempt_of(ordered[-1]) if ordered else 0
    first = first_of([f for f in ordered if attempt_of(f) == last]) if last else None
    return first.problem if first is not None and first.is_unreadable else ""


def attempts(ordered: list[Follower], forks: dict[int, int], writer_states: Mapping[str, WriterState]) -> list[Attempt]:
    """All attempts of a run; journals of edits only are not attempts.

    Args:
        ordered: Its journals in order.
        forks: Per attempt, the step from which it continues.
        writer_states: State of the writer by journal name.
    """
    found: dict[int, list[Follower]] = {}
    for follower in ordered:
        if attempt_of(follower):
            found.setdefault(attempt_of(follower), []).append(follower)
    result = []
    for number, writers in sorted(found.items()):
        first = first_of(writers)
        crashed = [w for w in writers if w.metadata.ended == "crashed"]
        alive = [w for w in writers if writer_states[w.name] is WriterState.ALIVE]
        state: State
        if crashed:
            state = "crashed"
        elif alive:
            state = "running"
        elif first.is_unreadable:
            state = "unreadable"
        else:
            state = first.metadata.ended or "killed"
        created = first.metadata.start.created or first.created
        heard = [w.metadata.last_time for w in writers] + [w.heartbeat for w in alive]
        error = next((w.metadata.error for w in crashed if w.metadata.error), "")
        result.append(Attempt(number, created, max([created, *heard]), state, forks.get(number), error))
    return result
