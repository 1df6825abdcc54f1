"""Pruning by importance keeps what the network knows, and leaves the network as it was."""

import numpy as np
import pytest
import torch
from torch import nn

from netscope.frameworks.body.pruning import SCORES, PruneCurve, prune_curve

N_INPUTS, N_CLASSES = 24, 3


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Sequential, torch.Tensor, torch.Tensor]:
    """Class c has large values in inputs 4c to 4c + 3; the second half of the inputs says nothing."""
    torch.manual_seed(0)
    labels = torch.arange(600) % N_CLASSES
    data = torch.rand(600, N_INPUTS)
    for c in range(N_CLASSES):
        data[labels == c, 4 * c : 4 * c + 4] += 0.7
    model = nn.Sequential(nn.Linear(N_INPUTS, 16), nn.ReLU(), nn.Linear(16, N_CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data[:400]), labels[:400]).backward()
        optimizer.step()
    return model.eval(), data, labels


@pytest.fixture(scope="module")
def curve(trained: tuple[nn.Sequential, torch.Tensor, torch.Tensor]) -> PruneCurve:
    model, data, labels = trained
    before = [one.clone() for one in model.parameters()]
    found = prune_curve(model, data[:400], labels[:400], data[400:], labels[400:], (0.0, 0.7, 1.0), seed=1)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    return found


def test_every_score_begins_at_the_accuracy_of_the_network_and_ends_at_chance(curve: PruneCurve) -> None:
    assert tuple(curve.accuracy) == SCORES
    for accuracy in curve.accuracy.values():
        assert accuracy[0] == curve.accuracy["random"][0] > 0.95
        assert accuracy[-1] == pytest.approx(1 / 3, abs=0.02)


def test_scores_of_edges_are_better_than_random(curve: PruneCurve) -> None:
    # Activations and gains alone empty a layer of a network as small as this one; on digits, docs/body.md has them all.
    for name in ("magnitude", "taylor", "gain x weight"):
        assert curve.accuracy[name][1] > curve.accuracy["random"][1] + 0.1, name


def test_the_accuracy_is_the_mean_of_that_of_equally_frequent_classes(curve: PruneCurve) -> None:
    for name, of_class in curve.class_accuracy.items():
        counts = np.array([66, 67, 67])
        np.testing.assert_allclose(of_class @ counts / 200, curve.accuracy[name], atol=0.006)
