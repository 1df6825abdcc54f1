"""Every point that was logged, as CSV or Parquet: nothing thinned, nothing rounded."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from netscope.analyse.smooth import smooth as mean_of
from netscope.analyse.smooth import smooth_ghost
from netscope.charts import lines
from netscope.errors import StorageError, UsageError
from netscope.optional import extra
from netscope.store.journal.points import Points
from netscope.store.store import Store

HEADER = ("run", "key", "step", "time", "value", "replaced")
ROWS = 4096  # a piece of CSV
GROUP = 1 << 20  # rows of a row group of Parquet, about


class Part(NamedTuple):
    """A curve, or what a later attempt replaced of it."""

    run: str
    key: str
    points: Points
    replaced: int
    smoothed: np.ndarray | None
    """The running mean, if asked for."""


def write(store: Store, runs: Sequence[str], keys: Sequence[str], path: Path) -> None:
    """Write a file; its suffix says what: `.csv` or `.parquet`. It is there whole or not at all.

    Raises:
        UsageError: Another suffix.
        MissingExtraError: Parquet needs pyarrow.
        NotFoundError: None of the runs is there.
        StorageError: The file cannot be written.
    """
    forms = {".csv": _write_csv, ".parquet": _write_parquet}
    form = forms.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"{path.name!r} should end with {' or '.join(forms)}: that says what is written")
    passing = path.with_name(f".{path.name[:100]}-{secrets.token_hex(4)}")
    try:
        form(store, runs, keys, passing)
        os.replace(passing, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):  # it became the file, or its folder is none
            passing.unlink()


def rows(store: Store, runs: Sequence[str], keys: Sequence[str], smooth: float = 0.0) -> Iterator[str]:
    """Pieces of a CSV file: the header first, then runs within keys.

    `time` is in Unix seconds. `replaced` is 1 for points of an earlier attempt that a later one went back over. With
    `smooth` there is a column `smoothed`, the running mean that a chart draws.

    Raises:
        NotFoundError: None of the runs is there.
    """
    there = list(lines.revisions(store, runs))
    yield _text([(*HEADER, "smoothed") if smooth else HEADER])
    for part in _parts(store, there, keys, smooth):
        yield from _pieces(part)


def _parts(store: Store, runs: Sequence[str], keys: Sequence[str], smooth: float = 0.0) -> Iterator[Part]:
    for key in dict.fromkeys(keys):
        for run, series in store.columns(runs, key).items():
            yield Part(run, key, series.points, 0, mean_of(series.values, smooth) if smooth else None)
            for ghost in series.ghosts:
                mean = smooth_ghost(series.steps, series.values, ghost.steps, ghost.values, smooth) if smooth else None
                yield Part(run, key, ghost, 1, mean)


def _pieces(part: Part) -> Iterator[str]:
    points = part.points
    columns = [points.steps, points.times, points.values, np.full(len(points.steps), part.replaced)]
    columns += [] if part.smoothed is None else [part.smoothed]
    for start in range(0, len(points.steps), ROWS):
        some = [column[start : start + ROWS].tolist() for column in columns]
        yield _text([(part.run, part.key, *row) for row in zip(*some, strict=True)])


def _text(table: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(table)
    return text.getvalue()


def _write_csv(store: Store, runs: Sequence[str], keys: Sequence[str], path: Path) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        file.writelines(rows(store, runs, keys))


def _write_parquet(store: Store, runs: Sequence[str], keys: Sequence[str], path: Path) -> None:
    arrow, parquet = (extra("a Parquet file", name, "arrow") for name in ("pyarrow", "pyarrow.parquet"))
    types = (arrow.string(), arrow.string(), arrow.int64(), arrow.float64(), arrow.float64(), arrow.bool_())
    schema = arrow.schema(list(zip(HEADER, types, strict=True)))
    waiting, n = [], 0
    there = list(lines.revisions(store, runs))
    with parquet.ParquetWriter(path, schema) as file:
        for run, key, points, replaced, _ in _parts(store, there, keys):
            n_points = len(points.steps)
            names = [arrow.repeat(name, n_points) for name in (run, key)]
            numbers = [arrow.array(column) for column in (points.steps, points.times, points.values.astype(np.float64))]
            columns = [*names, *numbers, arrow.repeat(bool(replaced), n_points)]
            waiting.append(arrow.table(columns, schema=schema))
            n += n_points
            if n >= GROUP:
                file.write_table(arrow.concat_tables(waiting).combine_chunks())
                waiting, n = [], 0
        if waiting:
            file.write_table(arrow.concat_tables(waiting).combine_chunks())
