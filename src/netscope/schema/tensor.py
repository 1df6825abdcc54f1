"""Stored arrays of a model: how each is laid out as a picture, and what its numbers are like."""

from __future__ import annotations

from typing import Literal

from netscope.schema.noun import Noun

PictureKind = Literal["strip", "matrix", "mosaic", "grid"]
CellOf = Literal["largest", "mean"]


class Picture(Noun):
    """An array as rows and columns of numbers."""

    kind: PictureKind
    """A vector, a matrix, kernels by output and input channel, or filters one by one."""
    rows: int
    columns: int
    unit_rows: int
    """Rows of one kernel, or of one filter."""
    unit_columns: int
    n_units: int
    """Filters in a grid, row by row."""
    order: str
    """Meaning of the axes of kernels: output, input, height, width ("OIHW"); '' if the picture lies as it is shown."""
    fixed: list[int]
    """Sizes of the axes that are not in the picture; an index on each selects what is shown."""
    is_colour: bool
    """Whether the channels of filters are red, green and blue."""
    has_colours: bool
    """Whether they could be."""
    row_level: int
    """From this level on, and `column_level`, tiles take no further reading."""
    column_level: int


class TensorFacts(Noun):
    """An array of the model, or the part of it at an index. Its numbers are null where there is none."""

    name: str
    dtype: str
    """As it is stored."""
    shape: list[int]
    bytes: float | None
    """In the file."""
    picture: Picture
    share: float
    """Share of the elements that were read; below 1, everything here is of an even sample."""
    n: int
    """Elements that were read."""
    zeros: int
    nan: int
    infinite: int
    mean: float | None
    """Of the finite values, as are all that follow."""
    std: float | None
    min: float | None
    max: float | None
    l1: float
    l2: float | None
    quantiles: list[float | None]
    """Below which 1, 5, 25, 50, 75, 95 and 99 % of the values lie."""
    levels: int | None
    """Distinct values; null if there are more than 256."""
    step: float | None
    """If all values are multiples of one step, as after uniform quantisation."""
    precision: str
    """The narrower type ("bfloat16", "float16") that holds every value exactly, or ''."""
    is_magnitude: bool
    """Whether the elements are complex; then all numbers are of their magnitudes."""
    rows_per_norm: int
    """Rows or channels that share a norm."""
    columns_per_norm: int
    zero_rows: int
    """Rows, or output channels, of zeros only."""
    equal_rows: int
    """Rows, or output channels, that equal an earlier one and are not zero."""


class TensorSpectrum(Noun):
    """What the singular values of a matrix say of its rank; null where a value is NaN or infinite."""

    effective_rank: float | None
    stable_rank: float | None
    condition: float | None
    """Null if it is infinite, too."""
    rank: int
    rows: int
    """Of the matrix: kernels have one row for each output channel."""
    columns: int
