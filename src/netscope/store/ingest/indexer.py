"""Keep up with a folder of runs: which there are, and whose turn it is to be read."""

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
from netscope.store.ingest.run_state import Phase
from netscope.store.journal.follower import Follower

BATCH_BYTES = 16 << 20  # of journals in one transaction
RESTING_AT_ONCE = 250  # runs at rest looked at in one refresh: a server with a page open comes to 1,000 a second
EMPTY_AT_ONCE = 50  # folders without a journal looked at in one refresh
PIECE = 8 << 20  # bytes of one journal between two looks at the clock
BEGINNING = 256 << 10  # of a new journal, which tells what the run is called before all of it is read
LIFE_S = 1.0  # between two looks whether a writer lives
LISTING_S = 10.0  # after which a folder is listed again even if its time stamp is the same

log = logging.getLogger("netscope.store")


_revising = threading.Lock()
_revision = 0


def next_revision() -> int:
    """A number larger than any before in this process, whatever the folder, and than those of earlier processes."""
    global _revision
    with _revising:
        _revision = max(_revision + 1, int(time.time() * 1000))
        return _revision


class Indexer:
    """All runs of a folder, up to date as of the last `refresh`."""

    def __init__(self, folder: Path, url: str | None) -> None:
        """Open the index and learn from it what it knows; nothing of the folder is read yet."""
        self.folder = folder
        self.runs: dict[str, RunFolder] = {}
        self.removed: list[tuple[int, str]] = []
        self.patience_s: float | None = None
        """How long a query waits for journals that are not read yet; None: until all are."""
        self.revision = next_revision()
        self.lock = threading.RLock()
        self._refreshing = threading.RLock()
        self._listed: int | None = None  # time stamp of the folder for which its runs are known, in ns
        self._listed_at = 0.0
        self._backlog: deque[RunFolder] = deque()
        self._resting: OrderedDict[str, RunFolder] = OrderedDict()  # the one that was looked at longest ago first
        self._no_runs: deque[str] = deque()
        self.writer = IndexWriter(folder, url, self.lock)
        self.clock = FolderClock(folder)
        self.bytes_read = 0
        """Of journals."""
        self.n_replaced = 0
        """How many journals turned out to be others than those that were read before."""

    def start_over(self, reason: str, broken: Index | None = None) -> None:
        """The index is gone or broken: put it aside and read all journals again.

        Args:
            reason: What is wrong with it.
            broken: The one that is, as far as the caller knows: nothing is done where another thread was quicker.
        """
        broken = broken or self.index
        with self._refreshing, self.lock:
            if self.index is not broken:
                return
            self.writer.start_over(reason)
            self._backlog.clear()
            self._resting.clear()
            for followed in self.runs.values():
                followed.journals.clear()
                followed.arrange()  # else who reads now would look in the new index for what the old one had
                followed.listed, followed.phase = None, Phase.UNREAD
                self._backlog.append(followed)

    def begin(self) -> None:
        """Read the folder, if nobody did yet."""
        if not self.runs:
            self.refresh(self.patience_s)

    def begin_with(self, run_ids: Sequence[str]) -> None:
        """Find these runs and read their beginnings, if their turn has not come yet."""
        self.refresh(0.0)
        with self._refreshing:
            waiting = {run_id for run_id in run_ids if run_id in self.runs and not self.runs[run_id].revision}
            for run_id in waiting:
                for follower in self.runs[run_id].followers:
                    self._read_journal(follower, 0.0, most=BEGINNING)
            self._touch(waiting)

    def refresh(self, budget_s: float | None, *, everything: bool = False, first: Sequence[str] = ()) -> set[str]:
        """Follow what grew; ids of the runs that changed.

        Args:
            budget_s: Leave what is still to be read for the next call after so many seconds; None: read all.
            everything: Look at all runs at rest, not just at the next few.
            first: Read these runs anew and whole, before others and however long it takes.
        """
        with self._refreshing:
            try:
                return self._refresh(budget_s, everything, first)
            except BROKEN as lost:
                self.start_over(str(lost) or type(lost).__name__)
                return self._refresh(budget_s, everything, first)
            except StorageError:  # of a database that does not answer: what was being read waits for its turn again
                waiting = set(self._backlog)
                lost_sight = [f for f in self.runs.values() if f.phase is Phase.UNREAD and f not in waiting]
                self._backlog.extend(lost_sight)
                raise

    def _refresh(self, budget_s: float | None, everything: bool, first: Sequence[str]) -> set[str]:
        until = time.monotonic() + budget_s if budget_s is not None else float("inf")
        if not self.writer.index.is_there():
            self.start_over("it was deleted")
        self._discover(everything=everything)
        changed: set[str] = set()
        try:
            for followed in [f for f in self.runs.values() if f.phase is Phase.LIVE]:
                if self._keep_up(followed, until):
                    changed.add(followed.id)
            for _ in range(len(self._resting) if everything else min(len(self._resting), RESTING_AT_ONCE)):
                _, followed = self._resting.popitem(last=False)
                if self.runs.get(followed.id) is not followed or followed.phase is not Phase.AT_REST:
                    continue
                if self._has_changed(followed):
                    self._read_again(followed)
                else:
                    self._resting[followed.id] = followed
            for followed in [self.runs[run_id] for run_id in first if run_id in self.runs]:
                followed.phase, followed.listed = Phase.UNREAD, None
                self._backlog.appendleft(followed)
            changed |= self._catch_up(until, frozenset(first))
        finally:  # what grew is told even where the database then fails
            self._touch(changed)
        return changed

    @property
    def index(self) -> Index:
        """The database."""
        return self.writer.index

    @property
    def generation(self) -> str:
        """Changes whenever something that the index said of a journal before is no longer true."""
        return f"{self.index.generation}-{self.n_replaced}"

    @property
    def is_behind(self) -> bool:
        """Whether there is more to read at once."""
        return bool(self._backlog)

    @property
    def reading(self) -> tuple[int, int]:
        """How many runs were read to their end, of how many."""
        n_runs = len(self.runs)
        return n_runs - min(len(self._backlog), n_runs), n_runs

    def followed(self, run_id: str) -> RunFolder | None:
        """A run by its id."""
        return self.runs.get(run_id)

    def forget(self, run_ids: list[str]) -> None:
        """Drop runs whose folders are gone, here and in the index."""
        with self._refreshing:
            with self.lock:
                gone = [self.runs.pop(run_id) for run_id in run_ids if run_id in self.runs]
                self.revision = next_revision()
                self.removed += [(self.revision, followed.id) for followed in gone]
            try:
                self.writer.erase(run_ids)
            except BROKEN as lost:
                self.start_over(str(lost) or type(lost).__name__)

    def _touch(self, changed: set[str]) -> None:
        if not changed:
            return
        with self.lock:
            self.revision = next_revision()
            for run_id in changed:
                if (followed := self.runs.get(run_id)) is not None:
                    followed.judge(self.clock)
                    followed.compose(self.revision)

    def _discover(self, *, everything: bool) -> None:
        """Find new and vanished folders; only where the folder of all runs changed, or was not listed for long."""
        try:
            mtime = self.folder.stat().st_mtime_ns
        except OSError:
            return
        if mtime == self._listed and time.monotonic() - self._listed_at < LISTING_S and not everything:
            for _ in range(min(len(self._no_runs), EMPTY_AT_ONCE)):
                self._take_up(self._no_runs.popleft())
            return
        self._listed = mtime if self.clock.age(mtime / 1e9) > FRESH_S else None
        self._listed_at = time.monotonic()
        try:
            with os.scandir(self.folder) as entries:
                found = {e.name for e in entries if e.name[0] != "." and is_text(e.name) and is_folder(e)}
        except OSError as error:
            log.warning("%s cannot be listed: %s", self.folder, error)
            return
        self._no_runs.clear()
        for run_id in sorted(found - self.runs.keys()):
            self._take_up(run_id)
        vanished = [run_id for run_id in self.runs if run_id not in found]
        if vanished:
            self.forget(vanished)
        stale = [run_id for run_id in self.writer.known if run_id not in found]
        self.writer.erase(stale)
        for run_id in stale:
            del self.writer.known[run_id]

    def _take_up(self, run_id: str) -> None:
        """Begin to follow a folder, or look again later if it has no journal yet."""
        followed = RunFolder(run_id, self.folder)
        if self._wake(followed):
            with self.lock:
                self.runs[run_id] = followed
            self._backlog.appendleft(followed)  # the newest first
        elif followed.mtime() is not None:
            self._no_runs.append(run_id)

    def _wake(self, followed: RunFolder) -> bool:
        """Take up a run where the index left off; False where the folder is no run."""
        saved = self.writer.known.pop(followed.id, [])
        for one in saved:
            followed.journals[one.name] = self.writer.adopt(f"{followed.place}/{one.name}", one)
        noted = self.writer.rested.pop(followed.id, None)
        if saved and noted is not None and noted == followed.mtime():
            followed.listed = noted
            return True
        return self._list(followed)

    def _list(self, followed: RunFolder) -> bool:
        """List the journals of a run; whether there are any."""
        listing = followed.look(self.clock)
        if listing is None:
            return False
        with self.lock:
            followed.have(listing)
        return bool(listing.names)

    def _read_again(self, followed: RunFolder) -> None:
        followed.phase, followed.listed = Phase.UNREAD, None
        self._backlog.append(followed)

    def _keep_up(self, followed: RunFolder, until: float) -> bool:
        """Follow one run that is being written; whether it changed."""
        changed = False
        now = time.monotonic()
        if now - followed.listed_at > LISTING_S or followed.listed is None or followed.mtime() != followed.listed:
            before = len(followed.journals)
            if not self._list(followed):
                return False  # vanished; the folder of all runs has changed too
            changed = len(followed.journals) != before
        for follower in followed.followers:
            changed |= self._read_journal(follower, until)
        if changed or now - followed.looked > LIFE_S:
            followed.looked = now
            self._read_heartbeats(followed)
            changed |= self._settle(followed)
        due = [f for f in followed.followers if is_large(f)]
        if due:
            self._flush([(followed.id, f) for f in due])
        return changed

    def _settle(self, followed: RunFolder) -> bool:
        """Update the state; returns whether it changed. A run without a living writer is then read to its very end."""
        with self.lock:
            before = followed.run.state
            is_alive = followed.judge(self.clock)
            followed.compose(followed.revision)
        if not is_alive:
            self._read_again(followed)
        return followed.run.state != before

    def _catch_up(self, until: float, first: frozenset[str]) -> set[str]:
        """Read runs that are new or changed, newest first; those without a living writer come to rest.

        Args:
            until: Monotonic time.
            first: These stand before the others, and are read to their end.
        """
        changed: set[str] = set()
        finished: list[RunFolder] = []
        behind: list[RunFolder] = []
        waiting = 0
        while self._backlog:
            followed = self._backlog.popleft()
            if self.runs.get(followed.id) is not followed or followed.phase is not Phase.UNREAD:
                continue
            now = time.monotonic()
            # A long one leaves time for others.
            share = float("inf") if followed.id in first else now + (until - now) / 2
            if self._read(followed, share, finished):
                changed.add(followed.id)
            if any(f.is_behind for f in followed.followers):
                behind.append(followed)
            if finished and finished[-1] is followed:
                waiting += sum(f.offset - f.indexed for f in followed.followers)
            if waiting > BATCH_BYTES:
                self._rest(finished)
                finished, waiting = [], 0
            if time.monotonic() > until and not (self._backlog and self._backlog[0].id in first):
                break
        for followed in reversed(behind):
            self._backlog.insert(1, followed)  # another one has its turn first
        self._rest(finished)
        return changed

    def _read(self, followed: RunFolder, until: float, finished: list[RunFolder]) -> bool:
        """Read an unread run; whether it changed. Where time is over before all was read, it stays unread.

        Args:
            followed: The run.
            until: Monotonic time.
            finished: Takes it if it came to rest.
        """
        is_new = not followed.revision
        if followed.listed is None and not self._list(followed):
            self.forget([followed.id])
            self._no_runs.append(followed.id)  # it may get journals again
            return False
        is_known = is_new and not self._has_changed(followed)
        grew = False
        if not is_known:
            grew = self._grow(followed, until, is_new=is_new)
            self._read_heartbeats(followed)
        if any(f.is_behind for f in followed.followers):
            self._flush([(followed.id, f) for f in followed.followers if is_large(f)])
            return True
        with self.lock:
            before = followed.run.state
            is_alive = followed.judge(self.clock)
        if is_alive:
            followed.phase = Phase.LIVE
        else:
            if not is_known:
                for follower in followed.followers:
                    grew |= self._read_journal(follower, float("inf"), thorough=True)
            if not is_known or followed.listed_at:  # else the index has noted the very same
                finished.append(followed)
            followed.phase = Phase.AT_REST
            self._resting[followed.id] = followed
        state = followed.attempts[-1].state if followed.attempts else "killed"
        return grew or is_new or state != before

    def _grow(self, followed: RunFolder, until: float, *, is_new: bool) -> bool:
        """Read what is new of each journal; a long run that is new is listed as soon as its beginning is read."""
        grew = False
        if is_new:
            for follower in followed.followers:
                grew |= self._read_journal(follower, 0.0, most=BEGINNING)
            if any(f.is_behind for f in followed.followers):
                self._touch({followed.id})
        for follower in followed.followers:
            grew |= self._read_journal(follower, until)
        return grew

    def _has_changed(self, followed: RunFolder) -> bool:
        """Whether a run at rest was written to after all."""
        if followed.listed is None or followed.mtime() != followed.listed:
            return True
        try:
            self.bytes_read += sum(72 for f in followed.followers if not f.head.ended)
            return any(bool(f.problem) or f.has_changed() for f in followed.followers)
        except (OSError, FormatError):
            return True

    def _read_heartbeats(self, followed: RunFolder) -> None:
        """Read the heartbeats of the writers without an end event."""
        for follower in followed.followers:
            if not follower.head.ended and not follower.problem:
                try:
                    self.bytes_read += 64
                    follower.beat()
                except (OSError, FormatError):
                    continue  # reading it says why

    def _read_journal(
        self, follower: Follower, until: float, *, most: int | None = None, thorough: bool = False
    ) -> bool:
        """Read the new bytes of a journal; whether there were any.

        Args:
            follower: Of the journal.
            until: Monotonic time at which it `is_behind` if there is more.
            most: Bytes between two looks at the clock.
            thorough: As in `Follower.read`.
        """
        most = most or PIECE
        grew = False
        before = follower.bytes_read
        had = follower.problem
        while True:
            follower.is_behind = False  # where the disk fails halfway others have their turn
            try:
                news = follower.read(most, thorough=thorough)
                if follower.size < follower.offset:
                    return self._begin_anew(follower.run, follower, size=follower.size)
                with self.lock:  # only now: who reads another run must not wait for a disk
                    taken = follower.take(news)
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

    def _rest(self, finished: list[RunFolder]) -> None:
        """Write what is left of runs at rest into the index."""
        due = [(one.id, f) for one in finished for f in one.followers if f.offset > f.indexed]
        if due and not self._flush(due):
            return
        with self.lock:
            for one in finished:
                one.judge(self.clock)
                one.compose(one.revision)
        self.writer.rest({one.id: one.listed for one in finished if one.listed is not None})

    def _flush(self, due: list[tuple[str, Follower]]) -> bool:
        """Move tails into the index; False while the index refuses."""
        lost = self.writer.flush(due)
        for run_id, follower in due:
            if any(follower is other for other in lost or ()):
                self._begin_anew(run_id, follower)
        return lost is not None

    def _begin_anew(self, run_id: str, follower: Follower, size: int | None = None) -> bool:
        """Follow a journal from where the index is now: another process was quicker, or the file is another one.

        Args:
            run_id: The run it is of.
            follower: The one to replace.
            size: Of the file, if that is less than what was read: what the index has of it is forgotten.

        Returns:
            Whether that made a difference.
        """
        followed = self.runs.get(run_id)
        if followed is None or followed.journals.get(follower.name) is not follower:
            return False
        if size is not None:
            self.writer.forget_beyond(run_id, follower.number, size)
        saved = self.writer.saved(run_id, follower.name)
        with self.lock:
            self.n_replaced += 1
            is_usable = saved is not None and (size is None or saved.upto <= size)
            fresh = self.writer.adopt(follower.place, saved) if saved and is_usable else Follower(follower.place)
            followed.journals[follower.name] = fresh
            fresh.created, fresh.heartbeat, fresh.mtime = follower.created, follower.heartbeat, follower.mtime
            fresh.beats, fresh.moved_at, fresh.bytes_read = follower.beats, follower.moved_at, follower.bytes_read
            followed.arrange()
        self._read_journal(fresh, float("inf"))
        return True
