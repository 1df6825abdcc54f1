"""The moving average against a slow loop over all points."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given

from netscope.analyse.smooth import BLOCK, SLAB, moving_average, retention, smooth, smooth_ghost

VALUES = st.floats(-1e300, 1e300) | st.floats(-10, 10) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0])
WEIGHTS = st.floats(0, 0.999) | st.sampled_from([0.0, 0.6, 0.99, 0.999])
LINES = arrays.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(0, 3 * BLOCK)), elements=VALUES)


def one_by_one(y: np.ndarray, keep: float) -> list[float]:
    """A slow moving average: a weighted sum divided by the sum of weights; non-finite values are skipped."""
    total = mass = 0.0
    means = []
    for value in y.tolist():
        if math.isfinite(value):
            total = keep * total + (1 - keep) * value
            mass = keep * mass + (1 - keep)
        means.append(total / mass if math.isfinite(value) else value)
    return means


def assert_close(found: np.ndarray, expected: list[float], y: np.ndarray) -> None:
    size = np.abs(y[np.isfinite(y)]).max(initial=0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * size)


@given(LINES, WEIGHTS, st.sampled_from([np.float32, np.float64]))
@example(np.full((1, 70), math.nan), 0.5, np.float64)
def test_the_moving_average_equals_a_slow_loop_over_all_points(y: np.ndarray, weight: float, kind: type) -> None:
    with np.errstate(over="ignore"):
        y = y.astype(kind)
    keep = retention(weight, y.shape[1])
    for line, mean in zip(y, moving_average(y, keep)[0], strict=True):
        assert_close(mean, one_by_one(line, keep), line)


@pytest.mark.parametrize("n", [1, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK**2, BLOCK**2 + 1, SLAB - 1, SLAB, SLAB + 1])
@pytest.mark.parametrize("weight", [0.3, 0.999])
def test_long_series_are_smoothed_the_same_way(n: int, weight: float) -> None:
    y = np.random.default_rng(0).normal(5, 1, n)
    assert_close(smooth(y, weight), one_by_one(y, retention(weight, n)), y)


@given(LINES, WEIGHTS, st.data())
def test_smoothing_in_parts_equals_smoothing_the_whole(y: np.ndarray, weight: float, data: st.DataObject) -> None:
    n = y.shape[1]
    keep = retention(weight, n)
    whole, end = moving_average(y, keep)
    parts, carry = [], None
    for part in np.split(y, sorted(data.draw(st.lists(st.integers(0, n), max_size=4))), axis=1):
        mean, carry = moving_average(part, keep, carry)
        parts.append(mean)
    for line, mean, pieces in zip(y, whole, np.concatenate(parts, axis=1), strict=True):
        assert_close(pieces, mean.tolist(), line)
    assert carry is not None
    assert carry.n.tolist() == end.n.tolist() == np.isfinite(y).sum(axis=1).tolist()


@pytest.mark.parametrize("n", [100, 250, 1000])
def test_up_to_a_thousand_points_the_curve_is_that_of_tensorboard(n: int) -> None:
    y, expected, last = np.random.default_rng(1).normal(size=n), [], 0.0
    for i, value in enumerate(y.tolist()):  # as its `resmooth` does it
        last = last * 0.9 + 0.1 * value
        expected.append(last / (1 - 0.9 ** (i + 1)))
    np.testing.assert_allclose(smooth(y, 0.9), expected, rtol=1e-12)


def test_weight_zero_leaves_every_point_unchanged() -> None:
    y = np.array([3.0, math.nan, 5.0, -math.inf, 1.0])
    np.testing.assert_array_equal(smooth(y, 0.0), y)


def test_a_rate_of_successes_is_smoothed_to_the_rate() -> None:
    won = np.random.default_rng(1).random(50_000) < 0.05
    mean = smooth(won.astype(np.float32), 0.9)
    assert np.abs(mean[1000:] - 0.05).max() < 0.05


@pytest.mark.parametrize(("short", "long"), [(1000, 10_000), (10_000, 1_000_000)])
def test_one_weight_decays_over_the_same_fraction_of_any_series(short: int, long: int) -> None:
    def half(n: int) -> float:
        return math.log(0.5) / math.log(retention(0.9, n)) / n

    assert half(long) == pytest.approx(half(short), rel=0.05)


def test_a_growing_series_keeps_its_average_until_it_is_a_tenth_longer() -> None:
    kept = {retention(0.9, n) for n in range(1000, 1_000_000, 97)}
    assert len(kept) <= 8 * math.log2(1000) + 2


def test_a_short_validation_curve_does_not_lag() -> None:
    assert smooth(np.arange(10.0), 0.9)[-1] == pytest.approx(9, abs=0.6)


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_ghost_continues_the_average_of_the_curve_before_it(n_before: int, n_ghost: int) -> None:
    y = np.sin(np.arange(n_before + n_ghost, dtype=float) ** 2)
    steps = np.arange(len(y))
    later = np.concatenate((y[:n_before], np.full(70, 9.0)))
    found = smooth_ghost(np.arange(len(later)), later, steps[n_before:], y[n_before:], 0.9)
    np.testing.assert_allclose(found, smooth(y, 0.9)[n_before:])
