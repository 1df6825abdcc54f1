"""Last, smallest and largest value of a key for each run: from the numbers kept of a series, not from its points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import sqlalchemy as sql

from netscope.schema import Number, Summary
from netscope.store import tables
from netscope.store.blocks import extent
from netscope.store.cache import Cache
from netscope.store.columns import Columns, Moment, Piece, Reader
from netscope.store.index import within
from netscope.store.tail import key_id

CACHE_BYTES = 256 << 20
ENTRY_BYTES = 300  # of a run's summary, about
Kept = dict[str, tuple[int, Summary | None]]
"""Per run its revision, and the summary of then."""
Known = tuple[int, float | None, float | None, float | None]  # last step, last, min, max


def number(value: float | None) -> Number:
    """A float, or its word where JSON has none.

    >>> number(float("-inf"))
    '-Infinity'
    """
    if value is None or math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


class Summaries:
    """Remembers the summaries of runs that did not change."""

    def __init__(self, reader: Reader) -> None:
        """Nothing is known yet."""
        self.reader = reader
        self._kept: Cache[Kept] = Cache(CACHE_BYTES)

    def of(self, run_ids: Sequence[str], key: str) -> dict[str, Summary]:
        """The summary of each run that has the key."""
        return self.reader.retry(lambda: self._of(run_ids, key))

    def _of(self, run_ids: Sequence[str], key: str) -> dict[str, Summary]:
        before = self._kept.get(key) or {}
        runs = self.reader.ingest.runs
        with self.reader.ingest.lock:
            revisions = {run_id: runs[run_id].revision for run_id in run_ids if run_id in runs}
        stale = [i for i, revision in revisions.items() if i not in before or before[i][0] != revision]
        kept = before
        if stale:
            # A new dict: other threads read the one before. It begins anew when most of it is of runs that are gone.
            kept = dict(before) if len(before) <= 2 * len(runs) + 100 else {}
            moments = self.reader.moments(stale, "scalar", key)
            simple: dict[str, tuple[Moment, Piece]] = {}
            for run_id, moment in moments.items():
                has = [p for p in moment.pieces if p.has_key]
                lowest = min((p.rank for p in has), default=0)
                has = [p for p in has if p.rank == lowest]
                if not has:
                    kept[run_id] = (moment.revision, None)
                elif len(has) == 1 and not moment.forks:
                    simple[run_id] = (moment, has[0])
            many = [i for i in stale if i not in simple and (i not in kept or kept[i][0] != moments[i].revision)]
            columns = self.reader.columns(many, key)
            for run_id in many:
                kept[run_id] = (moments[run_id].revision, _from_columns(columns.get(run_id)))
            known = self._known([p.number for _, p in simple.values() if p.indexed], key)
            for run_id, (moment, piece) in simple.items():
                kept[run_id] = (moment.revision, _simple(known.get(piece.number), piece, key))
            self._kept.put(key, kept, ENTRY_BYTES * len(kept) + len(key))
        found = ((run_id, kept.get(run_id, (0, None))[1]) for run_id in run_ids)
        return {run_id: summary for run_id, summary in found if summary is not None}

    def _known(self, numbers: list[int], key: str) -> dict[int, Known]:
        if not numbers:
            return {}
        c = tables.series.c
        query = sql.select(c.journal, c.last_step, c.last, c.min, c.max).where(c.key == key_id("scalar", key))
        query = query.where(within(c.journal, numbers, len(self.reader.ingest.runs)))
        with self.reader.ingest.index.reading() as connection:
            return {row[0]: (row[1], row[2], row[3], row[4]) for row in connection.execute(query)}


def _simple(known: Known | None, piece: Piece, key: str) -> Summary | None:
    points = piece.tail.points("scalar", key)
    if points is None or not len(points.steps):
        return Summary(number(known[1]), number(known[2]), number(known[3])) if known else None
    at = len(points.steps) - 1 - int(points.steps[::-1].argmax())
    step, last = int(points.steps[at]), float(points.values[at])
    numbers = extent(points.values)
    low, high = numbers["min"], numbers["max"]
    if known:
        if known[0] > step:
            last = known[1] if known[1] is not None else math.nan
        low = min((x for x in (low, known[2]) if x is not None), default=None)
        high = max((x for x in (high, known[3]) if x is not None), default=None)
    return Summary(number(last), number(low), number(high))


def _from_columns(columns: Columns | None) -> Summary | None:
    if columns is None or not len(columns.steps):
        return None
    finite = columns.values[np.isfinite(columns.values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    return Summary(number(float(columns.values[-1])), number(low), number(high))
