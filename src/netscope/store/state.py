"""How a run is, running, finished, crashed, killed or unreadable: told from journals, processes and heartbeats."""

from __future__ import annotations

import time

import psutil

from netscope.schema import Attempt, State
from netscope.store import machine
from netscope.store.follow import Follower

SILENCE_S = 30.0  # a heartbeat comes every 2 s
START_TOLERANCE_S = 2.0  # the kernel counts from boot in ticks, and the wall clock is corrected meanwhile


def is_alive(follower: Follower) -> bool:
    """Whether the writer of a journal still lives, as far as one can tell from here."""
    start = follower.head.start
    if (start.host, start.boot) == (machine.host(), machine.boot()) and start.boot:
        return _is_process(start.pid, start.started)
    if follower.moved_at:
        return time.monotonic() - follower.moved_at < SILENCE_S
    return abs(time.time() - follower.heartbeat) < SILENCE_S


def _is_process(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return not started or abs(process.create_time() - started) < START_TOLERANCE_S
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


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


def forks(followers: list[Follower]) -> dict[int, int]:
    """Per attempt after the first, the step it goes on from."""
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


def attempts(ordered: list[Follower], forks: dict[int, int]) -> list[Attempt]:
    """All attempts of a run, of its journals in order; those that carry edits only are none."""
    found: dict[int, list[Follower]] = {}
    for follower in ordered:
        if attempt_of(follower):
            found.setdefault(attempt_of(follower), []).append(follower)
    result = []
    for number, writers in sorted(found.items()):
        first = first_of(writers)
        crashed = [w for w in writers if w.head.ended == "crashed"]
        state: State
        if crashed:
            state = "crashed"
        elif first.is_unreadable:
            state = "unreadable"
        elif first.head.ended:
            state = "finished"
        else:
            state = "running" if not first.problem and is_alive(first) else "killed"
        created = first.head.start.created or first.created
        heard = [w.head.last_time for w in writers] + [w.heartbeat for w in writers if state == "running"]
        error = next((w.head.error for w in crashed if w.head.error), "")
        result.append(Attempt(number, created, max([created, *heard]), state, forks.get(number), error))
    return result
