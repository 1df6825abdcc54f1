"""Read histograms over steps: the fixed bins of watched tensors, and histograms that the user logged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netscope.analyse.bins import N_BINS
from netscope.store.index import chunks
from netscope.store.journal.memtable import LoggedHistogram
from netscope.store.read.rows_reader import merged_rows
from netscope.store.read.series_reader import SeriesReader


class Bins(NamedTuple):
    """Fixed bins over steps, sparse: row i has `counts[i]` from bin `first[i]` on."""

    steps: np.ndarray
    times: np.ndarray
    first: np.ndarray
    counts: list[np.ndarray]

    def dense(self) -> np.ndarray:
        """All 2,048 bins: u32 [step, bin]."""
        table = np.zeros((len(self.counts), N_BINS), np.uint32)
        for row, first, counts in zip(table, self.first.tolist(), self.counts, strict=True):
            row[first : first + len(counts)] = counts
        return table


class HistogramReader:
    """Reads histograms of runs."""

    def __init__(self, series: SeriesReader) -> None:
        """Read runs that `series` reads."""
        self.series = series

    def watched(self, run_id: str, key: str) -> Bins:
        """The fixed bins of "layer/tensor/quantity" over steps."""
        rows = merged_rows(
            self.series,
            run_id,
            key,
            "bins",
            chunks.decode_bins,
            lambda journal: chunks.counts_of(journal.memtable.bins_of(key)),
        )
        return Bins(
            np.array([r.step for r in rows], np.int64),
            np.array([r.time for r in rows], np.float64),
            np.array([r.first for r in rows], np.int64),
            [r.counts for r in rows],
        )

    def logged(self, run_id: str, key: str) -> list[LoggedHistogram]:
        """The histograms the user logged under a key, ascending in step."""
        return merged_rows(
            self.series,
            run_id,
            key,
            "histogram",
            lambda block, _: chunks.decode_histograms(block),
            lambda journal: journal.memtable.histograms.get(key, []),
        )
