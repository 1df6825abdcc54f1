"""What was read of a file since the last time: metadata, key sets and rows, as the follower takes them over."""

from __future__ import annotations

import numpy as np

from netscope.analyse.bins import Histograms
from netscope.store.journal.memtable import BinRow, KeySet, Memtable, RowBlock
from netscope.store.journal.metadata import TIME_LIMIT, LargeMetadata, Metadata
from netscope.store.journal.points import to_ms


class NewData:
    """The data of the bytes from an offset on, collected without changing the state of the follower.

    `offset` is the end of the bytes that were read, `metadata` an updated copy, and `memtable` has only the new data.
    """

    def __init__(self, offset: int, metadata: Metadata, sets: dict[int, KeySet]) -> None:
        """Continue at `offset` with the metadata and key sets valid there, neither of which is changed."""
        self.offset = offset
        self.metadata, self.sets = metadata.copy(), sets
        self.large_metadata, self.memtable = LargeMetadata(), Memtable()
        self._shared = sets
        self._first_row_at = 1 << 62 if self.metadata.first_row is None else -1
        self._last_row_at = -1

    def valid_time(self, seconds: float) -> float:
        """A time rounded as in the index; NaN if it is out of range."""
        time = float(valid_times(np.array([seconds]))[0])
        if time != time:
            self.metadata.fault(f"{seconds:g} is not a valid time")
        return time

    def damage(self, n: int) -> None:
        """Count damaged bytes."""
        self.metadata.n_damaged += 1
        self.metadata.damaged_bytes += n

    def fault(self, n_bytes: int, sentence: str) -> None:
        """Count bytes that do not follow their format, and record the reason."""
        self.damage(n_bytes)
        self.metadata.fault(sentence)

    def define_key_set(self, number: int, keys: KeySet) -> None:
        """Assign a key set to a number, for the rows from here on."""
        if self.sets is self._shared:
            self.sets = dict(self.sets)
            self.metadata.key_sets = dict(self.metadata.key_sets)
        self.metadata.is_redefined |= self.sets.get(number, keys) != keys
        self.sets[number] = keys
        self.metadata.key_sets[number] = keys.id

    def add_rows(self, sets: list[tuple[KeySet, int]], block: RowBlock) -> None:
        """Add rows of several key sets, one set after the other.

        Args:
            sets: The key sets, and the number of rows of each.
            block: The rows, in file order within each set; `at` counts from `offset`.
        """
        at, steps, times, values = block
        at += self.offset
        if n_timeless := int(np.count_nonzero(np.isnan(times))):
            self.metadata.fault(f"{n_timeless:,} rows from byte {int(at[0]):,} on have no valid time")
        start = 0
        for keys, n in sets:
            stop = start + n
            self.memtable.add(keys, RowBlock(at[start:stop], steps[start:stop], times[start:stop], values[start:stop]))
            self.metadata.n_rows[keys.id] = self.metadata.n_rows.get(keys.id, 0) + n
            if keys.kind == "scalar":
                self._saw_scalars(at[start:stop], steps[start:stop], times[start:stop])
            else:
                self.metadata.saw_step(int(steps[start:stop].min()))
            start = stop
        self.metadata.saw_time(float(np.fmax.reduce(times)))

    def _saw_scalars(self, at: np.ndarray, steps: np.ndarray, times: np.ndarray) -> None:
        """Update the first and last row of scalars in the file; key sets come in any order."""
        self.metadata.saw_scalars(int(steps.min()), int(steps.max()))
        if at[0] < self._first_row_at:
            self._first_row_at = int(at[0])
            self.metadata.first_row = _time_or_0(times[0]), int(steps[0])
        if at[-1] > self._last_row_at:
            self._last_row_at = int(at[-1])
            self.metadata.last_row = _time_or_0(times[-1]), int(steps[-1])

    def add_bins(self, at: int, keys: KeySet, step: int, time: float, found: Histograms) -> None:
        """Add the bins of all keys of a set; `at` counts from `offset`."""
        time = self.valid_time(time)
        ends = np.concatenate(([0], np.cumsum(found.sizes)))
        row = BinRow(self.offset + at, step, time, ends, found.places, found.counts)
        self.memtable.bins.setdefault(keys, []).append(row)
        self.metadata.n_rows[keys.id] = self.metadata.n_rows.get(keys.id, 0) + 1
        self.metadata.saw_step(step)
        self.metadata.saw_time(time)


def _time_or_0(time: float) -> float:
    return float(time) if time == time else 0.0  # JSON, as stored in the index, has no NaN


def valid_times(times: np.ndarray) -> np.ndarray:
    """Times rounded to milliseconds; NaN if out of range."""
    times = to_ms(times)
    is_possible = (times >= 0.0) & (times < TIME_LIMIT)
    return times if is_possible.all() else np.where(is_possible, times, np.nan)
