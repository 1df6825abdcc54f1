"""Last, smallest, largest and headline value of a key for each run.

They come from the numbers kept of a series, not from its points, unless a run asks for the mean.
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
from netscope.store.index.seals import IndexLost, check_of_summary
from netscope.store.journal.memtable import Tail, key_id
from netscope.store.read.lru_cache import Cache
from netscope.store.read.series_reader import Columns, SeriesReader

CACHE_BYTES = 256 << 20
ENTRY_BYTES = 300  # of a run's summary, about
Kept = dict[str, tuple[int, Summary | None]]
"""Per run its revision, and the summary of then."""
NEVER = (-1, None)
Known = Sequence[Any]  # last step, last, min, max


class Range(NamedTuple):
    """Last, smallest and largest value of a series."""

    last: Number
    min: Number
    max: Number


class Simple(NamedTuple):
    """A run of which one journal, at one moment, has the key or none has."""

    run_id: str
    revision: int
    number: int
    indexed: int
    tail: Tail
    n_indexed: int


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


class SummaryReader:
    """Remembers the summaries of runs that did not change."""

    def __init__(self, series: SeriesReader) -> None:
        """Nothing is known yet."""
        self.series = series
        self._kept: Cache[Kept] = Cache(CACHE_BYTES)

    def of(self, run_ids: Sequence[str], key: str) -> dict[str, Summary]:
        """The summary of each run that has the key, or that was told a headline number for it."""
        return self.series.retry(lambda: self._of(run_ids, key))

    def _of(self, run_ids: Sequence[str], key: str) -> dict[str, Summary]:
        before = self._kept.get(key) or {}
        simple, others, rules = self._stale(run_ids, before, key)
        kept = before
        if simple or others:
            # A new dict: other threads read the one before. It begins anew when most of it is of runs that are gone.
            kept = dict(before) if len(before) <= 2 * len(self.series.indexer.runs) + 100 else {}
            moments = self.series.moments(others, "scalar", key)
            many: list[str] = []
            for run_id, moment in moments.items():
                has = [p for p in moment.pieces if p.has_key]
                lowest = min((p.rank for p in has), default=0)
                has = [p for p in has if p.rank == lowest]
                if not has:
                    kept[run_id] = (moment.revision, _by_rule(None, rules.get(run_id)))
                elif len(has) == 1 and not moment.forks and rules.get(run_id) != "mean":
                    simple.append(
                        Simple(run_id, moment.revision, has[0].number, has[0].indexed, has[0].tail, has[0].n_indexed)
                    )
                else:
                    many.append(run_id)
            columns = self.series.columns(many, key)
            for run_id in many:
                kept[run_id] = (moments[run_id].revision, _from_columns(columns.get(run_id), rules.get(run_id)))
            known = self._known([one.number for one in simple if one.indexed], key)
            for run_id, revision, number, _, tail, n_indexed in simple:
                if n_indexed > 0 and number not in known:
                    raise IndexLost("the numbers of a series are missing")
                kept[run_id] = (revision, _by_rule(_simple(known.get(number), tail, key), rules.get(run_id)))
            self._kept.put(key, kept, ENTRY_BYTES * len(kept) + len(key))
        found = ((run_id, kept.get(run_id, (0, None))[1]) for run_id in run_ids)
        return {run_id: summary for run_id, summary in found if summary is not None}

    def _stale(
        self, run_ids: Sequence[str], before: Kept, key: str
    ) -> tuple[list[Simple], list[str], dict[str, Rule | Number]]:
        """Which of the runs changed: those of one journal, nearly all there are, and the others; and their rules."""
        simple: list[Simple] = []
        others: list[str] = []
        rules: dict[str, Rule | Number] = {}
        runs = self.series.indexer.runs
        with self.series.indexer.lock:
            for run_id in run_ids:
                followed = runs.get(run_id)
                if followed is None or before.get(run_id, NEVER)[0] == followed.revision:
                    continue
                if (rule := followed.run.rules.get(key)) is not None:
                    rules[run_id] = rule
                if len(followed.ordered) == 1 and not followed.forks and rule != "mean":
                    (only,) = followed.ordered
                    n = only.n_indexed("scalar", key)
                    simple.append(Simple(run_id, followed.revision, only.number, only.indexed, only.tail, n))
                else:
                    others.append(run_id)
        return simple, others, rules

    def _known(self, numbers: list[int], key: str) -> dict[int, Known]:
        if not numbers:
            return {}
        c = tables.series.c
        query = sql.select(c.journal, c.last_step, c.last, c.min, c.max, c.check).where(c.key == key_id("scalar", key))
        query = query.where(within(c.journal, numbers, len(self.series.indexer.runs)))
        with self.series.indexer.index.reading() as connection:
            # Plain tuples of numbers: of tens of thousands of other objects the garbage collector makes a pause.
            rows = connection.execute(query).cursor.fetchall()
        of_key = key_id("scalar", key)
        for row in rows:
            if check_of_summary(of_key, *row[:-1]) != row[-1]:
                raise IndexLost("the numbers of a series are damaged")
        return {row[0]: row[1:-1] for row in rows}


def _by_rule(range: Range | None, rule: Rule | Number | None, mean: Number = "NaN") -> Summary | None:
    """A series' summary, with the headline number that its rule asks for; a number as the rule needs no series."""
    match rule:
        case None | "last" | "min" | "max" | "mean":
            if range is None:
                return None
            value = {"min": range.min, "max": range.max, "mean": mean}.get(rule or "last", range.last)
            return Summary(range.last, range.min, range.max, value)
        case number:
            last, low, high = range or (number, number, number)
            return Summary(last, low, high, number)


def _simple(known: Known | None, tail: Tail, key: str) -> Range | None:
    points = tail.points("scalar", key) if tail.rows else None
    if points is None or not len(points.steps):
        return Range(number(known[1]), number(known[2]), number(known[3])) if known else None
    at = len(points.steps) - 1 - int(points.steps[::-1].argmax())
    step, last = int(points.steps[at]), float(points.values[at])
    numbers = extent(points.values)
    low, high = numbers
    if known:
        if known[0] > step:
            last = known[1] if known[1] is not None else math.nan
        low = min((x for x in (low, known[2]) if x is not None), default=None)
        high = max((x for x in (high, known[3]) if x is not None), default=None)
    return Range(number(last), number(low), number(high))


def _from_columns(columns: Columns | None, rule: Rule | Number | None) -> Summary | None:
    if columns is None or not len(columns.steps):
        return _by_rule(None, rule)
    finite = columns.values[np.isfinite(columns.values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    with np.errstate(over="ignore"):
        mean = float(finite.mean()) if rule == "mean" and len(finite) else None
    return _by_rule(Range(number(float(columns.values[-1])), number(low), number(high)), rule, number(mean))
