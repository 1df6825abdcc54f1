"""Two models compared: how many parts are the same, and what differs."""

from __future__ import annotations

from typing import Literal

from netscope.schema.noun import Noun

Difference = Literal["same", "moved", "changed", "added", "removed"]
"""Moved: the same but for the numbers of its weights."""


class Counts(Noun):
    """How many parts of two models are in each state."""

    same: int = 0
    moved: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0


class NodeDifference(Noun):
    """A node of one model and the node of the other that it is."""

    difference: Difference
    a: str
    """Name, '' if it has none or is in the second model alone."""
    b: str
    a_op: str
    """'' if it is in the second model alone."""
    b_op: str
    changes: list[str]
    """What changed: "op", "attributes", "inputs", "types", "shapes", "weights", "values"."""


class TensorDifference(Noun):
    """A stored array of one model and the array of the other that it is."""

    difference: Difference
    a: str
    b: str
    a_type: str
    """"float32 [64,3,7,7]"; '' if it is in the second model alone."""
    b_type: str
    axes: list[int]
    """Order of the axes of the second that are longer than 1, to get those of the first; empty if it is the same."""
    relative: float | None
    """||b - a|| / ||a||; null if it is not known, or infinite."""
    largest: float | None
    """Largest |b - a|; null if it is not known."""
    cosine: float | None
    """Of the angle between both; null if it is not known."""
    differing: int
    """Elements that are not equal."""
    problem: str
    """Why the numbers were not compared, or ''."""


class ComparisonSummary(Noun):
    """Two models compared, in numbers."""

    a: str
    """Name of the first model."""
    b: str
    is_same: bool
    nodes: Counts
    tensors: Counts
    compared: int
    """Pairs of stored arrays whose numbers were compared."""
    relative: float | None
    """||b - a|| / ||a|| over all of them; null if there are none, or if it is infinite."""


class ValueDifference(Noun):
    """The result of a node on the same input in both models."""

    a: str
    """Name of the node; its operation and place if it has none."""
    b: str
    op: str
    """Of the second model."""
    relative: float | None
    """||b - a|| / ||a||; null if no pair is finite, or if it is infinite."""
    largest: float | None
    cosine: float | None
    nonfinite: int
    """Elements that are NaN or infinite in one of both alone."""


class ComparisonReport(Noun):
    """Two models compared: the numbers, and all that differs."""

    summary: ComparisonSummary
    nodes: list[NodeDifference]
    tensors: list[TensorDifference]
    values: list[ValueDifference] | None = None
    """In the order of the second model; null if the models were not run."""


class TensorNote(Noun):
    """What a pair of stored arrays has to say beyond its numbers."""

    pair: int
    """Its place among the pairs."""
    axes: list[int]
    """As in `TensorDifference`."""
    problem: str


class ComparisonReply(Noun):
    """Metadata of a comparison, whose columns are tensors of the reply."""

    summary: ComparisonSummary
    notes: list[TensorNote]


class ComparisonRequest(Noun):
    """Two models to compare."""

    a: str
    """The model before: "model" or "run", a colon, and its id."""
    b: str
    """The model after."""
