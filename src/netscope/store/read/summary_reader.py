"""Read the summary of a key for each run: last, smallest, largest and headline value.

Summaries come from the index's table `series`, not from points, unless a run's rule asks for the mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sql

from netscope.schema.noun import Number
from netscope.schema.run import Rule, Summary
from netscope.store.index import tables
from netscope.store.index.chunks import extent
from netscope.store.index.database import within
from netscope.store.index.seals import BrokenIndexError, check_of_summary
from netscope.store.journal.memtable import Memtable, key_id
from netscope.store.read.lru_cache import LruCache
from netscope.store.read.series_reader import SeriesColumns, SeriesReader

CACHE_BYTES = 256 << 20
ENTRY_BYTES = 300  # approximate size of a run's summary in memory
KeptSummaries = dict[str, tuple[int, Summary | None]]
"""Per run, its revision and the summary at that revision."""
NEVER = (-1, None)
IndexedRange = Sequence[Any]  # last step, last, min, max


class LastMinMax(NamedTuple):
    """Last, smallest and largest value of a series."""

    last: Number
    min: Number
    max: Number


class SingleJournalRun(NamedTuple):
    """A snapshot of a run in which at most one journal has the key."""

    run_id: str
    revision: int
    number: int
    indexed: int
    memtable: Memtable
    n_indexed: int


def number(value: float | None) -> Number:
    """A float, or its name if JSON cannot represent it.

    >>> number(float("-inf"))
    '-Infinity'
    """
    if value is None or math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


class SummaryReader:
    """Reads summaries, and caches them while runs do not change."""

    def __init__(self, series: SeriesReader) -> None:
        """The cache starts empty."""
        self.series = series
        self._kept: LruCache[KeptSummaries] = LruCache(CACHE_BYTES)

    def of(self, run_ids: Sequence[str], key: str) -> dict[str, Summary]:
        """The summary of each run that has the key, or a headline number set for it."""
        return self.series.retry(lambda: self._of(run_ids, key))

    def _of(self, run_ids: Sequence[str], key: str) -> dict[str, Summary]:
        before = self._kept.get(key) or {}
        single, others, rules = self._stale(run_ids, before, key)
        kept = before
        if single or others:
            # A new dict, because other threads read the old one. It starts empty if most entries are of removed runs.
            kept = dict(before) if len(before) <= 2 * len(self.series.indexer.runs) + 100 else {}
            snapshots = self.series.snapshots(others, "scalar", key)
            many: list[str] = []
            for run_id, snapshot in snapshots.items():
                has = [p for p in snapshot.journals if p.has_key]
                lowest = min((p.rank for p in has), default=0)
                has = [p for p in has if p.rank == lowest]
                if not has:
                    kept[run_id] = (snapshot.revision, _by_rule(None, rules.get(run_id)))
                elif len(has) == 1 and not snapshot.forks and rules.get(run_id) != "mean":
                    single.append(
                        SingleJournalRun(
                            run_id, snapshot.revision, has[0].number, has[0].indexed, has[0].memtable, has[0].n_indexed
                        )
                    )
                else:
                    many.append(run_id)
            columns = self.series.columns(many, key)
            for run_id in many:
                kept[run_id] = (snapshots[run_id].revision, _from_columns(columns.get(run_id), rules.get(run_id)))
            indexed = self._indexed_ranges([one.number for one in single if one.indexed], key)
            for run_id, revision, number, _, memtable, n_indexed in single:
                if n_indexed > 0 and number not in indexed:
                    raise BrokenIndexError("the numbers of a series are missing")
                kept[run_id] = (revision, _by_rule(_range_of(indexed.get(number), memtable, key), rules.get(run_id)))
            self._kept.put(key, kept, ENTRY_BYTES * len(kept) + len(key))
        found = ((run_id, kept.get(run_id, (0, None))[1]) for run_id in run_ids)
        return {run_id: summary for run_id, summary in found if summary is not None}

    def _stale(
        self, run_ids: Sequence[str], before: KeptSummaries, key: str
    ) -> tuple[list[SingleJournalRun], list[str], dict[str, Rule | Number]]:
        """The changed runs: those with one journal (the usual case), the others, and their rules."""
        single: list[SingleJournalRun] = []
        others: list[str] = []
        rules: dict[str, Rule | Number] = {}
        runs = self.series.indexer.runs
        with self.series.indexer.lock:
            for run_id in run_ids:
                run_folder = runs.get(run_id)
                if run_folder is None or before.get(run_id, NEVER)[0] == run_folder.revision:
                    continue
                if (rule := run_folder.run.rules.get(key)) is not None:
                    rules[run_id] = rule
                if len(run_folder.ordered) == 1 and not run_folder.forks and rule != "mean":
                    (only,) = run_folder.ordered
                    n = only.n_indexed("scalar", key)
                    single.append(
                        SingleJournalRun(run_id, run_folder.revision, only.number, only.indexed, only.memtable, n)
                    )
                else:
                    others.append(run_id)
        return single, others, rules

    def _indexed_ranges(self, numbers: list[int], key: str) -> dict[int, IndexedRange]:
        if not numbers:
            return {}
        c = tables.series.c
        query = sql.select(c.journal, c.last_step, c.last, c.min, c.max, c.check).where(c.key == key_id("scalar", key))
        query = query.where(within(c.journal, numbers, len(self.series.indexer.runs)))
        with self.series.indexer.index.reading() as connection:
            # Plain tuples of numbers: tens of thousands of other objects would cause a garbage collection pause.
            rows = connection.execute(query).cursor.fetchall()
            of_key = key_id("scalar", key)
            for row in rows:
                if check_of_summary(of_key, *row[:-1]) != row[-1]:
                    raise BrokenIndexError("the numbers of a series are damaged")
        return {row[0]: row[1:-1] for row in rows}


def _by_rule(range: LastMinMax | None, rule: Rule | Number | None, mean: Number = "NaN") -> Summary | None:
    """The summary of a series with the headline number by its rule; if the rule is a number, no series is needed."""
    match rule:
        case None | "last" | "min" | "max" | "mean":
            if range is None:
                return None
            value = {"min": range.min, "max": range.max, "mean": mean}.get(rule or "last", range.last)
            return Summary(range.last, range.min, range.max, value)
        case number:
            last, low, high = range or (number, number, number)
            return Summary(last, low, high, number)


def _range_of(indexed: IndexedRange | None, memtable: Memtable, key: str) -> LastMinMax | None:
    points = memtable.points("scalar", key) if memtable.rows else None
    if points is None or not len(points.steps):
        return LastMinMax(number(indexed[1]), number(indexed[2]), number(indexed[3])) if indexed else None
    at = len(points.steps) - 1 - int(points.steps[::-1].argmax())
    step, last = int(points.steps[at]), float(points.values[at])
    numbers = extent(points.values)
    low, high = numbers
    if indexed:
        if indexed[0] > step:
            last = indexed[1] if indexed[1] is not None else math.nan
        low = min((x for x in (low, indexed[2]) if x is not None), default=None)
        high = max((x for x in (high, indexed[3]) if x is not None), default=None)
    return LastMinMax(number(last), number(low), number(high))


def _from_columns(columns: SeriesColumns | None, rule: Rule | Number | None) -> Summary | None:
    if columns is None or not len(columns.steps):
        return _by_rule(None, rule)
    finite = columns.values[np.isfinite(columns.values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    with np.errstate(over="ignore"):
        mean = float(finite.mean()) if rule == "mean" and len(finite) else None
    return _by_rule(LastMinMax(number(float(columns.values[-1])), number(low), number(high)), rule, number(mean))
