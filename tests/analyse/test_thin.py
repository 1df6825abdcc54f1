"""Thinning against a slow loop over columns."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given

from netscope.analyse.thin import columns, evenly, pick, thin

VALUES = st.floats(width=64) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, -1.0])
CURVES = arrays.arrays(np.float64, st.integers(1, 60), elements=VALUES)
PLACES = arrays.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6) | st.integers(-20, 20).map(float))


def picked_one_by_one(y: np.ndarray, starts: list[int]) -> set[int]:
    """A slow version of what `pick` should keep."""
    kept: set[int] = set()
    for start, end in zip(starts, [*starts[1:], len(y)], strict=True):
        places = range(start, end)
        finite = [i for i in places if math.isfinite(y[i])]
        if finite:
            kept |= {min(finite, key=lambda i: y[i]), max(finite, key=lambda i: y[i])}
        for is_strange in (math.isnan, lambda v: v == math.inf, lambda v: v == -math.inf):
            kept |= set([i for i in places if is_strange(y[i])][:1])
    return kept


@given(CURVES, st.data())
def test_uneven_columns_keep_the_same_points_as_a_slow_loop(y: np.ndarray, data: st.DataObject) -> None:
    starts = sorted({0, *data.draw(st.lists(st.integers(0, len(y) - 1)))})
    assert set(np.flatnonzero(pick(y[None], np.array(starts))[0])) == picked_one_by_one(y, starts)


@given(CURVES, st.integers(1, 70))
def test_even_columns_keep_the_same_points_as_a_slow_loop(y: np.ndarray, length: int) -> None:
    starts = list(range(0, len(y), length))
    assert set(np.flatnonzero(pick(y[None], np.array(starts))[0])) == picked_one_by_one(y, starts)


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=VALUES), st.data())
def test_lines_with_shared_x_are_thinned_like_single_ones(y: np.ndarray, data: st.DataObject) -> None:
    n = y.shape[1]
    even = np.arange(0, n, data.draw(st.integers(1, n)))
    ragged = np.array(sorted({0, *data.draw(st.lists(st.integers(0, n - 1)))}))
    for starts in (even, ragged):
        assert pick(y, starts).tolist() == [pick(line[None], starts)[0].tolist() for line in y]


@given(PLACES, st.integers(1, 20))
@example(np.arange(50.0), 7)
@example(np.zeros(50), 7)
def test_columns_begin_at_the_first_point_and_span_at_most_a_pixel(x: np.ndarray, px: int) -> None:
    x = np.sort(x)
    starts = columns(x, px, float(x[0]), float(x[-1]))
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert len(starts) <= px + 1
    last = np.append(starts[1:], len(x)) - 1
    pixel = (x[-1] - x[0]) / px
    assert (x[last] - x[starts] <= pixel * (1 + 1e-9) + 1e-9).all()


@given(st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=60, unique=True), st.integers(1, 20))
def test_integer_x_gives_columns_of_at_most_a_pixel(steps: list[int], px: int) -> None:
    x = np.sort(np.array(steps))
    starts = columns(x, px, float(x[0]), float(x[-1]))
    last = np.append(starts[1:], len(x)) - 1
    assert (x[last] - x[starts] <= (x[-1] - x[0]) / px * (1 + 1e-9) + 1).all()


@given(PLACES, st.data(), st.integers(1, 20))
def test_thinning_keeps_order_extremes_ends_and_nonfinite_values(x: np.ndarray, data: st.DataObject, px: int) -> None:
    y = data.draw(arrays.arrays(np.float64, len(x), elements=VALUES))
    kept = thin(x, y, px)
    assert (np.diff(x[kept]) >= 0).all()
    assert len(set(kept)) == len(kept) <= max(2 * px, 5 * (px + 1) + 2)
    assert {x.min(), x.max()} <= set(x[kept])
    finite = y[np.isfinite(y)]
    if len(finite):
        assert {finite.min(), finite.max()} <= set(y[kept])
    for is_strange in (np.isnan, np.isposinf, np.isneginf):
        assert is_strange(y[kept]).any() == is_strange(y).any()


def test_a_million_points_become_two_per_pixel() -> None:
    y = np.random.default_rng(0).normal(size=1_000_000)
    assert len(thin(np.arange(1_000_000), y, px=400)) <= 802


def test_few_points_are_all_kept() -> None:
    assert thin(np.arange(20), np.zeros(20), px=10).tolist() == list(range(20))


def test_points_out_of_order_come_back_in_the_order_of_x() -> None:
    assert thin(np.array([3.0, 1.0, 2.0]), np.zeros(3), px=10).tolist() == [1, 2, 0]


def test_points_whose_x_is_nan_are_dropped() -> None:
    assert thin(np.array([3.0, np.nan, 2.0]), np.zeros(3), px=10).tolist() == [2, 0]


def test_an_empty_series_stays_empty() -> None:
    assert thin(np.zeros(0), np.zeros(0), px=10).tolist() == []


def test_a_spike_between_evenly_spaced_points_survives() -> None:
    y = np.zeros(100_000)
    y[77_777] = 1
    assert 77_777 in thin(np.arange(100_000), y, px=300)


@pytest.mark.parametrize(("n", "most"), [(0, 5), (5, 5), (10, 4), (1000, 7), (3, 1)])
def test_evenly_chosen_includes_both_ends(n: int, most: int) -> None:
    chosen = evenly(n, most)
    assert len(chosen) == min(n, most)
    assert len(set(chosen)) == len(chosen)
    if n and most > 1:
        assert (chosen[0], chosen[-1]) == (0, n - 1)
