"""Lay out an array of any number of axes as a picture: rows and columns of numbers, kernels side by side.

A matrix is its own picture, a vector is a strip. Kernels of a convolution are small pictures in a mosaic, one row of
them for each output channel and one column for each input channel; with few input channels, the filters fill a grid,
in colour if there are three. All other axes are fixed by an index.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Shaped

Kind = Literal["strip", "matrix", "mosaic", "grid"]
Order = Literal["OIHW", "HWIO", "OHWI"]
LARGEST_KERNEL = 32
"""Larger ones are pictures of their own."""
MOST_IN_GRID = 4
"""Filters with at most this many input channels are shown one by one."""
MOST_ELEMENTS = 1 << 22
"""Larger arrays of kernels are shown as a matrix, which can be read in parts."""
_GRID_ASPECT = 1.5


@dataclass(frozen=True)
class Layout:
    """A picture of an array."""

    kind: Kind
    rows: int
    columns: int
    unit: tuple[int, int] = (1, 1)
    """Rows and columns of one kernel, or one filter of a grid."""
    n_units: int = 0
    """Filters in a grid, row by row; the last row may be incomplete."""
    fixed: tuple[int, ...] = ()
    """Axes that are not in the picture, for which an index must be chosen."""
    order: Order | None = None
    """Meaning of the axes of kernels, without the fixed ones; None if the picture is a part of the array as it lies."""
    is_colour: bool = False
    """Whether the three input channels of each filter are red, green and blue."""

    @property
    def per_row(self) -> int:
        """Filters in a row of a grid."""
        return self.columns // self.unit[1]


def order_of(shape: Sequence[int], model_format: str = "") -> Order:
    """The meaning of the axes of a convolution's kernels: output channel, input channel, height and width.

    >>> order_of((64, 3, 7, 7)), order_of((3, 3, 16, 32)), order_of((32, 3, 3, 3), "TensorFlow Lite")
    ('OIHW', 'HWIO', 'OHWI')
    """
    if model_format.startswith(("TensorFlow Lite", "TF Lite", "TFLite")):
        return "OHWI"
    if model_format.startswith(("Keras", "TensorFlow", "TF")):
        return "HWIO"
    is_square, is_small = shape[0] == shape[1] < min(shape[2:]), shape[2] == shape[3] <= 7
    return "HWIO" if is_square and not is_small else "OIHW"


def layout_of(shape: Sequence[int], order: Order | None = None, is_colour: bool = True) -> Layout:
    """The layout of an array.

    Args:
        shape: Of the array, without zeros.
        order: Of the axes of kernels; guessed from the sizes unless given.
        is_colour: Whether filters with three input channels are shown in colour.

    >>> layout_of((64, 32, 3, 3)).rows, layout_of((64, 3, 7, 7)).kind, layout_of((12, 300, 400)).fixed
    (192, 'grid', (0,))
    """
    n = len(shape)
    if n < 2:
        return Layout("strip" if n else "matrix", 1, shape[0] if n else 1)
    if n in (3, 4, 5) and math.prod(shape) <= MOST_ELEMENTS:
        found = _kernels(shape, order, is_colour)
        if found is not None:
            return found
    return Layout("matrix", shape[-2], shape[-1], fixed=tuple(range(n - 2)))


def _kernels(shape: Sequence[int], order: Order | None, is_colour: bool) -> Layout | None:
    fixed: tuple[int, ...] = ()
    if len(shape) == 3:  # a convolution over one axis
        order, sizes = "OIHW", [shape[0], shape[1], 1, shape[2]]
    elif len(shape) == 5:  # over three: one slice at a time
        order, sizes, fixed = "OIHW", [shape[0], shape[1], shape[3], shape[4]], (2,)
    else:
        sizes = list(shape)
        order = order or order_of(sizes)
    n_out, n_in, high, wide = (sizes[order.index(axis)] for axis in "OIHW")
    if max(high, wide) > LARGEST_KERNEL or (fixed and shape[2] > LARGEST_KERNEL):
        return None
    if high * wide == 1:
        return Layout("matrix", n_out, n_in, fixed=fixed, order=order)
    if n_in > MOST_IN_GRID:
        return Layout("mosaic", n_out * high, n_in * wide, (high, wide), fixed=fixed, order=order)
    is_rgb = is_colour and n_in == 3 and high > 1
    unit = (high, wide if is_rgb else wide * n_in)
    per_row = min(n_out, max(1, round(math.sqrt(n_out * _GRID_ASPECT * unit[0] / unit[1]))))
    return Layout("grid", -(-n_out // per_row) * high, per_row * unit[1], unit, n_out, fixed, order, is_rgb)


def filters(
    array: Shaped[np.ndarray, "*shape"], layout: Layout, index: Sequence[int] = ()
) -> Shaped[np.ndarray, "o i h w"]:
    """The kernels of an array by output channel, input channel, row and column.

    Args:
        array: Of the shape that the layout was made for; `layout.order` is not None.
        layout: Its layout.
        index: Place on each of the fixed axes.
    """
    for axis, place in zip(reversed(layout.fixed), reversed(tuple(index)), strict=True):
        array = np.take(array, place, axis)
    if array.ndim == 3:
        array = array[:, :, None, :]
    assert layout.order is not None
    return array.transpose([layout.order.index(axis) for axis in "OIHW"])


def picture(kernels: Shaped[np.ndarray, "o i h w"], layout: Layout) -> Shaped[np.ndarray, "row column *rgb"]:
    """Put kernels side by side; in colour, the result is [row, column, 3]. Places without a filter are NaN.

    >>> layout = layout_of((2, 8, 1, 2))
    >>> picture(np.arange(32).reshape(2, 8, 1, 2), layout)[1, :4].tolist()
    [16, 17, 18, 19]
    """
    n_out, n_in, high, wide = kernels.shape
    if layout.kind != "grid":
        return kernels.transpose(0, 2, 1, 3).reshape(layout.rows, layout.columns)
    n_rows = layout.rows // high
    cells = np.full((n_rows * layout.per_row, *kernels.shape[1:]), np.nan, np.result_type(kernels, np.float32))
    cells[:n_out] = kernels
    grid = cells.reshape(n_rows, layout.per_row, n_in, high, wide)
    if layout.is_colour:
        return grid.transpose(0, 3, 1, 4, 2).reshape(layout.rows, layout.columns, 3)
    return grid.transpose(0, 3, 1, 2, 4).reshape(layout.rows, layout.columns)
