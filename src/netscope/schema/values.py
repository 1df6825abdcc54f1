"""Running a model on an input: what it takes, what to give it, and what the result says about the run."""

from __future__ import annotations

from typing import Literal

from netscope.schema.noun import Noun

InputKind = Literal["random", "array", "image", "audio", "text"]
"""Random numbers; a .npy or .npz file; a picture; a .wav file; a text, through the tokenizer beside the model."""
ImageScaling = Literal["0..1", "-1..1", "0..255", "imagenet"]
"""What the 8 bits of a picture become; "imagenet": its mean and standard deviation per channel are 0 and 1."""


class ModelInput(Noun):
    """An input of a model, and what it gets unless something else is chosen."""

    name: str
    dtype: str
    """As NumPy spells it; guessed from the operations that read it if the file does not say."""
    shape: list[int | str | None] | None
    """As declared: numbers, names of symbols, null for an unknown size; null alone if the number of axes is unknown."""
    proposed: list[int]
    """A shape with a size for every symbol and unknown size."""
    low: float
    high: float
    """Random whole numbers are from `low` to `high`, both included; random floats are normal, with mean 0 and std 1."""
    table: str
    """The table that `high` is the last row of, or '': an embedding reads the input."""
    kinds: list[InputKind]
    """What it can be given."""


class ModelRunner(Noun):
    """How a model runs."""

    runner: str
    """The package that runs it: "onnxruntime", "torch"; '' if none can."""
    problem: str
    """Why it cannot run, or ''."""
    runs_code: bool
    """Whether the file may contain code, which running it executes."""
    inputs: list[ModelInput]


class InputRequest(Noun):
    """What to give to one input."""

    kind: InputKind = "random"
    shape: list[int] | None = None
    """Of random numbers; the proposed one unless given. Of others, sizes that the model leaves open."""
    file: str = ""
    """Id of an uploaded file, from POST /api/inputs."""
    scaling: ImageScaling = "0..1"
    text: str = ""


class ValuesRequest(Noun):
    """Run a model and measure all its values."""

    inputs: dict[str, InputRequest]
    """By name; an input that is not here gets random numbers."""
    seed: int = 0
    keep: list[int] = []
    """Values to keep whole however large, by their index in the graph."""


class InputFile(Noun):
    """A file that was uploaded as input."""

    file: str
    """Its id."""
    name: str
    bytes: int


class GivenInput(Noun):
    """What an input was given."""

    name: str
    dtype: str
    shape: list[int]
    source: str
    """"random", or the name of the file."""


class ValuesSummary(Noun):
    """What a run of a model says of itself."""

    runner: str
    """What ran it, with its version."""
    seconds: float
    """Of the whole run, with measuring."""
    dtypes: list[str]
    """Of the measured values, in the order of the columns."""
    first_nan: int
    """The first node with NaN among its results but not among its inputs, or -1."""
    nan_weight: str
    """The weight of that node that has NaN itself, or ''."""
    first_infinity: int
    """The same for infinities."""
    failed_node: int
    """The node at which the run failed, or -1; the last warning says why."""
    warnings: list[str]
    given: list[GivenInput]
