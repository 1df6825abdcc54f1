"""The public types of logged media: each has a step, a time and a `value`."""

from __future__ import annotations

import io
import wave
from io import FileIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from netscope.errors import FormatError, NotFoundError, StorageError
from netscope.formats import png_reader, safetensors
from netscope.optional import extra
from netscope.store.journal import blobs
from netscope.store.journal.regular_files import open_regular

_NOT_FINITE = ("NaN", "Infinity", "-Infinity")  # as a table's JSON spells them


class Array(NamedTuple):
    """An array of any shape and dtype."""

    step: int
    time: float
    value: np.ndarray
    item: int | None = None
    """Index in the list that was logged at this step; None: it was logged alone."""


class Text(NamedTuple):
    """A text."""

    step: int
    time: float
    value: str
    item: int | None = None
    """Index in the list that was logged at this step; None: it was logged alone."""


class Image(NamedTuple):
    """An image or a figure; the file is read when `value` is accessed."""

    step: int
    time: float
    caption: str
    path: Path
    """A PNG file."""
    item: int | None = None
    """Index in the list that was logged at this step; None: it was logged alone."""

    @property
    def value(self) -> np.ndarray:
        """Pixels [y, x, channel]: grey, grey and alpha, RGB, or RGB and alpha; u8, or u16 if logged as such.

        Raises:
            StorageError: The file is gone.
            FormatError: It is damaged.
        """
        return png_reader.decode(read(self.path))


class Audio(NamedTuple):
    """A sound; the file is read when `value` or `rate` is accessed."""

    step: int
    time: float
    caption: str
    path: Path
    """A WAV file."""
    item: int | None = None
    """Index in the list that was logged at this step; None: it was logged alone."""

    @property
    def rate(self) -> int:
        """Samples per second."""
        return self._read(0)[0]

    @property
    def value(self) -> np.ndarray:
        """Samples, i16 [sample, channel].

        Raises:
            StorageError: The file is gone.
            FormatError: It is damaged.
        """
        return self._read(None)[1]

    def _read(self, n: int | None) -> tuple[int, np.ndarray]:
        try:
            with open_blob(self.path) as opened, wave.open(io.BufferedReader(opened), "rb") as file:
                if file.getsampwidth() != 2:
                    raise FormatError(f"{self.path}: {8 * file.getsampwidth()} bits per sample, expected 16")
                samples = np.frombuffer(file.readframes(file.getnframes() if n is None else n), "<i2")
                return file.getframerate(), samples.reshape(-1, file.getnchannels())
        except (wave.Error, EOFError, ValueError) as error:
            raise FormatError(f"{self.path}: a damaged WAV file: {error}") from error


class Table(NamedTuple):
    """A table; the file is read when `value` is accessed."""

    step: int
    time: float
    path: Path
    """A JSON file: `{"columns": [names], "values": [one list a column]}`."""
    item: int | None = None
    """Index in the list that was logged at this step; None: it was logged alone."""

    @property
    def value(self) -> dict[str, list[Any]]:
        """The columns by name. In a column of numbers, NaN and infinities are numbers, too.

        Cells with an image, a sound or an array are an `Image`, `Audio` or `Array`, like those logged alone.

        Raises:
            StorageError: The file is gone.
            FormatError: It is damaged.
        """
        try:
            stored = msgspec.json.decode(read(self.path), type=_Columns)
            columns = [[self._opened(cell) for cell in _numbers(column)] for column in stored.values]
            return dict(zip(stored.columns, columns, strict=True))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise FormatError(f"{self.path}: a damaged table: {error}") from error

    def _opened(self, cell: Any) -> Any:
        """The value of a cell; media are in files of their own."""
        if not isinstance(cell, dict):
            return cell
        inside = msgspec.convert(cell, _Cell)
        try:
            path = blobs.path_inside(self.path.parents[2], inside.blob)
        except NotFoundError as error:
            raise FormatError(f"{self.path}: a damaged table: {error}") from error
        if inside.kind == "array":
            return Array(self.step, self.time, array(path))
        return (Audio if inside.kind == "audio" else Image)(self.step, self.time, inside.text, path)

    def to_pandas(self) -> Any:
        """Convert to a DataFrame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return extra("to_pandas()", "pandas", "pandas").DataFrame(self.value)


def _numbers(column: list[Any]) -> list[Any]:
    """In a column of numbers, convert "NaN", "Infinity" and "-Infinity" back to numbers."""
    if all(cell is None or type(cell) in (int, float) or cell in _NOT_FINITE for cell in column):
        return [float(cell) if isinstance(cell, str) else cell for cell in column]
    return column


class _Cell(msgspec.Struct):
    kind: Literal["image", "figure", "audio", "array"]
    blob: str
    text: str = ""


class _Columns(msgspec.Struct):
    columns: list[str]
    values: list[list[Any]]


def array(path: Path) -> np.ndarray:
    """Read the only array of a safetensors file.

    Raises:
        StorageError: The file is gone.
        FormatError: The file is damaged, or has no array.
    """
    stored, _ = safetensors.decode(read(path))
    if not stored:
        raise FormatError(f"{path}: the file has no array")
    return next(iter(stored.values()))


def read(path: Path) -> bytes:
    """Read the bytes of a blob.

    Raises:
        StorageError: It is gone.
    """
    with open_blob(path) as file:
        try:
            return file.readall()
        except OSError as error:
            raise _gone(path, error) from error


def open_blob(path: Path) -> FileIO:
    """Open a blob for reading.

    Raises:
        StorageError: It is gone, or it is not a regular file.
    """
    try:
        return open_regular(path)
    except OSError as error:
        raise _gone(path, error) from error


def _gone(path: Path, error: OSError) -> StorageError:
    return StorageError(f"the logged file cannot be read: {path} ({error.strerror})")
