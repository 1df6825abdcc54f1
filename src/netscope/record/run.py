"""A run as the training process sees it: say numbers at steps, and larger things beside them.

`log` is one append to this process's own journal, in memory that outlives the process: it waits for no disk, no
device, no other process. Everything that can wait is done by one background thread.
"""

from __future__ import annotations

import importlib
import struct
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from zlib import crc32

from netscope.errors import UsageError
from netscope.record import lives, process
from netscope.record.config import Config
from netscope.record.recording import Recording, error_text
from netscope.record.values import LARGEST_STEP, PLAIN, checked_key, sort_out, whole_step
from netscope.store import blobs, journal

_now = time.time
_frame_head = journal.FRAME.pack


class Run(Recording):
    """One training, being recorded; made by `netscope.init`.

    May be used from several threads, in forked children and, pickled, in spawned ones: each process writes a journal
    of its own. `with` finishes it, and records the exception that ended it.
    """

    def __init__(
        self, folder: Path, name: str, attempt: int = 1, *, rank: int | None = None, step: int = 0, is_off: bool = False
    ) -> None:
        """Use `netscope.init`."""
        super().__init__(folder, name, attempt, rank, is_off=is_off)
        self.step = step
        """The step that the next `log` without one will use: the last one and 1."""
        self.config = Config(lambda change: self.put_event({"event": "config", "config": change}))
        """What the run was told; what is set later is logged too."""

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
        self._check_not_over()
        if step is not None:
            step = whole_step(step)
        things = [] if self._is_off else [(key, thing, self._keep(thing)) for key, thing in found.media]
        with self._lock:
            self._check_not_over()
            at = whole_step(self.step) if step is None else step
            self.step = at + 1
            now = _now()
            if found.is_late and not self._is_off:
                self._wait_for(found.keys, at, now, found.numbers)
            elif found.keys:
                self.put_row("scalar", found.keys, at, found.numbers, now)
            for key, thing, blob in things:
                self._put_thing(key, thing, blob, at, now)
        self._relieve()
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
        self._check_not_over()
        if self._is_off:
            return NotWatching()
        return importlib.import_module("netscope.record.watch").watch(self, model, every, **options)

    def unwatch(self) -> None:
        """Measure no more; every hook is removed."""
        watching = sys.modules.get("netscope.record.watch")
        if watching is not None:  # else nothing was ever watched
            watching.unwatch(self)

    def watch_arrays(self, arrays: Mapping[str, Mapping[str, Any]], step: int | None = None) -> None:
        """What `watch` measures, of arrays: {"layer1": {"weight": W, "gradient": dW, "activation": A}}."""
        self._check_not_over()
        if not self._is_off:
            importlib.import_module("netscope.record.watch_arrays").watch_arrays(self, arrays, step)

    def finish(self) -> None:
        """Write what waits and say that the run ended well. Later calls do nothing.

        Raises:
            StorageError: The disk refused something on the way; everything else was done.
        """
        self._finish("finished", "")

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

    def _call_pending(self, step: int) -> None:
        calls = self.pending[:]
        self.pending.clear()
        for call in calls:
            call(step)

    def _media(self, kind: str, key: str, step: int | None, *args: Any, **options: Any) -> None:
        """Keep one thing of netscope.record.media, without a row and without a step of its own."""
        key = checked_key(key)
        at = whole_step(self.step if step is None else step)
        self._check_not_over()
        try:
            thing = getattr(importlib.import_module("netscope.record.media"), kind)(*args, **options)
        except UsageError as error:
            raise UsageError(f"{key!r}: {error}") from None
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
            self.put_frame(frames.histogram_frame(key, step, now, thing), 1)
            if thing.n_nonfinite:
                self.put_row("scalar", (f"{key}/nonfinite",), step, (float(thing.n_nonfinite),), now)
        elif blob is not None:
            about = {"key": key, "kind": thing.kind, "step": step, "time": now, "blob": blob}
            sizes = {"bytes": len(encoded.data) or len(encoded.text.encode()), "shape": encoded.shape}
            self.put_frame(journal.json_frame(journal.ASSET, {**about, **sizes, "text": encoded.text}), 1)


class NotWatching:
    """What `watch` gives where nothing is recorded."""

    def remove(self) -> None:
        """Nothing is to be undone."""


def attach(folder: str, name: str, attempt: int, step: int = 0, is_off: bool = False) -> Run:
    """The run of this process in `folder`, or a new writer of it; what a pickled run becomes."""
    run = lives.find(folder)
    if not isinstance(run, Run):
        run = Run(Path(folder), name, attempt, rank=process.rank(), step=step, is_off=is_off)
        if not is_off:
            lives.remember(run)
    return run
