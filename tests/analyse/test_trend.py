"""Trends of curves whose shape is known."""

from __future__ import annotations

import numpy as np
import pytest

from netscope.analyse.trend import overfits_from, trend

STEPS = np.arange(1000)
NOISE = np.random.default_rng(0).normal(0, 0.02, 1000)
FALLING = 2.3 * np.exp(-STEPS / 400)


def test_a_falling_noisy_loss_improves():
    found = trend(FALLING + NOISE, "min")
    assert found.kind == "improving"
    assert found.before == pytest.approx(2.2, abs=0.1)
    assert found.last == pytest.approx(0.2, abs=0.03)


def test_for_an_accuracy_higher_is_better():
    assert trend(1 - FALLING / 3 + NOISE, "max").kind == "improving"
    assert trend(1 - FALLING / 3 + NOISE, "min").kind == "worse"


def test_a_loss_that_falls_ever_more_slowly_still_improves():
    assert trend(0.96 ** np.arange(200.0), "min").kind == "improving"
    assert trend(1 / (1 + np.arange(20.0)), "min").kind == "improving"


def test_a_loss_that_settles_has_stalled_since_then():
    found = trend(np.maximum(2.3 - STEPS * 0.006, 0.5) + NOISE, "min")  # reaches 0.5 at step 300
    assert (found.kind, found.at) == ("stalled", pytest.approx(300, abs=1000 / 24))


@pytest.mark.parametrize("times", [5, 12, 1000])
def test_a_rising_loss_is_reported_with_step_and_both_levels(times):
    loss = FALLING + NOISE / 10
    loss[700:] = loss[690:700].mean() * times
    found = trend(loss, "min")
    assert (found.kind, found.at) == ("worse", pytest.approx(700, abs=1000 / 24))
    assert found.last / found.before == pytest.approx(times, rel=0.1)


def test_an_accuracy_that_collapses_got_worse():
    accuracy = 1 - FALLING / 3 + NOISE
    accuracy[800:] = 0.1
    found = trend(accuracy, "max")
    assert (found.kind, found.last) == ("worse", pytest.approx(0.1))


def test_a_temporary_spike_is_not_a_rise():
    loss = FALLING + NOISE
    loss[500:503] = 50
    assert trend(loss, "min").kind == "improving"


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_is_flat(seed):
    noise = np.random.default_rng(seed).normal(2.3, 0.05, 1000)
    assert trend(noise, "min").kind == trend(noise, "max").kind == "flat"


def test_twelve_random_values_are_flat_but_twelve_on_a_slope_are_not():
    chance = np.array([0.11, 0.107, 0.1, 0.1, 0.11, 0.113, 0.11, 0.09, 0.1, 0.113, 0.11, 0.1133])
    assert trend(chance, "max").kind == "flat"
    assert trend(np.linspace(0.09, 0.1133, 12), "max").kind == "improving"


def test_a_slow_slope_below_the_noise_of_single_values_still_improves():
    assert trend(2.3 - STEPS * 1e-4 + NOISE, "min").kind == "improving"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nonfinite_values_are_reported_from_the_first_one(bad):
    loss = FALLING.copy()
    loss[100] = bad  # passes
    assert trend(loss, "min").kind == "improving"
    loss[640:] = bad
    found = trend(loss, "min")
    assert (found.kind, found.at, found.before) == ("not_finite", 640, FALLING[639])


def test_twelve_epochs_without_a_better_validation_have_stalled_since_the_best():
    val = np.array([0.5, 0.3, 0.2, 0.15, 0.12, 0.1, *[0.101, 0.102, 0.104] * 4])
    found = trend(val, "min")
    assert (found.kind, found.at, found.before) == ("stalled", 5, 0.1)


def test_fewer_than_three_values_have_no_trend():
    assert trend(np.array([1.0, 2.0]), "min").kind == trend(np.zeros(0), "min").kind == "short"


PLACES = np.arange(20) * 50.0
VALIDATION = np.concatenate([np.linspace(2, 0.5, 8), np.linspace(0.52, 0.9, 12)])


def test_overfitting_begins_where_validation_was_best():
    assert overfits_from(FALLING + NOISE, VALIDATION, PLACES, "min") == 7
    assert overfits_from(1 - FALLING, 1 - VALIDATION, PLACES, "max") == 7


def test_when_both_get_worse_it_is_not_overfitting():
    train = np.concatenate([FALLING[:400], FALLING[399] + STEPS[:600] / 500])
    assert overfits_from(train, VALIDATION, PLACES, "min") is None


def test_a_noisy_validation_does_not_overfit():
    val = FALLING[::50] + np.random.default_rng(1).normal(0, 0.01, 20)
    assert overfits_from(FALLING + NOISE, val, PLACES, "min") is None
