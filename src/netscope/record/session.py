"""One process's part of a run: its journal (created when there is something to write), its thread and its end.

netscope's own modules write through it; the user's `Run` hides it. A forked child starts with a new journal and thread
in the same folder.
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
from netscope.record import guard, process_hooks
from netscope.record.config import Config
from netscope.record.device_scalars import MANY, TOO_MANY, DeviceRow, DeviceScalars
from netscope.record.heartbeat import Heartbeat
from netscope.record.journal.writer import DroppedWrites, RowWriter, Writer
from netscope.record.progress import Progress
from netscope.record.summary import Summary
from netscope.store.journal import exact_numbers, frames
from netscope.store.journal.frames import SetKind
from netscope.version import __version__

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from netscope.analyse.bins import Histograms
    from netscope.record.notebook_cell import NotebookCell

MOST_KEYS = 2_000  # per row: with the longest keys and full histograms it still fits a frame (16 MiB)
RETRY_S = 5.0
REFUSED = (OSError, MemoryError)
"""Raised by writes if the disk or the memory is full."""

EndState = Literal["finished", "crashed", "abandoned"]

C = TypeVar("C", bound=Callable[..., None])
Call = Callable[[], None]
Undo = Callable[[], None]
"""Unregisters a callback."""

_now = time.time


def _register(calls: list[C], call: C) -> Undo:
    calls.append(call)

    def undo() -> None:
        with contextlib.suppress(ValueError):  # already called or unregistered
            calls.remove(call)

    return undo


class Session:
    """A run in this process."""

    def __init__(
        self,
        folder: Path,
        name: str,
        attempt: int = 1,
        *,
        rank: int | None = None,
        step: int = 0,
        is_disabled: bool = False,
    ) -> None:
        """Write nothing yet; with `is_disabled`, never write anything."""
        self.folder = folder
        self.id = folder.name
        self.name = name
        self.attempt = attempt
        self.rank = rank
        self.step = step
        """The step that the next `log` without a step will use."""
        self.config = Config(self._put_config)
        self.summary = Summary(self._put_rules)
        self.progress = Progress(self.put_event)
        self.pending: list[Callable[[int], None]] = []
        """Called by the next `log`. Public for `Run.log` only; to register, use `on_next_log`."""
        self._at_start: list[Call] = []
        self._every_beat: list[Call] = []
        self._at_finish: list[Call] = []
        self._after_finish: list[Call] = []
        self._in_child: list[Call] = []
        self.is_disabled = is_disabled
        self.is_over = False
        self.is_unreferenced = False
        """Whether no `Run` object refers to this session any more."""
        self.cell: NotebookCell | None = None
        """The notebook cell in which the run began."""
        self._handles: set[int] = set()
        self._added: dict[str, dict[str, None]] = {}
        self.ended_as: EndState = "finished"
        """The end state, valid once `is_over`."""
        self._is_exiting = False
        self._crash = ""
        self._exit = (step, "")
        self._begin()

    def _begin(self) -> None:
        """Initialise the state that belongs to one process."""
        self.lock = threading.RLock()  # a signal handler or finaliser may log while its own thread is logging
        self.row_writers: dict[tuple[str, ...], RowWriter] = {}  # for `Run.log`; empty while there is no journal
        self._writer: Writer | None = None
        self._retry_at = 0.0
        self.dropped = DroppedWrites(self.folder)
        self.n_rows = 0
        self._n_safe = 0
        self._device_scalars = DeviceScalars()
        self._heartbeat: Heartbeat | None = None

    def put_row(
        self,
        kind: SetKind,
        keys: tuple[str, ...],
        step: int,
        values: Sequence[float] | npt.NDArray[np.float64],
        time: float | None = None,
    ) -> None:
        """Write one row of any kind, without checks. Rows with many keys are split."""

        def put(writer: Writer, some: tuple[str, ...], start: int) -> None:
            row_writer = writer.row_writer(kind, some)
            part: Any = values[start : start + MOST_KEYS]
            (row_writer.write_array if hasattr(part, "tobytes") else row_writer.write)(step, time or _now(), part)
            self.n_rows += 1
            if kind == "scalar" and len(keys) <= MOST_KEYS:
                self.row_writers[some] = row_writer

        self._put_parts(keys, put)

    def put_bins(self, keys: tuple[str, ...], step: int, counts: Histograms) -> None:
        """Write one histogram with fixed bins per key."""
        from netscope.record.journal import array_frames  # noqa: PLC0415  (loads NumPy)

        def put(writer: Writer, some: tuple[str, ...], start: int) -> None:
            number = writer.row_writer("bins", some).key_set
            part = counts.part(start, start + MOST_KEYS)
            writer.journal.append(array_frames.bins_frame(number, step, _now(), part))

        self._put_parts(keys, put)

    def _put_parts(self, keys: tuple[str, ...], put: Callable[[Writer, tuple[str, ...], int], None]) -> None:
        """Write keys in parts that fit a frame: `put` gets a writer, some keys and the index of the first."""
        for start in range(0, len(keys), MOST_KEYS):
            with self.lock:
                writer = self._current(1)
                if writer is None:
                    continue
                try:
                    put(writer, keys[start : start + MOST_KEYS], start)
                except REFUSED as error:
                    self.dropped.add(1, error)

    def _put_config(self, change: dict[str, Any]) -> None:
        self.check_not_over()
        config, numbers = exact_numbers.encode_numbers(change)
        self.put_event({"event": "config", "config": config} | ({"numbers": numbers} if numbers else {}))

    def _put_rules(self, rules: dict[str, str | float]) -> None:
        self.check_not_over()
        self.put_event({"event": "summary", "rules": rules})

    def add(self, field: Literal["tags", "notes"], texts: Sequence[str]) -> None:
        """Add tags or notes; those that this process added before are not written again."""
        known = self._added.setdefault(field, {})
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            self.put_event({"event": "add", field: new})
            known.update(dict.fromkeys(new))

    def put_event(self, event: dict[str, Any]) -> None:
        """Write an event with the current time."""
        self.put_frame(frames.json_frame(frames.EVENT, {"time": _now(), **event}))

    def put_frame(self, frame: bytes, n_logged: int = 0) -> None:
        """Write a frame without a key set. `n_logged` is the number of user-logged items that it holds."""
        with self.lock:
            writer = self._current(n_logged)
            if writer is not None:
                try:
                    writer.journal.append(frame)
                except REFUSED as error:
                    self.dropped.add(n_logged, error)

    def on_next_log(self, call: Callable[[int], None]) -> Undo:
        """Call this once, at the next `log`, with its step."""
        return _register(self.pending, call)

    def on_start(self, call: Call) -> Undo:
        """Call this once, when the background thread starts."""
        return _register(self._at_start, call)

    def on_beat(self, call: Call) -> Undo:
        """Call this about every 2 s on the background thread."""
        return _register(self._every_beat, call)

    def on_finish(self, call: Call) -> Undo:
        """Call this when the run finishes, while it can still be written; the last one registered is called first."""
        return _register(self._at_finish, call)

    def after_finish(self, call: Call) -> Undo:
        """Call this after the run is over."""
        return _register(self._after_finish, call)

    def on_fork(self, call: Call) -> Undo:
        """Call this in every forked child, before anything else there."""
        return _register(self._in_child, call)

    def call_pending(self, step: int) -> None:
        """Make the calls registered with `on_next_log`."""
        calls = self.pending[:]
        self.pending.clear()
        for call in calls:
            guard.attempt("work at a log call", lambda call=call: call(step), None)  # type: ignore[misc]

    def add_reference(self, handle: int) -> None:
        """Note that a `Run` object refers to this session."""
        self._handles.add(handle)
        self.is_unreferenced = False

    def remove_reference(self, handle: int) -> None:
        """Note that a `Run` object was deleted. If that abandons the run, the next beat ends it."""
        self._handles.discard(handle)
        self.is_unreferenced = not self._handles  # nothing else here: finalisers may run while a lock is held

    @property
    def is_abandoned(self) -> bool:
        """Whether nothing refers to the run and another run has begun in this process since."""
        return self.is_unreferenced and not self.is_over and process_hooks.active_runs()[-1:] != [self]

    def abandon(self) -> Callable[[], None]:
        """End the run as abandoned.

        Returns:
            A function that warns about it, once per process; call it once the next run captures the console.
        """
        sentence = (
            f"run {self.name!r} was not finished when another run replaced it, and ends as abandoned. End runs with "
            "run.finish() or `with netscope.init(…) as run`; to record several at once, keep a reference to each"
        )
        has_journal = self.has_journal
        self.finish("abandoned", "")
        return lambda: guard.warn_once("abandoned", sentence) if has_journal else None

    @property
    def has_journal(self) -> bool:
        """Whether this process has a journal; a forked child that logs nothing has none."""
        return self._writer is not None

    def check_not_over(self) -> None:
        """Raise if the run is over.

        Raises:
            UsageError: The run is over. While the process exits, a warning instead.
        """
        if self.is_over and self._is_exiting:
            guard.warn_once("exit", f"run {self.name!r} ended because the process exits; later log calls are dropped")
        elif self.is_over:
            raise UsageError(
                f"run {self.name!r} is {self.ended_as}; continue it with netscope.init(resume={self.id!r})"
            )

    def _current(self, n: int) -> Writer | None:
        """This process's writer, created if necessary. If that fails, count `n` items as dropped and return None."""
        if self._writer is not None:
            return self._writer
        if self.is_disabled or self.is_over:
            return None
        if time.monotonic() < self._retry_at:
            self.dropped.n += n
            return None
        try:
            return self._open()
        except REFUSED as error:
            self._retry_at = time.monotonic() + RETRY_S
            self.dropped.add(n, error)
            return None

    def open(self) -> None:
        """Create this process's journal now instead of at the first write.

        Raises:
            StorageError: The folder cannot be written.
        """
        with self.lock:
            try:
                if not self.is_disabled and self._writer is None:
                    self._open()
            except OSError as error:
                raise StorageError(f"cannot record a run in {self.folder}: {error.strerror or error}") from error

    def _open(self) -> Writer:
        writer = Writer(self.folder, self.attempt, self.name, self.rank, __version__)
        self._writer = writer
        self._n_safe = self.n_rows
        process_hooks.register(self)
        if self._heartbeat is None:
            self._every_beat[:0] = [self._write_delayed, self._beat]
            self._heartbeat = Heartbeat(
                self.name, self._at_start, self._flush, self._every_beat, writer.journal.interval_s
            )
            self._heartbeat.start()
            if not self._heartbeat.has_thread:
                self._beat_without_thread(self.step)
        return writer

    def _beat_without_thread(self, step: int) -> None:
        """Without a background thread, do its work at every `log`."""
        if self._heartbeat is not None and not self.is_over:
            self._heartbeat.run_if_due()
            self.on_next_log(self._beat_without_thread)

    def _flush(self) -> None:
        writer = self._writer
        if writer is not None:
            self._try_write(writer.journal.flush)

    def _beat(self) -> None:
        if self.is_abandoned:
            self.abandon()()
        self._check_folder()
        writer = self._writer
        if writer is not None:
            self._try_write(lambda: writer.journal.beat(_now()))

    def _try_write(self, call: Callable[[], None]) -> None:
        try:
            call()
        except OSError as error:
            self.dropped.add(0, error)

    def _check_folder(self) -> None:
        """If the journal was deleted, count the dropped rows; if the folder exists again, a new journal is created."""
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
                self._writer, self.row_writers, self._retry_at = None, {}, 0.0
                writer.abandon()
                self.dropped.add(lost, FileNotFoundError(2, "the run's folder was deleted"))
            self._n_safe = self.n_rows

    def put_device_row(self, keys: tuple[str, ...], step: int, now: float, numbers: list[Any]) -> None:
        """Write a row once its numbers have arrived from their device."""
        self._device_scalars.add(keys, step, now, numbers)
        self._current(0)  # ensures that there is a background thread
        if len(self._device_scalars) % MANY == 0 and self._heartbeat is not None:
            self._heartbeat.wake()

    def wait_if_behind(self) -> None:
        """If the background thread cannot keep up, wait for the devices here. Call without holding the lock."""
        if len(self._device_scalars) >= TOO_MANY:
            guard.attempt("copying numbers from a device", self._write_delayed, None)

    def _write_delayed(self) -> None:
        def write(row: DeviceRow, numbers: list[float]) -> None:
            self.put_row("scalar", row.keys, row.step, numbers, row.time)

        if len(self._device_scalars):
            self._device_scalars.copy_and_write(write)
        self.progress.write()

    def finish(self, state: EndState, error: str) -> None:
        """Write pending data and the end state, and warn about dropped writes. Later calls do nothing."""
        with self.lock:
            if self.is_over:
                return
        while self._at_finish:
            guard.attempt("work at the end of a run", self._at_finish.pop(), None)
        if self._heartbeat is not None:
            guard.attempt("stopping the background thread", self._heartbeat.stop, None)
        guard.attempt("writing the last logged rows", self._write_delayed, None)
        guard.attempt("closing the journal", lambda: self._close(state, error), None)
        self.dropped.warn()
        while self._after_finish:
            guard.attempt("work after the end of a run", self._after_finish.pop(0), None)

    def _close(self, state: EndState, error: str) -> None:
        self._check_folder()
        with self.lock:
            if self.is_over:
                return
            self.is_over, self.ended_as = True, state
            self.row_writers = {}
            process_hooks.unregister(self)
            writer, self._writer = self._writer, None
            if writer is not None:
                try:
                    writer.close(state, error or self._crash, self.dropped.n)
                except REFUSED as problem:
                    self.dropped.add(1, problem)

    def record_crash(self, error: BaseException) -> None:
        """Remember the exception that is ending the process; `finish_at_exit` records it with the state crashed."""
        self._crash = error_text(error)

    def record_exit(self, code: object) -> None:
        """Remember the `sys.exit` code; it is ignored if more is logged, because then the exit was caught."""
        self._exit = (self.step, f"SystemExit: {code}")

    def finish_at_exit(self) -> None:
        """Finish as the process exits, while daemon threads or other exit handlers may still log."""
        self._is_exiting = True
        step, exit_text = self._exit
        if not self._crash and step == self.step:
            self._crash = exit_text
        state: EndState = "crashed" if self._crash else "abandoned" if self.is_abandoned else "finished"
        self.finish(state, self._crash)

    def after_fork(self) -> None:
        """In a forked child: replace the lock, thread and journal of the parent."""
        for calls in (self.pending, self._every_beat, self._at_finish, self._after_finish, self._at_start):
            calls.clear()
        self.progress.reset_after_fork()
        self._begin()
        for call in self._in_child:
            call()


def error_text(error: BaseException) -> str:
    """The text that is recorded for the exception that ended a run."""
    if isinstance(error, KeyboardInterrupt):
        return "KeyboardInterrupt"
    return "".join(traceback.format_exception(error)).rstrip()
