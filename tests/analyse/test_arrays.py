"""Statistics, norms, pictures and spectra of one array, against NumPy's formulas over the whole array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

from netscope.analyse import array_statistics
from netscope.analyse.array_layout import filters, layout_of, picture
from netscope.analyse.array_statistics import ArrayStatistics, StatisticsBuilder
from netscope.analyse.bins import count
from netscope.analyse.channels import Channels, ChannelsBuilder
from netscope.analyse.reduce import coarser, reduce_blocks
from netscope.analyse.spectrum import spectrum

RNG = np.random.default_rng(3)
SHARES = [0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 1.0]


def statistics(*blocks: np.ndarray) -> ArrayStatistics:
    builder = StatisticsBuilder()
    for block in blocks:
        builder.add(block)
    return builder.result()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int64"])
def test_blocks_have_the_statistics_of_the_whole(dtype: str) -> None:
    whole = (RNG.normal(size=(60, 50)) * 30).astype(dtype)
    found = statistics(*np.array_split(whole, 7))
    assert found.moments.n == 3000
    np.testing.assert_allclose(found.moments.mean, whole.astype(float).mean(), rtol=1e-12)
    np.testing.assert_allclose(found.moments.std, whole.astype(float).std(), rtol=1e-12)
    assert (found.moments.min, found.moments.max) == (whole.min(), whole.max())
    assert found.moments.zeros == np.count_nonzero(whole == 0)
    np.testing.assert_allclose(found.l1, np.abs(whole.astype(float)).sum(), rtol=1e-12)
    np.testing.assert_allclose(found.quantiles(SHARES), np.quantile(whole.astype(float), SHARES))
    np.testing.assert_array_equal(found.bins, count(whole.astype(np.float64)))


def test_quantiles_of_a_large_array_are_within_their_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_statistics, "MOST_KEPT", 100)
    whole = RNG.standard_t(3, 100_000) * 1e-3
    found = statistics(*np.array_split(whole, 5))
    np.testing.assert_allclose(found.quantiles(SHARES), np.quantile(whole, SHARES), rtol=0.016, atol=2e-6)
    np.testing.assert_allclose(
        found.magnitude_quantiles(SHARES), np.quantile(np.abs(whole), SHARES), rtol=0.016, atol=2e-6
    )
    halves = statistics(np.repeat([0.0, 1.0, np.inf], 1000))
    assert halves.quantiles([0.25, 0.75]).tolist() == [0.0, 1.0]


def test_nan_and_infinities_are_counted_apart() -> None:
    found = statistics(np.array([np.nan, 1.0, -np.inf, np.inf, 0.0, np.nan, -3.0], np.float32))
    assert (found.nan, found.infinite, found.moments.nonfinite, found.moments.zeros) == (2, 2, 4, 1)
    assert (found.moments.min, found.moments.max, found.l1) == (-3, 1, 4)
    nothing = statistics(np.array([np.nan]))
    assert np.isnan(nothing.quantiles([0.5])).all()
    assert np.isnan(nothing.magnitude_quantiles([0.5])).all()


def test_few_levels_are_found_with_their_step() -> None:
    quantised = RNG.integers(-8, 8, (300, 100)) * 0.125
    found = statistics(*np.array_split(quantised, 4))
    assert found.levels is not None
    np.testing.assert_array_equal(found.levels, np.arange(-8, 8) * 0.125)
    assert found.step == 0.125
    codebook = np.array([-1.0, -0.3, 0.1, 0.77])[RNG.integers(0, 4, 1000)]
    assert np.isnan(statistics(codebook).step)
    assert statistics(RNG.normal(size=10_000)).levels is None


@pytest.mark.parametrize(
    ("narrow", "expected"), [("float16", "float16"), ("bfloat16", "bfloat16"), ("float32", ""), ("float64", "")]
)
def test_a_wider_array_of_narrow_numbers_is_recognised(narrow: str, expected: str) -> None:
    values = RNG.normal(size=5000)
    if narrow == "bfloat16":
        wide = (values.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)
    else:
        wide = values.astype(narrow).astype(np.float64)
    assert statistics(wide[:100], wide[100:]).precision == expected


def channels(matrix: np.ndarray, cut: int, **how: int) -> Channels:
    builder = ChannelsBuilder(*matrix.shape, **how)
    for row in range(0, len(matrix), cut):
        for column in range(0, matrix.shape[1], 2 * cut):
            builder.add(matrix[row : row + cut, column : column + 2 * cut], row, column)
    return builder.result()


def test_norms_of_rows_and_columns() -> None:
    matrix = RNG.normal(size=(17, 40)).astype(np.float32)
    found = channels(matrix, 5)
    np.testing.assert_allclose(found.row_norms, np.linalg.norm(matrix.astype(float), axis=1))
    np.testing.assert_allclose(found.column_norms, np.linalg.norm(matrix.astype(float), axis=0))
    shared = channels(matrix, 5, per_row=4)
    exact = np.linalg.norm(matrix.astype(float), axis=1)
    np.testing.assert_allclose(shared.row_norms[:4], np.sqrt((exact[:16].reshape(4, 4) ** 2).mean(axis=1)))
    kernels = channels(matrix, 20, column_group=8)
    np.testing.assert_allclose(kernels.column_norms, np.linalg.norm(matrix.reshape(17, 5, 8), axis=(0, 2)), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8"])
def test_zero_and_equal_rows_are_found(dtype: str) -> None:
    matrix = (RNG.normal(size=(20, 30)) * 50).astype(dtype)
    matrix[[3, 9]] = 0
    matrix[12] = matrix[1]
    matrix[[4, 5], 7] += 1
    found = channels(matrix, 6)
    assert found.zero_rows.tolist() == [3, 9]
    assert found.equal_rows.tolist() == [[12, 1]]


@pytest.mark.parametrize("shape", [(7, 9), (16, 16), (1, 100), (33, 1), (5, 300)])
@pytest.mark.parametrize("by", [(1, 1), (2, 2), (4, 1), (1, 8), (3, 5), (8, 64)])
def test_a_cell_is_the_largest_magnitude_or_the_mean_of_its_block(shape: Any, by: Any) -> None:
    values = RNG.normal(size=shape)
    found = reduce_blocks(values, *by)
    for row, column in np.ndindex(*found.mean.shape):
        block = values[row * by[0] : (row + 1) * by[0], column * by[1] : (column + 1) * by[1]]
        np.testing.assert_allclose(found.mean[row, column], block.mean(), rtol=1e-6, atol=1e-7)
        assert found.largest[row, column] == np.float32(block.flat[np.abs(block).argmax()])


def test_reducing_twice_is_reducing_at_once() -> None:
    values = RNG.normal(size=(64, 96))
    values[10, 20], values[40, 90] = np.nan, -np.inf
    twice, once = coarser(reduce_blocks(values, 2, 4), 4, 2), reduce_blocks(values, 8, 8)
    np.testing.assert_array_equal(twice.largest, once.largest)
    np.testing.assert_allclose(twice.mean, once.mean, rtol=1e-5, atol=1e-6)
    assert np.isnan(once.largest[1, 2])
    assert once.largest[5, 11] == -np.inf


def test_values_beyond_float32_stay_finite() -> None:
    assert reduce_blocks(np.array([[1e300, 1.0]]), 1, 2).largest[0, 0] == np.finfo(np.float32).max


@pytest.mark.parametrize(
    ("shape", "kind", "rows", "columns"),
    [
        ((), "matrix", 1, 1),
        ((5,), "strip", 1, 5),
        ((4, 6), "matrix", 4, 6),
        ((8, 16, 3, 3), "mosaic", 24, 48),
        ((8, 16, 1, 1), "matrix", 8, 16),
        ((8, 16, 5), "mosaic", 8, 80),
        ((2, 3, 40, 50), "matrix", 40, 50),
        ((6, 3, 2, 2), "grid", 4, 6),
        ((6, 1, 3, 3), "grid", 6, 9),
    ],
)
def test_kinds_of_layouts(shape: Any, kind: str, rows: int, columns: int) -> None:
    found = layout_of(shape)
    assert (found.kind, found.rows, found.columns) == (kind, rows, columns)


def test_every_kernel_has_its_place() -> None:
    array = RNG.normal(size=(5, 7, 3, 2))
    layout = layout_of(array.shape)
    found = picture(filters(array, layout), layout)
    for o, i in np.ndindex(5, 7):
        np.testing.assert_array_equal(found[o * 3 : o * 3 + 3, i * 2 : i * 2 + 2], array[o, i])
    channels_last = layout_of((3, 2, 7, 5), "HWIO")
    np.testing.assert_array_equal(picture(filters(array.transpose(2, 3, 1, 0), channels_last), channels_last), found)


def test_a_filter_in_colour_is_where_its_grid_says() -> None:
    array = RNG.normal(size=(7, 3, 2, 2)).astype(np.float32)
    layout = layout_of(array.shape)
    found = picture(filters(array, layout), layout)
    assert layout.is_colour
    for o in range(7):
        row, column = divmod(o, layout.per_row)
        block = found[row * 2 : row * 2 + 2, column * 2 : column * 2 + 2]
        np.testing.assert_array_equal(block, array[o].transpose(1, 2, 0))
    assert np.isnan(found).sum() == (layout.rows // 2 * layout.per_row - 7) * 12
    plain = layout_of(array.shape, is_colour=False)
    np.testing.assert_array_equal(picture(filters(array, plain), plain)[:2, 2:4], array[0, 1])


def test_the_spectrum_is_that_of_numpy() -> None:
    matrix = RNG.normal(size=(30, 20)) @ np.diag(np.r_[np.ones(5), np.zeros(15)])
    found = spectrum(matrix)
    np.testing.assert_allclose(found.values, np.linalg.svd(matrix, compute_uv=False), atol=1e-12)
    assert found.rank == np.linalg.matrix_rank(matrix) == 5
    assert found.condition == np.inf
    np.testing.assert_allclose(found.stable_rank, (np.linalg.norm(matrix) / np.linalg.norm(matrix, 2)) ** 2)
    full = RNG.normal(size=(12, 40)) * 1e200
    shares = np.linalg.svd(full, compute_uv=False)
    np.testing.assert_allclose(spectrum(full).effective_rank, np.exp(scipy.stats.entropy(shares)))
    np.testing.assert_allclose(spectrum(full).condition, np.linalg.cond(full))


def test_a_matrix_with_nan_has_no_spectrum() -> None:
    assert not len(spectrum(np.array([[1.0, np.nan]])).values)
    assert spectrum(np.zeros((2, 3))).effective_rank == 0
