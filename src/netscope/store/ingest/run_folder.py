"""A run folder: its journals, their writers' states, and the resulting row of the runs table."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from netscope.schema.run import Attempt
from netscope.store.ingest.folder_clock import FolderClock
from netscope.store.ingest.run_row import empty_run, run_of
from netscope.store.ingest.run_state import (
    ReadState,
    WriterState,
    attempt_of,
    attempts,
    forks,
    in_order,
    may_be_written,
    recorded_forks,
    writer_state,
)
from netscope.store.journal.follower import Follower, source_of
from netscope.store.sources import Sources

FRESH_S = 2.0  # a folder that changed this recently may change again without a new modification time


class Listing(NamedTuple):
    """The journals in a folder."""

    names: set[str]
    mtime: int | None
    """The folder's modification time in ns before listing; None if it may change again without a new one."""


class RunFolder:
    """A run that is followed, and its journals."""

    __slots__ = (
        "attempts", "checked_at", "forks", "id", "journals", "listed", "listed_at", "ordered", "path", "read_state",
        "recorded_forks", "revision", "run", "sources", "writer_states",
    )  # fmt: skip

    def __init__(self, run_id: str, store: Path, sources: Sources) -> None:
        """A run in the folder `store`, whose files of these sources are followed; nothing is read yet."""
        self.id, self.path, self.sources = run_id, f"{store}/{run_id}", sources
        self.journals: dict[str, Follower] = {}
        self.ordered: list[Follower] = []
        """Journals by attempt, rank and age."""
        self.forks: dict[int, int] = {}
        self.recorded_forks: dict[int, int] = {}
        """Per attempt that recorded it, the step from which it continues; `forks` falls back to the first step."""
        self.run = empty_run(run_id)
        self.attempts: list[Attempt] = []
        self.writer_states: dict[str, WriterState] = {}
        """State of the writer by journal name, as of the last `update_state`; only journals of attempts."""
        self.read_state = ReadState.UNREAD
        self.listed: int | None = None
        """The folder's modification time in ns when it was listed; None: list it again."""
        self.listed_at = 0.0
        """Monotonic time of the last listing."""
        self.revision = 0
        self.checked_at = 0.0
        """Monotonic time of the last check of its writers."""

    @property
    def folder(self) -> Path:
        """The path of the folder."""
        return Path(self.path)

    @property
    def followers(self) -> list[Follower]:
        """Its journals, unordered."""
        return list(self.journals.values())

    def sort_journals(self) -> None:
        """Sort the journals, after journals were added or removed or start frames were read."""
        self.ordered = in_order(self.followers)
        self.forks = forks(self.ordered)
        self.recorded_forks = recorded_forks(self.ordered)

    def update_state(self, clock: FolderClock) -> bool:
        """Determine the states of its writers and attempts; returns whether a writer is alive."""
        self.sort_journals()
        self.writer_states = {f.name: writer_state(f, clock) for f in self.ordered if attempt_of(f)}
        self.attempts = attempts(self.ordered, self.forks, self.writer_states)
        return WriterState.ALIVE in self.writer_states.values()

    def may_be_written(self, clock: FolderClock) -> str:
        """Why the run may still be written, as the end of a sentence; '' if no process writes it."""
        found = (
            may_be_written(f, self.writer_states[f.name], clock) for f in self.ordered if f.name in self.writer_states
        )
        return next(filter(None, found), "")

    def update_row(self, revision: int) -> None:
        """Recompute the row of the runs table, after `update_state`."""
        self.revision = revision
        self.run = run_of(self.id, self.ordered, self.attempts, revision)

    def list_journals(self, clock: FolderClock | None = None) -> Listing | None:
        """List the journals in the folder; None if it cannot be listed."""
        mtime = self.mtime()
        try:
            with os.scandir(self.path) as entries:  # regular files only: opening a pipe would block forever
                names = {e.name for e in entries if source_of(e.name, self.sources) and is_text(e.name) and is_file(e)}
        except OSError:
            return None
        is_settled = mtime is not None and clock is not None and clock.age(mtime / 1e9) > FRESH_S
        return Listing(names, mtime if is_settled else None)

    def set_journals(self, listing: Listing) -> None:
        """Update `journals` to a listing."""
        for name in listing.names - self.journals.keys():
            if source := source_of(name, self.sources):
                self.journals[name] = source(f"{self.path}/{name}")
        for name in self.journals.keys() - listing.names:
            del self.journals[name]
        self.listed, self.listed_at = listing.mtime, time.monotonic()
        self.sort_journals()

    def mtime(self) -> int | None:
        """Modification time of the folder in ns; None if it is gone."""
        try:
            return os.stat(self.path).st_mtime_ns
        except OSError:
            return None


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether the entry is a file; False for a circular link."""
    try:
        return entry.is_file()
    except OSError:
        return False


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether the entry is a folder; False for a circular link."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_text(name: str) -> bool:
    """Whether a file name is valid UTF-8; others cannot be encoded in JSON."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
