"""Every point that was logged, as CSV or Parquet: nothing thinned, nothing rounded."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from netscope.analyse.smooth import smooth as mean_of
from netscope.analyse.smooth import smooth_ghost
from netscope.charts import lines
from netscope.errors import StorageError, UsageError
from netscope.optional import extra
from netscope.schema.job import ExportRequest
from netscope.store.journal.points import Points
from netscope.store.series import check_weight
from netscope.store.several import Runs

HEADER = ("run", "key", "step", "time", "value", "replaced")
ROWS = 4096  # a piece of CSV
GROUP = 1 << 20  # rows of a row group of Parquet, about


Report = Callable[[int, int, str], None]
"""Receives progress: done, total and unit. An exception from it ends the export."""


def _silent(done: int, total: int, unit: str) -> None:
    """Ignore progress."""


class ExportPlan(NamedTuple):
    """A validated export."""

    title: str
    file: str
    """Name of the file."""
    made_from: bytes
    """Everything the content depends on."""
    write: Callable[[Report, Path], None]


class ExportedCurve(NamedTuple):
    """A curve, or the part of one that a later attempt replaced."""

    run: str
    key: str
    points: Points
    replaced: int
    smoothed: np.ndarray | None
    """The moving average, if requested."""


def plan(store: Runs, folders: Sequence[Path], request: ExportRequest) -> ExportPlan:
    """Validate a request.

    Raises:
        UsageError: There is nothing to export, or a wrong weight.
        MissingExtraError: Parquet needs pyarrow.
        NotFoundError: None of the runs is there.
    """
    check_weight(request.smooth)
    if request.format == "parquet":
        extra("a Parquet file", "pyarrow", "arrow")
    everyone = lines.everyone(store)
    runs = [everyone[run] for run in lines.revisions(store, request.runs)]
    ids = [run.id for run in runs]
    keys = list(dict.fromkeys(request.keys or [key.key for key in store.keys(ids, "scalar").keys]))
    if not keys or not runs:
        raise UsageError("nothing to export: the runs logged no numbers" if runs else "expected the ids of some runs")
    of = runs[0].name if len(runs) == 1 else f"{len(runs):,} runs"
    title = f"{of}, {keys[0] if len(keys) == 1 else f'{len(keys):,} keys'}"
    name = re.sub(r"[^\w.-]+", "-", runs[0].name).strip("-.")[:60] or "run"
    file = f"{name if len(runs) == 1 else f'{len(runs)}-runs'}.{request.format}"
    contents = [(run.id, run.created, run.read_bytes) for run in runs]
    made_from = repr((list(map(str, folders)), contents, keys, request.format, request.smooth)).encode()
    return ExportPlan(
        title, file, made_from, lambda report, path: write(store, ids, keys, path, request.smooth, report)
    )


def write(
    store: Runs,
    runs: Sequence[str],
    keys: Sequence[str],
    path: Path,
    smooth: float = 0.0,
    report: Report = _silent,
) -> None:
    """Write a `.csv` or `.parquet` file, chosen by its suffix. The file appears complete or not at all.

    Args:
        store: Where the runs are.
        runs: Their ids.
        keys: What they logged.
        path: The file.
        smooth: Weight of a moving average that is written beside the values; 0: none.
        report: Told how many series of how many are written.

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
        form(store, runs, keys, passing, smooth, report)
        os.replace(passing, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):  # it became the file, or its folder is none
            passing.unlink()


def rows(
    store: Runs, runs: Sequence[str], keys: Sequence[str], smooth: float = 0.0, report: Report = _silent
) -> Iterator[str]:
    """Yield a CSV file in pieces: the header, then the runs of each key.

    `time` is in Unix seconds. `replaced` is 1 for points of an earlier attempt that a later one went back over. With
    `smooth` there is a column `smoothed`, the moving average that a chart draws.

    Raises:
        NotFoundError: None of the runs is there.
    """
    there = list(lines.revisions(store, runs))
    yield _text([(*HEADER, "smoothed") if smooth else HEADER])
    for part in _parts(store, there, keys, smooth, report):
        yield from _pieces(part)


def _parts(
    store: Runs, runs: Sequence[str], keys: Sequence[str], smooth: float, report: Report
) -> Iterator[ExportedCurve]:
    keys = list(dict.fromkeys(keys))
    total = len(keys) * len(runs)
    for done, key in enumerate(keys):
        report(done * len(runs), total, "series")
        for number, (run, series) in enumerate(store.columns(runs, key).items()):
            report(done * len(runs) + number, total, "series")
            yield ExportedCurve(run, key, series.points, 0, mean_of(series.values, smooth) if smooth else None)
            for ghost in series.ghosts:
                mean = smooth_ghost(series.steps, series.values, ghost.steps, ghost.values, smooth) if smooth else None
                yield ExportedCurve(run, key, ghost, 1, mean)
    report(total, total, "series")


def _pieces(part: ExportedCurve) -> Iterator[str]:
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


def _write_csv(
    store: Runs, runs: Sequence[str], keys: Sequence[str], path: Path, smooth: float, report: Report
) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        file.writelines(rows(store, runs, keys, smooth, report))


def _write_parquet(
    store: Runs, runs: Sequence[str], keys: Sequence[str], path: Path, smooth: float, report: Report
) -> None:
    arrow, parquet = (extra("a Parquet file", name, "arrow") for name in ("pyarrow", "pyarrow.parquet"))
    types = [arrow.string(), arrow.string(), arrow.int64(), arrow.float64(), arrow.float64(), arrow.bool_()]
    fields = list(zip(HEADER, types, strict=True)) + ([("smoothed", arrow.float64())] if smooth else [])
    schema = arrow.schema(fields)
    waiting, n = [], 0
    there = list(lines.revisions(store, runs))
    with parquet.ParquetWriter(path, schema) as file:
        for run, key, points, replaced, mean in _parts(store, there, keys, smooth, report):
            n_points = len(points.steps)
            names = [arrow.repeat(name, n_points) for name in (run, key)]
            numbers = [arrow.array(column) for column in (points.steps, points.times, points.values.astype(np.float64))]
            columns = [*names, *numbers, arrow.repeat(bool(replaced), n_points)]
            columns += [] if mean is None else [arrow.array(mean.astype(np.float64))]
            waiting.append(arrow.table(columns, schema=schema))
            n += n_points
            if n >= GROUP:
                file.write_table(arrow.concat_tables(waiting).combine_chunks())
                waiting, n = [], 0
        if waiting:
            file.write_table(arrow.concat_tables(waiting).combine_chunks())
