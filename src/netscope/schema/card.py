"""Cards: what is worth a look in a run now, each with the reason; and how far the run is."""

from __future__ import annotations

from typing import Literal

from netscope.schema.media import Asset
from netscope.schema.noun import Noun, Number
from netscope.schema.run import Progress

CardKind = Literal["curves", "samples", "confusion", "gradients", "layers", "network", "pace", "console"]
"""Series of one metric; the latest media; predictions by class; gradients over layers and steps; layers that stand
out; the graph of the network; steps a second; what was printed last."""

ReasonCode = Literal[
    "began",
    "improving",
    "hardly_improving",
    "best_earlier",
    "stalled",
    "flat",
    "worse",
    "rose",
    "not_finite",
    "overfits",
    "value",
    "samples",
    "confused",
    "all_right",
    "gradients_not_finite",
    "gradients_exploded",
    "gradients_vanish",
    "gradients_zero",
    "gradients_steady",
    "layers_dead",
    "layers_not_finite",
    "layers_frozen",
    "layers_jump",
    "layers_explode",
    "layers_fine",
    "network",
    "pace",
    "pace_slower",
    "crashed",
    "killed",
    "printed",
]


class Reason(Noun, gc=False):
    """Why a card is shown, as a code and what its sentence is about; the page has the words."""

    code: ReasonCode
    key: str = ""
    other: str = ""
    """A second key, class or layer."""
    value: Number | None = None
    before: Number | None = None
    step: int | None = None
    n: int | None = None
    """How many of `total`, or how many values ago."""
    total: int | None = None
    unit: Literal["", "epochs", "values"] = ""
    """What `n` counts."""
    unread: int = 0
    """Layers that were not looked at, because there are too many."""
    text: str = ""


class Finding(Noun, gc=False):
    """A layer that stands out, or one of those that are fine where none does."""

    layer: str
    type: str
    """Class of the module: "Conv2d"."""
    problem: Literal["dead", "not_finite", "explodes", "frozen", "jumps", "fine"]
    value: Number
    """Share of its units that are dead; values that are not finite; its gradient as a multiple of the usual norm; step
    of its last change; size of a step's change as a share of the values."""
    step: int
    quantity: str
    stat: str
    """Where the layers view shows it."""


class Confusion(Noun):
    """How many samples of each class were taken for each class."""

    labels: list[str]
    counts: list[list[int]]
    """[true class][predicted class]"""


class Pace(Noun):
    """Steps a second over equal stretches of the last attempt's time."""

    seconds: list[float]
    """Ends of the stretches, since the attempt began."""
    rate: list[float]


class Card(Noun):
    """Something worth a look."""

    id: str
    """Stays the same while the run grows, and in other runs: the page remembers choices by it."""
    kind: CardKind
    name: str
    """What it is of: the metric ("loss"), or the key of media; '' where the kind says all."""
    interest: float
    """From 0 to 1; cards are laid out by it."""
    reason: Reason
    keys: list[str] = []
    """Of the series or media that it shows."""
    step: int | None = None
    """To select when the card is opened."""
    layer: str | None = None
    findings: list[Finding] = []
    assets: list[Asset] = []
    confusion: Confusion | None = None
    pace: Pace | None = None
    lines: list[str] = []
    """Printed last, with colours (SGR)."""
    error: str = ""
    """Text of the exception that ended the run."""


class Metric(Noun, gc=False):
    """A main metric of a run: where it stands, and where it was best."""

    key: str
    goal: Literal["min", "max"] | None
    """Which end is good; None: unknown, and then nothing is the best."""
    last: Number
    """Or the number that `run.summary` gives in its place."""
    last_step: int | None
    """None of a number that was given."""
    best: Number | None
    best_step: int | None


class Cards(Noun):
    """A run at a glance."""

    epoch: float | None
    """As people count them, from 1; None if the run logs none."""
    progress: Progress | None
    """As the run tells it, or its configuration: `max_steps`, or `epochs` where a key "epoch" is logged."""
    device: str
    n_parameters: int
    """Values in the parameters of the watched network; 0 if none is watched."""
    metrics: list[Metric]
    cards: list[Card]
    """The most interesting first."""
