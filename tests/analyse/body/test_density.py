import numpy as np
import pytest

from netscope.analyse.body.density import blur, box_radius, climb, splat

SIDE = 40


def points(n: int, channels: int = 3) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(0)
    x, y = random.uniform(3, SIDE - 4, (2, n)).astype(np.float32)
    return x, y, random.random(n, np.float32), random.integers(channels, size=n).astype(np.uint8)


def test_splatting_keeps_the_mass_and_the_centre_of_each_channel() -> None:
    x, y, mass, channel = points(500)
    grid = np.zeros((3, SIDE, SIDE), np.float32)
    splat(x, y, mass, channel, grid)
    for c in range(3):
        own = channel == c
        total = mass[own].sum()
        assert grid[c].sum() == pytest.approx(total, rel=1e-5)
        assert (grid[c].sum(0) @ np.arange(SIDE)) / total == pytest.approx((x * mass)[own].sum() / total, rel=1e-5)
        assert (grid[c].sum(1) @ np.arange(SIDE)) / total == pytest.approx((y * mass)[own].sum() / total, rel=1e-5)


def box(sigma: float) -> np.ndarray:
    whole, part = box_radius(sigma)
    weights = np.array([part, *[1.0] * (2 * int(whole) + 1), part])
    return weights / weights.sum()


@pytest.mark.parametrize("sigma", [0.4, 0.67, 1.0, 2.3, 6.06])
def test_three_boxes_have_the_standard_deviation_that_was_asked_for(sigma: float) -> None:
    weights = box(sigma)
    at = np.arange(len(weights)) - len(weights) // 2
    assert 3 * (weights @ at**2) == pytest.approx(sigma**2, rel=1e-9)
    assert 0 <= box_radius(sigma)[1] <= 1


@pytest.mark.parametrize("sigma", [0.5, 1.7, 5.2])
def test_blurring_is_the_direct_convolution(sigma: float) -> None:
    grid = np.random.default_rng(1).random((2, SIDE, SIDE), np.float32)
    grid[1] = 0
    expected = grid[0].astype(np.float64)
    for axis in (0, 1):
        for _ in range(3):
            expected = np.apply_along_axis(lambda line: np.convolve(line, box(sigma), "same"), axis, expected)
    blur(grid, sigma)
    np.testing.assert_allclose(grid[0], expected, atol=2e-6)
    assert not grid[1].any()


def test_a_point_climbs_by_the_mean_shift_of_its_own_channel() -> None:
    heap_x, heap_y = np.float32([20.5]), np.float32([20.5])
    grid = np.zeros((2, SIDE, SIDE), np.float32)
    splat(heap_x, heap_y, np.float32([1]), np.uint8([1]), grid)
    blur(grid, 4.0)
    x, y = np.float32([18.0, 18.0]), np.float32([20.5, 20.5])
    climb(x, y, np.uint8([1, 0]), grid, 4.0, np.float32(10), np.float32(2), np.float32(SIDE - 3))
    assert x[0] == pytest.approx(20.5, abs=1.0)  # a Gaussian would lead to the heap at once; boxes are flatter
    assert y[0] == pytest.approx(20.5, abs=1e-3)
    assert (x[1], y[1]) == (18, 20.5)  # nothing in its channel


def test_a_step_is_at_most_the_reach_and_stays_inside() -> None:
    x, y, mass, channel = points(300)
    grid = np.zeros((3, SIDE, SIDE), np.float32)
    splat(x, y, mass, channel, grid)
    blur(grid, 3.0)
    to_x, to_y = x.copy(), y.copy()
    climb(to_x, to_y, channel, grid, 3.0, np.float32(0.5), np.float32(5), np.float32(30))
    inside = (x > 5.5) & (x < 29.5) & (y > 5.5) & (y < 29.5)
    assert np.hypot(to_x - x, to_y - y)[inside].max() <= 0.5 + 1e-5
    assert min(to_x.min(), to_y.min()) >= 5
    assert max(to_x.max(), to_y.max()) <= 30
