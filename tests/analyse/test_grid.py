"""Histograms with different edges, converted to common edges."""

from __future__ import annotations

import sys
from fractions import Fraction
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given

from netscope.analyse.grid import KEPT_BINS, MOST_BINS, common
from netscope.record.media.histogram import Histogram

ANY = st.floats(allow_nan=True, allow_infinity=True)
PLACES = st.one_of(st.floats(-1e6, 1e6), st.floats(allow_nan=False, allow_infinity=False), st.integers(-3, 3))
COUNTS = st.one_of(st.floats(0, 1e6), st.integers(0, 3), st.floats(0, 1e300))


@st.composite
def histograms(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """As `run.histogram` takes them, and bins of no width."""
    edges = sorted(float(edge) for edge in draw(st.lists(PLACES, min_size=2, max_size=12)))
    counts = draw(st.lists(COUNTS, min_size=len(edges) - 1, max_size=len(edges) - 1))
    return np.array(edges, np.float64), np.array(counts, np.float64)


def slowly(edges: np.ndarray, counts: np.ndarray, grid: np.ndarray) -> list[float]:
    """Bin by bin and cell by cell, in exact fractions."""
    cells = [(Fraction(low), Fraction(high)) for low, high in pairwise(grid)]
    out = [Fraction(0)] * len(cells)
    for low, high, count in zip(map(Fraction, edges[:-1]), map(Fraction, edges[1:]), counts, strict=True):
        mass = Fraction(min(count, 2.0**100) if count >= 2.0**-126 else 0.0)
        if not mass:
            continue
        if high - low <= Fraction(2.0**-900):
            out[max(i for i, (start, _) in enumerate(cells) if start <= low)] += mass
            continue
        for i, (start, stop) in enumerate(cells):
            out[i] += mass * max(min(high, stop) - max(low, start), Fraction(0)) / (high - low)
    return [float(cell) for cell in out]


NARROW_AND_WIDE = [(np.array([0.0, 1.0]), np.array([1.0])), (np.array([0.0, 1e300]), np.array([1e-20]))]
SUBNORMAL = [(np.array([0.0, 2.0, 3.0]), np.array([1e-293, 5e-324])), (np.array([0.0, 7.0]), np.array([1e-293]))]


@example(NARROW_AND_WIDE)
@example(SUBNORMAL)
@given(st.lists(histograms(), min_size=1, max_size=4))
def test_counts_are_distributed_by_overlap_like_a_slow_loop(logged: list[tuple[np.ndarray, np.ndarray]]) -> None:
    edges, counts = common([edges for edges, _ in logged], [counts for _, counts in logged])
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
    for row, (old, some) in zip(counts, logged, strict=True):
        total = np.where(some >= 2.0**-126, some, 0.0).clip(0, 2.0**100).sum()
        np.testing.assert_allclose(row, slowly(old, some, edges), rtol=1e-9, atol=total * 1e-9)
        np.testing.assert_allclose(row.sum(), total, rtol=1e-12)


@given(st.lists(st.tuples(st.lists(ANY, min_size=1, max_size=8), st.data()), min_size=1, max_size=3))
def test_malformed_histograms_are_tolerated(logged: list[tuple[list[float], st.DataObject]]) -> None:
    edges = [np.array(one) for one, _ in logged]
    counts = [np.array(data.draw(st.lists(ANY, min_size=len(one) - 1, max_size=len(one) - 1))) for one, data in logged]
    shared, spread = common(edges, [one.astype(np.float64) for one in counts])
    assert spread.shape == (len(logged), max(len(shared) - 1, 0))
    assert np.isfinite(shared).all()
    assert (np.diff(shared) > 0).all()
    assert np.isfinite(spread.astype(np.float32)).all()
    assert (spread >= 0).all()


def test_equal_edges_are_kept_however_uneven() -> None:
    ages, counts = np.array([0.0, 18.0, 99.0]), [np.array([3.0, 5.0]), np.array([0.0, 1.0])]
    edges, kept = common([ages, ages.copy()], counts)
    assert edges.tolist() == [0, 18, 99]
    assert kept.tolist() == [[3, 5], [0, 1]]


def test_too_many_bins_are_merged_even_with_equal_edges() -> None:
    fine = np.linspace(0, 1, KEPT_BINS + 2)
    edges, counts = common([fine], [np.ones(KEPT_BINS + 1)])
    assert len(edges) == MOST_BINS + 1
    np.testing.assert_allclose(counts, (KEPT_BINS + 1) / MOST_BINS)


def test_the_grid_spans_exactly_the_counted_values() -> None:
    edges, counts = common(
        [np.array([-100.0, 0.0, 1.0, 50.0]), np.array([0.5, 2.0])], [np.array([0.0, 4.0, 0.0]), np.array([3.0])]
    )
    assert (edges[0], edges[-1], len(edges)) == (0, 2, MOST_BINS + 1)
    assert counts.sum(axis=1) == pytest.approx([4, 3])
    assert not counts[0, MOST_BINS // 2 :].any(), "a bin that holds nothing holds exactly nothing"


@pytest.mark.parametrize("value", [0.0, 3.0, -1e-300, sys.float_info.max, 5e-324])
def test_bins_without_width_are_counted(value: float) -> None:
    edges, counts = common([np.array([value, value])], [np.array([7.0])])
    assert len(edges) >= 2
    assert counts.sum() == 7


def test_empty_histograms_still_have_edges() -> None:
    edges, counts = common([np.array([0.0, 1.0]), np.array([0.0, 2.0])], [np.zeros(1), np.zeros(1)])
    assert (edges[0], edges[-1]) == (0, 2)
    assert not counts.any()


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0] * 5, [-1e308, 1e308], [1e-320, 2e-320], [3, 4, 4]])
def test_any_two_recorded_histograms_share_a_grid(values: list[float]) -> None:
    one, other = Histogram(values), Histogram([0.5, 0.25], bins=7)
    _, counts = common([one.edges, other.edges], [one.counts, other.counts])
    assert counts.sum(axis=1) == pytest.approx([one.counts.sum(), 2])


def test_without_histograms_there_are_no_edges() -> None:
    edges, counts = common([], [])
    assert (edges.shape, counts.shape) == ((0,), (0, 0))
