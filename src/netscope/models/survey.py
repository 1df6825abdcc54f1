"""Look through a stored array once: its statistics, the norms of its channels, and a picture that fits a screen.

Tiles finer than that picture are read from the file, only as many bytes as they show. An array that is too large to be
read whole is sampled evenly: from each cell of the picture, some rows, and of very long rows some neighbouring columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from netscope.analyse.array_layout import Layout
from netscope.analyse.array_statistics import ArrayStatistics, StatisticsBuilder
from netscope.analyse.channels import MOST_EXACT, Channels, ChannelsBuilder
from netscope.analyse.reduce import Cells, How, coarser, reduce_blocks
from netscope.errors import UsageError
from netscope.models.matrix import StoredMatrix, real

MOST_CELLS = 2048
"""Rows, and columns, of the picture that is kept."""
MOST_READ = 1 << 26
"""Elements that are read of an array at most, unless all are requested."""
MOST_IN_TILE = 1 << 24
TILE = 256
"""Rows and columns of a tile."""
_LEAST_READ = 1 << 12
"""Elements of a sample that are read in one go."""
_BLOCK = 1 << 18  # its intermediate results fit the second-level cache


class Matrix(NamedTuple):
    """A matrix in memory, which is read like one in a file."""

    values: Shaped[np.ndarray, "row column"]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.values)

    @property
    def columns(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    def block(self, rows: slice, columns: slice) -> Shaped[np.ndarray, "row column"]:
        """Neighbouring rows and columns."""
        return self.values[rows, columns]


@dataclass(frozen=True)
class Survey:
    """What was found in an array."""

    layout: Layout
    statistics: ArrayStatistics
    channels: Channels
    """Rows are output channels, columns are input channels, where the array has kernels."""
    cells: Cells
    """Each of 2^row_level by 2^column_level elements."""
    row_level: int
    column_level: int
    share: float
    """Share of the elements that were read: 1, or less if the array was sampled."""

    @property
    def n_bytes(self) -> int:
        """Memory that it takes."""
        kept = self.statistics._kept
        return 2 * self.cells.largest.nbytes + 600_000 + (0 if kept is None else kept.nbytes)


def level_of(size: int) -> int:
    """How often a side must be halved until it has at most 2,048 cells.

    >>> level_of(2048), level_of(2049), level_of(1)
    (0, 1, 0)
    """
    return max(0, math.ceil(math.log2(max(1, size) / MOST_CELLS)))


def survey(matrix: StoredMatrix | Matrix, layout: Layout, most: int = MOST_READ) -> Survey:
    """Look through a matrix that lies as it is shown.

    Args:
        matrix: The picture.
        layout: Its layout.
        most: Elements to read; a larger matrix is sampled.
    """
    row_level, column_level = level_of(matrix.rows), level_of(matrix.columns)
    whole = slice(0, matrix.rows), slice(0, matrix.columns)
    plan = _Plan.of(*whole, 1 << row_level, 1 << column_level, most)
    while plan.n_cells > most or plan.n_columns < min(plan.cell_columns, _LEAST_READ):
        # Fewer cells, rather than millions of short reads.
        row_level, column_level = row_level + (matrix.rows >> row_level > 1), column_level + 1
        plan = _Plan.of(*whole, 1 << row_level, 1 << column_level, most)
    is_whole = matrix.rows * matrix.columns <= most
    statistics = StatisticsBuilder()
    per_row = 1 if is_whole and matrix.rows <= MOST_EXACT else 1 << row_level
    per_column = 1 if is_whole and matrix.columns <= MOST_EXACT else 1 << column_level
    channels = ChannelsBuilder(matrix.rows, matrix.columns, per_row, per_column)
    cells = plan.cells()
    for part in plan.parts(matrix):
        values = real(part.values)
        statistics.add(values)
        channels.add(values, part.row, part.column)
        part.put(reduce_blocks(values, plan.n_rows, plan.n_columns), cells)
    found = statistics.result()
    share = found.moments.n / (matrix.rows * matrix.columns)
    return Survey(layout, found, channels.result(), cells, row_level, column_level, share)


def survey_kernels(kernels: Shaped[np.ndarray, "o i h w"], picture: np.ndarray, layout: Layout) -> Survey:
    """Look through kernels in memory.

    Args:
        kernels: Real numbers.
        picture: The same, laid out; in colour, its cells are the largest of three channels.
        layout: Its layout.
    """
    statistics = StatisticsBuilder()
    n_out, n_in, high, wide = kernels.shape
    channels = ChannelsBuilder(n_out, n_in * high * wide, column_group=high * wide)
    flat = np.ascontiguousarray(kernels).reshape(n_out, -1)
    step = max(1, _BLOCK // max(1, flat.shape[1]))
    for row in range(0, n_out, step):
        statistics.add(flat[row : row + step])
        channels.add(flat[row : row + step], row, 0)
    row_level, column_level = level_of(layout.rows), level_of(layout.columns)
    if picture.ndim == 3:
        largest = np.abs(picture).argmax(axis=-1)[..., None]
        picture = np.take_along_axis(picture, largest, axis=-1)[..., 0]
    cells = reduce_blocks(picture, 1 << row_level, 1 << column_level)
    return Survey(layout, statistics.result(), channels.result(), cells, row_level, column_level, 1.0)


class Tile(NamedTuple):
    """A part of a picture, reduced."""

    values: Shaped[np.ndarray, "row column"]
    """At most 256 rows and columns; at level 0 the elements as they are, otherwise float32."""
    share: float
    """Share of its elements that were read."""


def tile(
    matrix: StoredMatrix | Matrix, found: Survey, levels: tuple[int, int], place: tuple[int, int], how: How = "largest"
) -> Tile:
    """One tile of the picture, whose cells are 2^level elements high and wide.

    Args:
        matrix: The picture.
        found: Its survey.
        levels: Of rows and of columns.
        place: Row and column of the tile among the tiles of these levels.
        how: What a cell shows of its elements.

    Raises:
        UsageError: There is no such tile.
    """
    sizes = matrix.rows, matrix.columns
    spans = []
    for level, at, size in zip(levels, place, sizes, strict=True):
        start = at * TILE << min(level, 62)
        if level < 0 or at < 0 or start >= size:
            raise UsageError(f"no tile {at} at level {level}: the picture has {size:,} elements in this direction")
        spans.append(slice(start, min(size, start + (TILE << level))))
    down, right = levels[0] - found.row_level, levels[1] - found.column_level
    if down >= 0 and right >= 0 and levels != (0, 0):
        rows, columns = (
            slice(span.start >> level, -(-span.stop >> level))
            for span, level in zip(spans, (found.row_level, found.column_level), strict=True)
        )
        part = Cells(found.cells.largest[rows, columns], found.cells.mean[rows, columns])
        return Tile(coarser(part, 1 << down, 1 << right).of(how), found.share)
    if levels == (0, 0):
        return Tile(real(matrix.block(*spans)), 1.0)
    plan = _Plan.of(spans[0], spans[1], 1 << levels[0], 1 << levels[1], MOST_IN_TILE)
    cells = plan.cells()
    n = 0
    for part_of in plan.parts(matrix):
        n += part_of.values.size
        part_of.put(reduce_blocks(real(part_of.values), plan.n_rows, plan.n_columns), cells)
    return Tile(cells.of(how), n / ((spans[0].stop - spans[0].start) * (spans[1].stop - spans[1].start)))


class _Part(NamedTuple):
    values: np.ndarray
    row: int
    """The element of the matrix at which the values begin."""
    column: int
    cell_row: int
    cell_column: int

    def put(self, found: Cells, into: Cells) -> None:
        """Write the cells of these values where they belong."""
        high, wide = found.largest.shape
        rows, columns = slice(self.cell_row, self.cell_row + high), slice(self.cell_column, self.cell_column + wide)
        into.largest[rows, columns], into.mean[rows, columns] = found.largest, found.mean


@dataclass(frozen=True)
class _Plan:
    """Which elements of a region to read, so that each cell has its share."""

    rows: slice
    columns: slice
    cell_rows: int
    """Elements of a cell."""
    cell_columns: int
    n_rows: int
    """Of these, how many are read."""
    n_columns: int

    @classmethod
    def of(cls, rows: slice, columns: slice, cell_rows: int, cell_columns: int, most: int) -> _Plan:
        """Read all rows of each cell if they are few enough, otherwise fewer, and at last not even all columns."""
        high = -(-(rows.stop - rows.start) // cell_rows)
        wide = columns.stop - columns.start
        n_rows = min(cell_rows, max(1, most // (high * wide)))
        n_columns = cell_columns
        if n_rows == 1 and high * wide > most:
            n_columns = min(cell_columns, max(1, most // (high * -(-wide // cell_columns))))
        return cls(rows, columns, cell_rows, cell_columns, n_rows, n_columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Cells in both directions."""
        rows, columns = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        return -(-rows // self.cell_rows), -(-columns // self.cell_columns)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    def cells(self) -> Cells:
        """Room for the result."""
        return Cells(np.zeros(self.shape, np.float32), np.zeros(self.shape, np.float32))

    def parts(self, matrix: StoredMatrix | Matrix) -> Iterator[_Part]:
        """The values, in blocks that fit memory and begin with a cell."""
        if self.n_columns < self.cell_columns:
            for column in range(self.columns.start, self.columns.stop, self.cell_columns):
                start = column + (min(self.cell_columns, self.columns.stop - column) - self.n_columns) // 2
                start = max(column, start)
                yield from self._down(matrix, slice(start, min(start + self.n_columns, self.columns.stop)), column)
            return
        wide = max(1, _BLOCK // (self.n_rows * self.cell_columns)) * self.cell_columns
        for column in range(self.columns.start, self.columns.stop, wide):
            yield from self._down(matrix, slice(column, min(column + wide, self.columns.stop)), column)

    def _down(self, matrix: StoredMatrix | Matrix, columns: slice, cell_column: int) -> Iterator[_Part]:
        """The blocks of some columns, from the top to the bottom."""
        at_column = (cell_column - self.columns.start) // self.cell_columns
        per_block = max(1, _BLOCK // (self.n_rows * (columns.stop - columns.start)))
        for row in range(self.rows.start, self.rows.stop, per_block * self.cell_rows):
            stop = min(row + per_block * self.cell_rows, self.rows.stop)
            at_row = (row - self.rows.start) // self.cell_rows
            if self.n_rows == self.cell_rows:
                yield _Part(matrix.block(slice(row, stop), columns), row, columns.start, at_row, at_column)
                continue
            for first in range(row, stop, self.cell_rows):  # rows of one cell stay together
                size = min(self.cell_rows, stop - first)
                at = (first - self.rows.start) // self.cell_rows
                yield _Part(self._sample(matrix, first, size, columns), first, columns.start, at, at_column)

    def _sample(self, matrix: StoredMatrix | Matrix, first: int, size: int, columns: slice) -> np.ndarray:
        """Evenly chosen rows of a cell: single ones, or runs of neighbours if rows are short."""
        n = min(self.n_rows, size)
        run = max(1, min(n, _LEAST_READ // (columns.stop - columns.start)))
        n_runs = n // run
        starts = [first + (2 * i + 1) * size // (2 * n_runs) - run // 2 for i in range(n_runs)]
        rows = [slice(start, start + run) for start in starts]
        return np.concatenate([matrix.block(some, columns) for some in rows])
