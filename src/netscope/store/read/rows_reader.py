"""Read things with a step and a time that are no numbers, merged as curves are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from netscope.store.index import tables
from netscope.store.index.chunks import Counts
from netscope.store.index.seals import unseal
from netscope.store.journal.memtable import Histogram, key_id
from netscope.store.read.merge_attempts import Part, stitch
from netscope.store.read.series_reader import Moment, Piece, SeriesReader

R = TypeVar("R", Counts, Histogram)


def merged_rows(
    reader: SeriesReader,
    run_id: str,
    key: str,
    table: str,
    decode: Callable[[bytes, int], list[R]],
    tail: Callable[[Piece], list[R]],
) -> list[R]:
    """The rows of one key of a run, ascending in step.

    Args:
        reader: Of the folder.
        run_id: The run.
        key: What the rows are of.
        table: Of the index.
        decode: The rows of a block of the index; its second argument is the key's place in it.
        tail: What a journal has that is not in the index yet.

    Raises:
        NotFoundError: No such run.
    """

    def read() -> list[R]:
        moment = reader.moments([run_id], table, key)[run_id]
        upto = {p.number: p.indexed for p in moment.pieces if p.indexed}
        columns = {key_id(table, key): 0}  # in a block; it may be that of a group of keys
        for piece in moment.pieces:
            columns |= piece.groups
        rows = reader.rows(tables.metadata.tables[table], list(upto), columns)
        found: dict[int, list[R]] = {}
        n_rows: Counter[int] = Counter()
        for row in sorted(rows, key=lambda row: tuple(row[1:4])):
            if row.upto <= upto.get(row.journal, 0):
                block = unseal(row.block, *row[:-1])
                found.setdefault(row.journal, []).extend(decode(block, columns[row.key]))
                n_rows[row.journal] += row.n
        for piece in moment.pieces:
            piece.check(n_rows[piece.number])
        for piece in moment.pieces:
            if more := tail(piece):
                found.setdefault(piece.number, []).extend(more)
        return merge(moment, found)

    return reader.retry(read)


def merge(moment: Moment, found: dict[int, list[Any]]) -> list[Any]:
    """Stitch things with a step and a time as curves are."""
    pieces = [p for p in moment.pieces if found.get(p.number)]
    rows = [row for p in pieces for row in found[p.number]]
    parts = [
        Part(
            p.attempt, p.rank,
            np.array([row.step for row in found[p.number]], np.int64), np.array([row.time for row in found[p.number]]),
        )
        for p in pieces
    ]  # fmt: skip
    return [rows[i] for i in stitch(parts, moment.forks).curve.tolist()]
