"""One process's side of a run: a journal begun when there is something to write, a thread, and an orderly end.

What netscope's own modules write through; a user's `Run` shows none of it. A forked child begins again here with
nothing of its parent's but the run's folder.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import netscope
from netscope.errors import StorageError, UsageError
from netscope.record import lives
from netscope.record.caller import depth_of_caller
from netscope.record.config import Config
from netscope.record.heart import Heart
from netscope.record.late import MANY, TOO_MANY, Late, Row
from netscope.record.writer import Losses, Plan, Writer
from netscope.store import exact, journal
from netscope.store.journal import SetKind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from netscope.analyse.bins import Histograms

MOST_KEYS = 2_000  # of one row: with keys and bins of any size it stays below the 16 MiB of a frame
RETRY_S = 5.0

_now = time.time


class Recording:
    """A run in this process."""

    def __init__(
        self, folder: Path, name: str, attempt: int = 1, *, rank: int | None = None, step: int = 0, is_off: bool = False
    ) -> None:
        """Nothing is written yet; where `is_off`, nothing ever is."""
        self.folder = folder
        self.id = folder.name
        self.name = name
        self.attempt = attempt
        self.rank = rank
        self.step = step
        """The step that the next `log` without one will use."""
        self.config = Config(self._put_config)
        self.pending: list[Callable[[int], None]] = []
        """Called by the next `log`, once, with its step."""
        self.at_start: list[Callable[[], None]] = []
        """Called once when the background thread begins."""
        self.every_beat: list[Callable[[], None]] = []
        """Called about every 2 s on the background thread."""
        self.at_finish: list[Callable[[], None]] = []
        self.after_finish: list[Callable[[], None]] = []
        """Called by `finish`, before it says that the run is over."""
        self.in_child: list[Callable[[], None]] = []
        """Called in every forked child, before anything else there."""
        self.is_off = is_off
        self.is_over = False
        self._crash = ""
        self._exit = (step, "")
        self._begin()

    def _begin(self) -> None:
        """The state that belongs to one process."""
        self.lock = threading.RLock()  # a signal's handler or a finaliser may log while its own thread logs
        self.plans: dict[tuple[str, ...], Plan] = {}  # empty unless a row can be written right away
        self._writer: Writer | None = None
        self._retry_at = 0.0
        self.losses = Losses(self.folder)
        self.n_rows = 0
        self._n_safe = 0
        self._late = Late()
        self._heart: Heart | None = None

    def put_row(
        self,
        kind: SetKind,
        keys: tuple[str, ...],
        step: int,
        values: Sequence[float] | npt.NDArray[np.float64],
        time: float | None = None,
    ) -> None:
        """Write one row of any kind. For what netscope itself measures; nothing is checked."""
        for start in range(0, len(keys), MOST_KEYS):
            some = keys[start : start + MOST_KEYS]
            with self.lock:
                writer = self._current(1)
                if writer is None:
                    continue
                try:
                    plan = writer.plan(kind, some)
                    part: Any = values[start : start + MOST_KEYS]
                    (plan.write_array if hasattr(part, "tobytes") else plan.write)(step, time or _now(), part)
                    self.n_rows += 1
                except OSError as error:
                    self.losses.add(1, error)
                else:
                    if kind == "scalar" and len(keys) <= MOST_KEYS:
                        self.plans[some] = plan

    def put_bins(self, keys: tuple[str, ...], step: int, counts: Histograms) -> None:
        """Write one row of fixed bins, per key."""
        frames = importlib.import_module("netscope.record.frames")
        for start in range(0, len(keys), MOST_KEYS):
            some = keys[start : start + MOST_KEYS]
            with self.lock:
                writer = self._current(1)
                if writer is None:
                    continue
                try:
                    number = writer.plan("bins", some).key_set
                    part = counts.part(start, start + MOST_KEYS)
                    writer.journal.append(frames.bins_frame(number, step, _now(), part))
                except OSError as error:
                    self.losses.add(1, error)

    def _put_config(self, change: dict[str, Any]) -> None:
        self.check_not_over()
        config, numbers = exact.spell(change)
        self.put_event({"event": "config", "config": config} | ({"numbers": numbers} if numbers else {}))

    def put_event(self, event: dict[str, Any]) -> None:
        """Write an event, with the time."""
        self.put_frame(journal.json_frame(journal.EVENT, {"time": _now(), **event}))

    def put_frame(self, frame: bytes, n_logged: int = 0) -> None:
        """Write any frame that needs no key set; `n_logged`: how many things the user logged with it."""
        with self.lock:
            writer = self._current(n_logged)
            if writer is not None:
                try:
                    writer.journal.append(frame)
                except OSError as error:
                    self.losses.add(n_logged, error)

    def call_pending(self, step: int) -> None:
        """A `log` came."""
        calls = self.pending[:]
        self.pending.clear()
        for call in calls:
            call(step)

    @property
    def has_journal(self) -> bool:
        """Whether this process has written; a forked child that says nothing leaves no journal."""
        return self._writer is not None

    def check_not_over(self) -> None:
        """Refuse what comes after the end.

        Raises:
            UsageError: The run is finished.
        """
        if self.is_over:
            raise UsageError(f"run {self.name!r} is finished; go on with netscope.init(resume={self.id!r})")

    def _current(self, n: int) -> Writer | None:
        """This process's writer, begun if need be; where there is none, `n` things are counted as lost."""
        if self._writer is not None:
            return self._writer
        if self.is_off or self.is_over:
            return None
        if time.monotonic() < self._retry_at:
            self.losses.n += n
            return None
        try:
            return self._open()
        except OSError as error:
            self._retry_at = time.monotonic() + RETRY_S
            self.losses.add(n, error)
            return None

    def open(self) -> None:
        """Begin this process's journal now, rather than with the first thing logged.

        Raises:
            StorageError: The folder cannot be written.
        """
        with self.lock:
            try:
                if not self.is_off and self._writer is None:
                    self._open()
            except OSError as error:
                raise StorageError(f"no run can be recorded in {self.folder}: {error.strerror or error}") from error

    def _open(self) -> Writer:
        writer = Writer(self.folder, self.attempt, self.name, self.rank, netscope.__version__)
        self._writer = writer
        self._n_safe = self.n_rows
        lives.remember(self)
        if self._heart is None:
            self.every_beat[:0] = [self._settle, self._pulse]
            self._heart = Heart(self.name, self.at_start, self._flush, self.every_beat, writer.journal.interval_s)
            self._heart.start()
        return writer

    def _flush(self) -> None:
        writer = self._writer
        if writer is not None:
            self._dare(writer.journal.flush)

    def _pulse(self) -> None:
        self._look_for_folder()
        writer = self._writer
        if writer is not None:
            self._dare(lambda: writer.journal.beat(_now()))

    def _dare(self, call: Callable[[], None]) -> None:
        try:
            call()
        except OSError as error:
            self.losses.add(0, error)

    def _look_for_folder(self) -> None:
        """Where the journal was deleted, count what was lost; a folder that is back gets a new one."""
        writer = self._writer
        if writer is None:
            return
        try:
            is_gone = writer.journal.is_gone()
        except OSError:
            is_gone = True
        with self.lock:
            if is_gone and self._writer is writer:
                lost = self.n_rows - self._n_safe
                self._writer, self.plans, self._retry_at = None, {}, 0.0
                writer.abandon()
                self.losses.add(lost, FileNotFoundError(2, "the run's folder vanished"))
            self._n_safe = self.n_rows

    def wait_for(self, keys: tuple[str, ...], step: int, now: float, numbers: list[Any]) -> None:
        """Write a row when its numbers have come from their device."""
        self._late.add(keys, step, now, numbers)
        self._current(0)  # there is a background thread, then
        if len(self._late) % MANY == 0 and self._heart is not None:
            self._heart.wake()

    def relieve(self) -> None:
        """Where the background thread cannot keep up, wait for the devices here; without the lock, which it needs."""
        if len(self._late) >= TOO_MANY:
            self._settle()

    def _settle(self) -> None:
        def write(row: Row, numbers: list[float]) -> None:
            self.put_row("scalar", row.keys, row.step, numbers, row.time)

        if len(self._late):
            self._late.settle(write)

    def finish(self, state: Literal["finished", "crashed"], error: str) -> None:
        """Write what waits, and how the run ended, and warn of what the disk refused; later calls do nothing."""
        with self.lock:
            if self.is_over:
                return
        try:
            with contextlib.ExitStack() as steps:  # from the last to the first, whatever one of them raises
                steps.callback(self._call_after_finish)
                steps.callback(self._close, state, error)
                steps.callback(self._settle)
                if self._heart is not None:
                    steps.callback(self._heart.stop)
                steps.callback(self._call_at_finish)
        finally:
            self.losses.tell()

    def _call_at_finish(self) -> None:
        with contextlib.ExitStack() as calls:
            while self.at_finish:
                calls.callback(self.at_finish.pop())

    def _call_after_finish(self) -> None:
        for call in self.after_finish:
            try:
                call()
            except Exception as error:  # noqa: BLE001  # a notebook that is gone, for instance; the run has ended well
                warnings.warn(f"after the end of run {self.name!r}: {error}", stacklevel=depth_of_caller())
        self.after_finish.clear()

    def _close(self, state: Literal["finished", "crashed"], error: str) -> None:
        self._look_for_folder()
        with self.lock:
            if self.is_over:
                return
            self.is_over = True
            self.plans = {}
            lives.forget(self)
            writer, self._writer = self._writer, None
            if writer is not None:
                try:
                    writer.close(state, error or self._crash, self.losses.n)
                except OSError as problem:
                    self.losses.add(1, problem)

    def crashed(self, error: BaseException) -> None:
        """Remember the exception that is ending the process; it is recorded at `finish`, which then says crashed."""
        self._crash = error_text(error)

    def leaving(self, code: object) -> None:
        """Remember what `sys.exit` was called with; a training that goes on all the same has caught it."""
        self._exit = (self.step, f"SystemExit: {code}")

    def finish_at_exit(self) -> None:
        """As the process ends."""
        step, exit_text = self._exit
        if not self._crash and step == self.step:
            self._crash = exit_text
        self.finish("crashed" if self._crash else "finished", self._crash)

    def forked(self) -> None:
        """In a forked child: no lock, thread or journal of the parent is used again."""
        for calls in (self.pending, self.every_beat, self.at_finish, self.after_finish, self.at_start):
            calls.clear()
        self._begin()
        for call in self.in_child:
            call()


def error_text(error: BaseException) -> str:
    """What is shown of the exception that ended a run."""
    if isinstance(error, KeyboardInterrupt):
        return "KeyboardInterrupt"
    return "".join(traceback.format_exception(error)).rstrip()
