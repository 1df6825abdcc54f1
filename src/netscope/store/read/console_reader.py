"""Read the console of a run: the lines of its processes merged by time, filtered by stream, process or search text."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import sqlalchemy as sql

from netscope.errors import NotFoundError
from netscope.schema.console import Console, ConsoleLine
from netscope.store.index import chunks, tables
from netscope.store.index.seals import BrokenIndexError, unseal
from netscope.store.ingest.run_state import attempt_of, first_of
from netscope.store.journal import frames
from netscope.store.journal.follower import Follower
from netscope.store.journal.limits import strip_colours
from netscope.store.journal.memtable import PrintedLine
from netscope.store.read.lru_cache import LruCache
from netscope.store.read.series_reader import SeriesReader

CACHE_BYTES = 32 << 20
LINE_BYTES = 150  # approximate size of a line in memory
NO_LIMIT = 1 << 62
MAIN = "main"

Stream = Literal["out", "err"]


class LineFilter(NamedTuple):
    """Which lines to return; by default all."""

    search: str = ""
    """Only lines that contain this text, ignoring case and colours."""
    stream: Stream | None = None
    process: str = ""

    def passes(self, line: PrintedLine) -> bool:
        """Whether a line of the process passes, apart from `process` itself."""
        if self.stream is not None and frames.STREAMS.get(line.stream) != self.stream:
            return False
        return not self.search or self.search.lower() in strip_colours(line.text).lower()


class WriterOutput(NamedTuple):
    """The console of one writer: its lines in the index with `upto <= indexed`, then those in memory."""

    journal: int
    indexed: int
    n: int
    """Number of lines, including those without a line break yet."""
    in_memory: list[PrintedLine]
    rank: int | None
    process: str


class ConsoleReader:
    """Reads the consoles of runs."""

    def __init__(self, series: SeriesReader) -> None:
        """Read runs that `series` reads; the cache starts empty."""
        self.series = series
        self._blocks: LruCache[list[PrintedLine]] = LruCache(CACHE_BYTES)

    def lines(
        self,
        run_id: str,
        start: int = 0,
        n: int = 1000,
        search: str = "",
        stream: Stream | None = None,
        process: str = "",
    ) -> Console:
        """A range of console lines of a run, by time, with colour codes; a negative `start` counts from the end.

        Args:
            run_id: The run.
            start: Index of the first line among the matching ones.
            n: Maximum number of lines.
            search: Only lines that contain this text.
            stream: Only lines of "out" or "err".
            process: Only lines of this one of `Console.processes`.

        Raises:
            NotFoundError: No such run, or no such process in it.
        """
        return self.series.retry(lambda: self._read(run_id, start, n, LineFilter(search, stream, process)))

    def _read(self, run_id: str, start: int, n: int, line_filter: LineFilter) -> Console:
        printed = self._outputs(run_id)
        by_rank = sorted(printed, key=lambda one: (one.rank is None and one.process != MAIN, one.rank or 0))
        processes = list(dict.fromkeys(one.process for one in by_rank))
        if line_filter.process:
            if line_filter.process not in processes:
                there = ", ".join(map(repr, processes)) or "none that printed"
                raise NotFoundError(f"no process {line_filter.process!r} in run {run_id!r}; it has: {there}")
            printed = [one for one in printed if one.process == line_filter.process]
        if len(printed) == 1 and line_filter == LineFilter(process=line_filter.process):  # nothing to merge or filter
            (one,) = printed
            first = max(one.n + start, 0) if start < 0 else start
            found = [_console_line(one, line) for line in self._lines(one, first, first + max(n, 0))]
            return Console(first, one.n, found, processes)
        lines = [(line, one) for one in printed for line in self._lines(one, 0, NO_LIMIT) if line_filter.passes(line)]
        first = max(len(lines) + start, 0) if start < 0 else start
        order = _by_time(lines) if len(printed) > 1 else range(len(lines))
        window = [lines[i] for i in order[first : first + max(n, 0)]]
        return Console(first, len(lines), [_console_line(one, line) for line, one in window], processes)

    def _outputs(self, run_id: str) -> list[WriterOutput]:
        """A snapshot of the console of each writer of a run."""
        with self.series.indexer.lock:
            ordered = [f for f in self.series.run_folder(run_id).ordered if attempt_of(f)]
            found = []
            for f in ordered:
                last = f.metadata.pending_lines
                n = f.metadata.n_lines + len(last)
                if n:
                    rank = f.metadata.start.rank
                    found.append(
                        WriterOutput(f.number, f.indexed, n, [*f.memtable.lines, *last], rank, _process(f, ordered))
                    )
            return found

    def _lines(self, one: WriterOutput, low: int, high: int) -> list[PrintedLine]:
        """Lines `low` to `high` (exclusive) of a writer."""
        high = min(high, one.n)
        here: dict[int, PrintedLine] = {}
        if one.indexed and low < high:
            c = tables.console.c
            inside = (c.journal == one.journal) & (c.upto <= one.indexed) & (c.start < high) & (c.start + c.n > low)
            generation = self.series.indexer.index.generation
            with self.series.indexer.index.reading() as connection:
                places = connection.execute(sql.select(c.start, c.upto, c.n).where(inside)).all()
                for at, upto, count in places:
                    name = (generation, one.journal, at, upto, count)
                    block = self._blocks.get(name)
                    if block is None:
                        query = sql.select(c.block).where(c.journal == one.journal, c.start == at, c.upto == upto)
                        sealed = connection.execute(query).scalar_one()
                        block = chunks.decode_lines(unseal(sealed, one.journal, upto, at, count))
                        self._blocks.put(name, block, LINE_BYTES * len(block))
                    here.update(enumerate(block, at))
        here.update(enumerate(one.in_memory, one.n - len(one.in_memory)))
        if any(i not in here for i in range(low, high)):
            raise BrokenIndexError("console lines are missing")
        return [here[i] for i in range(low, high)]


def _by_time(lines: list[tuple[PrintedLine, WriterOutput]]) -> list[int]:
    """Order of the lines of several writers by time, keeping the order within each writer."""
    times = np.array([line.time for line, _ in lines])
    writers = np.array([one.journal for _, one in lines])
    for writer in np.unique(writers):
        own = writers == writer
        times[own] = np.maximum.accumulate(times[own])  # a clock may be set back
    order: list[int] = np.argsort(times, kind="stable").tolist()
    return order


def _process(f: Follower, ordered: list[Follower]) -> str:
    """Name of a writer within its run."""
    start = f.metadata.start
    if start.rank is not None:
        return f"rank {start.rank}"
    is_first = f is first_of([one for one in ordered if attempt_of(one) == attempt_of(f)])
    return MAIN if is_first else f"{start.pid} on {start.host}"


def _console_line(one: WriterOutput, line: PrintedLine) -> ConsoleLine:
    return ConsoleLine(line.time, "err" if line.stream == 2 else "out", line.text, one.rank, one.process)
