"""The nouns: what crosses from Python to JSON to TypeScript to a button, spelt the same everywhere.

`scripts/schema_ts.py` writes `web/src/api/schema.gen.ts` from this file. Floats that are not finite
travel as the strings "NaN", "Infinity" and "-Infinity" (`Number`), because JSON has no word for them. In `Run.config`,
where texts may say so too, they and whole numbers beyond 2**53 travel as {"number": "9007199254740993"}.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Number = float | Literal["NaN", "Infinity", "-Infinity"]
Scalar = str | int | float | bool | None
State = Literal["running", "finished", "crashed", "killed", "abandoned", "unreadable"]
Kind = Literal["scalar", "layer", "system", "histogram"]
"""What a key is of: the user's own series, a watched layer's, the machine's, or the user's own histograms."""
AssetKind = Literal["array", "image", "audio", "text", "table", "figure", "histogram"]
Quantity = Literal["value", "gradient", "update", "activation"]
"""What of a tensor was watched: itself, its gradient, its change by the optimiser, or a layer's output."""
Stat = Literal["mean", "std", "norm", "min", "max", "zeros", "nonfinite", "ratio", "saturated", "dead"]
"""`zeros`: share of exact zeros; `nonfinite`: count of NaN and infinities; `ratio`: norm of the update over
the norm of the value; `saturated`: share of outputs in the flat part of their activation; `dead`: share of an
activation's units (channels) that no sample of the batch switched on."""
XAxis = Literal["step", "relative", "time"] | str


class Noun(msgspec.Struct, frozen=True, omit_defaults=False):
    """Base of all nouns."""


class Summary(Noun, array_like=True, gc=False):
    """A series in three numbers (last, min, max); min and max are over finite values."""

    last: Number
    min: Number
    max: Number


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
    """Unix seconds."""
    updated: float
    """Unix seconds of the last thing logged or, while it runs, of the last heartbeat."""
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


class Key(Noun):
    """A name under which something was logged."""

    key: str
    kind: Kind
    n_runs: int
    """How many of the runs asked about have it."""


class Keys(Noun):
    """All keys of some runs."""

    keys: list[Key]


class SeriesRequest(Noun):
    """Ask for the points a chart can show."""

    runs: list[str]
    keys: list[str]
    px: int = 400
    """Width of the chart in CSS pixels: two points a pixel column come back, its extremes, and what is not finite."""
    x: str = "step"
    """"step", "relative" (seconds since the run began), "time" (Unix seconds) or another key."""
    low: float | None = None
    high: float | None = None
    """Only x from `low` to `high`, and one point on either side."""
    kind: Kind = "scalar"
    times: bool = False
    """Also tell when each point was logged."""
    smooth: float = 0.0
    """Weight of a running mean over all points that were logged, from 0 (none) to below 1, such as 0.6."""
    logged: bool = True
    """With `smooth`: also the values as logged, and their extremes. False where only the mean is drawn."""


class SeriesInfo(Noun):
    """Where one series lies in the tensors of a reply: `y` and what is beside it from `start`, `x` from `x_start`."""

    run: str
    key: str
    start: int
    x_start: int
    """Series that were logged at the same places may share their x."""
    n: int
    n_logged: int
    """Points before thinning."""
    ghost: bool
    """The tail of an earlier attempt, that a later one replaced."""
    revision: int
    n_runs: int = 1
    """How many runs it is of: more than one for a group of which as many have the key."""


class SeriesReply(Noun):
    """Metadata of the safetensors reply of POST /api/series; tensors `x`, `y`, on request `smoothed` and `time`.

    x is u16 or i32 where that is exact, else f64; y and `smoothed` are f32 unless that would show (f64). The header of
    the file tells. `time` is f32, seconds since the run began. `smoothed`, the running mean, and `time` lie beside `y`.
    """

    series: list[SeriesInfo]


class GroupRequest(Noun):
    """Mean and band over groups of runs on a common grid."""

    groups: list[list[str]]
    keys: list[str]
    px: int = 400
    x: str = "step"
    low: float | None = None
    high: float | None = None
    band: Literal["minmax", "std", "stderr"] = "minmax"
    smooth: float = 0.0
    """Weight of a running mean over all points of each run, before they are grouped; 0: none."""


class Layer(Noun):
    """A module that is watched, in forward order."""

    layer: str
    """Dotted path in the model: "features.0"."""
    type: str
    """Class of the module: "Conv2d"."""
    parameters: dict[str, list[int]]
    """Shape per parameter name."""


class LayerChange(Noun):
    """What became of a layer while it was watched."""

    layer: str
    change: Literal["added", "removed", "replaced", "parameters", "frozen", "unfrozen"]
    """`parameters`: the layer has others than before (assigned, pruned, parametrised, of another type)."""
    detail: str = ""
    """For instance "Linear 10×8 → Linear 3×8", or the names of the parameters if not all are meant."""
    step: int = 0
    """The first step measured after it."""


class LayerTable(Noun):
    """What `watch` saw of a run."""

    layers: list[Layer]
    """Those that were watched at any time, in forward order."""
    changes: list[LayerChange]
    """In the order in which they were noticed."""
    tensors: list[LayerTensor]
    steps: list[int]
    """Steps at which anything was watched, ascending; at most 2,000, evenly chosen."""
    sampled_above: int | None = None
    """Histograms of activations with more values count a sample; on a CPU mean, std and norm are of it, too."""


class LayerTensor(Noun):
    """One watched tensor and what there is of it."""

    layer: str
    tensor: str
    """Parameter name ("weight"), "output", or a batch-norm buffer ("running_mean")."""
    quantity: Quantity
    stats: list[Stat]
    histogram: bool


class Asset(Noun):
    """Something large, logged at a step; its bytes are at /api/runs/{run}/blobs/{blob}."""

    key: str
    kind: AssetKind
    step: int
    time: float
    blob: str
    """File name within the run's blobs: digest and suffix; '' where `text` holds it all."""
    bytes: int
    text: str
    """The caption, or the text itself."""
    shape: list[int]
    item: int | None = None
    """Which item of the list that was logged under the key, from 0; None: it was logged alone."""
    markdown: bool = False
    """Whether a text is to be shown as Markdown; else it is shown as it is."""


class Assets(Noun):
    """Assets of a run, in the order of key, then step, then item."""

    assets: list[Asset]


class ConsoleLine(Noun, array_like=True):
    """One line that a process printed (time, stream, text, rank, process)."""

    time: float
    stream: Literal["out", "err"]
    text: str
    """As a terminal shows it; on the wire with the codes of its colours (SGR)."""
    rank: int | None = None
    process: str = ""
    """Which of `Console.processes` printed it."""


class Console(Noun):
    """A window of a run's console."""

    start: int
    total: int
    lines: list[ConsoleLine]
    processes: list[str] = []
    """Of the whole run: "main", "rank 1", or a process of another kind by its number and host, "4711 on host"."""


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
    """Those too that are written, or may still be."""


class Deleted(Noun):
    """Ids moved to the trash, or back; `problems` tells of those that could not be."""

    runs: list[str]
    problems: list[str]
    written: list[str] = []
    """Ids of those that were kept because a process writes them, or may go on to."""


class About(Noun):
    """What this server is."""

    version: str
    folder: str
    writable: bool
    n_runs: int
    index: str
    """Where the index lives: "sqlite" or "postgresql", or "memory" for a folder that cannot be written."""
    token: str
    """The header X-Netscope-Token of requests that change something; a new one with every start of the server."""


class Problem(Noun):
    """Body of every reply that is not a success."""

    error: str
    """What was found, what was expected, and the way out."""


class Live(Noun):
    """A message on the live channel (WebSocket /api/live), server to page."""

    revision: int
    """Of the whole store: ask GET /api/runs?since= for what changed."""
    grew: list[str]
    """Runs whose series, console or assets grew since the last message."""
    alive: bool = True
