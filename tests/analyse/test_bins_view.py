"""Converting fixed bins into bins for display."""

from __future__ import annotations

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from netscope.analyse.bins import N_BINS
from netscope.analyse.bins_view import magnitudes, merge_bins


def fixed_bins(values: np.ndarray) -> np.ndarray:
    """FORMAT.md in one line."""
    return np.bincount(values.astype(np.float32).view(np.uint32) >> 21, minlength=N_BINS)[None]


FLOATS = arrays.arrays(np.float32, st.integers(1, 80), elements=st.floats(width=32))


@given(FLOATS, st.integers(3, 200))
def test_every_value_is_counted_once(values: np.ndarray, most: int) -> None:
    seen = merge_bins(fixed_bins(values), most)
    assert seen.counts.sum() + seen.zeros.sum() + seen.nonfinite.sum() == len(values)
    assert seen.nonfinite.sum() == (~np.isfinite(values)).sum()


@given(FLOATS, st.integers(3, 200))
def test_edges_ascend_are_finite_and_few(values: np.ndarray, most: int) -> None:
    edges = merge_bins(fixed_bins(values), most).edges
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= most + 1


@given(FLOATS, st.integers(3, 200))
def test_counts_agree_with_a_histogram_of_the_values(values: np.ndarray, most: int) -> None:
    seen = merge_bins(fixed_bins(values), most)
    # A bin of the format belongs to its edge nearer to zero; `histogram` gives every edge to the bin above it.
    inside = values[np.isfinite(values) & (np.abs(values) >= 2.0**-128)]
    magnitude = np.abs(inside).astype(np.float64) * (1 + 2.0**-30)
    expected = np.histogram(np.sign(inside) * magnitude, seen.edges)[0] if len(seen.edges) else []
    assert seen.counts.sum(axis=0).tolist() == list(expected)


def test_steps_share_their_edges() -> None:
    counts = np.concatenate([fixed_bins(np.array([0.5, 1.0])), fixed_bins(np.array([-8.0]))])
    seen = merge_bins(counts)
    assert seen.counts.shape == (2, len(seen.edges) - 1)
    assert seen.counts.sum(axis=1).tolist() == [2, 1]


def test_tiny_values_are_merged_into_zero() -> None:
    values = np.random.default_rng(0).normal(scale=1e-3, size=10_000).astype(np.float32)
    seen = merge_bins(fixed_bins(values))
    middle = seen.counts[0, np.searchsorted(seen.edges, 0) - 1]
    assert 0 < middle < 0.01 * len(values)
    assert len(seen.edges) > 40


def test_only_zeros_and_nan_leave_no_bins() -> None:
    seen = merge_bins(fixed_bins(np.array([0.0, -0.0, np.nan])))
    assert (len(seen.edges), seen.zeros.tolist(), seen.nonfinite.tolist()) == (0, [2], [1])


def test_there_are_four_bins_per_octave() -> None:
    size = magnitudes()
    assert len(size) == 1021
    np.testing.assert_allclose(size[8:] / size[4:-4], 2)


def test_a_few_outliers_do_not_widen_the_other_bins() -> None:
    values = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    strays = np.append(values, np.float32([1e30, -1e30]))
    alone, beside = merge_bins(fixed_bins(values)), merge_bins(fixed_bins(strays))
    assert beside.edges[[0, -1]].tolist() == pytest.approx([-1e30, 1e30], rel=0.3)
    inner = beside.edges[1:-1]
    assert set(inner) <= set(alone.edges)
    assert np.quantile(np.abs(values), 0.999) <= inner[-1]
    assert beside.counts.sum() == len(strays)
    assert [beside.counts[0, 0], beside.counts[0, -1]] <= [60, 60]
