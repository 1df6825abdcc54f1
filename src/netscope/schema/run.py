"""Runs: the rows of the table, one run in detail, and what people change."""

from __future__ import annotations

from typing import Literal

from netscope.schema.noun import Noun, Number, Scalar

State = Literal["running", "finished", "crashed", "killed", "abandoned", "unreadable"]
Rule = Literal["last", "min", "max", "mean"]
"""Which value of a series is its headline number: the last, the best one, or the mean of the finite ones."""


class Summary(Noun, array_like=True, gc=False):
    """A series in four numbers (last, min, max, value); min and max are over finite values, NaN if none is."""

    last: Number
    min: Number
    max: Number
    value: Number
    """The headline number: what the run's rule for the key says, else the last value."""


class Progress(Noun, gc=False):
    """How far a run is."""

    done: float
    total: float
    unit: str
    """What is counted, such as "steps" or "epochs"; '' if the run does not say."""
    time: float
    """Unix seconds when `done` was reached."""
    seconds_left: float | None
    """From `time` on, at the average pace of this attempt; None where no pace is known, and once the run has ended."""


class Attempt(Noun, gc=False):
    """One start of a run: the first, or a resumption."""

    number: int
    created: float
    """Unix seconds."""
    updated: float
    state: State
    fork_step: int | None
    """First step this attempt goes on from; what earlier attempts logged from there on is its ghost."""
    error: str
    """Text of the exception that ended it, or ''."""


class Run(Noun, gc=False):
    """A row of the runs table."""

    id: str
    name: str
    state: State
    created: float
    """Unix seconds; 0: unknown, because none of its journals could be read."""
    updated: float
    """Unix seconds of the last thing logged or, while it runs, of the last heartbeat; 0: unknown."""
    tags: list[str]
    notes: str
    archived: bool
    config: dict[str, Scalar]
    """Flattened: {"optimizer.lr": 0.1}; lists and other values appear as JSON text. Whole numbers are exact."""
    summary: dict[str, Summary]
    """Only the keys that were asked for."""
    revision: int
    """Grows with every change of this run; compare for equality only."""
    read_bytes: int = 0
    """Bytes of its journals that were read so far."""
    total_bytes: int = 0
    """Bytes that there are to read; more than `read_bytes` while it is still being read for the first time."""
    folder: str = ""
    """Short name of its folder, if the server shows several; `id` then begins with it and a colon."""
    step: int | None = None
    """The largest step at which the last attempt logged a scalar; of the attempt before while it has logged none."""
    progress: Progress | None = None
    """None unless the run told how much there is to do."""
    rules: dict[str, Rule | Number] = {}
    """What `run.summary` says of some keys: a rule, or the headline number itself; such a key may have no series."""


class RunTable(Noun):
    """What changed since a revision; `since=0` gives everything."""

    revision: int
    runs: list[Run]
    removed: list[str]
    """Ids that were deleted since."""


class Environment(Noun):
    """Where a run ran; captured once an attempt."""

    host: str = ""
    os: str = ""
    python: str = ""
    executable: str = ""
    command: str = ""
    directory: str = ""
    cpu: str = ""
    cpu_count: int = 0
    """CPUs that the run may use: of its affinity, its cpuset and its container's quota, rounded up."""
    cpu_limit: float = 0.0
    """CPUs' worth of time that a container's quota allows, 0.5 for half of one; 0: no quota below the CPUs."""
    memory_bytes: int = 0
    """Memory that the run may use: of the machine, or of the container where that is less."""
    memory_limit_bytes: int = 0
    """The container's limit; 0: none below what the machine has."""
    gpus: list[str] = []
    git_commit: str = ""
    git_branch: str = ""
    git_remote: str = ""
    git_dirty: bool = False
    packages: dict[str, str] = {}


class RunDetail(Noun):
    """Everything about one run but its series."""

    run: Run
    folder: str
    config: str
    """The configuration as it was given, nested, as JSON text with every digit, NaN and Infinity."""
    environment: Environment
    attempts: list[Attempt]
    writers: list[Writer]
    problems: list[str]
    """What could not be read of it, in sentences."""


class Writer(Noun):
    """One process that wrote into a run: its own journal file."""

    journal: str
    attempt: int
    host: str
    pid: int
    rank: int | None
    bytes: int
    """Bytes read so far. If the journal cannot be read, the size of its file, or 0 if that is unknown."""


class EditRequest(Noun):
    """What a person writes on runs by hand; None leaves a field alone."""

    runs: list[str]
    name: str | None = None
    notes: str | None = None
    tags: list[str] | None = None
    add_tags: list[str] = []
    remove_tags: list[str] = []
    archived: bool | None = None


class RunsRequest(Noun):
    """Runs to act on."""

    runs: list[str]


class DeleteRequest(Noun):
    """Runs to move to the trash."""

    runs: list[str]
    force: bool = False
    """Also runs that are, or may be, still written."""


class Trashed(Noun):
    """A deleted run, in the trash of its folder of runs."""

    id: str
    """Its id in the trash, to restore it or delete it for good."""
    name: str
    created: float
    """Unix seconds, as `deleted`; 0: not known."""
    deleted: float
    tags: list[str]
    bytes: int
    """Its size on disk."""
    folder: str = ""
    """Name of its folder of runs, where several are shown."""


class Trash(Noun):
    """All deleted runs, the one deleted last first."""

    runs: list[Trashed]


class Deleted(Noun):
    """Ids moved to the trash, back from it or deleted for good; `problems` says why others were not."""

    runs: list[str]
    problems: list[str]
    written: list[str] = []
    """Ids of runs that were kept because a process is, or may be, still writing them."""
