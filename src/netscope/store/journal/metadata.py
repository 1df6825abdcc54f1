"""What a journal records besides series: writer, configuration, edits, layers, console state, how it ended."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec

from netscope.schema.layer import Layer, LayerChange
from netscope.schema.noun import Number
from netscope.schema.run import Rule
from netscope.store.journal import exact_numbers, frames
from netscope.store.journal.limits import LONGEST_NAME, shortened
from netscope.store.journal.memtable import PrintedLine

TIME_LIMIT = 1e11  # the year 5138: a later time means a broken clock
MOST_FAULTS, LONGEST_FAULT = 5, 300
LONGEST_KEY = 10_000  # characters; `Run.log` allows 1,024, and layer paths may be longer
LONGEST_LINE = 1 << 20  # characters; longer output is split into lines
Step = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Time = Annotated[float, msgspec.Meta(ge=0, lt=TIME_LIMIT)]
Small = Annotated[int, msgspec.Meta(ge=0, le=2**32)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=2**53)]
Key = Annotated[str, msgspec.Meta(max_length=LONGEST_KEY)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Start(msgspec.Struct, frozen=True):
    """The first frame of a journal."""

    attempt: Annotated[int, msgspec.Meta(ge=-1, le=2**31)] = -1
    """From 1; 0: a journal of edits only, not an attempt; -1: the start frame is damaged or not read yet."""
    host: str = ""
    boot: str = ""
    pid_ns: Count | None = None
    """Inode of the process's PID namespace, 0 if the system has none; None in journals of version 1.0."""
    pid: Small = 0
    started: Time = 0.0
    ticks: Count = 0
    """Start of the process in clock ticks since boot; 0: unknown."""
    rank: Small | None = None
    version: str = ""
    name: str | None = None
    created: Time = 0.0


class EditEvent(msgspec.Struct):
    """An edit by a person; None: unchanged."""

    name: str | None = None
    notes: str | None = None
    tags: list[str] | None = None
    archived: bool | None = None


class AddEvent(msgspec.Struct):
    """Tags and notes that the run itself added."""

    tags: list[str] = []
    notes: list[str] = []


class ProgressEvent(msgspec.Struct):
    """Progress that the run reported; None: unchanged."""

    done: Amount | None = None
    total: Amount | None = None
    unit: str | None = None


class Metadata(msgspec.Struct):
    """The small metadata that the runs table needs; always in memory, and stored in the index with its offset."""

    start: Start = msgspec.field(default_factory=Start)
    config: dict[str, tuple[float, Any]] = msgspec.field(default_factory=dict)
    """Per top-level key, the time and the value."""
    numbers: dict[str, list[exact_numbers.Path]] = msgspec.field(default_factory=dict)
    """Paths in the values of `config` at which a string stands for a number that JSON cannot represent."""
    edits: dict[str, tuple[float, Any]] = msgspec.field(default_factory=dict)
    added: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)
    """For "tags" and "notes", what the run itself added, and when it was first added."""
    rules: dict[str, tuple[float, Rule | Number]] = msgspec.field(default_factory=dict)
    """Per key, the time, and the rule for its headline number or the number itself."""
    progress: dict[str, tuple[float, Any]] = msgspec.field(default_factory=dict)
    """For "done", "total" and "unit", the time of the last report and the value."""
    first_done: tuple[float, float] | None = None
    """Time and value of the first reported "done"."""
    fork_step: int | None = None
    first_step: int | None = None
    """Smallest step of a row of scalars."""
    last_step: int | None = None
    """Largest step of a row of scalars."""
    first_row: tuple[float, int] | None = None
    """Time (0 if out of range) and step of the first row of scalars in the file."""
    first_other: int | None = None
    """Smallest step of anything but scalars."""
    last_row: tuple[float, int] | None = None
    """Time and step of the last row of scalars in the file."""
    last_time: float = 0.0
    ended: Literal["", "finished", "crashed", "abandoned"] = ""
    """How the journal was closed; "" if it was not."""
    error: str = ""
    dropped: int = 0
    n_damaged: int = 0
    """Number of damaged ranges."""
    damaged_bytes: int = 0
    faults: list[str] = msgspec.field(default_factory=list)
    """Descriptions of the first few problems."""
    key_sets: dict[int, int] = msgspec.field(default_factory=dict)
    """Number of a key set in this journal -> its id."""
    is_redefined: bool = False
    """Whether a number was reused for a second key set."""
    n_rows: dict[int, int] = msgspec.field(default_factory=dict)
    """Number of rows, or rows of bins, per key set id. The index is checked against this and the following counts."""
    n_histograms: dict[str, int] = msgspec.field(default_factory=dict)
    """Number of logged histograms per key."""
    n_assets: int = 0
    n_lines: int = 0
    """Number of final console lines."""
    recent: list[PrintedLine] = msgspec.field(default_factory=list)
    """The last console lines, which live rows may still replace; not counted in `n_lines`."""
    open_lines: dict[int, tuple[float, tuple[str, ...]]] = msgspec.field(default_factory=dict)
    """Per stream, the time and the parts (see `_appended`) of the line without a line break yet."""
    live_rows: dict[int, tuple[float, list[str]]] = msgspec.field(default_factory=dict)
    """Per stream, the time and the rows below its lines that can still change."""
    has_large_metadata: bool = msgspec.field(default=False, name="has_memo")  # as the index has it
    searched: tuple[int, bytes] | None = None
    """File size and the 8 bytes at the read position when the rest of the file was last searched for frames."""

    def copy(self) -> Metadata:
        """A copy to update while other threads read this one; `key_sets` is shared."""
        return msgspec.structs.replace(
            self,
            config=dict(self.config),
            numbers=dict(self.numbers),
            edits=dict(self.edits),
            added={field: dict(texts) for field, texts in self.added.items()},
            rules=dict(self.rules),
            progress=dict(self.progress),
            recent=list(self.recent),
            open_lines=dict(self.open_lines),
            faults=list(self.faults),
            n_rows=dict(self.n_rows),
            n_histograms=dict(self.n_histograms),
            live_rows=dict(self.live_rows),
        )

    def apply_event(self, event: dict[str, Any], large_metadata: LargeMetadata) -> None:
        """Apply an event; unknown events come from a newer minor version and are ignored.

        Raises:
            TypeError, ValueError, msgspec.ValidationError: The fields do not follow FORMAT.md.
        """
        name, time = event.get("event"), float(event.get("time", 0.0))
        time = time if time < TIME_LIMIT else 0.0  # else no later edit could ever win
        self.saw_time(time)
        if name == "config":
            numbers = dict(exact_numbers.by_key(msgspec.convert(event.get("numbers", []), list[exact_numbers.Path])))
            for key, given in dict(event["config"]).items():
                value, large = exact_numbers.encode_numbers(given)  # the index holds 64-bit integers
                self.config[key] = (time, value)
                self.numbers[key] = [*numbers.get(key, ()), *large]
        elif name == "edit":
            for field, value in msgspec.structs.asdict(msgspec.convert(event, EditEvent)).items():
                if value is not None:
                    self.apply_edit(field, time, value)
        elif name == "add":
            for field, texts in msgspec.structs.asdict(msgspec.convert(event, AddEvent)).items():
                for text in texts:
                    self.added.setdefault(field, {}).setdefault(text, time)
        elif name == "summary":
            known = {key: rule for key, rule in dict(event["rules"]).items() if rule in RULES or type(rule) is not str}
            self.rules |= {key: (time, rule) for key, rule in msgspec.convert(known, dict[Key, Rule | Number]).items()}
        elif name == "progress":
            reported = msgspec.convert(event, ProgressEvent)
            self.progress |= {
                field: (time, value) for field, value in msgspec.structs.asdict(reported).items() if value is not None
            }
            if reported.done is not None and self.first_done is None:
                self.first_done = time, reported.done
        elif name == "environment":
            large_metadata.environment = dict(event["environment"])
            self.has_large_metadata = True
        elif name == "layers":
            layers = msgspec.convert(event["layers"], list[Layer])
            large_metadata.layers = merge_layers(large_metadata.layers or [], layers)
            changes = msgspec.convert(event.get("changes") or [], list[LayerChange])
            msgspec.convert([change.step for change in changes], list[Step])
            large_metadata.changes = _merge_changes(large_metadata.changes, changes)
            large_metadata.sampled_above = msgspec.convert(event.get("sampled_above"), int | None)
            self.has_large_metadata = True
        elif name == "attempt":
            self.fork_step = msgspec.convert(event.get("fork_step"), Step | None)
        elif name == "end":
            state = event.get("state")
            self.ended = state if state in ("crashed", "abandoned") else "finished"
            self.error, self.dropped = str(event.get("error") or ""), msgspec.convert(event.get("dropped") or 0, Count)

    def saw_time(self, time: float) -> None:
        """Update the latest time; ignores times out of range."""
        if self.last_time < time < TIME_LIMIT:
            self.last_time = time

    def apply_edit(self, field: str, time: float, value: Any) -> None:
        """Apply an edit of one field; the latest time wins, and for equal times the later in the file."""
        if field not in self.edits or self.edits[field][0] <= time:
            if field == "name":
                value = self.checked_name(value)
            self.edits[field] = (time, list(dict.fromkeys(value)) if field == "tags" else value)

    @property
    def last_edit(self) -> float:
        """Time of the last change of name, tags or notes, by a person or by the run."""
        edited = (time for time, _ in self.edits.values())
        return max([*edited, *(time for texts in self.added.values() for time in texts.values())], default=0.0)

    def checked_name(self, given: str) -> str:
        """The name, cut if it is too long for the runs table."""
        if len(given) > LONGEST_NAME:
            self.fault(f"a name of {len(given):,} characters was cut to {LONGEST_NAME}")
        return shortened(given)

    def fault(self, sentence: str) -> None:
        """Record a problem; only the first few are kept."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(shortened(sentence, LONGEST_FAULT))

    def saw_step(self, step: int) -> None:
        """Update the smallest step of anything but scalars."""
        self.first_other = step if self.first_other is None else min(step, self.first_other)

    def saw_scalars(self, low: int, high: int) -> None:
        """Update the smallest and largest step of scalars."""
        self.first_step = low if self.first_step is None else min(low, self.first_step)
        self.last_step = high if self.last_step is None else max(high, self.last_step)

    def add_output(self, time: float, stream: int, text: str) -> list[PrintedLine]:
        """Append console output; returns the lines that became final."""
        began, parts = self.open_lines.pop(stream, (time, ()))
        first, *others = text.split("\n")
        whole = ["".join((*parts, first)), *others[:-1]] if others else []
        parts = _appended((), others[-1]) if others else _appended(parts, first)
        if sum(map(len, parts)) > LONGEST_LINE:
            whole, parts = [*whole, "".join(parts)], ()
        if parts:
            self.open_lines[stream] = (began if not whole else time, parts)
        self.recent += [
            PrintedLine(began if i == 0 else time, stream, overprinted(line)) for i, line in enumerate(whole)
        ]
        return self._take_final_lines(frames.MOST_TAKEN_BACK)

    def set_live_rows(self, time: float, stream: int, n_back: int, text: str) -> None:
        """Remove the last `n_back` recent lines of a stream, and replace its live rows."""
        for i in reversed(range(len(self.recent))):
            if n_back and self.recent[i].stream == stream:
                del self.recent[i]
                n_back -= 1
        self.live_rows.pop(stream, None)
        if text:
            self.live_rows[stream] = (time, text.split("\n")[:MOST_LIVE])

    def finish_console(self) -> list[PrintedLine]:
        """Return all pending lines as final, because the journal has ended."""
        rows = [
            PrintedLine(time, stream, row) for stream, (time, rows) in sorted(self.live_rows.items()) for row in rows
        ]
        self.recent += rows
        self.live_rows.clear()
        return self._take_final_lines(0)

    def _take_final_lines(self, n_kept: int) -> list[PrintedLine]:
        """Remove and return the recent lines, except the last `n_kept`, as final."""
        n = max(0, len(self.recent) - n_kept)
        found, self.recent = self.recent[:n], self.recent[n:]
        self.n_lines += n
        return found

    @property
    def pending_lines(self) -> list[PrintedLine]:
        """Lines that may still change, in terminal order: recent lines, lines without a line break, live rows."""
        opened = [(time, stream, "".join(parts)) for stream, (time, parts) in sorted(self.open_lines.items())]
        rows = [PrintedLine(time, stream, overprinted(text)) for time, stream, text in opened]
        live = [
            PrintedLine(time, stream, row) for stream, (time, rows) in sorted(self.live_rows.items()) for row in rows
        ]
        return [*self.recent, *rows, *live]


class LargeMetadata(msgspec.Struct):
    """The large metadata of a journal, read only when a run is opened: its environment and layers."""

    environment: dict[str, Any] | None = None
    layers: list[Layer] | None = None
    """All layers ever reported, in the order of the latest event."""
    sampled_above: int | None = None
    changes: list[LayerChange] = []

    def overlay(self, newer: LargeMetadata) -> LargeMetadata:
        """Overlay `newer`, field by field."""
        return LargeMetadata(
            newer.environment if newer.environment is not None else self.environment,
            merge_layers(self.layers or [], newer.layers) if newer.layers is not None else self.layers,
            newer.sampled_above if newer.layers is not None else self.sampled_above,
            _merge_changes(self.changes, newer.changes),
        )


def _merge_changes(before: list[LayerChange], now: list[LayerChange]) -> list[LayerChange]:
    """Join lists of changes without duplicates, because every rank reports them."""
    return list(dict.fromkeys([*before, *now]))[-MOST_CHANGES:] if now else before


def merge_layers(before: list[Layer], now: list[Layer]) -> list[Layer]:
    """The layers of `now`, with each removed layer kept after the layer it followed before.

    >>> body, old, new = (Layer(layer=name, type="Linear", parameters={}) for name in ("body", "old", "new"))
    >>> [layer.layer for layer in merge_layers([body, old], [body, new])]
    ['body', 'old', 'new']
    """
    names = {layer.layer for layer in now}
    gone: dict[str, list[Layer]] = {}
    last = ""
    for layer in before:
        if layer.layer in names:
            last = layer.layer
        else:
            gone.setdefault(last, []).append(layer)
    return gone.get("", []) + [one for layer in now for one in (layer, *gone.get(layer.layer, []))]


MOST_CHANGES = 10_000
MOST_LIVE = 200  # rows of a stream
RULES = (*get_args(Rule), "NaN", "Infinity", "-Infinity")  # other words come from a newer minor version


def _appended(parts: tuple[str, ...], text: str) -> tuple[str, ...]:
    r"""Append text to a line in parts; of a progress bar that overwrites itself, only the last state is kept.

    Joining a long line for every few characters would take quadratic time. A part is joined with the next once that is
    as long, so there are few parts and each character is copied a few times.

    >>> _appended(_appended(_appended((), "abcd"), "e"), "f")
    ('abcd', 'ef')
    >>> _appended(("10 %\r",), "20 %")
    ('20 %',)
    """
    if not text:
        return parts
    if parts and parts[-1].endswith("\r") and not text.strip("\r"):
        return parts
    if "\r" in text or (parts and parts[-1].endswith("\r")):
        line = "".join((*parts, text))
        return (overprinted(line) + "\r" * line.endswith("\r"),)
    grown = [*parts, text]
    while len(grown) > 1 and len(grown[-2]) <= len(grown[-1]):
        grown[-2:] = ["".join(grown[-2:])]
    return tuple(grown)


def overprinted(line: str) -> str:
    r"""What a terminal shows of a line with carriage returns, such as a progress bar.

    >>> overprinted("10 %\r20 %\r")
    '20 %'
    """
    return next((part for part in reversed(line.split("\r")) if part), "")
