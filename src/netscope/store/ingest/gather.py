"""Read what journals say that is new, and move it into the index when it is much or all there will be."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from netscope.errors import FormatError
from netscope.store.index.writer import is_large
from netscope.store.ingest.folder_clock import FolderClock
from netscope.store.ingest.index_keeper import Keeper
from netscope.store.ingest.run_folder import Followed
from netscope.store.journal.follower import Follower

PIECE = 8 << 20  # bytes of one journal between two looks at the clock
BEGINNING = 256 << 10  # of a new journal, which tells what the run is called before all of it is read


class Gather:
    """Reads outside the lock, and holds it where what others look at changes."""

    def __init__(self, keeper: Keeper, runs: Mapping[str, Followed], clock: FolderClock, lock: threading.RLock) -> None:
        """For these runs, as they come and go."""
        self.keeper, self.runs, self.clock, self.lock = keeper, runs, clock, lock
        self.bytes_read = 0
        self.n_replaced = 0
        """How many journals turned out to be others than those that were read before."""

    def has_changed(self, followed: Followed) -> bool:
        """Whether a run at rest was written to after all."""
        if followed.listed is None or followed.mtime() != followed.listed:
            return True
        try:
            self.bytes_read += sum(72 for f in followed.followers if not f.head.ended)
            return any(bool(f.problem) or f.has_changed() for f in followed.followers)
        except (OSError, FormatError):
            return True

    def listen(self, followed: Followed) -> None:
        """Read the heartbeats of the writers without an end event."""
        for follower in followed.followers:
            if not follower.head.ended and not follower.problem:
                try:
                    self.bytes_read += 64
                    follower.beat()
                except (OSError, FormatError):
                    continue  # reading it says why

    def grow(self, follower: Follower, until: float, *, most: int | None = None, thorough: bool = False) -> bool:
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
                self.flush([(follower.run, follower)])
        self.bytes_read += follower.bytes_read - before
        return grew or follower.problem != had

    def rest(self, finished: list[Followed]) -> None:
        """Write what is left of runs at rest into the index."""
        due = [(one.id, f) for one in finished for f in one.followers if f.offset > f.indexed]
        if due and not self.flush(due):
            return
        with self.lock:
            for one in finished:
                one.judge(self.clock)
                one.compose(one.revision)
        self.keeper.rest(finished)

    def flush(self, due: list[tuple[str, Follower]]) -> bool:
        """Move tails into the index; False while the index refuses."""
        lost = self.keeper.flush(due)
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
            self.keeper.forget_beyond(follower.number, size)
        saved = self.keeper.saved(run_id, follower.name)
        with self.lock:
            self.n_replaced += 1
            is_usable = saved is not None and (size is None or saved.upto <= size)
            fresh = self.keeper.adopt(follower.place, saved) if saved and is_usable else Follower(follower.place)
            followed.journals[follower.name] = fresh
            fresh.created, fresh.heartbeat, fresh.mtime = follower.created, follower.heartbeat, follower.mtime
            fresh.beats, fresh.moved_at, fresh.bytes_read = follower.beats, follower.moved_at, follower.bytes_read
            followed.arrange()
        self.grow(fresh, float("inf"))
        return True
