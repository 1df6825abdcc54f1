"""A run's life: whether each of its writers may still write, the state that makes, and when its journals are read.

A writer (a journal that is an attempt's) is

    ENDED       its last frame says how it ended
    ALIVE       its process exists, stopped or not; or it cannot be checked, and gave a sign within SILENCE_S
    SILENT      it cannot be checked from here, and gave no sign for SILENCE_S: it may be stopped, or go on later
    GONE        its process does not exist any more
    UNREADABLE  its journal cannot be read at all

    ALIVE  -> ENDED        the last frame was read
    ALIVE  -> GONE         the process disappeared
    ALIVE <-> SILENT       no sign for SILENCE_S; a sign again
    SILENT, GONE -> ENDED  what was written after all was read
    any   <-> UNREADABLE   the file cannot be read; it can again

It can be checked if host, boot and PID namespace are ours: then the process with its id and start time exists or not.
Elsewhere signs decide. A sign is a count of heartbeats other than at the reading before; at the first reading it is the
time stamp of the file, compared with the clock of the file system that made it (`FolderClock`). The writer's clock is
never compared with ours, but for one thing: a heartbeat that is more than a day away is that of a run which was copied.

An attempt is crashed if one of its writers ended so; else running while one is ALIVE; else as its first writer ended;
else killed. A run's state is that of its last attempt.

A run's journals are

    UNREAD   to be read: new, or changed since
    LIVE     a writer is ALIVE: read in every refresh
    AT_REST  nobody writes them, all was read to the end: looked at in turn

    (new)   -> UNREAD              its folder was found
    UNREAD  -> LIVE                read, and a writer is ALIVE
    UNREAD  -> AT_REST             read to the very end, and none is
    LIVE    -> UNREAD              the last writer stopped being ALIVE: what it wrote last is read
    AT_REST -> UNREAD              a look finds a journal come or gone, a size other than what was read, bytes where
                                   reading stopped, or a heartbeat; or a person edited the run here

So what came to rest too early is found again by its sizes and offsets, in the next look at it: a store that is opened
looks at all runs, one that stays open looks at RESTING_AT_ONCE in each refresh (ingest.py).
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
PATIENCE_S = 86_400.0  # a process elsewhere that is silent for so long may only be stopped


class Life(enum.Enum):
    """Of a writer; see above."""

    ENDED = "ended"
    ALIVE = "alive"
    SILENT = "silent"
    GONE = "gone"
    UNREADABLE = "unreadable"


class Phase(enum.Enum):
    """Of a run's journals; see above."""

    UNREAD = "unread"
    LIVE = "live"
    AT_REST = "at rest"


def life_of(follower: Follower, clock: FolderClock) -> Life:
    """Whether the writer of a journal may still write."""
    if follower.head.ended:
        return Life.ENDED
    if follower.problem:
        return Life.UNREADABLE
    start = follower.head.start
    is_signing = gave_sign(follower, clock)
    is_of_here = start.boot and (start.host, start.boot) == (host.host(), host.boot())
    if is_of_here and start.pid_ns in (None, host.pid_namespace()):
        is_there = processes.exists(start.pid, start.started, start.ticks)
        if is_there and (is_signing or processes.has_open(start.pid, follower.place) is not False):
            return Life.ALIVE  # else it writes another file, of which this one is a copy
        if is_there is not None and start.pid_ns is not None:
            return Life.GONE
    return Life.ALIVE if is_signing else Life.SILENT


def gave_sign(follower: Follower, clock: FolderClock) -> bool:
    """Whether the writer of a journal showed within SILENCE_S that it lives."""
    if follower.moved_at and time.monotonic() - follower.moved_at < SILENCE_S:
        return True
    is_of_now = abs(time.time() - follower.heartbeat) < OTHER_CLOCK_S
    return is_of_now and abs(clock.age(follower.mtime)) < SILENCE_S


def may_be_written(follower: Follower, life: Life, clock: FolderClock) -> str:
    """That a process writes a journal, or may go on to, as the end of a sentence; '' where none does."""
    start = follower.head.start
    who = f"process {start.pid} on {start.host}" if start.pid else "a process that is not told"
    if life is Life.ALIVE:
        return f"is still running: {who} writes it"
    silence_s = max(clock.age(follower.mtime), 0.0)
    is_recent = silence_s < PATIENCE_S and abs(time.time() - follower.heartbeat) < 2 * PATIENCE_S
    if life is Life.SILENT and is_recent:
        return f"may still be running: {who} was heard of {duration(silence_s)} ago and cannot be checked from here"
    return ""


def attempt_of(follower: Follower) -> int:
    """Number of the attempt a journal belongs to: as it says, or as its file name says where the start is damaged."""
    if follower.head.start.attempt >= 0:
        return follower.head.start.attempt
    number = follower.name.split("-", 1)[0]
    return int(number) if number.isdecimal() and len(number) < 10 else 1


def in_order(followers: list[Follower]) -> list[Follower]:
    """By attempt, then rank, then age."""
    if len(followers) < 2:
        return followers

    def place(f: Follower) -> tuple[int, int, float, str]:
        return attempt_of(f), f.head.start.rank or 0, f.head.start.created or f.created, f.name

    return sorted(followers, key=place)


def said_forks(followers: list[Follower]) -> dict[int, int]:
    """Per attempt that says so, the step it goes on from."""
    said: dict[int, int] = {}
    for follower in followers:
        step, number = follower.head.fork_step, attempt_of(follower)
        if step is not None:
            said[number] = min(step, said.get(number, step))
    return said


def forks(followers: list[Follower]) -> dict[int, int]:
    """Per attempt after the first, the step it goes on from, or the first one it logged."""
    if len(followers) < 2:
        return {}
    found: dict[int, list[Follower]] = {}
    for follower in followers:
        found.setdefault(attempt_of(follower), []).append(follower)
    result = {}
    first = min((n for n in found if n), default=0)
    for number, writers in found.items():
        said = [w.head.fork_step for w in writers if w.head.fork_step is not None]
        logged = [w.head.first_step for w in writers if w.head.first_step is not None]
        other = [w.head.first_other for w in writers if w.head.first_other is not None]
        step = min(said or logged or other, default=None)
        if number > first and step is not None:
            result[number] = step
    return result


def first_of(writers: list[Follower]) -> Follower:
    """The one that began an attempt."""
    return min(writers, key=lambda w: w.head.start.created or w.created)


def unreadable(ordered: list[Follower]) -> str:
    """Why nothing is known of how a run is: its last attempt cannot be read at all; or ''."""
    last = attempt_of(ordered[-1]) if ordered else 0
    first = first_of([f for f in ordered if attempt_of(f) == last]) if last else None
    return first.problem if first is not None and first.is_unreadable else ""


def attempts(ordered: list[Follower], forks: dict[int, int], lives: Mapping[str, Life]) -> list[Attempt]:
    """All attempts of a run, of its journals in order; those that carry edits only are none.

    Args:
        ordered: Its journals.
        forks: Per attempt the step it goes on from.
        lives: Per name of a journal whether its writer lives.
    """
    found: dict[int, list[Follower]] = {}
    for follower in ordered:
        if attempt_of(follower):
            found.setdefault(attempt_of(follower), []).append(follower)
    result = []
    for number, writers in sorted(found.items()):
        first = first_of(writers)
        crashed = [w for w in writers if w.head.ended == "crashed"]
        alive = [w for w in writers if lives[w.name] is Life.ALIVE]
        state: State
        if crashed:
            state = "crashed"
        elif alive:
            state = "running"
        elif first.is_unreadable:
            state = "unreadable"
        else:
            state = first.head.ended or "killed"
        created = first.head.start.created or first.created
        heard = [w.head.last_time for w in writers] + [w.heartbeat for w in alive]
        error = next((w.head.error for w in crashed if w.head.error), "")
        result.append(Attempt(number, created, max([created, *heard]), state, forks.get(number), error))
    return result
