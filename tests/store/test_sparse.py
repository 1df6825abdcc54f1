"""Sparse bins: they round-trip, and malformed ones are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netscope.analyse.bins import Histograms
from netscope.store.journal import sparse_bins
from tests.fuzzing import examples

ROWS = st.lists(
    st.dictionaries(st.integers(0, 2047), st.integers(1, 2**32 - 1) | st.sampled_from([65534, 65535, 65536])),
    max_size=6,
)


def table_of(rows: list[dict[int, int]]) -> np.ndarray:
    table = np.zeros((len(rows), 2048), np.uint32)
    for row, filled in zip(table, rows, strict=True):
        for place, count in filled.items():
            row[place] = count
    return table


@settings(max_examples=examples(200), deadline=None)
@given(ROWS)
def test_sparse_counts_round_trip(rows):
    table = table_of(rows)
    found = sparse_bins.decode(sparse_bins.encode(Histograms.of(table)), len(rows))
    assert np.array_equal(found.dense(), table)
    assert found.counts.all()


@pytest.mark.parametrize("cut", range(0, 30, 3))
def test_truncated_bins_are_refused(cut):
    whole = sparse_bins.encode(Histograms.of(table_of([{1: 2, 2000: 70_000}, {5: 1}, {7: 65_535}])))
    assert len(whole) == 6 + 8 + 8 + 8
    with pytest.raises(ValueError, match="buffer"):
        sparse_bins.decode(whole[:cut], 3)


def test_invalid_or_unsorted_bins_are_refused():
    with pytest.raises(ValueError, match="2048"):
        sparse_bins.decode(np.array([1, 2048, 1], "<u2").tobytes(), 1)
    with pytest.raises(ValueError, match="ascend"):
        sparse_bins.decode(np.array([2, 5, 5, 1, 1], "<u2").tobytes(), 1)


def test_the_bins_of_each_key_start_from_zero():
    rows = [{}, {9: 1}, {}, {7: 2}, {}]
    found = sparse_bins.decode(sparse_bins.encode(Histograms.of(table_of(rows))), len(rows))
    assert (found.sizes.tolist(), found.places.tolist()) == ([0, 1, 0, 1, 0], [9, 7])


def test_a_store_reads_what_a_run_measured(tmp_path):
    import netscope

    run = netscope.init(dir=tmp_path, watch_system=False, console=False)
    counts = table_of([{0: 4, 1532: 100_000}])[0]
    for step in range(3):
        run._session.put_bins(
            ("layer/weight/value", "layer/weight/gradient"), step, Histograms.of(np.stack([counts * step, 0 * counts]))
        )
    run.finish()
    store = netscope.open(tmp_path)
    store.refresh()
    found = store.read.histograms.watched(run.id, "layer/weight/value")
    assert found.steps.tolist() == [1, 2]
    assert np.array_equal(found.dense(), np.stack([counts, counts * 2]))
    store.close()
