"""A run as the training process sees it: log numbers, media and events at steps.

`log` appends to this process's own journal, in memory-mapped pages that outlive the process. It does not wait for a
disk, a device or another process; a background thread does all deferred work.
"""

from __future__ import annotations

import functools
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from netscope import display
from netscope.errors import UsageError
from netscope.record import process, process_hooks
from netscope.record.abandoned import end_abandoned
from netscope.record.log_values import LARGEST_STEP, PLAIN, SMALLEST_STEP, parse_values, whole_step
from netscope.record.run_media import LogsMedia
from netscope.record.session import REFUSED, Session, error_text
from netscope.store.journal.limits import check_texts

if TYPE_CHECKING:
    from netscope.models.model import Model
    from netscope.record.write_media import StoredItem

_now = time.time
_are_plain = PLAIN.issuperset


class Run(LogsMedia):
    """A run that is being recorded; created by `netscope.init`.

    A run may be used from several threads, in forked children and, pickled, in spawned ones; each process writes its
    own journal. A `with` block finishes the run and records the exception that ended it, if any.
    """

    def __init__(self, session: Session) -> None:
        """Use `netscope.init`."""
        self._session = session
        session.add_reference(id(self))
        self.id = session.id
        self.name = session.name
        self.folder = session.folder
        self.attempt = session.attempt
        """1 for a new run; one more each time the run is resumed."""
        self.config = session.config
        """The run's settings; later changes are logged too."""
        self.summary = session.summary
        """The headline number of each key: `run.summary["val/acc"] = "max"`, "min", "mean", "last", or a number."""

    @property
    def step(self) -> int:
        """The step that the next `log` without a step will use: the last step plus 1."""
        return self._session.step

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Record numbers (and media such as `netscope.Image`) at a step.

        Args:
            values: Values by key; nested dicts are flattened with "/". Numbers may be of any Python, NumPy or torch
                type; those on a device are copied later, without waiting. Text, figures and media are kept as assets.
            step: Any integer, in any order; defaults to the last step plus 1. If a step is logged twice, both values
                are kept and the later one is shown.

        Raises:
            UsageError: A value cannot be logged; nothing of the call was written.
        """
        if step is not None and type(step) is not int:
            given: object = values
            if isinstance(given, str):  # log("loss", 0.3), as in other tools
                raise UsageError(f"log takes a dict: run.log({{{given!r:.60}: {step!r:.60}}})")
            step = whole_step(step)
        if type(values) is dict and _are_plain(map(type, values.values())):
            session = self._session
            with session.lock:
                row_writer = session.row_writers.get(tuple(values))
                at = session.step if step is None else step
                if not SMALLEST_STEP <= at <= LARGEST_STEP:
                    row_writer = None
                if row_writer is not None:
                    try:
                        row_writer.write(at, _now(), values.values())
                        session.n_rows += 1
                        session.step = at + 1
                    except (OverflowError, struct.error):
                        row_writer = None  # an integer too large for a float
                    except REFUSED as error:
                        session.dropped.add(1, error)
                        session.step = at + 1
            if row_writer is not None:
                if session.pending:
                    session.call_pending(at)
                return
        self._log_slowly(values, step)

    def _log_slowly(self, values: Mapping[str, Any], step: int | None) -> None:
        """Log anything but a flat dict of plain numbers with a known key set."""
        found = parse_values(values)
        session = self._session
        session.check_not_over()
        if step is not None:
            step = whole_step(step)
        stored: list[StoredItem] = []
        if found.media and not session.is_disabled:
            from netscope.record import write_media  # noqa: PLC0415  (loads NumPy)

            stored = [one for key, value in found.media for one in write_media.write_blobs(session, key, value)]
        with session.lock:
            session.check_not_over()
            at = whole_step(session.step) if step is None else step
            session.step = at + 1
            now = _now()
            if found.has_device_scalars and not session.is_disabled:
                session.put_device_row(found.keys, at, now, found.numbers)
            elif found.keys:
                session.put_row("scalar", found.keys, at, found.numbers, now)
            if stored:
                write_media.write_frames(session, stored, at, now)
        session.wait_if_behind()
        if session.pending:
            session.call_pending(at)

    def watch(self, model: Any, every: int | Literal["auto"] = 100, **options: Any) -> Any:
        """Measure a torch module's parameters, gradients, updates and activations every `every` optimiser steps.

        Measures mean, standard deviation, norm, min, max, fraction of zeros, count of NaN and infinities, and a
        histogram of each; for updates also the ratio of their norm to that of the value; for activation modules the
        fractions of saturated outputs and dead units. Results are written at the step of the next `log`. Activations
        of more than 65,536 values are sampled. Functions called in a `forward` are layers too. Watching ends with
        `unwatch`, `finish`, `.remove()` of the returned object, or when the model is deleted.

        Args:
            model: A module, plain or wrapped (DataParallel, DistributedDataParallel, torch.compile).
            every: Steps between measurements; "auto" measures as often as costs less than 1 % of the training time.
            options: `name`, a prefix for the layers' names; `quantities`, a list of "value", "gradient", "update" and
                "activation".

        Raises:
            UsageError: `model` is not a module or is watched already, or `every` or a quantity is invalid.

        Example:
            run.watch(model, every=10)
            run.watch(critic, every="auto", name="critic", quantities=["gradient"])
        """
        self._session.check_not_over()
        if self._session.is_disabled:
            return DisabledWatch()
        end_abandoned(keep=self._session)()  # an abandoned run may still watch this model
        from netscope.record.watch import torch_watch  # noqa: PLC0415  (loads torch)

        # Ranks that train the same network need not all write its graph.
        # Of the session: a watch that held the run would keep it from being abandoned.
        put_graph = functools.partial(_put_graph, self._session) if self._session.rank in (None, 0) else None
        return torch_watch.watch(self._session, model, every, put_graph=put_graph, **options)

    def graph(self, model: Any, *inputs: Any, **named: Any) -> None:
        """Log the graph of a network: what `model(*inputs, **named)` calls, with types, shapes and operations.

        A copy of a torch module runs on tensors without values, so that the model stays as it is and nothing is
        computed. `watch` logs the graph of what it watches by itself.

        Args:
            model: What `netscope.graph` takes, or its result, or that of `netscope.open_model`.
            inputs: Arguments as in a call; their values do not matter.
            named: Named arguments as in a call.

        Raises:
            UsageError: No graph can be made of `model`.

        Example:
            run.graph(model, torch.zeros(1, 3, 224, 224))
        """
        from netscope.frameworks.graph import graph  # noqa: PLC0415  (loads NumPy)
        from netscope.record.media.graph import Graph  # noqa: PLC0415

        self._log_item("graph", None, lambda media: Graph(graph(model, *inputs, **named)))

    def unwatch(self) -> None:
        """Stop watching all models and remove all hooks."""
        watching = sys.modules.get("netscope.record.watch.torch_watch")
        if watching is not None:  # otherwise nothing was ever watched
            watching.unwatch(self._session)

    def watch_arrays(self, arrays: Mapping[str, Mapping[str, Any]], step: int | None = None) -> None:
        """Measure arrays once, as `watch` does: {"layer1": {"weight": W, "gradient": dW, "activation": A}}."""
        self._session.check_not_over()
        if not self._session.is_disabled:
            from netscope.record.watch import arrays as watched_arrays  # noqa: PLC0415  (loads NumPy)

            watched_arrays.watch_arrays(self._session, arrays, step)

    def tag(self, *tags: str) -> None:
        """Add tags.

        Tags that were removed on the page stay removed, even if the run (or a rank, or a resumed run) adds them again.

        Raises:
            UsageError: A tag is not a string, or is empty.

        Example:
            run.tag("baseline", "converged")
        """
        if not all(isinstance(tag, str) and tag.strip() for tag in tags):
            raise UsageError(f'tag takes strings, as in run.tag("baseline", "converged"), got {tags!r:.80}')
        check_texts("tag", tags)
        self._session.check_not_over()
        self._session.add("tags", [str.__str__(tag).strip() for tag in tags])

    def note(self, text: str) -> None:
        """Append a paragraph to the notes.

        A paragraph that the notes already contain, or that was removed on the page, is not added again.

        Args:
            text: Up to 1,000,000 characters.

        Raises:
            UsageError: `text` is not a string, or is empty.

        Example:
            run.note(f"learning rate halved at step {run.step}")
        """
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"note takes a non-empty string, got {text!r:.80}")
        check_texts("note", [text])
        self._session.check_not_over()
        self._session.add("notes", [str.__str__(text)])

    def progress(self, done: float | None = None, *, total: float | None = None, unit: str | None = None) -> None:
        """Report progress, so that the page shows how far the run is and how long it will still take.

        With `total` alone, logged steps are counted. To count something else, also pass `done`, as often as you like;
        it is written about once a second.

        Args:
            done: The amount done so far, at least 0.
            total: The amount to do; enough to pass once.
            unit: What is counted, such as "epochs"; defaults to "steps" if logged steps are counted.

        Raises:
            UsageError: Neither `done` nor `total` is given, or one is not a number.

        Example:
            run.progress(total=epochs * len(loader))
            run.progress(epoch + 1, total=epochs, unit="epochs")
        """
        self._session.check_not_over()
        self._session.progress.update(done, total, unit)

    def finish(self) -> None:
        """Write all pending data and mark the run as finished. A second call does nothing.

        Write errors are warned about, not raised, so that code after the training still runs.
        """
        self._session.finish("finished", "")

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and not error.code):
            self._session.finish("finished", "")
        else:
            self._session.finish("crashed", error_text(error))

    def __del__(self) -> None:
        """Remove this reference: a run without references ends as abandoned when another run begins."""
        session = getattr(self, "_session", None)
        if session is not None:
            session.remove_reference(id(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return attach, (str(self.folder), self.name, self.attempt, self.step, self._session.is_disabled)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other._session is self._session

    def __hash__(self) -> int:
        return hash(self._session)

    def __repr__(self) -> str:
        session = self._session
        state = "disabled" if session.is_disabled else session.ended_as if session.is_over else "running"
        return f"<netscope run {self.name!r} ({self.id}, {state}) in {self.folder.parent}>"

    def _repr_html_(self) -> str:
        """The page of this run, for a notebook cell."""
        if self._session.is_disabled:
            return ""
        return display.notebook().frame(self.folder.parent, self.id)

    def _ipython_display_(self) -> None:
        """Show the page of this run in a notebook cell; at the end of the run, update what the saved notebook shows."""
        session = self._session
        show_end = display.notebook().show_run(self.folder.parent, self.id, repr(self))
        if not (session.is_disabled or session.is_over):
            session.after_finish(show_end)


def _put_graph(session: Session, model: Model, step: int, name: str) -> None:
    from netscope.record import write_media  # noqa: PLC0415
    from netscope.record.media.graph import Graph  # noqa: PLC0415

    write_media.write_item(session, f"graph/{name}" if name else "graph", Graph(model), step, _now())


class DisabledWatch:
    """Returned by `watch` if nothing is recorded."""

    def remove(self) -> None:
        """Do nothing."""


def current() -> Run | None:
    """The most recently started run of this process that is not over, or None.

    For code without access to the run object. In a forked process this is the run of its parent.

    >>> import netscope
    >>> netscope.run() is None
    True
    """
    active = [run for run in process_hooks.active_runs() if isinstance(run, Session)]
    return Run(active[-1]) if active else None


def attach(folder: str, name: str, attempt: int, step: int = 0, is_disabled: bool = False) -> Run:
    """Unpickle a run: return this process's run in `folder`, or a new one that writes to it."""
    found = process_hooks.find(folder)
    if isinstance(found, Session):
        return Run(found)
    session = Session(Path(folder), name, attempt, rank=process.rank(), step=step, is_disabled=is_disabled)
    process_hooks.register(session)
    return Run(session)
