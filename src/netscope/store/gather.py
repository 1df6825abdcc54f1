"""Read what journals say that is new, and move it into the index when it is much or all there will be."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from netscope.errors import FormatError
from netscope.store.flush import is_large
from netscope.store.follow import Follower
from netscope.store.followed import Followed
from netscope.store.keep import Keeper

PIECE = 8 << 20  # bytes of one journal between two looks at the clock


class Gather:
    """Reads outside the lock, and holds it where what others look at changes."""

    def __init__(self, keeper: Keeper, runs: Mapping[str, Followed], lock: threading.RLock) -> None:
        """For these runs, as they come and go."""
        self.keeper, self.runs, self.lock = keeper, runs, lock
        self.bytes_read = 0

    def has_changed(self, followed: Followed) -> bool:
        """Whether a run at rest was written to: journals were added, or a silent writer lives after all."""
        if followed.mtime_now() != followed.mtime:
            return True
        if followed.run.state == "killed":
            return any(self._stirs(f) for f in followed.followers if not f.head.ended and not f.problem)
        return False

    def listen(self, followed: Followed) -> None:
        """Hear the hearts of the writers that did not say they ended."""
        for follower in followed.followers:
            if not follower.head.ended and not follower.problem:
                self._beats(follower)

    def grow(self, follower: Follower, until: float, *, thorough: bool = False) -> bool:
        """Read the new bytes of a journal; whether there were any."""
        grew = False
        before = follower.bytes_read
        had = follower.problem
        while True:
            follower.is_behind = False  # where the disk fails halfway others have their turn
            try:
                news = follower.read(PIECE, thorough=thorough)
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
            follower.is_behind = taken >= PIECE
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
                one.judge()
                one.compose(one.revision)
        self.keeper.rest(finished)

    def flush(self, due: list[tuple[str, Follower]]) -> bool:
        """Move tails into the index; False while the index refuses."""
        lost = self.keeper.flush(due)
        for run_id, follower in due:
            if any(follower is other for other in lost or ()):
                self._begin_anew(run_id, follower)
        return lost is not None

    def _begin_anew(self, run_id: str, follower: Follower) -> None:
        """Another process has indexed these bytes: go on from where it got to."""
        saved = self.keeper.saved(run_id, follower.name)
        followed = self.runs.get(run_id)
        if saved is None or followed is None:
            return
        with self.lock:
            fresh = followed.journals[follower.name] = self.keeper.adopt(follower.place, saved)
            fresh.created, fresh.heartbeat = follower.created, follower.heartbeat
            fresh.beats, fresh.moved_at, fresh.bytes_read = follower.beats, follower.moved_at, follower.bytes_read
            followed.arrange()
        self.grow(fresh, float("inf"))

    def _stirs(self, follower: Follower) -> bool:
        """Whether a writer that seemed dead does anything."""
        try:
            return self._beats(follower) or follower.has_more()
        except (OSError, FormatError):
            return False

    def _beats(self, follower: Follower) -> bool:
        try:
            self.bytes_read += 64
            return follower.beat()
        except (OSError, FormatError):
            return False
