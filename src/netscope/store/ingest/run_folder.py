"""A run that is followed: its journals, and the row of the runs table they make."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from netscope.schema.run import Attempt
from netscope.store.ingest.folder_clock import FolderClock
from netscope.store.ingest.run_row import empty_run, run_of
from netscope.store.ingest.run_state import (
    Life,
    Phase,
    attempt_of,
    attempts,
    forks,
    in_order,
    life_of,
    may_be_written,
    said_forks,
)
from netscope.store.journal.follower import Follower

SUFFIX = ".journal"
FRESH_S = 2.0  # a folder that changed so recently may change again within its clock's tick


class Listing(NamedTuple):
    """The names of the journals in a folder."""

    names: set[str]
    mtime: int | None
    """When the folder had changed before they were listed, in ns; None where it may change again without another."""


class RunFolder:
    """A run and its journals."""

    __slots__ = (
        "attempts", "forks", "id", "journals", "listed", "listed_at", "lives", "looked", "ordered", "phase", "place",
        "revision", "run", "said_forks",
    )  # fmt: skip

    def __init__(self, run_id: str, store: Path) -> None:
        """Of a folder of runs; nothing is read yet."""
        self.id, self.place = run_id, f"{store}/{run_id}"
        self.journals: dict[str, Follower] = {}
        self.ordered: list[Follower] = []
        """By attempt, rank and age."""
        self.forks: dict[int, int] = {}
        self.said_forks: dict[int, int] = {}
        """Per attempt after the first, the step it goes on from."""
        self.run = empty_run(run_id)
        self.attempts: list[Attempt] = []
        self.lives: dict[str, Life] = {}
        """Per name of a journal of an attempt whether its writer lives, as of the last `judge`."""
        self.phase = Phase.UNREAD
        self.listed: int | None = None
        """Time stamp of the folder for which the names of its journals are known, in ns; None: list it again."""
        self.listed_at = 0.0
        """Monotonic time of the last listing."""
        self.revision = 0
        self.looked = 0.0
        """Monotonic time of the last look whether its writers live."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return Path(self.place)

    @property
    def followers(self) -> list[Follower]:
        """Its journals, in no order."""
        return list(self.journals.values())

    def arrange(self) -> None:
        """Put the journals in order, after they came, went or said who wrote them."""
        self.ordered = in_order(self.followers)
        self.forks = forks(self.ordered)
        self.said_forks = said_forks(self.ordered)

    def judge(self, clock: FolderClock) -> bool:
        """Determine the states of its writers and attempts; returns whether a writer is alive."""
        self.arrange()
        self.lives = {f.name: life_of(f, clock) for f in self.ordered if attempt_of(f)}
        self.attempts = attempts(self.ordered, self.forks, self.lives)
        return Life.ALIVE in self.lives.values()

    def may_be_written(self, clock: FolderClock) -> str:
        """That a process writes it, or may go on to, as the end of a sentence; '' where none does."""
        found = (may_be_written(f, self.lives[f.name], clock) for f in self.ordered if f.name in self.lives)
        return next(filter(None, found), "")

    def compose(self, revision: int) -> None:
        """Make the row of the runs table, after `judge`."""
        self.revision = revision
        self.run = run_of(self.id, self.ordered, self.attempts, revision)

    def look(self, clock: FolderClock | None = None) -> Listing | None:
        """What is in the folder now; None where it cannot be listed."""
        mtime = self.mtime()
        try:
            with os.scandir(self.place) as entries:  # a pipe of that name would be waited for without end
                names = {e.name for e in entries if e.name.endswith(SUFFIX) and is_text(e.name) and is_file(e)}
        except OSError:
            return None
        is_settled = mtime is not None and clock is not None and clock.age(mtime / 1e9) > FRESH_S
        return Listing(names, mtime if is_settled else None)

    def have(self, listing: Listing) -> None:
        """These are its journals."""
        for name in listing.names - self.journals.keys():
            self.journals[name] = Follower(f"{self.place}/{name}")
        for name in self.journals.keys() - listing.names:
            del self.journals[name]
        self.listed, self.listed_at = listing.mtime, time.monotonic()
        self.arrange()

    def mtime(self) -> int | None:
        """When the folder changed last, in ns; None where it is gone."""
        try:
            return os.stat(self.place).st_mtime_ns
        except OSError:
            return None


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file; a link that leads in a circle is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder; a link that leads in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_text(name: str) -> bool:
    """Names that are not UTF-8 cannot cross into JSON."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
