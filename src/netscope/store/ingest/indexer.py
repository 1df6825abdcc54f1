"""Follow all runs of a folder: find them, decide which to read next, and index them."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from pathlib import Path

from netscope.errors import FormatError, StorageError
from netscope.store.index.database import BROKEN, Index
from netscope.store.index.writer import IndexWriter, is_large
from netscope.store.ingest.folder_clock import FolderClock
from netscope.store.ingest.run_folder import FRESH_S, RunFolder, is_folder, is_text
from netscope.store.ingest.run_state import ReadState
from netscope.store.journal.follower import Follower, source_of
from netscope.store.sources import Sources

BATCH_BYTES = 16 << 20  # of journals in one transaction
IDLE_AT_ONCE = 250  # idle runs checked per refresh: 1,000 a second in a server with an open page
EMPTY_AT_ONCE = 50  # folders without a journal checked per refresh
PIECE_BYTES = 8 << 20  # of one journal between checks of the time budget
BEGINNING_BYTES = 256 << 10  # of a new journal, read first so that the run appears with its name
STATE_CHECK_S = 1.0  # between checks whether writers are alive
LISTING_S = 10.0  # a folder is listed again after this time even if its modification time is unchanged

log = logging.getLogger("netscope.store")


_revising = threading.Lock()
_revision = 0


def next_revision() -> int:
    """A number larger than all before, in this process and in earlier ones, for any folder."""
    global _revision
    with _revising:
        _revision = max(_revision + 1, int(time.time() * 1000))
        return _revision


class Indexer:
    """All runs of a folder, as of the last `refresh`."""

    def __init__(self, folder: Path, url: str | None, sources: Sources) -> None:
        """Open the index and read its list of journals; the folder itself is not read yet."""
        self.folder, self.sources = folder, sources
        self.runs: dict[str, RunFolder] = {}
        self.removed: list[tuple[int, str]] = []
        self.patience_s: float | None = None
        """How long a query waits for unread journals; None: until all are read."""
        self.revision = next_revision()
        self.lock = threading.RLock()
        self._refreshing = threading.RLock()
        self._listed: int | None = None  # the folder's modification time in ns for which `runs` is complete
        self._listed_at = 0.0
        self._backlog: deque[RunFolder] = deque()
        self._idle: OrderedDict[str, RunFolder] = OrderedDict()  # least recently checked first
        self._folders_without_journals: deque[str] = deque()
        self.writer = IndexWriter(folder, url, self.lock)
        self.clock = FolderClock(folder)
        self.bytes_read = 0
        """Bytes of journals read so far."""
        self.n_replaced = 0
        """How often a journal had to be restarted from the index."""

    def start_over(self, reason: str, broken: Index | None = None) -> None:
        """Replace an index that is gone or broken, and read all journals again.

        Args:
            reason: What is wrong with it.
            broken: The index that the caller found broken; nothing is done if another thread has already replaced it.
        """
        broken = broken or self.index
        with self._refreshing, self.lock:
            if self.index is not broken:
                return
            self.writer.start_over(reason)
            self._backlog.clear()
            self._idle.clear()
            for run_folder in self.runs.values():
                run_folder.journals.clear()
                run_folder.sort_journals()  # so that readers do not expect data in the new index
                run_folder.listed, run_folder.read_state = None, ReadState.UNREAD
                self._backlog.append(run_folder)

    def ensure_read(self) -> None:
        """Read the folder if that has not happened yet."""
        if not self.runs:
            self.refresh(self.patience_s)

    def begin_with(self, run_ids: Sequence[str]) -> None:
        """Find these runs and read the beginnings of their journals, unless they were already read."""
        self.refresh(0.0)
        with self._refreshing:
            waiting = {run_id for run_id in run_ids if run_id in self.runs and not self.runs[run_id].revision}
            for run_id in waiting:
                for follower in self.runs[run_id].followers:
                    self._read_journal(follower, 0.0, most=BEGINNING_BYTES)
            self._update_rows(waiting)

    def refresh(self, budget_s: float | None, *, everything: bool = False, first: Sequence[str] = ()) -> set[str]:
        """Read new data; returns the ids of the runs that changed.

        Args:
            budget_s: After this many seconds, leave the rest for the next call; None: read all.
            everything: Check all idle runs, not just the next few.
            first: Check and completely read these runs first, however long it takes.
        """
        with self._refreshing:
            try:
                return self._refresh(budget_s, everything, first)
            except BROKEN as lost:
                self.start_over(str(lost) or type(lost).__name__)
                return self._refresh(budget_s, everything, first)
            except StorageError:  # the database does not answer
                waiting = set(self._backlog)
                # Put the runs that were being read back into the backlog.
                unqueued = [f for f in self.runs.values() if f.read_state is ReadState.UNREAD and f not in waiting]
                self._backlog.extend(unqueued)
                raise

    def _refresh(self, budget_s: float | None, everything: bool, first: Sequence[str]) -> set[str]:
        until = time.monotonic() + budget_s if budget_s is not None else float("inf")
        if not self.writer.index.is_there():
            self.start_over("it was deleted")
        self._discover(everything=everything)
        changed: set[str] = set()
        try:
            for run_folder in [f for f in self.runs.values() if f.read_state is ReadState.LIVE]:
                if self._follow_live(run_folder, until):
                    changed.add(run_folder.id)
            for _ in range(len(self._idle) if everything else min(len(self._idle), IDLE_AT_ONCE)):
                _, run_folder = self._idle.popitem(last=False)
                if self.runs.get(run_folder.id) is not run_folder or run_folder.read_state is not ReadState.IDLE:
                    continue
                if self._has_changed(run_folder):
                    self._read_again(run_folder)
                else:
                    self._idle[run_folder.id] = run_folder
            for run_folder in [self.runs[run_id] for run_id in first if run_id in self.runs]:
                run_folder.read_state, run_folder.listed = ReadState.UNREAD, None
                self._backlog.appendleft(run_folder)
            changed |= self._catch_up(until, frozenset(first))
        finally:  # also report changes if the database fails
            self._update_rows(changed)
        return changed

    @property
    def index(self) -> Index:
        """The database."""
        return self.writer.index

    @property
    def generation(self) -> str:
        """Changes whenever data read from the index before may no longer be valid."""
        return f"{self.index.generation}-{self.n_replaced}"

    @property
    def is_behind(self) -> bool:
        """Whether there is more to read right now."""
        return bool(self._backlog)

    @property
    def reading(self) -> tuple[int, int]:
        """Number of completely read runs, and of all runs."""
        n_runs = len(self.runs)
        return n_runs - min(len(self._backlog), n_runs), n_runs

    def run_folder(self, run_id: str) -> RunFolder | None:
        """A run by its id."""
        return self.runs.get(run_id)

    def remove(self, run_ids: list[str]) -> None:
        """Remove runs whose folders are gone, here and from the index."""
        with self._refreshing:
            with self.lock:
                gone = [self.runs.pop(run_id) for run_id in run_ids if run_id in self.runs]
                self.revision = next_revision()
                self.removed += [(self.revision, run_folder.id) for run_folder in gone]
            try:
                self.writer.delete_runs(run_ids)
            except BROKEN as lost:
                self.start_over(str(lost) or type(lost).__name__)

    def _update_rows(self, changed: set[str]) -> None:
        if not changed:
            return
        with self.lock:
            self.revision = next_revision()
            for run_id in changed:
                if (run_folder := self.runs.get(run_id)) is not None:
                    run_folder.update_state(self.clock)
                    run_folder.update_row(self.revision)

    def _discover(self, *, everything: bool) -> None:
        """Find new and removed runs, if the folder changed or was last listed long ago."""
        try:
            mtime = self.folder.stat().st_mtime_ns
        except OSError:
            return
        if mtime == self._listed and time.monotonic() - self._listed_at < LISTING_S and not everything:
            for _ in range(min(len(self._folders_without_journals), EMPTY_AT_ONCE)):
                self._add_folder(self._folders_without_journals.popleft())
            return
        self._listed = mtime if self.clock.age(mtime / 1e9) > FRESH_S else None
        self._listed_at = time.monotonic()
        try:
            with os.scandir(self.folder) as entries:
                found = {e.name for e in entries if e.name[0] != "." and is_text(e.name) and is_folder(e)}
        except OSError as error:
            log.warning("%s cannot be listed: %s", self.folder, error)
            return
        self._folders_without_journals.clear()
        for run_id in sorted(found - self.runs.keys()):
            self._add_folder(run_id)
        vanished = [run_id for run_id in self.runs if run_id not in found]
        if vanished:
            self.remove(vanished)
        stale = [run_id for run_id in self.writer.indexed_journals if run_id not in found]
        self.writer.delete_runs(stale)
        for run_id in stale:
            del self.writer.indexed_journals[run_id]

    def _add_folder(self, run_id: str) -> None:
        """Start following a folder; if it has no journal yet, check it again later."""
        run_folder = RunFolder(run_id, self.folder, self.sources)
        if self._resume_from_index(run_folder):
            with self.lock:
                self.runs[run_id] = run_folder
            self._backlog.appendleft(run_folder)  # the newest first
        elif run_folder.mtime() is not None:
            self._folders_without_journals.append(run_id)

    def _resume_from_index(self, run_folder: RunFolder) -> bool:
        """Start following a run after its indexed bytes; returns False if the folder is not a run."""
        indexed = self.writer.indexed_journals.pop(run_folder.id, [])
        for one in indexed:
            if source := source_of(one.name, self.sources):
                path = f"{run_folder.path}/{one.name}"
                run_folder.journals[one.name] = self.writer.resume_journal(source, path, one)
        noted = self.writer.idle_folders.pop(run_folder.id, None)
        if indexed and noted is not None and noted == run_folder.mtime():
            run_folder.listed = noted
            return True
        return self._list_journals(run_folder)

    def _list_journals(self, run_folder: RunFolder) -> bool:
        """List the journals of a run; returns whether there are any."""
        listing = run_folder.list_journals(self.clock)
        if listing is None:
            return False
        with self.lock:
            run_folder.set_journals(listing)
        return bool(listing.names)

    def _read_again(self, run_folder: RunFolder) -> None:
        run_folder.read_state, run_folder.listed = ReadState.UNREAD, None
        self._backlog.append(run_folder)

    def _follow_live(self, run_folder: RunFolder, until: float) -> bool:
        """Read new data of a live run; returns whether it changed."""
        changed = False
        now = time.monotonic()
        if (
            now - run_folder.listed_at > LISTING_S
            or run_folder.listed is None
            or run_folder.mtime() != run_folder.listed
        ):
            before = len(run_folder.journals)
            if not self._list_journals(run_folder):
                return False  # removed; `_discover` handles it
            changed = len(run_folder.journals) != before
        for follower in run_folder.followers:
            changed |= self._read_journal(follower, until)
        if changed or now - run_folder.checked_at > STATE_CHECK_S:
            run_folder.checked_at = now
            self._read_heartbeats(run_folder)
            changed |= self._update_state(run_folder)
        due = [f for f in run_folder.followers if is_large(f)]
        if due:
            self._flush([(run_folder.id, f) for f in due])
        return changed

    def _update_state(self, run_folder: RunFolder) -> bool:
        """Update the state; returns whether it changed. A run without a live writer is then read to its very end."""
        with self.lock:
            before = run_folder.run.state
            is_alive = run_folder.update_state(self.clock)
            run_folder.update_row(run_folder.revision)
        if not is_alive:
            self._read_again(run_folder)
        return run_folder.run.state != before

    def _catch_up(self, until: float, first: frozenset[str]) -> set[str]:
        """Read new and changed runs, newest first; those without a live writer become idle.

        Args:
            until: Monotonic time.
            first: These come before the others in the backlog, and are read to their end.
        """
        changed: set[str] = set()
        finished: list[RunFolder] = []
        behind: list[RunFolder] = []
        waiting = 0
        while self._backlog:
            run_folder = self._backlog.popleft()
            if self.runs.get(run_folder.id) is not run_folder or run_folder.read_state is not ReadState.UNREAD:
                continue
            now = time.monotonic()
            # A long run leaves time for others.
            share = float("inf") if run_folder.id in first else now + (until - now) / 2
            if self._read(run_folder, share, finished):
                changed.add(run_folder.id)
            if any(f.is_behind for f in run_folder.followers):
                behind.append(run_folder)
            if finished and finished[-1] is run_folder:
                waiting += sum(f.offset - f.indexed for f in run_folder.followers)
            if waiting > BATCH_BYTES:
                self._store_finished(finished)
                finished, waiting = [], 0
            if time.monotonic() > until and not (self._backlog and self._backlog[0].id in first):
                break
        for run_folder in reversed(behind):
            self._backlog.insert(1, run_folder)  # after the next run, so that runs take turns
        self._store_finished(finished)
        return changed

    def _read(self, run_folder: RunFolder, until: float, finished: list[RunFolder]) -> bool:
        """Read an unread run; returns whether it changed. If the time runs out, it stays unread.

        Args:
            run_folder: The run.
            until: Monotonic time.
            finished: The run is appended to this list if it becomes idle.
        """
        is_new = not run_folder.revision
        if run_folder.listed is None and not self._list_journals(run_folder):
            self.remove([run_folder.id])
            self._folders_without_journals.append(run_folder.id)  # it may get journals again
            return False
        is_known = is_new and not self._has_changed(run_folder)
        grew = False
        if not is_known:
            grew = self._grow(run_folder, until, is_new=is_new)
            self._read_heartbeats(run_folder)
        if any(f.is_behind for f in run_folder.followers):
            self._flush([(run_folder.id, f) for f in run_folder.followers if is_large(f)])
            return True
        with self.lock:
            before = run_folder.run.state
            is_alive = run_folder.update_state(self.clock)
        if is_alive:
            run_folder.read_state = ReadState.LIVE
        else:
            if not is_known:
                for follower in run_folder.followers:
                    grew |= self._read_journal(follower, float("inf"), thorough=True)
            if not is_known or run_folder.listed_at:  # else the index already has this
                finished.append(run_folder)
            run_folder.read_state = ReadState.IDLE
            self._idle[run_folder.id] = run_folder
        state = run_folder.attempts[-1].state if run_folder.attempts else "killed"
        return grew or is_new or state != before

    def _grow(self, run_folder: RunFolder, until: float, *, is_new: bool) -> bool:
        """Read new data of each journal; a long new run appears in the table once its beginning is read."""
        grew = False
        if is_new:
            for follower in run_folder.followers:
                grew |= self._read_journal(follower, 0.0, most=BEGINNING_BYTES)
            if any(f.is_behind for f in run_folder.followers):
                self._update_rows({run_folder.id})
        for follower in run_folder.followers:
            grew |= self._read_journal(follower, until)
        return grew

    def _has_changed(self, run_folder: RunFolder) -> bool:
        """Whether an idle run may have new data."""
        if run_folder.listed is None or run_folder.mtime() != run_folder.listed:
            return True
        try:
            self.bytes_read += sum(72 for f in run_folder.followers if not f.metadata.ended)
            return any(bool(f.problem) or f.has_changed() for f in run_folder.followers)
        except (OSError, FormatError):
            return True

    def _read_heartbeats(self, run_folder: RunFolder) -> None:
        """Read the heartbeats of the writers without an end event."""
        for follower in run_folder.followers:
            if not follower.metadata.ended and not follower.problem:
                try:
                    self.bytes_read += 64
                    follower.read_heartbeat()
                except (OSError, FormatError):
                    continue  # reading the journal reports the error

    def _read_journal(
        self, follower: Follower, until: float, *, most: int | None = None, thorough: bool = False
    ) -> bool:
        """Read the new bytes of a journal; returns whether there were any.

        Args:
            follower: The journal.
            until: Monotonic time at which to stop; if there is more, it `is_behind`.
            most: Bytes between checks of the time.
            thorough: As in `Follower.read`.
        """
        most = most or PIECE_BYTES
        grew = False
        before = follower.bytes_read
        had = follower.problem
        while True:
            follower.is_behind = False  # if the disk fails halfway, continue with other runs
            try:
                news = follower.read(most, thorough=thorough)
                if follower.size < follower.offset:
                    return self._restart_journal(follower.run, follower, size=follower.size)
                with self.lock:  # not during the read, so that readers of other runs need not wait for the disk
                    taken = follower.apply(news)
            except FormatError as error:
                follower.problem = str(error)
                break
            except FileNotFoundError:
                break
            except OSError as error:
                follower.problem = f"{follower.name} cannot be read: {error.strerror or error}"
                break
            grew |= taken > 0
            follower.is_behind = taken >= most
            if not follower.is_behind or time.monotonic() > until:
                break
            if is_large(follower):
                self._flush([(follower.run, follower)])
        self.bytes_read += follower.bytes_read - before
        return grew or follower.problem != had

    def _store_finished(self, finished: list[RunFolder]) -> None:
        """Write the rest of idle runs to the index."""
        due = [(one.id, f) for one in finished for f in one.followers if f.offset > f.indexed]
        if due and not self._flush(due):
            return
        with self.lock:
            for one in finished:
                one.update_state(self.clock)
                one.update_row(one.revision)
        self.writer.mark_idle({one.id: one.listed for one in finished if one.listed is not None})

    def _flush(self, due: list[tuple[str, Follower]]) -> bool:
        """Move memtables to the index; returns False if it cannot be written."""
        lost = self.writer.flush(due)
        for run_id, follower in due:
            if any(follower is other for other in lost or ()):
                self._restart_journal(run_id, follower)
        return lost is not None

    def _restart_journal(self, run_id: str, follower: Follower, size: int | None = None) -> bool:
        """Restart a journal from the index, because another process indexed it first or the file was replaced.

        Args:
            run_id: Its run.
            follower: The follower to replace.
            size: Size of the file if it is shorter than what was read; its data is then deleted from the index.

        Returns:
            Whether the journal was restarted.
        """
        run_folder = self.runs.get(run_id)
        if run_folder is None or run_folder.journals.get(follower.name) is not follower:
            return False
        if size is not None:
            self.writer.delete_beyond(run_id, follower.number, size)
        indexed = self.writer.indexed_journal(run_id, follower.name)
        with self.lock:
            self.n_replaced += 1
            is_usable = indexed is not None and (size is None or indexed.upto <= size)
            source = type(follower)
            if indexed is not None and is_usable:
                fresh = self.writer.resume_journal(source, follower.path, indexed)
            else:
                fresh = source(follower.path)
            run_folder.journals[follower.name] = fresh
            fresh.created, fresh.heartbeat, fresh.mtime = follower.created, follower.heartbeat, follower.mtime
            fresh.beats, fresh.moved_at, fresh.bytes_read = follower.beats, follower.moved_at, follower.bytes_read
            run_folder.sort_journals()
        self._read_journal(fresh, float("inf"))
        return True
