"""Blocks, surveys and tiles of stored arrays: equal to the whole array in memory, with few bytes read."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from netscope.errors import FormatError, UsageError
from netscope.models import survey as surveys
from netscope.models.elements import decode, float_table
from netscope.models.matrix import ByteSource, StoredMatrix
from netscope.models.stored_array import StoredArray

RNG = np.random.default_rng(5)
FLOATS = ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e4m3", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"]


class Counted(io.BytesIO):
    """A file that counts what is read of it."""

    n_read = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.n_read += len(found)
        return found


def stored(
    array: np.ndarray, dtype: str = "", shape: Any = None, model_format: str = ""
) -> tuple[StoredArray, Counted]:
    data = array.tobytes()
    file = Counted(b"head" + data)
    return StoredArray(
        ByteSource(file), 4, len(data), "w", dtype or array.dtype.name, shape or array.shape, model_format
    ), file


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_code_of_an_8_bit_float_has_the_value_of_ml_dtypes(dtype: str) -> None:
    theirs = np.arange(256, dtype=np.uint8).view(getattr(ml_dtypes, dtype)).astype(np.float32)
    np.testing.assert_array_equal(decode(bytes(range(256)), dtype), theirs)


def test_4_bit_numbers_have_the_values_of_ml_dtypes() -> None:
    codes = np.arange(16, dtype=np.uint8)
    np.testing.assert_array_equal(float_table("float4_e2m1fn"), codes.view(ml_dtypes.float4_e2m1fn).astype(np.float32))
    packed = (codes[::2] | (codes[1::2] << 4)).tobytes()
    np.testing.assert_array_equal(decode(packed, "int4"), codes.view(ml_dtypes.int4).astype(np.int8))
    np.testing.assert_array_equal(decode(packed, "uint4"), codes)
    assert decode(bytes([0b11100100]), "int2").tolist() == [0, 1, -2, -1]


@pytest.mark.parametrize("dtype", ["int4", "float16", "float32", "complex64", "bool"])
def test_any_block_is_a_part_of_the_whole(dtype: str) -> None:
    if dtype == "int4":
        whole = RNG.integers(-8, 8, (31, 57))
        flat = (whole.ravel() & 15).astype(np.uint8)
        flat = np.append(flat, np.zeros(len(flat) % 2, np.uint8))
        data = (flat[::2] | flat[1::2] << 4).tobytes()
    else:
        whole = (RNG.normal(size=(31, 57)) * 3).astype(dtype)
        data = whole.tobytes()
    matrix = StoredMatrix(ByteSource(io.BytesIO(data)), 0, 31, 57, dtype, "w")
    for rows, columns in [
        ((0, 31), (0, 57)),
        ((3, 4), (5, 6)),
        ((7, 20), (11, 56)),
        ((30, 31), (56, 57)),
        ((5, 5), (0, 2)),
    ]:
        expected = whole[slice(*rows), slice(*columns)]
        np.testing.assert_array_equal(matrix.block(slice(*rows), slice(*columns)), expected)


def test_a_block_reads_only_its_bytes() -> None:
    array, file = stored(RNG.normal(size=(512, 8192)).astype(np.float32))
    matrix = StoredMatrix(ByteSource(file), 4, 512, 8192, "float32", "w")
    matrix.block(slice(100, 200), slice(300, 556))
    assert file.n_read == 100 * 256 * 4
    assert array.layout().rows == 512


def test_a_file_that_is_cut_off_is_an_error() -> None:
    matrix = StoredMatrix(ByteSource(io.BytesIO(bytes(100))), 0, 10, 10, "float32", "w")
    with pytest.raises(FormatError, match="cut off"):
        matrix.block(slice(0, 10), slice(0, 10))
    with pytest.raises(FormatError, match="needs 400"):
        StoredArray(ByteSource(io.BytesIO(bytes(100))), 0, 100, "w", "float32", (10, 10))


def reference(values: np.ndarray, levels: tuple[int, int], place: tuple[int, int]) -> np.ndarray:
    """The largest magnitude of each cell of a tile, by a loop."""
    high, wide = 1 << levels[0], 1 << levels[1]
    top, left = place[0] * 256 * high, place[1] * 256 * wide
    part = values[top : top + 256 * high, left : left + 256 * wide]
    rows, columns = -(-part.shape[0] // high), -(-part.shape[1] // wide)
    blocks = [[part[r * high : (r + 1) * high, c * wide : (c + 1) * wide] for c in range(columns)] for r in range(rows)]
    return np.array([[b.flat[np.abs(b).argmax()] for b in line] for line in blocks], np.float32)


@pytest.mark.parametrize("levels", [(0, 0), (1, 2), (2, 2), (4, 4), (0, 3), (6, 0)])
def test_tiles_of_every_level_are_the_reduced_matrix(levels: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys, "MOST_CELLS", 128)
    values = RNG.normal(size=(700, 1500)).astype(np.float32)
    array, _ = stored(values)
    found = array.survey()
    assert (found.row_level, found.column_level, found.share) == (3, 4, 1.0)
    n_tiles = [-(-size // (256 << level)) for size, level in zip(values.shape, levels, strict=True)]
    for row, column in np.ndindex(*n_tiles):
        tile = array.tile(found, levels, (row, column))
        np.testing.assert_array_equal(tile.values, reference(values, levels, (row, column)))
        assert tile.share == 1.0
    with pytest.raises(UsageError, match="no tile"):
        array.tile(found, levels, (n_tiles[0], 0))


def test_a_survey_is_of_the_whole_array() -> None:
    values = RNG.normal(size=(300, 5000))
    found = stored(values)[0].survey()
    np.testing.assert_allclose(found.statistics.moments.std, values.std())
    np.testing.assert_allclose(found.channels.row_norms, np.linalg.norm(values, axis=1))
    np.testing.assert_allclose(found.channels.column_norms, np.linalg.norm(values, axis=0))
    assert found.cells.largest.shape == (300, 1250)


@pytest.mark.parametrize("shape", [(3000, 700), (1, 3_000_000), (2_000_000, 1), (40, 60_000)])
def test_a_sample_is_small_even_and_says_its_share(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys, "MOST_CELLS", 128)
    values = RNG.normal(size=shape).astype(np.float32)
    array, file = stored(values)
    found = array.survey(most=100_000)
    assert 0 < found.share == found.statistics.moments.n / values.size < 0.2
    assert file.n_read <= 2.1 * 4 * 100_000
    np.testing.assert_allclose(found.statistics.moments.std, 1, rtol=0.05)
    assert np.isfinite(found.channels.row_norms).all()
    np.testing.assert_allclose(np.sqrt(np.mean(found.channels.column_norms**2)), np.sqrt(shape[0]), rtol=0.05)


@pytest.mark.parametrize("shape", [(2_000_000_000, 1), (5_000_000_000,), (262_144, 40_960)])
def test_an_array_of_any_shape_takes_few_reads(tmp_path: Path, shape: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys, "MOST_CELLS", 256)
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(math.prod(shape))
    n_reads = []
    read = ByteSource.read
    monkeypatch.setattr(ByteSource, "read", lambda *a: (n_reads.append(a[2]), read(*a))[1])
    with path.open("rb", buffering=0) as file:
        array = StoredArray(ByteSource(file), 0, math.prod(shape), "w", "uint8", shape)
        found = array.survey(most=1 << 20)
        assert 0 < found.statistics.moments.n <= 1 << 21
        assert len(n_reads) <= 2048
        assert sum(n_reads) <= 1 << 24


def test_a_tile_of_a_very_large_matrix_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys, "MOST_IN_TILE", 1 << 16)
    monkeypatch.setattr(surveys, "MOST_CELLS", 16)
    array, file = stored(np.ones((2048, 2048), np.float32))
    found = array.survey()
    file.n_read = 0
    tile = array.tile(found, (3, 3), (0, 0), how="mean")
    assert tile.values.shape == (256, 256)
    assert (tile.values == 1).all()
    assert tile.share == 1 / 64
    assert file.n_read <= 4 * 1 << 19


def test_a_stack_of_matrices_is_shown_one_at_a_time() -> None:
    values = RNG.normal(size=(3, 4, 50, 60)).astype(np.float32)
    array, _ = stored(values)
    found = array.survey((1, 2))
    np.testing.assert_array_equal(array.tile(found, (0, 0), (0, 0), (1, 2)).values, values[1, 2])
    np.testing.assert_allclose(found.statistics.moments.mean, values[1, 2].mean(dtype=float), rtol=1e-6)
    with pytest.raises(UsageError, match="no part"):
        array.survey((3, 0))


def test_kernels_are_a_mosaic_with_norms_of_channels() -> None:
    values = RNG.normal(size=(8, 6, 3, 3)).astype(np.float32)
    array, _ = stored(values)
    found = array.survey()
    tile = array.tile(found, (0, 0), (0, 0))
    np.testing.assert_array_equal(tile.values[3:6, 12:15], values[1, 4])
    np.testing.assert_allclose(found.channels.row_norms, np.linalg.norm(values.reshape(8, -1), axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.channels.column_norms, np.sqrt(np.square(values).sum(axis=(0, 2, 3))), rtol=1e-5)
    turned, _ = stored(np.ascontiguousarray(values.transpose(2, 3, 1, 0)), model_format="Keras")
    np.testing.assert_array_equal(turned.tile(turned.survey(), (0, 0), (0, 0)).values, tile.values)


def test_first_filters_are_in_colour() -> None:
    values = RNG.normal(size=(4, 3, 5, 5)).astype(np.float32)
    array, _ = stored(values)
    found = array.survey()
    np.testing.assert_array_equal(array.tile(found, (0, 0), (0, 0)).values[:5, 5:10], values[1].transpose(1, 2, 0))


@pytest.mark.parametrize("dtype", ["bool", "complex64", "int64", "float8_e5m2", "uint8"])
def test_arrays_of_other_types_are_real_numbers(dtype: str) -> None:
    if dtype == "float8_e5m2":
        values = RNG.normal(size=(5, 6)).astype(ml_dtypes.float8_e5m2)
        expected = values.astype(np.float32)
    else:
        values = (RNG.normal(size=(5, 6)) * 10).astype(dtype)
        expected = np.abs(values) if dtype == "complex64" else values
    array, _ = stored(values, dtype)
    found = array.survey()
    assert found.statistics.moments.max == expected.max()
    np.testing.assert_array_equal(array.tile(found, (0, 0), (0, 0)).values, expected)


def test_a_scalar_is_a_cell_and_nothing_is_an_error() -> None:
    array, _ = stored(np.array(3.5), shape=())
    assert array.tile(array.survey(), (0, 0), (0, 0)).values.tolist() == [[3.5]]
    with pytest.raises(UsageError, match="no elements"):
        StoredArray(ByteSource(io.BytesIO(b"")), 0, 0, "w", "float32", (0, 4)).survey()
    with pytest.raises(UsageError, match="not known"):
        StoredArray(ByteSource(io.BytesIO(b"")), 0, 0, "w", "float32", ("n", 4))


def test_the_spectrum_of_a_large_matrix_is_refused() -> None:
    array, _ = stored(np.zeros((2049, 2049), np.uint8))
    with pytest.raises(UsageError, match="2,049 x 2,049"):
        array.spectrum()
    kernels = RNG.normal(size=(8, 6, 3, 3))
    found = stored(kernels)[0].spectrum()
    np.testing.assert_allclose(found.values, np.linalg.svd(kernels.reshape(8, 54), compute_uv=False))
