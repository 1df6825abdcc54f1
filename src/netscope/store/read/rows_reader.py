"""Read rows with a step and a time, such as histograms and assets, and merge them as series are merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from netscope.store.index import tables
from netscope.store.index.chunks import BinCounts
from netscope.store.index.seals import unseal
from netscope.store.journal.memtable import LoggedHistogram, key_id
from netscope.store.read.merge_attempts import SeriesPart, merge_parts
from netscope.store.read.series_reader import JournalSnapshot, RunSnapshot, SeriesReader

R = TypeVar("R", BinCounts, LoggedHistogram)


def merged_rows(
    reader: SeriesReader,
    run_id: str,
    key: str,
    table: str,
    decode: Callable[[bytes, int], list[R]],
    unindexed: Callable[[JournalSnapshot], list[R]],
) -> list[R]:
    """The rows of one key of a run, ascending in step.

    Args:
        reader: The series reader of the folder.
        run_id: The run.
        key: The key of the rows.
        table: The table of the index; also the kind of the key.
        decode: Decodes a block of the index; the second argument is the key's column in it.
        unindexed: Returns the rows of a journal that are not in the index yet.

    Raises:
        NotFoundError: No such run.
    """

    def read() -> list[R]:
        snapshot = reader.snapshots([run_id], table, key)[run_id]
        upto = {p.number: p.indexed for p in snapshot.journals if p.indexed}
        columns = {key_id(table, key): 0}  # of the key in a block, which may hold a group of keys
        for journal in snapshot.journals:
            columns |= journal.groups
        rows = reader.rows(tables.metadata.tables[table], list(upto), columns)
        found: dict[int, list[R]] = {}
        n_rows: Counter[int] = Counter()
        for row in sorted(rows, key=lambda row: tuple(row[1:4])):
            if row.upto <= upto.get(row.journal, 0):
                block = unseal(row.block, *row[:-1])
                found.setdefault(row.journal, []).extend(decode(block, columns[row.key]))
                n_rows[row.journal] += row.n
        for journal in snapshot.journals:
            journal.check(n_rows[journal.number])
        for journal in snapshot.journals:
            if more := unindexed(journal):
                found.setdefault(journal.number, []).extend(more)
        return merge_rows(snapshot, found)

    return reader.retry(read)


def merge_rows(snapshot: RunSnapshot, found: dict[int, list[Any]]) -> list[Any]:
    """Merge the rows of several journals, found by journal id, as series are merged."""
    journals = [p for p in snapshot.journals if found.get(p.number)]
    rows = [row for p in journals for row in found[p.number]]
    parts = [
        SeriesPart(
            p.attempt, p.rank,
            np.array([row.step for row in found[p.number]], np.int64), np.array([row.time for row in found[p.number]]),
        )
        for p in journals
    ]  # fmt: skip
    return [rows[i] for i in merge_parts(parts, snapshot.forks).curve.tolist()]
