"""Tables: rows in any common form, encoded as JSON columns; media in cells become files."""

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
from netscope.record.media.item import Blob, Encoded, Media, as_numpy, is_tensor, package_of
from netscope.store.journal import blobs, exact_numbers
from netscope.store.journal.limits import text_of, valid

LONGEST_INLINE = 16  # values of a vector that is written into its cell as text; larger ones are stored as arrays

Columns = list[tuple[str, list[Any]]]


class Table(Media):
    """A table: rows (with `columns`), a list of dicts, a dict of columns, or a DataFrame.

    The blob is JSON, `{"columns": [names], "values": [one list per column]}`. A cell is a string, a number, a boolean
    or null. NaN and infinities are "NaN", "Infinity" and "-Infinity". An object `{"kind", "blob", "text", "shape"}`
    refers to media in a file of their own. Everything else is converted to text.
    """

    kind = "table"

    def __init__(self, rows: Any, columns: Sequence[str] | None = None) -> None:
        """Encode as JSON.

        Raises:
            UsageError: Rows or columns differ in length, or `rows` is not a table.
        """
        if isinstance(columns, str):
            raise UsageError(f"columns must be a list of names, got {columns!r:.80}; write columns=[…]")
        found = _columns(rows, None if columns is None else [valid(str(text_of(name))) for name in columns])
        names = [valid(name) for name, _ in found]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise UsageError(f"the column names of a table must be unique, got {twice[0]!r:.80} twice")
        inside: list[Blob] = []
        cells = [[_cell(value, name, inside) for value in column] for name, column in found]
        data = msgspec.json.encode({"columns": names, "values": cells})
        shape = [len(cells[0]) if cells else 0, len(names)]
        self.encoded = Encoded(data, "json", "", shape, inside=tuple(inside))


def is_frame(value: Any) -> bool:
    """Whether the value is a data frame or table of another library."""
    return _frame(value) in FRAMES


KNOWN = ("DataFrame", "Series", "LazyFrame", "Table", "RecordBatch")
FRAMES = {("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"), ("pyarrow", "RecordBatch")}


def _frame(value: Any) -> tuple[str, str]:
    """The package and name of the documented data frame class that `value` is an instance of, or empty strings."""
    for of in type(value).__mro__:
        package = of.__module__.partition(".")[0]
        if package in ("pandas", "polars", "pyarrow") and of.__name__ in KNOWN:
            return package, of.__name__
    return "", ""


def _columns(rows: Any, columns: list[str] | None) -> Columns:
    package, name = _frame(rows)
    if name == "LazyFrame":
        raise UsageError("a LazyFrame has no rows yet; call .collect() first")
    if package:
        found = _of_pandas(rows, name) if package == "pandas" else _of_arrow(rows, name)
        return _chosen(found, columns)
    if isinstance(rows, np.ndarray) and rows.dtype.names:
        return _chosen([(name, list(rows[name].ravel())) for name in rows.dtype.names], columns)
    if isinstance(rows, Mapping):
        return _chosen(_of_columns(rows), columns)
    if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise UsageError(
            f"a table must be a list of rows or dicts, a dict of columns or a DataFrame, got {type(rows).__name__}"
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
    # tolist() would give float32 values the digits of float64.
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
    """A column name as text. The levels of a multi-level name are joined like keys: "loss/mean"."""
    return "/".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(text_of(name))


def _of_arrow(frame: Any, name: str) -> Columns:
    if name == "Series":  # polars
        return [(frame.name or "value", frame.to_list())]
    columns = frame.to_dict(as_series=False) if hasattr(frame, "to_dict") else frame.to_pydict()
    return [(str(name), list(column)) for name, column in columns.items()]


def _of_columns(rows: Mapping[Any, Any]) -> Columns:
    single = [_is_single(column) for column in rows.values()]
    if rows and all(single):  # a single row
        return [(str(text_of(name)), [value]) for name, value in rows.items()]
    found = []
    for (name, column), is_single in zip(rows.items(), single, strict=True):
        if is_single:
            raise UsageError(
                f"column {str(name)!r:.60} is {column!r:.60} of type {type(column).__name__}, expected a list of cells "
                "as in the other columns"
            )
        found.append((str(text_of(name)), _listed(column)))
    if len({len(column) for _, column in found}) > 1:
        raise UsageError(f"columns differ in length: { ({name: len(column) for name, column in found}) }")
    return found


def _is_single(value: Any) -> bool:
    """Whether the value is a single cell rather than a column."""
    return isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0


def _listed(several: Any) -> list[Any]:
    """The items of an array, tensor or other iterable along its first axis."""
    if is_tensor(several):
        several = as_numpy(several)
    if isinstance(several, np.ndarray) and several.ndim == 0:
        raise UsageError("a table takes rows, got an array without axes")
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
    return NotARow(row)


class NotARow:
    """Marks a value that is not a row."""

    def __init__(self, row: Any) -> None:
        """Keep the value for the error message."""
        self.row = row


def _of_rows(rows: list[Any], columns: list[str] | None) -> Columns:
    if rows and all(isinstance(row, Mapping) for row in rows):
        keys = {str(text_of(key)): key for key in dict.fromkeys(key for row in rows for key in row)}
        if columns is not None and (unknown := [name for name in columns if name not in keys]):
            raise UsageError(f"there is no column {unknown[0]!r:.60}; the rows have: {', '.join(keys)!s:.200}")
        return [(name, [row.get(keys[name]) for row in rows]) for name in columns or keys]
    wrong = [row.row for row in rows if isinstance(row, NotARow)] or [row for row in rows if isinstance(row, Mapping)]
    if wrong:
        raise UsageError(
            f"the rows of a table must all be lists, or all be dicts; got {wrong[0]!r:.60} "
            f"of type {type(wrong[0]).__name__}"
        )
    width = len(columns) if columns is not None else len(rows[0]) if rows else 0
    for i, row in enumerate(rows):
        if len(row) != width:
            raise UsageError(f"row {i} of the table has {len(row)} cells, expected {width}")
    names = columns if columns is not None else [str(i) for i in range(width)]
    return [(name, [row[i] for row in rows]) for i, name in enumerate(names)]


def _cell(value: Any, column: str, inside: list[Blob]) -> Any:
    """Convert a cell to JSON types; files that it refers to are added to `inside`."""
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
    if type(value).__name__ in ("NaTType", "NAType") and package_of(value) == "pandas":
        return None
    if is_image_like(value):
        value = Image(value)
    elif is_figure_like(value):
        value = Figure(value)
    if isinstance(value, Media):
        return _media_cell(value, column, inside)
    if value is None:
        return None
    return valid(str(text_of(value)))


def _numbers(value: Any) -> Any:
    """A single number as a Python number, a short vector as text, a larger array as an `Array`."""
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic) else as_numpy(value)
    if array.dtype.kind in "mM":  # dates as text: item() would give counts of nanoseconds
        return (None if np.isnat(array) else str(array)) if array.ndim == 0 else str(array)
    if array.size == 1:
        one = array.reshape(())[()]
        return float(str(one)) if one.dtype in (np.float32, np.float16) else one.item()  # float32 0.1 stays 0.1
    if array.dtype.kind not in "biufc" or (array.ndim == 1 and array.size <= LONGEST_INLINE):
        return f"[{', '.join(map(str, array))}]"
    return Array(array)


def _media_cell(media: Media, column: str, inside: list[Blob]) -> Any:
    encoded = media.encoded
    if media.kind == "table":
        raise UsageError(f"column {column!r:.60} has a table in a cell; log that table under its own key")
    if encoded is None:  # a figure that could not be drawn; a warning was shown
        return None
    if media.kind == "text":
        return (encoded.data or encoded.text.encode()).decode()
    inside += [Blob(encoded.data, encoded.suffix)]
    name = blobs.name(encoded.data, encoded.suffix)
    return {"kind": media.kind, "blob": name, "text": encoded.text, "shape": encoded.shape}
