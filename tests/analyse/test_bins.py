"""Moments and bins against slow, obvious computations, for the compiled kernels and for NumPy."""

from __future__ import annotations

import math
import struct
import sys
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import netscope
from netscope.analyse import bins, measure
from netscope.analyse.moments import Moments, merge, moments
from tests.fuzzing import examples


@pytest.fixture(params=["compiled", "numpy"])
def way(request, monkeypatch):
    """Each test runs with the kernels and without."""
    measure.load_kernels(wait=True)
    assert measure._kernels is not None
    if request.param == "numpy":
        monkeypatch.setattr(measure, "_kernels", None)
    return request.param


def slow_bin(value: float) -> int:
    try:
        packed = struct.pack("<f", value)
    except OverflowError:  # what struct refuses, a cast makes infinite
        packed = struct.pack("<f", math.copysign(math.inf, value))
    return struct.unpack("<I", packed)[0] >> 21


def slow_moments(values: list[float]) -> Moments:
    finite = [v for v in values if math.isfinite(v)]
    n, zeros, nonfinite = float(len(values)), float(values.count(0.0)), float(len(values) - len(finite))
    if not finite:
        return Moments(n, zeros, nonfinite, math.nan, math.nan, math.inf, -math.inf)
    exact = [Fraction(v) for v in finite]
    mean = sum(exact) / len(exact)
    variance = sum((v - mean) ** 2 for v in exact) / len(exact)
    return Moments(n, zeros, nonfinite, float(mean), root(variance), min(finite), max(finite))


def root(value: Fraction) -> float:
    """Square root of a fraction that may be out of a float's range."""
    shift = 0
    while value and value < Fraction(1, 10**100):
        value, shift = value * 2**200, shift - 100
    while value > 10**100:
        value, shift = value / 2**200, shift + 100
    return math.ldexp(math.sqrt(value), shift)


def check(values: np.ndarray) -> None:
    counts = np.zeros(bins.N_BINS, np.uint32)
    found = measure.measure(values, counts)
    plain = values.astype(np.float64).ravel().tolist()
    want = slow_moments(plain)
    assert found[:3] == want[:3]
    assert found[5:] == want[5:]
    size = max(abs(want.min), abs(want.max)) if want.n_finite else 0.0
    assert found.mean == pytest.approx(want.mean, rel=1e-12, abs=1e-14 * size, nan_ok=True)
    # The deviation of n equal values may come out as a rounding error of their size.
    assert found.std == pytest.approx(want.std, rel=1e-9, abs=4e-15 * size + 5e-324, nan_ok=True)
    assert {i: c for i, c in enumerate(counts.tolist()) if c} == Counter(slow_bin(v) for v in plain)


SHAPES = hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=40)
ANY_32 = hnp.arrays(np.float32, SHAPES, elements=st.floats(width=32))
ANY_64 = hnp.arrays(np.float64, SHAPES, elements=st.floats(width=64))
ANY_16 = hnp.arrays(np.float16, SHAPES, elements=st.floats(width=16))
FEW = settings(max_examples=examples(120))
NASTY = [0.0, -0.0, math.nan, math.inf, -math.inf, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, -3.4028235e38, 1.0]


@pytest.mark.parametrize("way", ["compiled", "numpy"], indirect=True)
class TestAgainstFractions:
    """The oracle computes in exact fractions and packs each value by hand."""

    def test_any_float32(self, way):
        @FEW
        @given(ANY_32)
        @example(np.array(NASTY, np.float32))
        @example(np.array([np.nan, np.nan], np.float32))
        @example(np.full(9001, 3.4028235e38, np.float32))
        def holds(values):
            check(values)

        holds()

    def test_any_float64(self, way):
        @FEW
        @given(ANY_64)
        @example(np.array([1e300, -1e300, 1e308, 1e308]))
        @example(np.array([1e-300, 3e-300, 0.0, 5e-324]))
        @example(np.array([2.0**-1074] * 3))
        def holds(values):
            check(values)

        holds()

    def test_any_float16(self, way):
        @FEW
        @given(ANY_16)
        def holds(values):
            check(values)

        holds()

    @pytest.mark.parametrize("size", [1, 2, 4095, 4096, 4097, 12_289])
    def test_every_block_boundary(self, way, size):
        rng = np.random.default_rng(size)
        values = rng.normal(size=size).astype(np.float32)
        values[rng.random(size) < 0.1] = 0
        values[rng.random(size) < 0.05] = np.nan
        values[-1] = 7.5
        check(values)

    def test_a_huge_offset_costs_no_digits_of_the_deviation(self, way):
        check(np.float32(1e7) + np.arange(1000, dtype=np.float32))
        check(1e12 + np.random.default_rng(0).normal(size=1000))

    def test_transposed_and_strided_arrays(self, way):
        values = np.random.default_rng(1).normal(size=(6, 7, 8)).astype(np.float32)
        check(values.transpose(2, 0, 1))
        check(values[::2, :, ::-1])


@FEW
@given(st.lists(hnp.arrays(np.float64, st.integers(0, 30), elements=st.floats(-1e200, 1e200) | st.just(math.nan))))
def test_merged_moments_are_those_of_the_whole(parts):
    whole = moments(np.concatenate([*parts, np.zeros(0)]))
    merged = merge(moments(part) for part in parts)
    assert merged[:3] == whole[:3]
    assert merged[5:] == whole[5:]
    size = max(abs(whole.min), abs(whole.max)) if whole.n_finite else 0.0
    assert merged.mean == pytest.approx(whole.mean, rel=1e-12, abs=1e-14 * size, nan_ok=True)
    assert merged.std == pytest.approx(whole.std, rel=1e-9, abs=1e-14 * size, nan_ok=True)


def test_bins_are_added_to_what_was_counted(way):
    counts = np.zeros(bins.N_BINS, np.uint32)
    for _ in range(3):
        measure.measure(np.ones(5, np.float32), counts)
    assert counts[slow_bin(1.0)] == 15
    assert counts.sum() == 15


def test_the_norm_is_the_root_of_the_sum_of_squares():
    values = np.random.default_rng(2).normal(3, 2, size=500)
    assert moments(values).norm == pytest.approx(np.linalg.norm(values), rel=1e-14)
    assert math.isnan(moments(np.zeros(0)).norm)


@pytest.mark.parametrize("value", [0.0, 1.0, 1.25, -1.75, 1e-30, -3e38, 1e-42])
def test_a_value_is_between_the_edges_of_its_bin(value):
    number = slow_bin(value)
    low, high = bins.lower_edges()[number], bins.lower_edges()[number + 1]
    assert min(low, high) <= value <= max(low, high)


def test_nonfinite_bins_are_listed():
    counts = bins.count(np.array([np.nan, -np.nan, np.inf, -np.inf, 3.4e38, -3.4e38], np.float32))
    assert counts[bins.NONFINITE].sum() == 4


def test_without_numba_numpy_measures_and_warns(monkeypatch):
    monkeypatch.setattr(measure, "_kernels", None)
    monkeypatch.setitem(sys.modules, "numba", None)  # importing it fails
    monkeypatch.delitem(sys.modules, "netscope.analyse.kernels", raising=False)
    monkeypatch.delattr(netscope.analyse, "kernels", raising=False)
    with pytest.warns(UserWarning, match=r"numba does not work here \(import of numba halted"):
        measure._load()
    counts = np.zeros(bins.N_BINS, np.uint32)
    assert measure.measure(np.array([1.0, 3.0]), counts).mean == 2
    assert counts.sum() == 2


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [measure.LARGE, measure.LARGE + 1, 200_000])
def test_a_sample_is_evenly_spaced_but_zeros_and_extremes_cover_all_values(way, n, kind):
    values = np.random.default_rng(n).normal(0.1, 1, n).astype(kind)
    values[1::3] = 0  # seldom those that are looked at
    values[7], values[8] = -77, 99
    counts = np.ones(bins.N_BINS, np.uint32)
    found = measure.measure_sample(values, counts)
    every = measure.stride(n)
    looked_at = moments(values[::every])
    assert (found.n, found.nonfinite, found.zeros) == (n, 0, np.sum(values == 0))
    assert (found.min, found.max) == (-77, 99)
    assert (found.mean, found.std) == (pytest.approx(looked_at.mean), pytest.approx(looked_at.std))
    assert np.array_equal(counts - 1, bins.count(values[::every]) * every)


@pytest.mark.parametrize("strange", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 70_000, -1])
def test_nonfinite_values_are_counted_anywhere(way, strange, place):
    values = np.random.default_rng(0).normal(size=100_003).astype(np.float32)
    values[place] = strange
    counts = np.zeros(bins.N_BINS, np.uint32)
    found = measure.measure_sample(values, counts)
    assert found.nonfinite == counts[bins.NONFINITE].sum() == 1
    assert np.array_equal(counts, bins.count(values)), "an array that is ill is looked at whole"


@given(st.integers(0, 2**40))
def test_a_stride_is_a_prime_and_its_sample_is_large_but_bounded(n):
    every = measure.stride(n)
    if n <= measure.LARGE:
        assert every == 1
    else:
        assert measure.SAMPLE / 2 < n / every <= measure.SAMPLE
    assert all(every % divisor for divisor in range(2, min(every, 1000)))
