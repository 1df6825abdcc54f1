"""Mean and band over runs."""

from __future__ import annotations

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from netscope.analyse.groups import Curve, mean_and_band


def line(*y: float, start: float = 0) -> Curve:
    return Curve(np.arange(float(len(y))) + start, np.array(y, float))


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 30)), elements=st.floats(-1e6, 1e6)))
def test_runs_that_logged_the_same_steps_are_averaged_step_by_step(y: np.ndarray) -> None:
    n = y.shape[1]
    group = mean_and_band([line(*row) for row in y], px=30, low=0.0, high=n - 1.0, band="std")
    spread = y.std(axis=0, ddof=1) if len(y) > 1 else np.zeros(n)
    np.testing.assert_allclose(group.mean, y.mean(axis=0), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(group.high - group.mean, spread, rtol=1e-6, atol=1e-5)
    assert group.x.tolist() == list(range(n))


def test_the_band_reaches_from_the_smallest_to_the_largest_run() -> None:
    group = mean_and_band([line(1, 2), line(5, 0), line(3, 3)], px=10, low=0.0, high=1.0)
    assert (group.low.tolist(), group.high.tolist()) == ([1, 0], [5, 3])


def test_a_standard_error_is_the_deviation_over_the_root_of_the_number_of_runs() -> None:
    runs = [line(1), line(2), line(3), line(6)]
    wide, narrow = (mean_and_band(runs, 10, 0.0, 1.0, band) for band in ("std", "stderr"))
    np.testing.assert_allclose(wide.high - wide.mean, 2 * (narrow.high - narrow.mean))


def test_a_run_counts_only_between_its_first_and_last_point() -> None:
    group = mean_and_band([line(0, 0, 0, 0), line(4, 4, start=1)], px=10, low=0.0, high=3.0)
    assert group.mean.tolist() == [0, 2, 2, 0]


def test_a_nonfinite_value_does_not_count_and_lowers_the_number_of_runs() -> None:
    group = mean_and_band([line(1, np.nan, 1), line(3, 3, np.inf)], px=10, low=0.0, high=2.0)
    assert (group.mean.tolist(), group.runs.tolist()) == ([2, 3, 1], [2, 1, 1])


def test_a_run_does_not_count_next_to_its_nan() -> None:
    rarely = Curve(np.array([0.0, 2, 4, 6]), np.array([8.0, 8, np.nan, 8]))
    group = mean_and_band([line(*[4.0] * 7), rarely], px=10, low=0.0, high=6.0)
    assert group.runs.tolist() == [2, 2, 2, 1, 1, 1, 2]
    assert group.mean.tolist() == [6, 6, 6, 4, 4, 4, 6]


@pytest.mark.parametrize("is_smooth", [False, True])
def test_a_run_with_only_nan_does_not_affect_the_mean(is_smooth: bool) -> None:
    lost = np.where(np.arange(1000) < 500, 5.0, np.nan)
    group = mean_and_band([line(*np.ones(1000)), line(*lost)], px=50, low=0.0, high=999.0, is_smooth=is_smooth)
    assert group.runs.tolist() == [2] * 25 + [1] * 25
    assert group.mean.tolist() == [3.0] * 25 + [1.0] * 25


def test_without_any_run_there_is_a_gap() -> None:
    group = mean_and_band([line(1, np.nan, np.nan, 1)], px=10, low=0.0, high=3.0)
    assert np.isnan(group.mean).tolist() == np.isnan(group.low).tolist() == [False, True, True, False]
    assert group.runs.tolist() == [1, 0, 0, 1]


@given(st.integers(3, 400))
def test_moving_averages_contribute_their_value_at_the_point_at_any_width(px: int) -> None:
    bent = Curve(np.arange(1000.0), np.abs(np.arange(1000.0) - 300))
    group = mean_and_band([bent], px, 0.0, 999.0, is_smooth=True)
    np.testing.assert_allclose(group.mean, np.interp(group.x, bent.x, bent.y))


def test_more_points_than_pixels_are_averaged_by_column() -> None:
    y = np.tile([0.0, 2.0], 5000)
    group = mean_and_band([line(*y), line(*(y + 2))], px=100, low=0.0, high=9999.0)
    assert len(group.x) == 100
    np.testing.assert_allclose(group.mean, 2, atol=0.05)
    np.testing.assert_allclose(group.low, 1, atol=0.05)


def test_runs_with_different_steps_are_averaged_on_a_grid() -> None:
    often, rarely = Curve(np.arange(1000.0), np.arange(1000.0)), Curve(np.array([0.0, 999]), np.array([0.0, 999]))
    group = mean_and_band([often, rarely], px=50, low=0.0, high=999.0)
    np.testing.assert_allclose(group.mean, group.x, atol=11)


@pytest.mark.parametrize("curves", [[], [line()], [line(np.nan, np.inf)]])
def test_no_finite_points_give_an_empty_group(curves: list[Curve]) -> None:
    assert [len(column) for column in mean_and_band(curves, 10, 0.0, 1.0)] == [0] * 5
