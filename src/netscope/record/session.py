"""One process's side of a run: a journal begun when there is something to write, a thread, and an orderly end.

What netscope's own modules write through; a user's `Run` shows none of it. A forked child begins again here with
nothing of its parent's but the run's folder.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from netscope.errors import StorageError, UsageError
from netscope.record import beside, process_hooks
from netscope.record.config import Config
from netscope.record.device_scalars import MANY, TOO_MANY, Late, Row
from netscope.record.heartbeat import Heart
from netscope.record.journal.writer import Losses, Plan, Writer
from netscope.record.progress import Progress
from netscope.record.summary import Summary
from netscope.store.journal import exact_numbers, frames
from netscope.store.journal.frames import SetKind
from netscope.version import __version__

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from netscope.analyse.bins import Histograms
    from netscope.record.notebook_cell import Cell

MOST_KEYS = 2_000  # of one row: with keys and bins of any size it stays below the 16 MiB of a frame
RETRY_S = 5.0
REFUSED = (OSError, MemoryError)
"""What writing raises where there is no room."""

EndState = Literal["finished", "crashed", "abandoned"]

C = TypeVar("C", bound=Callable[..., None])
Call = Callable[[], None]
Undo = Callable[[], None]
"""Takes back that something is called."""

_now = time.time


def _added(calls: list[C], call: C) -> Undo:
    calls.append(call)

    def undo() -> None:
        with contextlib.suppress(ValueError):  # it was called, or taken back before
            calls.remove(call)

    return undo


class Session:
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
        self.summary = Summary(self._put_rules)
        self.progress = Progress(self.put_event)
        self.pending: list[Callable[[int], None]] = []
        """What the next `log` calls; for `Run.log` to look at: others call `on_next_log`."""
        self._at_start: list[Call] = []
        self._every_beat: list[Call] = []
        self._at_finish: list[Call] = []
        self._after_finish: list[Call] = []
        self._in_child: list[Call] = []
        self.is_off = is_off
        self.is_over = False
        self.is_let_go = False
        """Whether the last `Run` of it is gone."""
        self.cell: Cell | None = None
        """Where in a notebook it began."""
        self._handles: set[int] = set()
        self._added: dict[str, dict[str, None]] = {}
        self.ended_as: EndState = "finished"
        """Once it is over."""
        self._is_exiting = False
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
                except REFUSED as error:
                    self.losses.add(1, error)
                else:
                    if kind == "scalar" and len(keys) <= MOST_KEYS:
                        self.plans[some] = plan

    def put_bins(self, keys: tuple[str, ...], step: int, counts: Histograms) -> None:
        """Write one row of fixed bins, per key."""
        from netscope.record.journal import array_frames  # noqa: PLC0415  (loads NumPy)

        for start in range(0, len(keys), MOST_KEYS):
            some = keys[start : start + MOST_KEYS]
            with self.lock:
                writer = self._current(1)
                if writer is None:
                    continue
                try:
                    number = writer.plan("bins", some).key_set
                    part = counts.part(start, start + MOST_KEYS)
                    writer.journal.append(array_frames.bins_frame(number, step, _now(), part))
                except REFUSED as error:
                    self.losses.add(1, error)

    def _put_config(self, change: dict[str, Any]) -> None:
        self.check_not_over()
        config, numbers = exact_numbers.encode_numbers(change)
        self.put_event({"event": "config", "config": config} | ({"numbers": numbers} if numbers else {}))

    def _put_rules(self, rules: dict[str, str | float]) -> None:
        self.check_not_over()
        self.put_event({"event": "summary", "rules": rules})

    def add(self, field: Literal["tags", "notes"], texts: Sequence[str]) -> None:
        """Add to the tags or notes; what this process has added before is not written again."""
        known = self._added.setdefault(field, {})
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            self.put_event({"event": "add", field: new})
            known.update(dict.fromkeys(new))

    def put_event(self, event: dict[str, Any]) -> None:
        """Write an event, with the time."""
        self.put_frame(frames.json_frame(frames.EVENT, {"time": _now(), **event}))

    def put_frame(self, frame: bytes, n_logged: int = 0) -> None:
        """Write any frame that needs no key set; `n_logged`: how many things the user logged with it."""
        with self.lock:
            writer = self._current(n_logged)
            if writer is not None:
                try:
                    writer.journal.append(frame)
                except REFUSED as error:
                    self.losses.add(n_logged, error)

    def on_next_log(self, call: Callable[[int], None]) -> Undo:
        """Let the next `log` call this once, with its step."""
        return _added(self.pending, call)

    def on_start(self, call: Call) -> Undo:
        """Call this once when the background thread begins."""
        return _added(self._at_start, call)

    def on_beat(self, call: Call) -> Undo:
        """Call this about every 2 s on the background thread."""
        return _added(self._every_beat, call)

    def on_finish(self, call: Call) -> Undo:
        """Call this when the run finishes, while it can still be written; the last one registered comes first."""
        return _added(self._at_finish, call)

    def after_finish(self, call: Call) -> Undo:
        """Call this once the run is over."""
        return _added(self._after_finish, call)

    def on_fork(self, call: Call) -> Undo:
        """Call this in every forked child, before anything else there."""
        return _added(self._in_child, call)

    def call_pending(self, step: int) -> None:
        """A `log` came."""
        calls = self.pending[:]
        self.pending.clear()
        for call in calls:
            beside.attempt("what belongs to a step", lambda call=call: call(step), None)  # type: ignore[misc]

    def hold(self, handle: int) -> None:
        """Count another `Run` that refers to it."""
        self._handles.add(handle)
        self.is_let_go = False

    def let_go(self, handle: int) -> None:
        """A `Run` of it is gone; where the run is abandoned, the next beat ends it."""
        self._handles.discard(handle)
        self.is_let_go = not self._handles  # no more: a finaliser may run anywhere, within a lock of ours too

    @property
    def is_abandoned(self) -> bool:
        """Whether no reference to it is left and another run of this process has begun since."""
        return self.is_let_go and not self.is_over and process_hooks.living()[-1:] != [self]

    def abandon(self) -> Callable[[], None]:
        """End it as abandoned.

        Returns:
            What warns of it, once per process: to be called when the console of the run that follows listens.
        """
        sentence = (
            f"run {self.name!r} was not finished when another took its place: it ends as abandoned. "
            "run.finish() or `with netscope.init(…) as run` ends it in order; to record several at once, keep each"
        )
        has_journal = self.has_journal
        self.finish("abandoned", "")
        return lambda: beside.warn_once("abandoned", sentence) if has_journal else None

    @property
    def has_journal(self) -> bool:
        """Whether this process has written; a forked child that says nothing leaves no journal."""
        return self._writer is not None

    def check_not_over(self) -> None:
        """Refuse what comes after the end.

        Raises:
            UsageError: The run is finished.
        """
        if self.is_over and self._is_exiting:
            beside.warn_once("exit", f"the process ends and run {self.name!r} with it: what is logged now is dropped")
        elif self.is_over:
            raise UsageError(f"run {self.name!r} is {self.ended_as}; go on with netscope.init(resume={self.id!r})")

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
        except REFUSED as error:
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
        writer = Writer(self.folder, self.attempt, self.name, self.rank, __version__)
        self._writer = writer
        self._n_safe = self.n_rows
        process_hooks.remember(self)
        if self._heart is None:
            self._every_beat[:0] = [self._settle, self._pulse]
            self._heart = Heart(self.name, self._at_start, self._flush, self._every_beat, writer.journal.interval_s)
            self._heart.start()
            if not self._heart.has_thread:
                self._beat_by_hand(self.step)
        return writer

    def _beat_by_hand(self, step: int) -> None:
        """What the background thread would do, in a process that may not have one; again with the next `log`."""
        if self._heart is not None and not self.is_over:
            self._heart.turn_if_due()
            self.on_next_log(self._beat_by_hand)

    def _flush(self) -> None:
        writer = self._writer
        if writer is not None:
            self._dare(writer.journal.flush)

    def _pulse(self) -> None:
        if self.is_abandoned:
            self.abandon()()
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
            beside.attempt("the copy of numbers from a device", self._settle, None)

    def _settle(self) -> None:
        def write(row: Row, numbers: list[float]) -> None:
            self.put_row("scalar", row.keys, row.step, numbers, row.time)

        if len(self._late):
            self._late.settle(write)
        self.progress.write()

    def finish(self, state: EndState, error: str) -> None:
        """Write what waits, and how the run ended, and warn of what the disk refused; later calls do nothing."""
        with self.lock:
            if self.is_over:
                return
        while self._at_finish:
            beside.attempt("what ends with a run", self._at_finish.pop(), None)
        if self._heart is not None:
            beside.attempt("the end of the background thread", self._heart.stop, None)
        beside.attempt("what was logged last", self._settle, None)
        beside.attempt("the end of the journal", lambda: self._close(state, error), None)
        self.losses.tell()
        while self._after_finish:
            beside.attempt("what follows the end of a run", self._after_finish.pop(0), None)

    def _close(self, state: EndState, error: str) -> None:
        self._look_for_folder()
        with self.lock:
            if self.is_over:
                return
            self.is_over, self.ended_as = True, state
            self.plans = {}
            process_hooks.forget(self)
            writer, self._writer = self._writer, None
            if writer is not None:
                try:
                    writer.close(state, error or self._crash, self.losses.n)
                except REFUSED as problem:
                    self.losses.add(1, problem)

    def crashed(self, error: BaseException) -> None:
        """Remember the exception that is ending the process; it is recorded at `finish`, which then says crashed."""
        self._crash = error_text(error)

    def leaving(self, code: object) -> None:
        """Remember what `sys.exit` was called with; a training that goes on all the same has caught it."""
        self._exit = (self.step, f"SystemExit: {code}")

    def finish_at_exit(self) -> None:
        """As the process ends; a daemon thread or another handler of its end may still log."""
        self._is_exiting = True
        step, exit_text = self._exit
        if not self._crash and step == self.step:
            self._crash = exit_text
        state: EndState = "crashed" if self._crash else "abandoned" if self.is_abandoned else "finished"
        self.finish(state, self._crash)

    def forked(self) -> None:
        """In a forked child: no lock, thread or journal of the parent is used again."""
        for calls in (self.pending, self._every_beat, self._at_finish, self._after_finish, self._at_start):
            calls.clear()
        self.progress.begin_anew()
        self._begin()
        for call in self._in_child:
            call()


def error_text(error: BaseException) -> str:
    """What is shown of the exception that ended a run."""
    if isinstance(error, KeyboardInterrupt):
        return "KeyboardInterrupt"
    return "".join(traceback.format_exception(error)).rstrip()
