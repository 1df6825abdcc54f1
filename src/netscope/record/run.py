"""A run as the training process sees it: say numbers at steps, and larger things beside them.

`log` is one append to this process's own journal, in memory that outlives the process: it waits for no disk, no
device, no other process. Everything that can wait is done by one background thread.
"""

from __future__ import annotations

import functools
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Literal

from netscope import display
from netscope.errors import UsageError
from netscope.record import beside, process, process_hooks
from netscope.record.abandoned import end_abandoned
from netscope.record.log_values import LARGEST_STEP, PLAIN, SMALLEST_STEP, checked_key, sort_out, whole_step
from netscope.record.session import REFUSED, Session, error_text
from netscope.store.journal.limits import check_texts

if TYPE_CHECKING:
    from netscope.record.write_media import Kept

_now = time.time
_are_plain = PLAIN.issuperset


class Run:
    """One training, being recorded; made by `netscope.init`.

    May be used from several threads, in forked children and, pickled, in spawned ones: each process writes a journal
    of its own. `with` finishes it, and records the exception that ended it.
    """

    def __init__(self, session: Session) -> None:
        """Use `netscope.init`."""
        self._session = session
        session.hold(id(self))
        self.id = session.id
        self.name = session.name
        self.folder = session.folder
        self.attempt = session.attempt
        """1, and one more each time the run was resumed."""
        self.config = session.config
        """What the run was told; what is set later is logged too."""
        self.summary = session.summary
        """Which number stands for a key: `run.summary["val/acc"] = "max"`, "min", "mean", "last", or a number."""

    @property
    def step(self) -> int:
        """The step that the next `log` without one will use: the last one and 1."""
        return self._session.step

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
            given: object = values
            if isinstance(given, str):  # log("loss", 0.3), as other tools have it
                raise UsageError(f"log takes a dict: run.log({{{given!r:.60}: {step!r:.60}}})")
            step = whole_step(step)
        if type(values) is dict and _are_plain(map(type, values.values())):
            session = self._session
            with session.lock:
                plan = session.plans.get(tuple(values))
                at = session.step if step is None else step
                if not SMALLEST_STEP <= at <= LARGEST_STEP:
                    plan = None
                if plan is not None:
                    try:
                        plan.write(at, _now(), values.values())
                        session.n_rows += 1
                        session.step = at + 1
                    except (OverflowError, struct.error):
                        plan = None  # a whole number beyond any float
                    except REFUSED as error:
                        session.losses.add(1, error)
                        session.step = at + 1
            if plan is not None:
                if session.pending:
                    session.call_pending(at)
                return
        self._log_slowly(values, step)

    def _log_slowly(self, values: Mapping[str, Any], step: int | None) -> None:
        """Whatever is not a flat dict of plain numbers whose key set is known."""
        found = sort_out(values)
        session = self._session
        session.check_not_over()
        if step is not None:
            step = whole_step(step)
        kept: list[Kept] = []
        if found.media and not session.is_off:
            from netscope.record import write_media  # noqa: PLC0415  (loads NumPy)

            kept = [one for key, thing in found.media for one in write_media.keep(session, key, thing)]
        with session.lock:
            session.check_not_over()
            at = whole_step(session.step) if step is None else step
            session.step = at + 1
            now = _now()
            if found.is_late and not session.is_off:
                session.wait_for(found.keys, at, now, found.numbers)
            elif found.keys:
                session.put_row("scalar", found.keys, at, found.numbers, now)
            if kept:
                write_media.put(session, kept, at, now)
        session.relieve()
        if session.pending:
            session.call_pending(at)

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

        Like every method for one thing, it belongs to the step of the next `log` unless it is given one, and leaves
        `run.step` alone.

        Args:
            key: Its name on the page.
            values: Numbers of any shape; NaN and infinities are counted as `key/nonfinite`.
            step: Any whole number.
            bins: How many of equal width to sort `values` into.
            counts: One a bin, in place of `values`.
            edges: Ascending, one more than `counts`.

        Raises:
            UsageError: Neither or both of these, or not of these shapes.

        Example:
            run.histogram("weights", model.fc.weight)
            run.histogram("ages", counts=[3, 5], edges=[0, 18, 99])
        """
        self._media("Histogram", key, step, values, bins, counts=counts, edges=edges)

    def image(
        self,
        key: str,
        data: Any,
        step: int | None = None,
        *,
        caption: str | Sequence[str] = "",
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        """A picture, or a list of pictures, which the page shows as one grid.

        Args:
            key: Its name on the page.
            data: [y, x], [y, x, channel] or [channel, y, x] of NumPy or torch with 1 (grey), 2 (grey, alpha), 3 (RGB)
                or 4 (RGBA) channels and sides up to 16,384, or a Pillow image of any mode. Where the place of the
                channels is ambiguous, a torch tensor has them first and a NumPy array last. A list of these, or a
                batch of four axes, is a list of pictures, however many there are and whatever their shapes.
            step: Any whole number; without one, that of the next `log`.
            caption: A line below it; for a list one for each, or one for all.
            low: The value that is black; by default 0, of floats from -1 to 1 (with a warning) -1.
            high: The value that is white; by default 1 of floats, 255 of integers, 65,535 of `uint16` with values
                above 255, which are kept in 16 bits. What lies beyond is clipped, with a warning by default.

        Raises:
            UsageError: Another shape or type.

        Example:
            run.image("sample", np.random.rand(28, 28), caption="noise")
            run.image("generated", [a, b, c], caption=["first", "second", "third"])
            run.image("tanh", generator(z), low=-1)
            run.log({"loss": 0.3, "batch": [netscope.Image(x) for x in images]})
        """
        self._several("Image", key, step, data, caption, batch_axes=4, low=low, high=high)

    def audio(
        self, key: str, data: Any, step: int | None = None, *, rate: int = 44_100, caption: str | Sequence[str] = ""
    ) -> None:
        """Sound, or a list of sounds.

        Args:
            key: Its name on the page.
            data: [sample] or [sample, channel] (few channels may come first), up to 8 channels; floats from -1 to 1
                (larger ones are scaled down, with a warning) or int16, int32, int8, uint8 with the full scale of their
                type. A list of these, or a batch of three axes, is a list of sounds.
            step: Any whole number; without one, that of the next `log`.
            rate: Samples a second, up to 1,000,000.
            caption: A line below it; for a list one for each, or one for all.

        Raises:
            UsageError: Another shape, type or rate.

        Example:
            t = np.arange(8000) / 8000
            run.audio("tone", np.sin(2 * np.pi * 440 * t), rate=8000)
        """
        self._several("Audio", key, step, data, caption, batch_axes=3, rate=rate)

    def text(self, key: str, text: str | Sequence[str], step: int | None = None, *, markdown: bool = False) -> None:
        r"""Words, shown as they are, or a list of such texts.

        Args:
            key: Its name on the page.
            text: Up to 8 MiB.
            step: Any whole number; without one, that of the next `log`.
            markdown: Show it as Markdown.

        Raises:
            UsageError: Not a str, or too long.

        Example:
            run.text("sample", tokenizer.decode(tokens))
            run.text("report", "| class | f1 |\n|---|---|\n| cat | 0.9 |", markdown=True)
            run.log({"loss": 0.3, "sample": "once upon a time"})
        """
        self._several("Text", key, step, text, markdown=markdown)

    def table(self, key: str, rows: Any, step: int | None = None, *, columns: Sequence[str] | None = None) -> None:
        """Rows and named columns.

        Args:
            key: Its name on the page.
            rows: Rows of cells with `columns`, a list of dicts, a dict of columns of one length, or a DataFrame of
                pandas or polars, a Series or a pyarrow Table. An index that is not just 0, 1, 2… becomes columns.
                `netscope.Image`, `Audio`, `Figure`, `Array`, Pillow images and Matplotlib figures in cells are shown
                as such. Cells that are no text, number or truth value are kept as their text.
            step: Any whole number; without one, that of the next `log`.
            columns: Names, where `rows` has none; else which of its columns, in this order.

        Raises:
            UsageError: Rows or columns of different lengths, or nothing that has rows.

        Example:
            run.table("errors", [["cat", 3], ["dog", 1]], columns=["class", "n"])
            run.table("errors", {"class": ["cat", "dog"], "n": [3, 1]})
            run.table("worst", [{"image": netscope.Image(x), "loss": loss} for x, loss in worst])
        """
        self._keep(key, step, lambda media: media.table_or_several(rows, columns))

    def figure(self, key: str, figure: Any, step: int | None = None, *, caption: str | Sequence[str] = "") -> None:
        """A Matplotlib figure as it looks now, as PNG, or a list of figures. Nothing of it is changed or closed.

        It is cut to what is drawn, unless that is more than twice as wide or high as the figure (a label far outside
        the axes): then the figure's own box is shown.

        Args:
            key: Its name on the page.
            figure: A `Figure`, or `Axes` of one, or `pyplot` itself for the current one.
            step: Any whole number; without one, that of the next `log`.
            caption: A line below it; for a list one for each, or one for all.

        Raises:
            UsageError: Something else.
            MissingExtraError: Matplotlib was never imported.

        Example:
            figure, axes = plt.subplots(); axes.plot(losses)
            run.figure("losses", figure)
        """
        self._several("Figure", key, step, figure, caption)

    def array(self, key: str, data: Any, step: int | None = None) -> None:
        """An array of any shape and number type, kept exactly (as safetensors).

        Example:
            run.array("embedding", model.embedding.weight)
        """
        self._media("Array", key, step, data)

    def watch(self, model: Any, every: int | Literal["auto"] = 100, **options: Any) -> Any:
        """Measure a torch module's parameters, gradients, updates and activations every so many optimiser steps.

        Of each: mean, standard deviation, norm, extremes, share of zeros, count of NaN and infinities, a histogram;
        of updates also their norm over that of the value; of activation modules the shares of saturated outputs and
        dead units. They are written under the step of the next `log`. Activations of more than 65,536 values are
        sampled. Functions that a `forward` calls are layers too. Ends with `unwatch`, `finish`, `.remove()` of
        what is returned, or when the model is deleted.

        Args:
            model: A module, plain or wrapped (DataParallel, DistributedDataParallel, torch.compile).
            every: Steps from one measurement to the next; "auto": as often as costs less than 1 % of the time.
            options: `name`, which goes before the layers' names; `quantities`, some of "value", "gradient", "update"
                and "activation".

        Raises:
            UsageError: Not a module, watched already, or a meaningless `every` or quantity.

        Example:
            run.watch(model, every=10)
            run.watch(critic, every="auto", name="critic", quantities=["gradient"])
        """
        self._session.check_not_over()
        if self._session.is_off:
            return NotWatching()
        end_abandoned(but=self._session)()  # one may watch this model still
        from netscope.record.watch import torch_watch  # noqa: PLC0415  (loads torch)

        return torch_watch.watch(self._session, model, every, **options)

    def unwatch(self) -> None:
        """Measure no more; every hook is removed."""
        watching = sys.modules.get("netscope.record.watch.torch_watch")
        if watching is not None:  # else nothing was ever watched
            watching.unwatch(self._session)

    def watch_arrays(self, arrays: Mapping[str, Mapping[str, Any]], step: int | None = None) -> None:
        """What `watch` measures, of arrays: {"layer1": {"weight": W, "gradient": dW, "activation": A}}."""
        self._session.check_not_over()
        if not self._session.is_off:
            from netscope.record.watch import arrays as watched_arrays  # noqa: PLC0415  (loads NumPy)

            watched_arrays.watch_arrays(self._session, arrays, step)

    def tag(self, *tags: str) -> None:
        """Add tags.

        Tags that a person removes on the page stay removed, even if the run (or a rank, or a resumed run) adds them
        again.

        Raises:
            UsageError: A tag that is no text or empty.

        Example:
            run.tag("baseline", "converged")
        """
        if not all(isinstance(tag, str) and tag.strip() for tag in tags):
            raise UsageError(f'tag takes texts, as in run.tag("baseline", "converged"), found {tags!r:.80}')
        check_texts("tag", tags)
        self._session.check_not_over()
        self._session.add("tags", [str.__str__(tag).strip() for tag in tags])

    def note(self, text: str) -> None:
        """Add a paragraph to the notes, below what stands there.

        A paragraph that is there already, or that a person removed on the page, is not added again.

        Args:
            text: Up to 1,000,000 characters.

        Raises:
            UsageError: No text, or an empty one.

        Example:
            run.note(f"learning rate halved at step {run.step}")
        """
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"note takes a text, found {text!r:.80}")
        check_texts("note", [text])
        self._session.check_not_over()
        self._session.add("notes", [str.__str__(text)])

    def progress(self, done: float | None = None, *, total: float | None = None, unit: str | None = None) -> None:
        """Say how much there is to do, so that the page shows how far the run is and how long it still takes.

        With a total alone, the steps that are logged count. Where something else counts, say how much of it is done,
        as often as you like; about once a second it is written.

        Args:
            done: How much is done, from 0 up.
            total: How much there is; said once.
            unit: What is counted, such as "epochs"; "steps" where the logged steps count.

        Raises:
            UsageError: Neither `done` nor `total`, or no numbers.

        Example:
            run.progress(total=epochs * len(loader))
            run.progress(epoch + 1, total=epochs, unit="epochs")
        """
        self._session.check_not_over()
        self._session.progress.tell(done, total, unit)

    def finish(self) -> None:
        """Write what waits and say that the run ended well. A second call does nothing.

        What the disk refused on the way is warned of, not raised: what comes after the training is not to be lost, too.
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
        """Note that this reference is gone: if another run begins, this one ends as abandoned."""
        session = getattr(self, "_session", None)
        if session is not None:
            session.let_go(id(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return attach, (str(self.folder), self.name, self.attempt, self.step, self._session.is_off)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other._session is self._session

    def __hash__(self) -> int:
        return hash(self._session)

    def __repr__(self) -> str:
        session = self._session
        state = "disabled" if session.is_off else session.ended_as if session.is_over else "running"
        return f"<netscope run {self.name!r} ({self.id}, {state}) in {self.folder.parent}>"

    def _repr_html_(self) -> str:
        """The page of this run in a notebook's cell."""
        if self._session.is_off:
            return ""
        return display.notebook().frame(self.folder.parent, self.id)

    def _ipython_display_(self) -> None:
        """The page of this run in a notebook's cell; when the run ends, what a saved notebook keeps is made again."""
        session = self._session
        show_end = display.notebook().show_run(self.folder.parent, self.id, repr(self))
        if not (session.is_off or session.is_over):
            session.after_finish(show_end)

    def _media(self, kind: str, key: str, step: int | None, *args: Any, **options: Any) -> None:
        """Keep one thing of netscope.record.media.types, without a row and without a step of its own."""
        self._keep(key, step, lambda media: getattr(media, kind)(*args, **options))

    def _several(
        self,
        kind: str,
        key: str,
        step: int | None,
        data: Any,
        caption: Any = None,
        *,
        batch_axes: int = 0,
        **options: Any,
    ) -> None:
        """The same of one thing, or of a list or a batch of them."""

        def make(media: ModuleType) -> Any:
            one = functools.partial(getattr(media, kind), **options)
            return media.one_or_several(one, data, caption, batch_axes=batch_axes)

        self._keep(key, step, make)

    def _keep(self, key: str, step: int | None, make: Callable[[ModuleType], Any]) -> None:
        session = self._session
        key = checked_key(key)
        at = whole_step(session.step if step is None else step)
        session.check_not_over()
        from netscope.record import write_media  # noqa: PLC0415  (loads NumPy)
        from netscope.record.media import types  # noqa: PLC0415

        try:
            thing = beside.attempt(f"logging {key!r}", lambda: make(types), None)
        except UsageError as error:
            raise UsageError(f"{key!r}: {error}") from None
        if thing is not None and not session.is_off:
            write_media.put(session, write_media.keep(session, key, thing), at, _now())


class NotWatching:
    """What `watch` gives where nothing is recorded."""

    def remove(self) -> None:
        """Nothing is to be undone."""


def current() -> Run | None:
    """The run of this process: the one that began last and is not over, or None.

    For code that is not given the run. In a forked process it is the run of its parent.

    >>> import netscope
    >>> netscope.run() is None
    True
    """
    living = [run for run in process_hooks.living() if isinstance(run, Session)]
    return Run(living[-1]) if living else None


def attach(folder: str, name: str, attempt: int, step: int = 0, is_off: bool = False) -> Run:
    """The run of this process in `folder`, or a new writer of it; what a pickled run becomes."""
    found = process_hooks.find(folder)
    if isinstance(found, Session):
        return Run(found)
    session = Session(Path(folder), name, attempt, rank=process.rank(), step=step, is_off=is_off)
    process_hooks.remember(session)
    return Run(session)
