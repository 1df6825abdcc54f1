"""Many arrays measured in one call, against one array at a time; sparse histograms against dense ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netscope.analyse import bins, measure
from netscope.analyse.bins import Histograms
from netscope.analyse.moments import moments

SIZES = (0, 1, 2, 63, 4096, 4097, 9000, 1)


@pytest.fixture(params=["compiled", "numpy"])
def way(request, monkeypatch):
    """Each test runs with the kernels and without."""
    measure.load_kernels(wait=True)
    assert measure._kernels is not None
    if request.param == "numpy":
        monkeypatch.setattr(measure, "_kernels", None)


def some_arrays(dtype, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for size in SIZES:
        values = rng.normal(size=size) * 10.0 ** rng.integers(-3, 3)
        values[rng.random(size) < 0.2] = 0
        values[rng.random(size) < 0.1] = np.nan
        found.append(values.astype(dtype))
    return found


def table_of(arrays, before=None):
    def addresses(several):
        return np.array([one.ctypes.data for one in several], np.int64)

    sizes = np.array([one.size for one in arrays], np.int64)
    dtype = np.float32 if arrays[0].dtype == np.float32 else np.float64
    table = measure.MeasuredTable()
    table.measure(addresses(arrays), sizes, dtype, None if before is None else addresses(before))
    return table.found()


def check(found, arrays):
    assert np.array_equal(found.histograms.dense(), np.stack([bins.count(one) for one in arrays]))
    for row, values in zip(found.moments, arrays, strict=True):
        want = np.array(moments(values))
        assert row == pytest.approx(want, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_table_of_arrays_equals_measuring_each_alone(dtype):
    arrays = some_arrays(dtype)
    check(table_of(arrays), arrays)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_difference_replaces_the_previous_values(dtype):
    now, before = some_arrays(dtype), some_arrays(dtype, seed=1)
    want = [a - b for a, b in zip(now, before, strict=True)]
    check(table_of(now, before), want)
    for left, difference in zip(before, want, strict=True):
        assert np.array_equal(left, difference, equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_table_grows_with_its_bins(dtype):
    measure.load_kernels(wait=True)
    rng = np.random.default_rng(3)
    arrays = [(rng.normal(size=3000) * 10.0 ** rng.integers(-30, 30, 3000)).astype(dtype) for _ in range(40)]
    table = measure.MeasuredTable()
    sizes = np.full(len(arrays), 3000)
    firsts = [table.measure(np.array([one.ctypes.data for one in arrays]), sizes, dtype) for _ in range(2)]
    assert firsts == [0, 40]
    check(table.found(), arrays * 2)


@pytest.mark.usefixtures("way")
def test_squares_out_of_the_range_of_float64_are_measured_again():
    arrays = [np.array([1e300, -1e300]), np.array([5e-324, 0.0]), np.array([np.nan])]
    check(table_of(arrays), arrays)


@pytest.mark.usefixtures("way")
def test_appended_arrays_are_sampled_like_measure_sample():
    rng = np.random.default_rng(2)
    arrays = [rng.normal(size=size).astype(np.float32) for size in (5, 70_000, 100_000, *range(1, 200))]
    arrays[2][77] = np.inf
    table = measure.MeasuredTable()
    rows = [table.sample(values.ctypes.data, values.size, np.float32) for values in arrays]
    assert rows == list(range(len(arrays)))
    found = table.found()
    assert len(table) == len(arrays)
    for i, (values, counts) in enumerate(zip(arrays, found.histograms.dense(), strict=True)):
        wanted = np.zeros(bins.N_BINS, np.uint32)
        want = measure.measure_sample(values, wanted)
        assert found.moments[i] == pytest.approx(np.array(want), rel=1e-9)
        assert np.array_equal(counts, wanted)


@given(st.lists(st.dictionaries(st.integers(0, 2047), st.integers(1, 2**32 - 1), max_size=5), max_size=6), st.data())
def test_sparse_histograms_are_the_dense_ones(rows, data):
    dense = np.zeros((len(rows), bins.N_BINS), np.uint32)
    for row, counts in zip(dense, rows, strict=True):
        for place, n in counts.items():
            row[place] = n
    found = Histograms.of(dense)
    assert np.array_equal(found.dense(), dense)
    start = data.draw(st.integers(0, len(rows)))
    stop = data.draw(st.integers(start, len(rows) + 2))
    assert np.array_equal(found.part(start, stop).dense(), dense[start:stop])
    if rows:
        order = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8)), np.int64)
        assert np.array_equal(found.take(order).dense(), dense[order])
        assert np.array_equal(bins.join([found, found.take(order)]).dense(), np.concatenate([dense, dense[order]]))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("inner", [1, 7])
def test_units_are_active_if_any_value_is_above_zero_or_nan(inner):
    rng = np.random.default_rng(3)
    values = -np.abs(rng.normal(size=(20, 50, inner)).astype(np.float32))
    values[rng.random(values.shape) < 0.01] = 1.0
    values[:, 3] = 0.0
    values[5, 4] = np.nan
    active = np.zeros(50, bool)
    active[9] = True
    want = ~(values <= 0).all(axis=(0, 2)) | active
    measure.mark_active(values.ctypes.data, values.shape, active)
    assert np.array_equal(active, want)
    assert not active[3]
    assert active[4]
