"""Keep the index of a folder: open it, put it aside when it is broken, and write what was followed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sql

from netscope.errors import StorageError
from netscope.store.index import tables
from netscope.store.index.database import BROKEN, open_index
from netscope.store.index.saved import Saved
from netscope.store.index.seals import IndexLost
from netscope.store.index.writer import Flusher
from netscope.store.ingest.run_folder import Followed
from netscope.store.journal.follower import Follower
from netscope.store.journal.memtable import KeySet

ERASED_AT_ONCE = 500  # runs; a query takes only so many names
PAUSE_S = 30.0  # between two tries to write where the disk refused

log = logging.getLogger("netscope.store")


class Keeper:
    """The index and what it knew when it was opened."""

    def __init__(self, folder: Path, url: str | None, lock: threading.RLock) -> None:
        """Open the index, or begin a new one."""
        self.folder, self.url, self.lock = folder, url, lock
        self.problems: list[str] = []
        """What went wrong, in sentences."""
        self._refused_until = 0.0
        self._open()

    def start_over(self, reason: str) -> None:
        """Put the index aside and begin a new one."""
        self.problems.append(f"the index was rebuilt from the journals: {reason}")
        log.warning("%s: the index is rebuilt: %s", self.folder, reason)
        if self.index.is_there():
            self.index.put_aside()
        self.index.close()
        self._open()

    def adopt(self, place: str, saved: Saved) -> Follower:
        """A follower that goes on where the index left off.

        Raises:
            IndexLost: The index lacks a key set of the journal.
        """
        if saved.needs_more_than(self.key_sets):
            self.key_sets |= self.flusher.key_sets()
        if saved.needs_more_than(self.key_sets):
            raise IndexLost(f"it lacks a key set of {saved.name}")
        return saved.follower(place, self.key_sets)

    def saved(self, run_id: str, name: str) -> Saved | None:
        """What the index knows of a journal now."""
        return self.flusher.saved(run_id, name)

    def flush(self, due: Sequence[tuple[str, Follower]]) -> list[Follower] | None:
        """Move tails into the index; those that another process was quicker with come back.

        None while the index refuses: the tails stay in memory.
        """
        if time.monotonic() < self._refused_until:
            return None
        try:
            lost = self.flusher.flush(due)
        except StorageError as error:
            self._refused(error)
            return None
        for _, follower in due:
            for keys in follower.key_sets:
                self.key_sets.setdefault(keys.id, keys)
        return lost

    def forget_beyond(self, number: int, size: int) -> None:
        """Forget a journal of which the index has more than there is."""
        try:
            self.flusher.forget_beyond(number, size)
        except StorageError as error:
            self._refused(error)

    def rest(self, runs: Sequence[Followed]) -> None:
        """Note the folders of runs without a living writer: while a folder is unchanged, its journals are known."""
        rows = [{"id": one.id, "folder_mtime": one.listed} for one in runs if one.listed is not None]
        if rows:
            try:
                self.flusher.rest(rows)
            except StorageError as error:
                self._refused(error)

    def erase(self, run_ids: Sequence[str]) -> None:
        """Forget runs whose folders are gone."""
        for start in range(0, len(run_ids), ERASED_AT_ONCE):
            some = run_ids[start : start + ERASED_AT_ONCE]
            with self.index.reading() as connection:
                query = sql.select(tables.journal.c.id).where(tables.journal.c.run.in_(some))
                numbers = list(connection.execute(query).scalars())
            if numbers:
                self.flusher.forget(numbers, list(some))

    def _open(self) -> None:
        for _ in range(3):
            self.index = open_index(self.folder, self.url, self.problems)
            self.flusher = Flusher(self.index, self.lock)
            try:
                self._load()
                return
            except BROKEN as error:
                self.problems.append(f"the index was rebuilt from the journals: {error}")
                self.index.put_aside()
        raise StorageError(f"the index of {self.folder} cannot be read: {self.problems[-1]}")

    def _load(self) -> None:
        self.known: dict[str, list[Saved]] = {}
        """Journals by run."""
        for saved in self.flusher.load():
            self.known.setdefault(saved.run, []).append(saved)
        self.key_sets: dict[int, KeySet] = self.flusher.key_sets()
        with self.index.reading() as connection:
            rows = connection.execute(sql.select(tables.run.c.id, tables.run.c.folder_mtime)).all()
        self.rested: dict[str, int] = {row.id: row.folder_mtime for row in rows}
        """Per run that was at rest the time stamp of its folder, in ns, for which `known` has all of its journals."""

    def _refused(self, error: StorageError) -> None:
        self._refused_until = time.monotonic() + PAUSE_S
        sentence = f"the index could not be written, new points stay in memory: {error}"
        if sentence not in self.problems:
            self.problems.append(sentence)
            log.warning("%s: %s", self.folder, sentence)
