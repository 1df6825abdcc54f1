"""Tables: rows in any of the usual shapes, kept as JSON columns; pictures, sounds and arrays in cells as files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np

from netscope.errors import UsageError
from netscope.record.media.array import Array
from netscope.record.media.figure import Figure, is_figure_like
from netscope.record.media.image import Image, is_image_like
from netscope.record.media.item import Blob, Encoded, Media, as_numpy, is_tensor, origin
from netscope.store.journal import blobs, exact_numbers
from netscope.store.journal.limits import text_of, valid

LONGEST_IN_WORDS = 16  # values of a vector that are written into its cell; what is larger is kept as an array

Columns = list[tuple[str, list[Any]]]


class Table(Media):
    """Rows and named columns: rows with `columns`, a list of dicts, a dict of columns, or a DataFrame.

    The blob is JSON, `{"columns": [names], "values": [one list a column]}`. A cell is a text, a number, a truth value
    or null; NaN and infinities are "NaN", "Infinity" and "-Infinity", and an object is something larger in a file of
    its own: `{"kind", "blob", "text", "shape"}`. Everything else is written as its text.
    """

    kind = "table"

    def __init__(self, rows: Any, columns: Sequence[str] | None = None) -> None:
        """Encode as JSON."""
        if isinstance(columns, str):
            raise UsageError(f"columns is a list of names, found {columns!r:.80}; write columns=[…]")
        found = _columns(rows, None if columns is None else [valid(str(text_of(name))) for name in columns])
        names = [valid(name) for name, _ in found]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise UsageError(f"the columns of a table have names of their own, found {twice[0]!r:.80} twice")
        inside: list[Blob] = []
        cells = [[_cell(value, name, inside) for value in column] for name, column in found]
        data = msgspec.json.encode({"columns": names, "values": cells})
        shape = [len(cells[0]) if cells else 0, len(names)]
        self.encoded = Encoded(data, "json", "", shape, inside=tuple(inside))


def is_frame(value: Any) -> bool:
    """Whether it is a table of another library's."""
    return _frame(value) in FRAMES


KNOWN = ("DataFrame", "Series", "LazyFrame", "Table", "RecordBatch")
FRAMES = {("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"), ("pyarrow", "RecordBatch")}


def _frame(value: Any) -> tuple[str, str]:
    """The package and name of the class among `value`'s that its library documents."""
    for of in type(value).__mro__:
        package = of.__module__.partition(".")[0]
        if package in ("pandas", "polars", "pyarrow") and of.__name__ in KNOWN:
            return package, of.__name__
    return "", ""


def _columns(rows: Any, columns: list[str] | None) -> Columns:
    package, name = _frame(rows)
    if name == "LazyFrame":
        raise UsageError("a table is of rows that are there; write .collect() behind the LazyFrame")
    if package:
        found = _of_pandas(rows, name) if package == "pandas" else _of_arrow(rows, name)
        return _chosen(found, columns)
    if isinstance(rows, np.ndarray) and rows.dtype.names:
        return _chosen([(name, list(rows[name].ravel())) for name in rows.dtype.names], columns)
    if isinstance(rows, Mapping):
        return _chosen(_of_columns(rows), columns)
    if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise UsageError(
            f"a table is a list of rows, of dicts, a dict of columns or a DataFrame, found {type(rows).__name__}"
        )
    return _of_rows([_row(row) for row in _listed(rows)], columns)


def _chosen(found: Columns, columns: list[str] | None) -> Columns:
    if columns is None:
        return found
    by_name = dict(found)
    if unknown := [name for name in columns if name not in by_name]:
        raise UsageError(f"there is no column {unknown[0]!r:.60}; the table has: {', '.join(by_name)!s:.200}")
    return [(name, by_name[name]) for name in columns]


def _of_pandas(frame: Any, name: str) -> Columns:
    if name == "Series":
        frame = frame.to_frame("value" if frame.name is None else frame.name)
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    # As a list, a column of float32 would be told with the digits of float64.
    cells = [list(column.array) if column.dtype == "float32" else column.tolist() for column in columns]
    found = [(_flat_name(name), column) for name, column in zip(frame.columns, cells, strict=True)]
    index, taken = frame.index, {name for name, _ in found}
    if index.nlevels == 1 and index.name is None and list(index) == list(range(len(index))):
        return found
    levels: Columns = []
    for i, level in enumerate(index.names):
        usual = "index" if index.nlevels == 1 else f"level_{i}"
        name = usual if level is None else _flat_name(level)
        levels.append((f"{name} (index)" if name in taken else name, index.get_level_values(i).tolist()))
    return levels + found


def _flat_name(name: Any) -> str:
    """Of columns with several levels, the names of all, as keys have them: "loss/mean"."""
    return "/".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(text_of(name))


def _of_arrow(frame: Any, name: str) -> Columns:
    if name == "Series":  # of polars
        return [(frame.name or "value", frame.to_list())]
    columns = frame.to_dict(as_series=False) if hasattr(frame, "to_dict") else frame.to_pydict()
    return [(str(name), list(column)) for name, column in columns.items()]


def _of_columns(rows: Mapping[Any, Any]) -> Columns:
    single = [_is_single(column) for column in rows.values()]
    if rows and all(single):  # one row, then
        return [(str(text_of(name)), [value]) for name, value in rows.items()]
    found = []
    for (name, column), is_single in zip(rows.items(), single, strict=True):
        if is_single:
            raise UsageError(
                f"the column {str(name)!r:.60} is {column!r:.60} of type {type(column).__name__}, expected a list of "
                "cells as in the other columns"
            )
        found.append((str(text_of(name)), _listed(column)))
    if len({len(column) for _, column in found}) > 1:
        raise UsageError(f"columns of different lengths: { ({name: len(column) for name, column in found}) }")
    return found


def _is_single(value: Any) -> bool:
    """Whether it is a cell, not a column of them."""
    return isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0


def _listed(several: Any) -> list[Any]:
    """A list of what an array, a tensor or anything else holds along its first axis."""
    if is_tensor(several):
        several = as_numpy(several)
    if isinstance(several, np.ndarray) and several.ndim == 0:
        raise UsageError("a table is of rows, found an array of one value without axes")
    return list(several)


def _row(row: Any) -> Any:
    """A row as a dict or a list."""
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    if isinstance(row, SimpleNamespace):
        return vars(row)
    if isinstance(row, tuple) and hasattr(row, "_asdict"):
        return row._asdict()
    if isinstance(row, Mapping):
        return row
    if (isinstance(row, np.ndarray) or is_tensor(row)) and row.ndim > 0:
        return _listed(row)
    if isinstance(row, Sequence) and not isinstance(row, str | bytes):
        return row
    return Wrong(row)


class Wrong:
    """Stands for something that is not a row."""

    def __init__(self, row: Any) -> None:
        """Remember it for the message."""
        self.row = row


def _of_rows(rows: list[Any], columns: list[str] | None) -> Columns:
    if rows and all(isinstance(row, Mapping) for row in rows):
        keys = {str(text_of(key)): key for key in dict.fromkeys(key for row in rows for key in row)}
        if columns is not None and (unknown := [name for name in columns if name not in keys]):
            raise UsageError(f"there is no column {unknown[0]!r:.60}; the rows have: {', '.join(keys)!s:.200}")
        return [(name, [row.get(keys[name]) for row in rows]) for name in columns or keys]
    wrong = [row.row for row in rows if isinstance(row, Wrong)] or [row for row in rows if isinstance(row, Mapping)]
    if wrong:
        raise UsageError(
            f"the rows of a table are lists, or all of them are dicts; found {wrong[0]!r:.60} "
            f"of type {type(wrong[0]).__name__}"
        )
    width = len(columns) if columns is not None else len(rows[0]) if rows else 0
    for i, row in enumerate(rows):
        if len(row) != width:
            raise UsageError(f"row {i} of the table has {len(row)} cells, expected {width}")
    names = columns if columns is not None else [str(i) for i in range(width)]
    return [(name, [row[i] for row in rows]) for i, name in enumerate(names)]


def _cell(value: Any, column: str, inside: list[Blob]) -> Any:
    """A value as JSON has it; the files that it names are added to `inside`."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, np.ndarray | np.generic) or is_tensor(value):
        value = _numbers(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else exact_numbers.number_text(value)
    if isinstance(value, int):
        return int(value) if abs(value) <= 2**63 else str(int(value))
    if type(value).__name__ in ("NaTType", "NAType") and origin(value) == "pandas":
        return None
    if is_image_like(value):
        value = Image(value)
    elif is_figure_like(value):
        value = Figure(value)
    if isinstance(value, Media):
        return _kept(value, column, inside)
    if value is None:
        return None
    return valid(str(text_of(value)))


def _numbers(value: Any) -> Any:
    """One number as Python's, a short vector as its text, a larger array as an array."""
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic) else as_numpy(value)
    if array.dtype.kind in "mM":  # dates: as numbers they would be counts of nanoseconds
        return (None if np.isnat(array) else str(array)) if array.ndim == 0 else str(array)
    if array.size == 1:
        one = array.reshape(())[()]
        return float(str(one)) if one.dtype in (np.float32, np.float16) else one.item()  # 0.1 is told as 0.1
    if array.dtype.kind not in "biufc" or (array.ndim == 1 and array.size <= LONGEST_IN_WORDS):
        return f"[{', '.join(map(str, array))}]"
    return Array(array)


def _kept(media: Media, column: str, inside: list[Blob]) -> Any:
    encoded = media.encoded
    if media.kind == "table":
        raise UsageError(f"the column {column!r:.60} has a table in a cell; log it under a key of its own")
    if encoded is None:  # a figure that could not be drawn, as was said
        return None
    if media.kind == "text":
        return (encoded.data or encoded.text.encode()).decode()
    inside += [Blob(encoded.data, encoded.suffix)]
    name = blobs.name(encoded.data, encoded.suffix)
    return {"kind": media.kind, "blob": name, "text": encoded.text, "shape": encoded.shape}
