"""What is said of one value, against NumPy's own functions on the whole array."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from netscope.analyse import value_stats
from netscope.analyse.value_stats import BLOCK, N_LARGEST, QUANTILES, channels, describe, picture, real


def random(*shape: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("size", [1, 7, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_moments_of_blocks_are_those_of_the_whole(size: int, dtype: str) -> None:
    values = random(size, dtype=dtype)
    values[:: max(1, size // 10)] = 0
    found, wide = describe(values), values.astype(np.float64)
    assert (found.n, found.zeros, found.nan, found.infinite) == (size, int((values == 0).sum()), 0, 0)
    assert (found.min, found.max) == (wide.min(), wide.max())
    np.testing.assert_allclose([found.mean, found.std], [wide.mean(), wide.std()], rtol=1e-9, atol=1e-12)
    assert int(found.histogram.sum()) == size


def test_quantiles_of_a_small_array_are_exact() -> None:
    values = random(5000)
    np.testing.assert_allclose(describe(values).quantiles, np.quantile(values.astype(np.float64), QUANTILES))


def test_quantiles_of_a_large_array_are_of_a_sample() -> None:
    values = random(1 << 20)
    np.testing.assert_allclose(describe(values).quantiles, np.quantile(values, QUANTILES), atol=0.05)


def test_nan_and_infinities_are_counted_and_left_out_of_everything_else() -> None:
    values = random(2 * BLOCK)
    values[[3, BLOCK + 1, BLOCK + 2, 9]] = [np.nan, np.nan, np.inf, -np.inf]
    found, finite = describe(values), values[np.isfinite(values)].astype(np.float64)
    assert (found.n, found.nan, found.infinite) == (2 * BLOCK, 2, 2)
    assert (found.min, found.max) == (finite.min(), finite.max())
    np.testing.assert_allclose([found.mean, found.std], [finite.mean(), finite.std()], rtol=1e-9)
    assert int(found.histogram.sum()) == finite.size
    assert np.isfinite(found.largest).all()


@pytest.mark.parametrize("values", [np.array([np.nan, np.inf]), np.zeros(0), np.full(3, np.nan)])
def test_without_finite_elements_there_are_no_moments(values: np.ndarray) -> None:
    found = describe(values)
    assert np.isnan([found.mean, found.std, found.min, found.max, *found.quantiles]).all()
    assert found.largest_index.tolist() == [-1] * N_LARGEST


def test_numbers_whose_squares_are_out_of_range_have_moments() -> None:
    found = describe(np.array([1e200, -1e200, 3e200]))
    np.testing.assert_allclose([found.mean, found.std], [1e200, np.sqrt(8 / 3) * 1e200])


def test_the_largest_elements_are_found_in_any_block() -> None:
    values = random(3 * BLOCK)
    values[[BLOCK + 7, 2, 3 * BLOCK - 1]] = [-90, 80, 70]
    found = describe(values.reshape(3, -1))
    assert found.largest[:3].tolist() == [-90, 80, 70]
    assert found.largest_index[:3].tolist() == [BLOCK + 7, 2, 3 * BLOCK - 1]
    expected = np.sort(np.abs(values))[::-1][:N_LARGEST]
    np.testing.assert_array_equal(np.abs(found.largest), expected)


def test_a_far_outlier_does_not_flatten_the_histogram() -> None:
    values = np.append(random(10_000), 1e6).astype(np.float32)
    found = describe(values)
    assert found.max == 1e6
    assert found.histogram_high < 20
    assert int(found.histogram.sum()) == 10_001
    assert (found.histogram > 100).sum() > 10


def test_histogram_of_ordinary_values_is_numpys() -> None:
    values = random(4000, dtype="float64")
    found = describe(values)
    expected, _ = np.histogram(values, value_stats.HISTOGRAM_BINS, (found.histogram_low, found.histogram_high))
    if (found.histogram_low, found.histogram_high) == (found.min, found.max):
        assert np.abs(found.histogram - expected).sum() <= 2  # a value may lie on an edge
    assert found.histogram.sum() == 4000


def test_channels_that_stand_out_or_are_dead_are_named() -> None:
    values = random(2, 10, 8, 8)
    values[:, 4] *= 100
    values[:, 7] = 0
    found = channels(values, 1)
    assert (found.n, found.dead) == (10, 1)
    assert found.outliers[found.outliers >= 0].tolist() == [4]
    assert found.outlier_magnitudes[0] == np.abs(values[:, 4]).max()
    np.testing.assert_allclose(found.median, np.median(np.abs(values).max(axis=(0, 2, 3))))


def test_channels_with_nan_are_judged_by_their_finite_elements() -> None:
    values = random(4, 6)
    values[0, 2] = np.nan
    assert channels(values, 1).n == 6
    assert np.isfinite(channels(values, 1).median)


def test_a_pixel_shows_the_element_of_largest_magnitude_of_its_block() -> None:
    values = np.zeros((130, 70), np.float32)
    values[100, 33] = -7
    found = picture(values, None)
    assert found is not None
    assert found.pixels.shape == (1, 44, 35)  # blocks of 3 by 2
    assert found.pixels[0, 100 // 3, 33 // 2] == 1
    assert len(np.unique(found.pixels)) == 2


@pytest.mark.parametrize(
    ("shape", "axis", "expected"),
    [
        ((2, 100, 50, 40), 1, (64, 25, 20)),
        ((1, 8, 20, 30), 1, (8, 20, 30)),
        ((1, 20, 30, 8), 3, (8, 20, 30)),
        ((1, 4, 9, 20, 30), 1, (4, 20, 30)),
        ((2, 77, 768), 2, (1, 39, 64)),
        ((1, 1000), 1, (1, 1, 250)),
        ((1000,), None, (1, 1, 250)),
        ((32, 10), 1, (1, 32, 10)),
    ],
)
def test_pictures_are_small(shape: tuple[int, ...], axis: int | None, expected: tuple[int, ...]) -> None:
    found = picture(random(*shape), axis)
    assert found is not None
    assert found.pixels.shape == expected
    assert found.low == -found.high


def test_a_picture_marks_nan_and_keeps_values_to_one_of_254_steps() -> None:
    values = np.linspace(0, 1, 256, dtype=np.float32).reshape(1, 1, 16, 16)
    values[0, 0, 5, 5] = np.nan
    found = picture(values, 1)
    assert found is not None
    assert found.pixels[0, 5, 5] == 0
    shown = found.low + (found.pixels[0].astype(float) - 1) / 254 * (found.high - found.low)
    difference = np.abs(shown - np.clip(values[0, 0], found.low, found.high))
    assert np.nanmax(difference[np.isfinite(values[0, 0])]) <= (found.high - found.low) / 254


def test_a_single_number_has_no_picture() -> None:
    assert picture(np.array(3.0), None) is None
    assert picture(np.zeros((1, 0)), 1) is None


def test_types_become_numbers() -> None:
    for array, expected in [
        (np.array([1, 2], np.int64), [1, 2]),
        (np.array([3 + 4j]), [5]),
        (np.array([1.5], ml_dtypes.bfloat16), [1.5]),
        (np.array([2.0], ml_dtypes.float8_e4m3fn), [2]),
    ]:
        found = real(array)
        assert found is not None
        assert found.tolist() == expected
    assert real(np.array(["text"])) is None
    assert real(np.array([object()])) is None
