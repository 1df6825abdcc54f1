"""Show a stored array: its layout, its survey and its tiles, from the bytes of its file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from netscope.analyse.array_layout import Layout, filters, layout_of, order_of, picture
from netscope.analyse.reduce import How, reduce_blocks
from netscope.analyse.spectrum import Spectrum, spectrum
from netscope.errors import FormatError, UsageError
from netscope.models.elements import bits_of, decode
from netscope.models.matrix import ByteSource, StoredMatrix, real
from netscope.models.shapes import Shape
from netscope.models.survey import MOST_READ, TILE, Matrix, Survey, Tile, survey, survey_kernels, tile

MOST_FOR_SPECTRUM = 1 << 24
"""Elements of a matrix whose singular values are computed."""
LONGEST_FOR_SPECTRUM = 2048
"""Of its shorter side: the time grows with its square times the longer one."""

_PART = 1 << 20


def known_shape(name: str, shape: Shape | None) -> tuple[int, ...]:
    """A shape without symbols.

    Raises:
        UsageError: A size is unknown.
    """
    if shape is None or not all(isinstance(size, int) for size in shape):
        raise UsageError(f"the shape of {name!r} is not known: {shape}")
    return tuple(int(size) for size in shape if size is not None)


class StoredArray:
    """An array whose elements lie one after the other in an open file."""

    def __init__(
        self,
        source: ByteSource,
        offset: int,
        n_bytes: int,
        name: str,
        dtype: str,
        shape: Shape | None,
        model_format: str = "",
    ) -> None:
        """An array of the file.

        Args:
            source: Its file, which is not closed.
            offset: First byte.
            n_bytes: Its size in the file.
            name: For messages.
            dtype: Type of its elements.
            shape: Its shape.
            model_format: Of the file; some write kernels in another order.

        Raises:
            FormatError: The bytes are not as many as the shape needs.
            UsageError: Elements of this type cannot be decoded, or the shape is unknown.
        """
        self.name, self.dtype, self.shape = name, dtype, known_shape(name, shape)
        self._source, self._offset, self._format = source, offset, model_format
        needed = -(-math.prod(self.shape) * bits_of(dtype, name) // 8)
        if needed != n_bytes:
            raise FormatError(f"{name!r} has {n_bytes:,} bytes; {dtype} {list(self.shape)} needs {needed:,}")

    def layout(self, is_colour: bool = True) -> Layout:
        """How it is laid out as a picture.

        Raises:
            UsageError: It has no elements.
        """
        if 0 in self.shape:
            raise UsageError(f"{self.name!r} has no elements: its shape is {list(self.shape)}")
        order = order_of(self.shape, self._format) if len(self.shape) == 4 else None
        return layout_of(self.shape, order, is_colour)

    def survey(self, index: Sequence[int] = (), is_colour: bool = True, most: int = MOST_READ) -> Survey:
        """Look through it, or through the part at an index.

        Args:
            index: Place on each of the layout's fixed axes; 0 where it is too short.
            is_colour: As in `layout`.
            most: Elements that are read; a larger matrix is sampled.

        Raises:
            UsageError: There is no such index.
            NetscopeError: It cannot be read.
        """
        layout = self.layout(is_colour)
        if layout.order is not None:
            kernels = self._kernels(layout, index)
            return survey_kernels(kernels, picture(kernels, layout), layout)
        return survey(self._matrix(layout, index), layout, most)

    def tile(
        self,
        found: Survey,
        levels: tuple[int, int],
        place: tuple[int, int],
        index: Sequence[int] = (),
        how: How = "largest",
    ) -> Tile:
        """One tile of its picture; see `netscope.models.survey.tile`. In colour, its values are [row, column, 3]."""
        layout = found.layout
        if layout.order is None:
            return tile(self._matrix(layout, index), found, levels, place, how)
        whole = picture(self._kernels(layout, index), layout)
        if not layout.is_colour:
            return tile(Matrix(whole), found, levels, place, how)
        rows, columns = (
            slice(at * TILE << level, (at + 1) * TILE << level) for at, level in zip(place, levels, strict=True)
        )
        part = whole[rows, columns]
        if not part.size or min(*levels, *place) < 0:
            raise UsageError(
                f"no tile {place} at levels {levels}: the picture has {whole.shape[0]} x {whole.shape[1]} elements"
            )
        channels = [reduce_blocks(part[..., c], 1 << levels[0], 1 << levels[1]).of(how) for c in range(3)]
        return Tile(np.stack(channels, axis=-1), 1.0)

    def spectrum(self, index: Sequence[int] = ()) -> Spectrum:
        """Its singular values: of a matrix as it is, of kernels with one row for each output channel.

        Raises:
            UsageError: It is a vector, or too large.
        """
        if len(self.shape) < 2:
            raise UsageError(f"{self.name!r} has one axis; singular values need a matrix")
        layout = self.layout()
        if layout.order is not None:
            kernels = self._kernels(layout, index)
            rows, columns = len(kernels), kernels[0].size
        else:
            rows, columns = layout.rows, layout.columns
        if rows * columns > MOST_FOR_SPECTRUM or min(rows, columns) > LONGEST_FOR_SPECTRUM:
            raise UsageError(
                f"singular values of {rows:,} x {columns:,} elements would take too long: they are computed up to "
                f"{MOST_FOR_SPECTRUM:,} elements and {LONGEST_FOR_SPECTRUM:,} on the shorter side"
            )
        if layout.order is not None:
            return spectrum(kernels.reshape(rows, columns))
        return spectrum(real(self._matrix(layout, index).block(slice(0, rows), slice(0, columns))))

    @property
    def element_type(self) -> np.dtype[Any]:
        """Type of the decoded elements."""
        return decode(b"", self.dtype, self.name).dtype

    def parts(self) -> Iterator[Shaped[np.ndarray, " element"]]:
        """All elements in order, decoded, in blocks."""
        size = math.prod(self.shape)
        flat = StoredMatrix(self._source, self._offset, 1, size, self.dtype, self.name)
        for start in range(0, size, _PART):
            yield flat.block(slice(0, 1), slice(start, min(start + _PART, size)))[0]

    def _matrix(self, layout: Layout, index: Sequence[int]) -> StoredMatrix:
        first = 0
        for size, at in zip((self.shape[axis] for axis in layout.fixed), self._index(layout, index), strict=True):
            first = first * size + at
        first *= layout.rows * layout.columns
        return StoredMatrix(self._source, self._offset, layout.rows, layout.columns, self.dtype, self.name, first)

    def _kernels(self, layout: Layout, index: Sequence[int]) -> Shaped[np.ndarray, "o i h w"]:
        size = math.prod(self.shape)
        flat = StoredMatrix(self._source, self._offset, 1, size, self.dtype, self.name).block(
            slice(0, 1), slice(0, size)
        )
        return real(filters(flat.reshape(self.shape), layout, self._index(layout, index)))

    def _index(self, layout: Layout, index: Sequence[int]) -> list[int]:
        places = [*index, *[0] * (len(layout.fixed) - len(index))]
        sizes = [self.shape[axis] for axis in layout.fixed]
        if len(places) != len(sizes) or any(not 0 <= at < size for at, size in zip(places, sizes, strict=True)):
            raise UsageError(f"no part {list(index)} of {self.name!r}: expected an index below {sizes}")
        return places
