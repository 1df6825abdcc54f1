"""Read any block of a stored array as a matrix: only the bytes of the block are read, never the whole array."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from jaxtyping import Shaped

from netscope.errors import FormatError, StorageError
from netscope.models.elements import bits_of, decode
from netscope.models.stored import Stored

_GAP_BYTES = 4096
"""Parts of rows this close together are read in one go."""
_AT_ONCE_BYTES = 16 << 20


class ByteSource:
    """An open file of which parts are read. Thread-safe."""

    def __init__(self, file: BinaryIO) -> None:
        """Read this file, which is closed with the object."""
        self.n_bytes_read = 0
        self._file = file
        self._lock = threading.Lock()

    def read(self, start: int, size: int, name: str) -> bytes:
        """Some bytes.

        Args:
            start: The first one.
            size: How many.
            name: Of the array that they belong to, for messages.

        Raises:
            FormatError: The file ends before them.
            StorageError: It cannot be read.
        """
        try:
            with self._lock:
                self._file.seek(start)
                found = self._file.read(size)
                self.n_bytes_read += len(found)
        except OSError as error:
            raise StorageError(f"{name!r} cannot be read: {error.strerror or error}") from error
        if len(found) != size:
            raise FormatError(f"the file of {name!r} ends before byte {start + size:,}; is it cut off?")
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __del__(self) -> None:
        """Close the file of a source that nobody uses any more."""
        self.close()


class StoredMatrix:
    """Rows and columns of elements that lie one after the other. Thread-safe."""

    def __init__(
        self, source: ByteSource, offset: int, rows: int, columns: int, dtype: str, name: str, first: int = 0
    ) -> None:
        """A matrix in an open file.

        Args:
            source: Its file.
            offset: First byte of the array.
            rows: Of the matrix.
            columns: Of the matrix; the elements of a row lie together.
            dtype: Type of the elements.
            name: Of the array, for messages.
            first: Elements of the array before the matrix.

        Raises:
            UsageError: Elements of this type cannot be decoded.
        """
        self.rows, self.columns, self.dtype = rows, columns, dtype
        self._source, self._offset, self._name, self._first = source, offset, name, first
        self._bits = bits_of(dtype, name)

    def block(self, rows: slice, columns: slice) -> Shaped[np.ndarray, "row column"]:
        """The elements of some neighbouring rows and columns, both given by start and stop.

        Raises:
            FormatError: The file ends before them.
            StorageError: It cannot be read.
        """
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        if high <= 0 or wide <= 0:
            return decode(b"", self.dtype, self._name).reshape(max(high, 0), max(wide, 0))
        gap = (self.columns - wide) * self._bits // 8
        per_read = max(1, _AT_ONCE_BYTES * 8 // (self.columns * self._bits)) if gap <= _GAP_BYTES else 1
        parts = [
            self._span(row, min(row + per_read, rows.stop), columns) for row in range(rows.start, rows.stop, per_read)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _span(self, start: int, stop: int, columns: slice) -> np.ndarray:
        """Rows that are read at once, with the gaps between them."""
        wide = columns.stop - columns.start
        first = self._first + start * self.columns + columns.start
        n = (stop - 1 - start) * self.columns + wide
        flat = self._elements(first, n)
        if stop - start == 1:
            return flat.reshape(1, wide)
        if wide == self.columns:
            return flat.reshape(-1, wide)
        whole = np.resize(flat, (stop - start) * self.columns)  # the last row is filled up
        return whole.reshape(-1, self.columns)[:, :wide]

    def _elements(self, first: int, n: int) -> np.ndarray:
        start = first * self._bits // 8
        data = self._source.read(self._offset + start, -(-(first + n) * self._bits // 8) - start, self._name)
        before = first - start * 8 // self._bits  # elements of less than a byte may begin within one
        return decode(data, self.dtype, self._name)[before : before + n]


@contextmanager
def opened(stored: Stored) -> Iterator[ByteSource]:
    """The file of a stored array, whose raw bytes begin at `stored.offset`.

    Raises:
        StorageError: It cannot be opened.
    """
    try:
        file = Path(stored.path).open("rb", buffering=0) if stored.path else io.BytesIO(stored.inline)
    except OSError as error:
        raise StorageError(f"{stored.path!r} cannot be read: {error.strerror or error}") from error
    source = ByteSource(cast("BinaryIO", file))
    try:
        yield source
    finally:
        source.close()


def real(block: Shaped[np.ndarray, "*shape"]) -> Shaped[np.ndarray, "*shape"]:
    """Numbers that can be compared: magnitudes of complex ones, 0 and 1 of Booleans."""
    if block.dtype.kind == "c":
        return np.asarray(np.abs(block))
    return block.view(np.uint8) if block.dtype.kind == "b" else block
