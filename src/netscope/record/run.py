"""A run as the training process sees it: say numbers at steps, and larger things beside them.

`log` is one append to this process's own journal, in memory that outlives the process: it waits for no disk, no
device, no other process. Everything that can wait is done by one background thread.
"""

from __future__ import annotations

import contextlib
import importlib
import struct
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

import netscope
from netscope.errors import StorageError, UsageError
from netscope.record import lives, process
from netscope.record.config import Config
from netscope.record.heart import Heart
from netscope.record.late import MANY, TOO_MANY, Late, Row
from netscope.record.values import LARGEST_STEP, PLAIN, checked_key, sort_out, whole_step
from netscope.record.writer import Losses, Plan, Writer
from netscope.schema import Kind
from netscope.store import blobs, journal

if TYPE_CHECKING:
    import numpy.typing as npt

MOST_KEYS = 2_000  # of one row: with keys and bins of any size it stays below the 16 MiB of a frame
RETRY_S = 5.0

_now = time.time
_frame_head = journal.FRAME.pack


class Run:
    """One training, being recorded; made by `netscope.init`.

    May be used from several threads, in forked children and, pickled, in spawned ones: each process writes a journal
    of its own. `with` finishes it, and records the exception that ended it.
    """

    def __init__(
        self, folder: Path, name: str, attempt: int = 1, *, rank: int | None = None, step: int = 0, is_off: bool = False
    ) -> None:
        """Nothing is written before the first thing is logged."""
        self.folder = folder
        self.id = folder.name
        self.name = name
        self.attempt = attempt
        self.rank = rank
        self.step = step
        """The step that the next `log` without one will use: the last one and 1."""
        self.config = Config(lambda change: self.put_event({"event": "config", "config": change}))
        self.pending: list[Callable[[int], None]] = []
        """Called by the next `log`, once, with its step."""
        self.every_beat: list[Callable[[], None]] = []
        """Called about every 2 s on the background thread."""
        self.at_finish: list[Callable[[], None]] = []
        self._is_off = is_off
        self._is_over = False
        self.at_start: list[Callable[[], None]] = []
        """Called once when the background thread begins."""
        self._watches: list[Any] = []
        self._crash = ""
        self._begin()

    def _begin(self) -> None:
        """The state that belongs to one process."""
        self._lock = threading.RLock()  # a signal's handler or a finaliser may log while its own thread logs
        self._plans: dict[tuple[str, ...], Plan] = {}  # empty unless a row can be written right away
        self._append: Callable[[bytes], None]
        self._writer: Writer | None = None
        self._retry_at = 0.0
        self._losses = Losses(self.folder)
        self._n_rows = 0
        self._n_safe = 0
        self._late = Late()
        self._heart: Heart | None = None

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Record numbers (and what `netscope.Image`, `Text`… hold) at a step.

        Args:
            values: By key; dicts within are flattened with "/". Numbers of Python, NumPy and torch of any type; those
                on a device are copied later, without waiting. Text, figures and media are kept as assets.
            step: Any whole number in any order; without one, the last step and 1. A step logged twice keeps
                both, and the later one is shown.

        Raises:
            UsageError: Something that cannot be logged; nothing of the call was written.
        """
        if step is not None and type(step) is not int:
            step = whole_step(step)
        if type(values) is dict and PLAIN.issuperset(map(type, values.values())):
            with self._lock:
                plan = self._plans.get(tuple(values))
                at = self.step if step is None else step
                if not -LARGEST_STEP <= at <= LARGEST_STEP:
                    plan = None
                if plan is not None:
                    key_set, pack, n = plan
                    try:
                        body = pack(journal.ROW, 0, 0, key_set, at, _now(), *values.values())
                        self._append(_frame_head(n, crc32(body)) + body)
                    except (OverflowError, struct.error):
                        plan = None  # a whole number beyond any float
                    except OSError as error:
                        self._losses.add(1, error)
                    else:
                        self._n_rows += 1
                    if plan is not None:
                        self.step = at + 1
            if plan is not None:
                if self.pending:
                    self._call_pending(at)
                return
        self._log_slowly(values, step)

    def _log_slowly(self, values: Mapping[str, Any], step: int | None) -> None:
        """Whatever is not a flat dict of plain numbers whose key set is known."""
        found = sort_out(values)
        things = [] if self._is_off else [(key, thing, self._keep(thing)) for key, thing in found.media]
        with self._lock:
            self._check_not_over()
            at = whole_step(self.step if step is None else step)
            self.step = at + 1
            now = _now()
            if found.is_late and not self._is_off:
                self._wait_for(found.keys, at, now, found.numbers)
            elif found.keys:
                self.put_row("scalar", found.keys, at, found.numbers, now)
            for key, thing, blob in things:
                self._put_thing(key, thing, blob, at, now)
        if self.pending:
            self._call_pending(at)

    def histogram(
        self,
        key: str,
        values: Any = None,
        step: int | None = None,
        *,
        bins: int = 64,
        counts: Any = None,
        edges: Any = None,
    ) -> None:
        """How often values occur: of `values`, or given as `counts` between `edges`.

        This and the six calls below belong to the step of the next `log` unless they are given one, and leave
        `run.step` alone.
        """
        self._media("Histogram", key, step, values, bins, counts=counts, edges=edges)

    def image(
        self, key: str, data: Any, step: int | None = None, *, caption: str = "", low: float = 0.0, high: float = 1.0
    ) -> None:
        """A picture, see `netscope.Image`."""
        self._media("Image", key, step, data, caption, low=low, high=high)

    def audio(self, key: str, data: Any, step: int | None = None, *, rate: int = 44_100, caption: str = "") -> None:
        """Sound, see `netscope.Audio`."""
        self._media("Audio", key, step, data, rate, caption)

    def text(self, key: str, text: str, step: int | None = None) -> None:
        """Words."""
        self._media("Text", key, step, text)

    def table(self, key: str, rows: Any, step: int | None = None, *, columns: Sequence[str] | None = None) -> None:
        """Rows and columns, see `netscope.Table`."""
        self._media("Table", key, step, rows, columns)

    def figure(self, key: str, figure: Any, step: int | None = None, *, caption: str = "") -> None:
        """A Matplotlib figure as it looks now."""
        self._media("Figure", key, step, figure, caption)

    def array(self, key: str, data: Any, step: int | None = None) -> None:
        """An array, kept exactly."""
        self._media("Array", key, step, data)

    def watch(self, model: Any, every: int | Literal["auto"] = 100, **options: Any) -> Any:
        """Measure a torch module's parameters, gradients, updates and activations every so many steps.

        `every="auto"` keeps the measured cost under 1 % of the training's time. Ends with `unwatch` or `finish`. For
        `options` see `netscope.record.watch.watch`.
        """
        watching = importlib.import_module("netscope.record.watch").watch(self, model, every, **options)
        self._watches.append(watching)
        return watching

    def unwatch(self) -> None:
        """Measure no more; every hook is removed."""
        while self._watches:
            self._watches.pop().remove()

    def watch_arrays(self, arrays: Mapping[str, Mapping[str, Any]], step: int | None = None) -> None:
        """What `watch` measures, of arrays: {"layer1": {"weight": W, "gradient": dW, "activation": A}}."""
        importlib.import_module("netscope.record.watch_arrays").watch_arrays(self, arrays, step)

    def put_row(
        self, kind: Kind, keys: tuple[str, ...], step: int, values: Sequence[float], time: float | None = None
    ) -> None:
        """Write one row of any kind. For what netscope itself measures; nothing is checked."""
        for start in range(0, len(keys), MOST_KEYS):
            some = keys[start : start + MOST_KEYS]
            with self._lock:
                writer = self._current(1)
                if writer is None:
                    continue
                try:
                    plan = writer.plan(kind, some)
                    body = plan.pack(
                        journal.ROW, 0, 0, plan.key_set, step, time or _now(), *values[start : start + MOST_KEYS]
                    )
                    self._append(_frame_head(plan.body_bytes, crc32(body)) + body)
                    self._n_rows += 1
                except OSError as error:
                    self._losses.add(1, error)
                else:
                    if kind == "scalar" and len(keys) <= MOST_KEYS:
                        self._plans[some] = plan

    def put_bins(self, keys: tuple[str, ...], step: int, counts: Sequence[npt.ArrayLike | None]) -> None:
        """Write one row of fixed bins: per key 2,048 counts, or None."""
        frames = importlib.import_module("netscope.record.frames")
        for start in range(0, len(keys), MOST_KEYS):
            some = keys[start : start + MOST_KEYS]
            with self._lock:
                writer = self._current(1)
                if writer is None:
                    continue
                try:
                    number = writer.plan("bins", some).key_set
                    self._append(frames.bins_frame(number, step, _now(), counts[start : start + MOST_KEYS]))
                except OSError as error:
                    self._losses.add(1, error)

    def put_event(self, event: dict[str, Any]) -> None:
        """Write an event, with the time."""
        self.put_frame(journal.json_frame(journal.EVENT, {"time": _now(), **event}))

    def put_frame(self, frame: bytes) -> None:
        """Write any frame that needs no key set."""
        with self._lock:
            if self._current(1) is not None:
                try:
                    self._append(frame)
                except OSError as error:
                    self._losses.add(1, error)

    @property
    def has_journal(self) -> bool:
        """Whether this process has written; a forked child that says nothing leaves no journal."""
        return self._writer is not None

    def finish(self) -> None:
        """Write what waits and say that the run ended well. Later calls do nothing.

        Raises:
            StorageError: The disk refused something on the way; everything else was done.
        """
        self._finish("finished", "")

    def _finish(self, state: Literal["finished", "crashed"], error: str, *, is_quiet: bool = False) -> None:
        with self._lock:
            if self._is_over:
                return
        with contextlib.ExitStack() as steps:  # from the last to the first, whatever one of them raises
            steps.callback(self._close, state, error, is_quiet)
            steps.callback(self._settle)
            if self._heart is not None:
                steps.callback(self._heart.stop)
            steps.callback(self._call_at_finish)
            steps.callback(self.unwatch)

    def _call_at_finish(self) -> None:
        with contextlib.ExitStack() as calls:
            while self.at_finish:
                calls.callback(self.at_finish.pop())

    def _close(self, state: Literal["finished", "crashed"], error: str, is_quiet: bool) -> None:
        self._look_for_folder()
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            self._plans = {}
            lives.forget(self)
            writer, self._writer = self._writer, None
            if writer is not None:
                try:
                    writer.close(state, error or self._crash, self._losses.n)
                except OSError as problem:
                    self._losses.add(1, problem)
        if self._losses.n and not is_quiet:
            raise self._losses.error()

    def crashed(self, error: BaseException) -> None:
        """Remember the exception that is ending the process; it is recorded at `finish`, which then says crashed."""
        self._crash = error_text(error)

    def finish_at_exit(self) -> None:
        """As the process ends."""
        self._finish("crashed" if self._crash else "finished", self._crash)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and not error.code):
            self._finish("finished", "", is_quiet=error is not None)
        else:
            self._finish("crashed", error_text(error), is_quiet=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return attach, (str(self.folder), self.name, self.attempt, self.step, self._is_off)

    def __repr__(self) -> str:
        state = "disabled" if self._is_off else "finished" if self._is_over else "running"
        return f"<netscope run {self.name!r} ({self.id}, {state}) in {self.folder.parent}>"

    def _repr_html_(self) -> str:
        """The page of this run in a notebook's cell."""
        if self._is_off:
            return ""
        return str(importlib.import_module("netscope.show.notebook").frame(self.folder.parent, self.id))

    def _check_not_over(self) -> None:
        if self._is_over:
            raise UsageError(f"run {self.name!r} is finished; go on with netscope.init(resume={self.id!r})")

    def _current(self, n: int) -> Writer | None:
        """This process's writer, begun if need be; where there is none, `n` things are counted as lost."""
        if self._writer is not None:
            return self._writer
        if self._is_off or self._is_over:
            return None
        if time.monotonic() < self._retry_at:
            self._losses.n += n
            return None
        try:
            return self._open()
        except OSError as error:
            self._retry_at = time.monotonic() + RETRY_S
            self._losses.add(n, error)
            return None

    def open(self) -> None:
        """Begin this process's journal now, rather than with the first thing logged.

        Raises:
            StorageError: The folder cannot be written.
        """
        with self._lock:
            try:
                if not self._is_off and self._writer is None:
                    self._open()
            except OSError as error:
                raise StorageError(f"no run can be recorded in {self.folder}: {error.strerror or error}") from error

    def _open(self) -> Writer:
        writer = Writer(self.folder, self.attempt, self.name, self.rank, netscope.__version__)
        self._writer = writer
        self._append = writer.journal.append
        self._n_safe = self._n_rows
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
            self._losses.add(0, error)

    def _look_for_folder(self) -> None:
        """Where the journal was deleted, count what was lost; a folder that is back gets a new one."""
        writer = self._writer
        if writer is None:
            return
        try:
            is_gone = writer.journal.is_gone()
        except OSError:
            is_gone = True
        with self._lock:
            if is_gone and self._writer is writer:
                lost = self._n_rows - self._n_safe
                self._writer, self._plans, self._retry_at = None, {}, 0.0
                writer.abandon()
                self._losses.add(lost, FileNotFoundError(2, "the run's folder vanished"))
            self._n_safe = self._n_rows

    def _call_pending(self, step: int) -> None:
        calls = self.pending[:]
        self.pending.clear()
        for call in calls:
            call(step)

    def _wait_for(self, keys: tuple[str, ...], step: int, now: float, numbers: list[Any]) -> None:
        self._late.add(keys, step, now, numbers)
        self._current(0)  # there is a background thread, then
        if len(self._late) >= TOO_MANY:
            self._settle()
        elif len(self._late) % MANY == 0 and self._heart is not None:
            self._heart.wake()

    def _settle(self) -> None:
        def write(row: Row, numbers: list[float]) -> None:
            self.put_row("scalar", row.keys, row.step, numbers, row.time)

        if len(self._late):
            self._late.settle(write)

    def _media(self, kind: str, key: str, step: int | None, *args: Any, **options: Any) -> None:
        """Keep one thing of netscope.record.media, without a row and without a step of its own."""
        key = checked_key(key)
        at = whole_step(self.step if step is None else step)
        thing = getattr(importlib.import_module("netscope.record.media"), kind)(*args, **options)
        self._check_not_over()
        if not self._is_off:
            self._put_thing(key, thing, self._keep(thing), at, _now())

    def _keep(self, thing: Any) -> str | None:
        """Write the blob of an asset, outside the lock; None where the disk refused it."""
        encoded = getattr(thing, "encoded", None)
        if encoded is None or not encoded.data:
            return ""
        try:
            if not self.folder.is_dir():  # deleted on purpose: its blobs do not bring it back
                raise FileNotFoundError(2, "the run's folder vanished")
            return blobs.write(self.folder, encoded.data, encoded.suffix)
        except OSError as error:
            with self._lock:
                self._losses.add(1, error)
            return None

    def _put_thing(self, key: str, thing: Any, blob: str | None, step: int, now: float) -> None:
        encoded = getattr(thing, "encoded", None)
        if encoded is None:
            frames = importlib.import_module("netscope.record.frames")
            self.put_frame(frames.histogram_frame(key, step, now, thing))
            if thing.n_nonfinite:
                self.put_row("scalar", (f"{key}/nonfinite",), step, (float(thing.n_nonfinite),), now)
        elif blob is not None:
            about = {"key": key, "kind": thing.kind, "step": step, "time": now, "blob": blob}
            sizes = {"bytes": len(encoded.data) or len(encoded.text.encode()), "shape": encoded.shape}
            self.put_frame(journal.json_frame(journal.ASSET, {**about, **sizes, "text": encoded.text}))

    def forked(self) -> None:
        """In a forked child: no lock, thread or journal of the parent is used again."""
        for calls in (self.pending, self.every_beat, self.at_finish, self.at_start):
            calls.clear()
        self._begin()


def attach(folder: str, name: str, attempt: int, step: int = 0, is_off: bool = False) -> Run:
    """The run of this process in `folder`, or a new writer of it; what a pickled run becomes."""
    run = lives.find(folder)
    if run is None:
        run = Run(Path(folder), name, attempt, rank=process.rank(), step=step, is_off=is_off)
        if not is_off:
            lives.remember(run)
    return run


def error_text(error: BaseException) -> str:
    """What is shown of the exception that ended a run."""
    if isinstance(error, KeyboardInterrupt):
        return "KeyboardInterrupt"
    return "".join(traceback.format_exception(error)).rstrip()
