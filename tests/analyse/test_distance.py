"""How far two arrays are apart, against NumPy on the whole arrays."""

import math

import numpy as np
import pytest

from netscope.analyse.distance import DistanceBuilder, distance


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
@pytest.mark.parametrize("pieces", [1, 7])
def test_blocks_give_the_distance_of_the_whole(scale: float, pieces: int) -> None:
    random = np.random.default_rng(1)
    a = random.standard_normal(1000)
    a[300:] *= 1e-5  # blocks of another size
    b = a + 0.01 * random.standard_normal(1000)
    builder = DistanceBuilder()
    for part, other in zip(np.array_split(a * scale, pieces), np.array_split(b * scale, pieces), strict=True):
        builder.add(part, other)
    found = builder.result()
    assert found.relative == pytest.approx(np.linalg.norm(b - a) / np.linalg.norm(a), rel=1e-12)
    assert found.largest == pytest.approx(np.abs(b - a).max() * scale, rel=1e-9)
    assert found.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-12)
    assert (found.differing, found.nonfinite, found.n) == (1000, 0, 1000)


def test_equal_arrays_have_no_distance() -> None:
    a = np.array([1, np.nan, np.inf, -np.inf, 0], np.float32)
    found = distance(a, a.copy())
    assert (found.relative, found.largest, found.cosine, found.differing) == (0, 0, 1, 0)


def test_pairs_that_are_not_finite_are_counted_and_left_out() -> None:
    found = distance(np.array([3.0, 4.0, np.nan, np.inf]), np.array([3.0, 4.0, 1.0, -np.inf]))
    assert (found.relative, found.differing, found.nonfinite) == (0, 2, 2)


def test_a_change_from_zeros_is_infinite_and_has_no_angle() -> None:
    found = distance(np.zeros(3), np.array([0.0, 0.0, 2.0]))
    assert math.isinf(found.relative) and math.isnan(found.cosine) and found.largest == 2


def test_integers_and_narrow_floats_do_not_wrap_around() -> None:
    assert distance(np.array([-128], np.int8), np.array([127], np.int8)).largest == 255
    assert distance(np.array([60000], np.float16), np.array([-60000], np.float16)).largest == 119_936 + 64


def test_nothing_finite_has_no_distance() -> None:
    found = distance(np.array([np.nan]), np.array([1.0]))
    assert math.isnan(found.relative) and found.differing == 1
