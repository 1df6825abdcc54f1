"""What a journal says about its run, apart from series: who wrote it, the configuration, edits, how it ended."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec

from netscope.schema.layer import Layer, LayerChange
from netscope.schema.noun import Number
from netscope.schema.run import Rule
from netscope.store.journal import exact_numbers, frames
from netscope.store.journal.limits import LONGEST_NAME, shortened
from netscope.store.journal.memtable import Line

LATEST = 1e11  # the year 5138: what lies behind it is a broken clock
MOST_FAULTS, LONGEST_FAULT = 5, 300
LONGEST_KEY = 10_000  # characters; the SDK writes 1,024 at most, and the paths of layers
LONGEST_LINE = 1 << 20  # characters; what is longer is cut into lines
Step = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Time = Annotated[float, msgspec.Meta(ge=0, lt=LATEST)]
Small = Annotated[int, msgspec.Meta(ge=0, le=2**32)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=2**53)]
Key = Annotated[str, msgspec.Meta(max_length=LONGEST_KEY)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Start(msgspec.Struct, frozen=True):
    """The first frame of a journal."""

    attempt: Annotated[int, msgspec.Meta(ge=-1, le=2**31)] = -1
    """From 1; 0 is a journal that carries edits only and is no attempt; -1: the start is damaged or not read yet."""
    host: str = ""
    boot: str = ""
    pid_ns: Count | None = None
    """Of the process: inode of its PID namespace, 0 where the system has none; None: journals of version 1.0."""
    pid: Small = 0
    started: Time = 0.0
    ticks: Count = 0
    """When the process began, in clock ticks since boot; 0: unknown."""
    rank: Small | None = None
    version: str = ""
    name: str | None = None
    created: Time = 0.0


class Edit(msgspec.Struct):
    """What a person wrote, in an event; None: not said."""

    name: str | None = None
    notes: str | None = None
    tags: list[str] | None = None
    archived: bool | None = None


class Added(msgspec.Struct):
    """What a run added itself, in an event."""

    tags: list[str] = []
    notes: list[str] = []


class Told(msgspec.Struct):
    """How far a run is, in an event; None: not said."""

    done: Amount | None = None
    total: Amount | None = None
    unit: str | None = None


class Head(msgspec.Struct):
    """Small and always in memory: what the runs table needs. Kept in the index with the offset it is true of."""

    start: Start = msgspec.field(default_factory=Start)
    config: dict[str, tuple[float, Any]] = msgspec.field(default_factory=dict)
    """Per top-level key: when it was said, and the value."""
    numbers: dict[str, list[exact_numbers.Path]] = msgspec.field(default_factory=dict)
    """Where in the values of `config` a text stands for a number that JSON cannot hold."""
    edits: dict[str, tuple[float, Any]] = msgspec.field(default_factory=dict)
    added: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)
    """Of "tags" and "notes", what the run added to them itself, and when it first said so."""
    rules: dict[str, tuple[float, Rule | Number]] = msgspec.field(default_factory=dict)
    """Per key: when it was said, and the rule for its headline number, or the number."""
    progress: dict[str, tuple[float, Any]] = msgspec.field(default_factory=dict)
    """Of "done", "total" and "unit", when it was last said, and the value."""
    first_done: tuple[float, float] | None = None
    """Time and value of the first "done"."""
    fork_step: int | None = None
    first_step: int | None = None
    """Smallest step of a row of scalars."""
    last_step: int | None = None
    """Largest step of a row of scalars."""
    first_row: tuple[float, int] | None = None
    """Time (0: impossible) and step of the first row of scalars in the file."""
    first_other: int | None = None
    """Smallest step of anything else."""
    last_row: tuple[float, int] | None = None
    """The same of the last row."""
    last_time: float = 0.0
    ended: Literal["", "finished", "crashed", "abandoned"] = ""
    """How it was closed; "": it was not."""
    error: str = ""
    dropped: int = 0
    n_damaged: int = 0
    """Places that are damaged."""
    damaged_bytes: int = 0
    faults: list[str] = msgspec.field(default_factory=list)
    """What was wrong, in sentences; the first few."""
    key_sets: dict[int, int] = msgspec.field(default_factory=dict)
    """Number in this journal -> id of the key set."""
    is_redefined: bool = False
    """A number was given to a second key set."""
    n_rows: dict[int, int] = msgspec.field(default_factory=dict)
    """By id of a key set, how many rows, or rows of bins, there are of it. The index is checked against these and the
    following."""
    n_histograms: dict[str, int] = msgspec.field(default_factory=dict)
    """By key, of the user's own histograms."""
    n_assets: int = 0
    n_lines: int = 0
    """Whole lines of console."""
    recent: list[Line] = msgspec.field(default_factory=list)
    """The last lines of the console, which live rows may take back; `n_lines` does not count them."""
    open_lines: dict[int, tuple[float, tuple[str, ...]]] = msgspec.field(default_factory=dict)
    """Per stream the line that has no end yet, in parts (`_grown`)."""
    live_rows: dict[int, tuple[float, list[str]]] = msgspec.field(default_factory=dict)
    """Per stream the rows below its lines that can still change."""
    has_memo: bool = False
    searched: tuple[int, bytes] | None = None
    """Size of the file, and the bytes where reading stopped, when all behind them was last searched for frames."""

    def draft(self) -> Head:
        """Another one to go on with while this one is still read; `key_sets` are shared."""
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

    def event(self, event: dict[str, Any], memo: Memo) -> None:
        """Take an event; unknown ones are of a newer minor version and ignored.

        Raises:
            TypeError, ValueError, msgspec.ValidationError: Fields are not what FORMAT.md says.
        """
        name, time = event.get("event"), float(event.get("time", 0.0))
        time = time if time < LATEST else 0.0  # else no later edit could ever win
        self.heard(time)
        if name == "config":
            numbers = dict(exact_numbers.by_key(msgspec.convert(event.get("numbers", []), list[exact_numbers.Path])))
            for key, given in dict(event["config"]).items():
                value, large = exact_numbers.spell(given)  # the index holds whole numbers of 64 bits
                self.config[key] = (time, value)
                self.numbers[key] = [*numbers.get(key, ()), *large]
        elif name == "edit":
            for field, value in msgspec.structs.asdict(msgspec.convert(event, Edit)).items():
                if value is not None:
                    self.edit(field, time, value)
        elif name == "add":
            for field, texts in msgspec.structs.asdict(msgspec.convert(event, Added)).items():
                for text in texts:
                    self.added.setdefault(field, {}).setdefault(text, time)
        elif name == "summary":
            known = {key: rule for key, rule in dict(event["rules"]).items() if rule in RULES or type(rule) is not str}
            self.rules |= {key: (time, rule) for key, rule in msgspec.convert(known, dict[Key, Rule | Number]).items()}
        elif name == "progress":
            told = msgspec.convert(event, Told)
            self.progress |= {
                field: (time, value) for field, value in msgspec.structs.asdict(told).items() if value is not None
            }
            if told.done is not None and self.first_done is None:
                self.first_done = time, told.done
        elif name == "environment":
            memo.environment = dict(event["environment"])
            self.has_memo = True
        elif name == "layers":
            layers = msgspec.convert(event["layers"], list[Layer])
            memo.layers = merged(memo.layers or [], layers)
            changes = msgspec.convert(event.get("changes") or [], list[LayerChange])
            msgspec.convert([change.step for change in changes], list[Step])
            memo.changes = _joined(memo.changes, changes)
            memo.sampled_above = msgspec.convert(event.get("sampled_above"), int | None)
            self.has_memo = True
        elif name == "attempt":
            self.fork_step = msgspec.convert(event.get("fork_step"), Step | None)
        elif name == "end":
            state = event.get("state")
            self.ended = state if state in ("crashed", "abandoned") else "finished"
            self.error, self.dropped = str(event.get("error") or ""), msgspec.convert(event.get("dropped") or 0, Count)

    def heard(self, time: float) -> None:
        """Remember the latest sensible time."""
        if self.last_time < time < LATEST:
            self.last_time = time

    def edit(self, field: str, time: float, value: Any) -> None:
        """The latest time wins; of equal times the later in the file."""
        if field not in self.edits or self.edits[field][0] <= time:
            if field == "name":
                value = self.name(value)
            self.edits[field] = (time, list(dict.fromkeys(value)) if field == "tags" else value)

    @property
    def last_edit(self) -> float:
        """When a name, tags or notes were written last, by a person or by the run."""
        edited = (time for time, _ in self.edits.values())
        return max([*edited, *(time for texts in self.added.values() for time in texts.values())], default=0.0)

    def name(self, given: str) -> str:
        """A name that a table can show."""
        if len(given) > LONGEST_NAME:
            self.fault(f"a name of {len(given):,} characters was cut to {LONGEST_NAME}")
        return shortened(given)

    def fault(self, sentence: str) -> None:
        """Remember what is wrong; only the first few faults are kept."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(shortened(sentence, LONGEST_FAULT))

    def saw_step(self, step: int) -> None:
        """Remember the smallest step of what is no scalar."""
        self.first_other = step if self.first_other is None else min(step, self.first_other)

    def saw_scalars(self, low: int, high: int) -> None:
        """Remember the smallest and the largest step of scalars."""
        self.first_step = low if self.first_step is None else min(low, self.first_step)
        self.last_step = high if self.last_step is None else max(high, self.last_step)

    def print(self, time: float, stream: int, text: str) -> list[Line]:
        """Join what was printed into lines; gives those that are whole and stay."""
        began, parts = self.open_lines.pop(stream, (time, ()))
        first, *others = text.split("\n")
        whole = ["".join((*parts, first)), *others[:-1]] if others else []
        parts = _grown((), others[-1]) if others else _grown(parts, first)
        if sum(map(len, parts)) > LONGEST_LINE:
            whole, parts = [*whole, "".join(parts)], ()
        if parts:
            self.open_lines[stream] = (began if not whole else time, parts)
        self.recent += [Line(began if i == 0 else time, stream, overprinted(line)) for i, line in enumerate(whole)]
        return self._settled(frames.MOST_TAKEN_BACK)

    def animate(self, time: float, stream: int, n_back: int, text: str) -> None:
        """Take back the last lines of a stream, and know its live rows as they are now."""
        for i in reversed(range(len(self.recent))):
            if n_back and self.recent[i].stream == stream:
                del self.recent[i]
                n_back -= 1
        self.live_rows.pop(stream, None)
        if text:
            self.live_rows[stream] = (time, text.split("\n")[:MOST_LIVE])

    def settle(self) -> list[Line]:
        """The journal has ended: all lines stay as they are."""
        rows = [Line(time, stream, row) for stream, (time, rows) in sorted(self.live_rows.items()) for row in rows]
        self.recent += rows
        self.live_rows.clear()
        return self._settled(0)

    def _settled(self, n_kept: int) -> list[Line]:
        """Lines that cannot be taken back any more, all but so many."""
        n = max(0, len(self.recent) - n_kept)
        found, self.recent = self.recent[:n], self.recent[n:]
        self.n_lines += n
        return found

    @property
    def unsettled(self) -> list[Line]:
        """What was printed last, in the order of a terminal: lines that may be taken back, open ones, live rows."""
        opened = [(time, stream, "".join(parts)) for stream, (time, parts) in sorted(self.open_lines.items())]
        rows = [Line(time, stream, overprinted(text)) for time, stream, text in opened]
        live = [Line(time, stream, row) for stream, (time, rows) in sorted(self.live_rows.items()) for row in rows]
        return [*self.recent, *rows, *live]


class Memo(msgspec.Struct):
    """The large things that are read only when somebody looks at the run."""

    environment: dict[str, Any] | None = None
    layers: list[Layer] | None = None
    """All layers that were ever reported, in the order of the latest event."""
    sampled_above: int | None = None
    changes: list[LayerChange] = []

    def under(self, newer: Memo) -> Memo:
        """What is known with something newer: that, where it tells."""
        return Memo(
            newer.environment if newer.environment is not None else self.environment,
            merged(self.layers or [], newer.layers) if newer.layers is not None else self.layers,
            newer.sampled_above if newer.layers is not None else self.sampled_above,
            _joined(self.changes, newer.changes),
        )


def _joined(before: list[LayerChange], now: list[LayerChange]) -> list[LayerChange]:
    """All changes, each once: every rank reports them."""
    return list(dict.fromkeys([*before, *now]))[-MOST_CHANGES:] if now else before


def merged(before: list[Layer], now: list[Layer]) -> list[Layer]:
    """The layers that are, and each one that is no more behind the one it followed.

    >>> body, old, new = (Layer(layer=name, type="Linear", parameters={}) for name in ("body", "old", "new"))
    >>> [layer.layer for layer in merged([body, old], [body, new])]
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
RULES = (*get_args(Rule), "NaN", "Infinity", "-Infinity")  # other words are of a newer minor version


def _grown(parts: tuple[str, ...], text: str) -> tuple[str, ...]:
    r"""A line in parts, and what is printed behind it; of a progress bar that prints over itself only the last is kept.

    Joining a long line anew with every few letters would cost its square. Parts are joined when the one behind has
    grown as long as the one before, so there are few, and each letter is copied a few times.

    >>> _grown(_grown(_grown((), "abcd"), "e"), "f")
    ('abcd', 'ef')
    >>> _grown(("10 %\r",), "20 %")
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
    r"""What a terminal shows of a line with carriage returns: progress bars print over themselves.

    >>> overprinted("10 %\r20 %\r")
    '20 %'
    """
    return next((part for part in reversed(line.split("\r")) if part), "")
