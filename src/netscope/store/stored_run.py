"""The public type of a run: `store.run("calm-heron").series("loss").values`."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from netscope import display
from netscope.errors import NotFoundError, StorageError, UsageError
from netscope.schema.console import ConsoleLine
from netscope.schema.layer import LayerTable
from netscope.schema.media import Asset, AssetKind
from netscope.schema.noun import Scalar
from netscope.schema.run import EditRequest, Environment, Run, RunDetail, State, Summary
from netscope.schema.series import Kind
from netscope.store import stored_media
from netscope.store.journal.limits import strip_colours
from netscope.store.journal.memtable import LoggedHistogram
from netscope.store.journal.points import concatenate
from netscope.store.read.console_reader import Stream
from netscope.store.read.histogram_reader import Bins
from netscope.store.series import Series
from netscope.store.stored_media import Array, Audio, Image, Table, Text
from netscope.text import visible

if TYPE_CHECKING:
    from netscope.store.store import Store


class StoredRun:
    """One run of a store. Its properties are as of its creation; each call reads the series again."""

    def __init__(self, store: Store, run: Run) -> None:
        """Wrap a row of a store."""
        self._store, self._run = store, run

    def __repr__(self) -> str:
        return f"<run {self.name!r} ({self.id}), {self.state}>"

    def _repr_html_(self) -> str:
        """Show the page of this run in a notebook cell."""
        return display.notebook().frame(self._store.folder, self.id)

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self._run.id

    @property
    def name(self) -> str:
        """Its display name."""
        return self._run.name

    @property
    def state(self) -> State:
        """Running, finished, crashed, killed, abandoned or unreadable."""
        return self._run.state

    @property
    def unreadable(self) -> str:
        """Why the run cannot be read at all, for instance a journal of a newer version; else ''."""
        return self._store.unreadable(self.id)

    @property
    def config(self) -> Mapping[str, Scalar]:
        """Flattened: {"optimizer.lr": 0.1}."""
        return self._run.config

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return list(self._run.tags)

    @property
    def notes(self) -> str:
        """Its notes."""
        return self._run.notes

    @property
    def archived(self) -> bool:
        """Whether it is archived."""
        return self._run.archived

    @property
    def created(self) -> datetime | None:
        """Start of the run, in local time; None if none of its journals can be read."""
        return _local(self._run.created)

    @property
    def updated(self) -> datetime | None:
        """Last activity of the run, in local time; None if none of its journals can be read."""
        return _local(self._run.updated)

    @property
    def duration(self) -> float:
        """Seconds from start to last activity; NaN if none of its journals can be read."""
        return self._run.updated - self._run.created if self._run.created else math.nan

    @property
    def noun(self) -> Run:
        """Its row in the runs table."""
        return self._run

    @property
    def environment(self) -> Environment:
        """The environment: host, Python, command, git, packages, CPUs, memory and GPUs."""
        return self.detail().environment

    def detail(self) -> RunDetail:
        """Nested configuration, environment, attempts, writers and problems."""
        return self._store.detail(self.id)

    def keys(self, kind: Kind = "scalar") -> list[str]:
        """The keys under which it logged series, or histograms."""
        return [key.key for key in self._store.keys([self.id], kind).keys]

    def series(self, key: str, kind: Kind = "scalar") -> Series:
        """Every point logged under a key; empty if damage to the journal left only the key.

        Raises:
            NotFoundError: No such key; the message lists the existing ones.
        """
        found = self._store.columns([self.id], key, kind)
        if self.id not in found:
            keys = self.keys(kind)
            if key not in keys:
                raise NotFoundError(_unknown(key, keys, "series", self.name))
            return Series(key, concatenate([]))
        return Series(key, found[self.id].points, found[self.id].ghosts)

    def summary(self, key: str) -> tuple[float, float, float]:
        """Last, smallest and largest value of a key; NaN without values."""
        found = self._summary(key)
        return float(found.last), float(found.min), float(found.max)

    def value(self, key: str) -> float:
        """The headline number of a key: what `run.summary[key]` was set to, else the last value; NaN without one."""
        return float(self._summary(key).value)

    def _summary(self, key: str) -> Summary:
        return self._store.read.summaries.of([self.id], key).get(self.id, Summary("NaN", "NaN", "NaN", "NaN"))

    def histograms(self, key: str) -> list[LoggedHistogram]:
        """The histograms logged under a key: step, time, edges, counts.

        Raises:
            NotFoundError: No such key; the message lists the existing ones.
        """
        found = self._store.read.histograms.logged(self.id, key)
        if not found:
            raise NotFoundError(_unknown(key, self.keys("histogram"), "histogram", self.name))
        return found

    def layers(self) -> LayerTable:
        """The watched layers in forward order, and the statistics and bins available for each tensor."""
        return self._store.read.layers.table(self.id)

    def bins(self, key: str) -> Bins:
        """The bins recorded for "layer/tensor/quantity": steps, times, and `.dense()`, the counts [step, bin].

        Empty if there are none. `netscope.analyse.bins_view.merge_bins` merges them into fewer bins with edges.
        """
        return self._store.read.histograms.watched(self.id, key)

    def assets(self, key: str | None = None, kind: AssetKind | None = None) -> list[Asset]:
        """Logged media, ordered by key and step: `asset.key`, `.kind`, `.step`, `.text`; graphs with `kind="graph"`."""
        return self._store.read.media.assets(self.id, key, kind).assets

    def arrays(self, key: str) -> list[Array]:
        """The arrays logged under a key, ascending in step: step, time, value.

        Raises:
            NotFoundError: No such key; the message lists the existing ones. The following methods do the same.
            StorageError: An array's file is gone.
        """
        return [
            Array(one.step, one.time, stored_media.array(self._blob(one)), one.item)
            for one in self._logged(key, "array")
        ]

    def images(self, key: str) -> list[Image]:
        """The images logged under a key, ascending in step: step, time, caption, path; `.value` has the pixels."""
        return [Image(one.step, one.time, one.text, self._blob(one), one.item) for one in self._logged(key, "image")]

    def figures(self, key: str) -> list[Image]:
        """The figures logged under a key, as images."""
        return [Image(one.step, one.time, one.text, self._blob(one), one.item) for one in self._logged(key, "figure")]

    def audio(self, key: str) -> list[Audio]:
        """The sounds logged under a key: step, time, caption, path; `.value` has the samples, `.rate` their rate."""
        return [Audio(one.step, one.time, one.text, self._blob(one), one.item) for one in self._logged(key, "audio")]

    def texts(self, key: str) -> list[Text]:
        """The texts logged under a key, ascending in step: step, time, value."""
        found = self._logged(key, "text")
        # The journal holds short texts, and the beginning of long ones.
        whole = (
            stored_media.read(self._blob(one)).decode("utf-8", "replace") if one.blob else one.text for one in found
        )
        return [Text(one.step, one.time, text, one.item) for one, text in zip(found, whole, strict=True)]

    def tables(self, key: str) -> list[Table]:
        """The tables logged under a key: step, time, path; `.value` has the columns; `.to_pandas()` converts them."""
        return [Table(one.step, one.time, self._blob(one), one.item) for one in self._logged(key, "table")]

    def console(
        self,
        search: str = "",
        start: int = 0,
        n: int | None = None,
        *,
        stream: Stream | None = None,
        rank: int | None = None,
        ansi: bool = False,
    ) -> list[ConsoleLine]:
        """Its console output, as a terminal shows it. Per line: time, stream ("out" or "err"), text, rank, process.

        The lines of several processes are merged by time.

        Args:
            search: Only lines that contain this text, ignoring case.
            start: Index of the first line among those; negative: from the end.
            n: Maximum number of lines; None: all.
            stream: Only lines of "out" or "err".
            rank: Only lines of this rank.
            ansi: Whether to keep colour codes.

        Raises:
            NotFoundError: No such rank; the message lists the existing ones.
        """
        process = "" if rank is None else f"rank {rank}"
        most = sys.maxsize if n is None else n
        lines = self._store.read.console.lines(self.id, start, most, search, stream, process).lines
        return lines if ansi else [msgspec.structs.replace(line, text=strip_colours(line.text)) for line in lines]

    def _logged(self, key: str, kind: AssetKind) -> list[Asset]:
        every = self._store.read.media.assets(self.id, kind=kind).assets
        found = [asset for asset in every if asset.key == key]
        if not found:
            raise NotFoundError(_unknown(key, sorted({asset.key for asset in every}), kind, self.name))
        return found

    def _blob(self, asset: Asset) -> Path:
        return self._store.blob(self.id, asset.blob)

    def rename(self, name: str) -> None:
        """Change its name.

        Raises:
            UsageError: The name is not a text, or empty.
        """
        self._edit(name=_text("the name", name))

    def tag(self, *tags: str) -> None:
        """Add tags."""
        self._edit(add_tags=[_text("a tag", tag) for tag in tags])

    def untag(self, *tags: str) -> None:
        """Remove tags."""
        self._edit(remove_tags=[_text("a tag", tag) for tag in tags])

    def set_notes(self, notes: str) -> None:
        """Replace its notes."""
        self._edit(notes=_text("the note", notes, is_empty_fine=True))

    def archive(self, archived: bool = True) -> None:
        """Archive it, or undo that."""
        self._edit(archived=archived)

    def delete(self, force: bool = False) -> None:
        """Move it to the trash; `store.restore([run.id])` restores it.

        Args:
            force: Delete it even if it is or may be still running; what it logs then goes to the trash, too.

        Raises:
            StorageError: It is or may be running, or the folder cannot be written.
            NotFoundError: It no longer exists; the message says whether it is in the trash.
        """
        deleted = self._store.delete([self.id], force)
        if deleted.problems:
            is_there = (self._store.folder / self.id).is_dir()
            raise (StorageError if is_there else NotFoundError)(deleted.problems[0])

    def _edit(self, **changed: Any) -> None:
        (self._run,) = self._store.edit(EditRequest(runs=[self.id], **changed))


def _local(time: float) -> datetime | None:
    return datetime.fromtimestamp(time).astimezone() if time else None


def _unknown(key: str, known: list[str], what: str, run: str) -> str:
    if not known:
        return f"run {run!r} has no {what} {key!r}; it has none"
    more = f" and {len(known) - 20:,} more" if len(known) > 20 else ""
    return f"run {run!r} has no {what} {key!r}; it has: {', '.join(map(visible, known[:20]))}{more}"


def _text(what: str, text: object, *, is_empty_fine: bool = False) -> str:
    if not isinstance(text, str) or not (text.strip() or is_empty_fine):
        raise UsageError(f"{what} must be a{'' if is_empty_fine else ' non-empty'} text, got {text!r:.80}")
    return str.__str__(text)
