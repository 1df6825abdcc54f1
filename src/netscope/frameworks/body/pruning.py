"""What is left of a network without its least important edges: accuracy against the share that is pruned.

The protocol is that of nn_vis, with test accuracy: scores are compared over all layers, each scaled to its largest one;
weights of edges with the lowest scores are zero, biases stay, and nothing is trained again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from netscope.analyse.body.placement import Report
from netscope.frameworks.body.torch_gains import GainOptions
from netscope.frameworks.body.torch_importance import Importance, importance

SCORES = ("gain x weight", "gain", "magnitude", "gain x activation", "taylor", "activation", "random")
"""Ways to score edges; "activation" is weight times mean activation. A gain is the largest one over the classes, so
that what a single class needs stays; nn_vis takes the mean."""
FRACTIONS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.95, 0.97, 0.99, 1.0)


class PruneCurve(NamedTuple):
    """Accuracy of one network, pruned by each score."""

    fractions: Float[np.ndarray, " fraction"]
    accuracy: dict[str, Float[np.ndarray, " fraction"]]
    """Share of the test inputs that are classified correctly."""
    class_accuracy: dict[str, Float[np.ndarray, "fraction class"]]
    """The same among the inputs of each class."""


def edge_scores(found: dict[str, Importance], seed: int) -> dict[str, list[np.ndarray]]:
    """Scores of the edges of each layer, each layer scaled to its largest.

    Args:
        found: Importance by the methods gain, taylor and activation.
        seed: Of the random scores.
    """
    random = np.random.default_rng(seed)
    gain = found["gain"].network()
    sources = [nodes.max(1)[:, None] for nodes in gain.importance[:-1]]
    activation = list(found["activation"].network().strength)
    return {
        "gain x weight": [node * edge for node, edge in zip(sources, gain.strength, strict=True)],
        "gain": [np.broadcast_to(node, edge.shape) for node, edge in zip(sources, gain.strength, strict=True)],
        "magnitude": list(gain.strength),
        "gain x activation": [node * edge for node, edge in zip(sources, activation, strict=True)],
        "taylor": list(found["taylor"].network().strength),
        "activation": activation,
        "random": [random.random(edge.shape, np.float32) for edge in gain.strength],
    }


def prune_curve(
    model: nn.Module,
    data: torch.Tensor,
    labels: torch.Tensor,
    test_data: torch.Tensor,
    test_labels: torch.Tensor,
    fractions: Sequence[float] = FRACTIONS,
    *,
    seed: int = 0,
    report: Report = lambda done, total, unit: None,
) -> PruneCurve:
    """Prune a network by each score and measure it on inputs that no score has seen.

    Args:
        model: The network, in evaluation mode; its weights are the same afterwards.
        data: Inputs to estimate importance on.
        labels: Their classes.
        test_data: Other inputs.
        test_labels: Their classes.
        fractions: Shares of edges to prune, 0 to 1.
        seed: Of the gains and of the random scores.
        report: Called from time to time.
    """
    options = GainOptions()
    found = {
        method: importance(model, data, labels, method, options, seed, report)
        for method in ("gain", "taylor", "activation")
    }
    curves = {
        name: _accuracies(model, found["gain"], scores, test_data, test_labels, fractions)
        for name, scores in edge_scores(found, seed).items()
    }
    counts = np.bincount(test_labels.numpy(), minlength=len(found["gain"].nodes[-1]))
    return PruneCurve(
        np.array(fractions, float),
        {name: correct.sum(1) / counts.sum() for name, correct in curves.items()},
        {name: correct / np.maximum(counts, 1) for name, correct in curves.items()},
    )


def _accuracies(
    model: nn.Module,
    found: Importance,
    scores: list[np.ndarray],
    data: torch.Tensor,
    labels: torch.Tensor,
    fractions: Sequence[float],
) -> np.ndarray:
    """Correct answers [fraction, class]."""
    ranks = np.argsort(np.argsort(np.concatenate([one.ravel() for one in scores]), kind="stable"))
    ends = np.cumsum([one.size for one in scores])[:-1]
    by_layer = [part.reshape(one.shape) for part, one in zip(np.split(ranks, ends), scores, strict=True)]
    before = [layer.module.weight.detach().clone() for layer in found.layers]
    n_classes = len(found.nodes[-1])
    rows = []
    try:
        with torch.no_grad():
            for fraction in fractions:
                n_pruned = round(len(ranks) * fraction)
                for layer, weight, rank in zip(found.layers, before, by_layer, strict=True):
                    layer.module.weight.copy_(weight * layer.spread((rank >= n_pruned).astype(np.float32)))
                said = torch.cat([model(part).argmax(1) for part in data.split(1024)])
                right = labels[said == labels]
                rows.append(np.bincount(right.numpy(), minlength=n_classes))
    finally:
        with torch.no_grad():
            for layer, weight in zip(found.layers, before, strict=True):
                layer.module.weight.copy_(weight)
    return np.stack(rows)
