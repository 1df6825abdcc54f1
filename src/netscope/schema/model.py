"""Models: files, uploads and the networks of runs, and what a summary says of one."""

from __future__ import annotations

from typing import Any, Literal

from netscope.schema.noun import Noun

ModelState = Literal["stored", "opening", "ready", "failed"]
ModelSource = Literal["file", "upload"]


class ModelInfo(Noun):
    """A model that the server can show."""

    id: str
    """The same after every start of the server, for the same file."""
    name: str
    state: ModelState
    """"stored": uploaded to an earlier server, and read once it is asked for."""
    format: str
    """"ONNX", "safetensors" and so on; '' until it is read."""
    reader: str
    """What read it: "netscope", or "netron 9.3.3"; '' until it is read."""
    nodes: int
    tensors: int
    parameters: int
    bytes: int
    """Of the file."""
    source: ModelSource
    problem: str
    """Why it cannot be shown, or ''."""


class Models(Noun):
    """The models that the server can show: those it was started with, then uploads, the newest first."""

    models: list[ModelInfo]
    largest_upload_bytes: int
    """Of a file that POST /api/models takes now."""


class ValueType(Noun):
    """An input or output."""

    name: str
    dtype: str
    """As NumPy spells it; '' if unknown."""
    shape: list[int | str | None] | None
    """Numbers, names of symbols, null for an unknown size; null alone if the number of axes is unknown."""


class ModelLayer(Noun):
    """Nodes that belong together: a module, or an operation with its weights."""

    name: str
    """Path of the module, or name of the node; '' for what belongs to none."""
    op: str
    """Class of the module, or the operation that costs most."""
    nodes: int
    shape: list[int | str | None] | None
    """Of its last result."""
    parameters: int
    bytes: int
    """Of its stored arrays."""
    flops: float | None
    """For one example; null if none of its costs is known."""


class ModelSummary(Noun):
    """A model in numbers."""

    name: str
    format: str
    format_version: str
    reader: str
    producer: str
    nodes: int
    """Without those in bodies of control flow and functions."""
    nested_nodes: int
    """In bodies of control flow and functions, each counted once."""
    tensors: int
    """Stored arrays."""
    values: int
    """Numbers in all stored arrays."""
    parameters: int
    """Of those, the ones that are weights: not 32- and 64-bit integers, Booleans and texts."""
    bytes: int
    """Of all stored arrays."""
    flops: float | None
    """Floating-point operations for one example, a multiplication with an addition being two; null if none is known."""
    unknown_flops: int
    """Nodes whose operations could not be counted."""
    inputs: list[ValueType]
    outputs: list[ValueType]
    ops: dict[str, int]
    """How many nodes of each operation, the most frequent first."""
    layers: list[ModelLayer]
    warnings: list[str]
    """Problems while reading, one sentence each."""
    metadata: dict[str, Any]
    """What the file says about itself."""


class OpPart(Noun):
    """An input, output or attribute of an operation."""

    name: str
    doc: str


class OpDoc(Noun):
    """What an operation does; all empty if that is not known here."""

    doc: str = ""
    """Plain text, paragraphs divided by empty lines."""
    inputs: list[OpPart] = []
    outputs: list[OpPart] = []
    attributes: list[OpPart] = []
    page: str = ""
    """Address of its documentation; nothing is requested from there unless a person follows it."""
