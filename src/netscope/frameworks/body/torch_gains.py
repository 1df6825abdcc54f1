"""Importance of nodes by the gains of inserted batch norms, after the method of nn_vis.

Before each layer with weights, a batch norm without an offset is inserted. The weights stay fixed; only the gains are
trained to tell one class from the rest: what a class does not need is pulled to zero by an L1 penalty. Differs from
nn_vis in that all classes are trained at once, in one batch with gains of their own, and until the loss no longer falls
instead of for 20 epochs; and the rest of a class does not contain the class itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import torch
from torch import nn

from netscope.analyse.body.placement import Report
from netscope.errors import UsageError
from netscope.frameworks.body.torch_layers import WeightLayer

_EPSILON = 1e-3


class GainOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How gains are trained."""

    centring: bool = False
    """Also train an offset (beta)."""
    initial_gain: float = 1.0
    l1: float = 0.002
    """Penalty of the sum of their magnitudes; 0.01 in nn_vis. Chosen by pruning one network: docs/body.md."""
    l2: float = 0.0
    """Penalty of the sum of their squares."""
    learning_rate: float = 0.02
    batch: int = 64
    """Samples of each class and step, half of them of the class itself."""
    max_steps: int = 200
    patience: int = 25
    """Stop after this many steps without a loss that is 1 % lower."""


def train_gains(
    model: nn.Module,
    layers: list[WeightLayer],
    data: torch.Tensor,
    labels: torch.Tensor,
    n_classes: int,
    options: GainOptions,
    random: torch.Generator,
    report: Report,
) -> list[torch.Tensor]:
    """Gains of the sources of each layer [source, class].

    Args:
        model: The network, in evaluation mode; it is not changed.
        layers: Its layers with weights.
        data: Inputs.
        labels: Class of each input.
        n_classes: Number of classes; with one, the gains are trained to keep the output.
        options: How.
        random: Chooses the batches.
        report: Called after each step.

    Raises:
        UsageError: A class has no inputs.
    """
    classes = [torch.nonzero(labels == c).flatten() for c in range(n_classes)]
    if (empty := [c for c, one in enumerate(classes) if len(one) == 0]) and n_classes > 1:
        raise UsageError(f"class {empty[0]} has no inputs; importance per class needs some of each")
    shapes = [(n_classes, 1, layer.n_sources, 1) for layer in layers]
    gains = [torch.full(shape, float(options.initial_gain), requires_grad=True) for shape in shapes]
    offsets = [torch.zeros(shape, requires_grad=options.centring) for shape in shapes]
    trained = gains + (offsets if options.centring else [])
    optimizer = torch.optim.Adam(trained, lr=options.learning_rate)

    def normalise(layer: WeightLayer, gain: torch.Tensor, offset: torch.Tensor) -> Callable[..., Any]:
        def hook(module: nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            views = layer.by_source(given[0], n_classes)
            variance, mean = torch.var_mean(views, (1, 3), correction=0, keepdim=True)
            views = (views - mean) * (gain * torch.rsqrt(variance + _EPSILON)) + offset
            return (views.reshape(given[0].shape), *given[1:])

        return hook

    with torch.no_grad():
        expected = model(data) if n_classes == 1 else None
    hooks = [
        layer.module.register_forward_pre_hook(normalise(layer, gain, offset))
        for layer, gain, offset in zip(layers, gains, offsets, strict=True)
    ]
    needed = {one: one.requires_grad for one in model.parameters()}
    try:
        model.requires_grad_(False)
        best, best_step, running = float("inf"), 0, 0.0
        for step in range(options.max_steps):
            which, is_class = _batch(classes, len(labels), options.batch, random)
            output = model(data[which.flatten()])
            if expected is None:
                loss = _one_against_rest(output.reshape(n_classes, -1, n_classes), is_class)
            else:
                wanted = expected[which.flatten()]
                loss = (output - wanted).square().mean() / wanted.var().clamp_min(1e-12)
            penalty = sum(options.l1 * one.abs().sum() + options.l2 * one.square().sum() for one in gains)
            total = loss + penalty
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
            running = total.item() if step == 0 else 0.8 * running + 0.2 * total.item()
            if running < 0.99 * best:
                best, best_step = running, step
            report(step + 1, options.max_steps, "steps of training gains")
            if step - best_step >= options.patience:
                break
    finally:
        for hook in hooks:
            hook.remove()
        for parameter, was in needed.items():
            parameter.requires_grad_(was)
    return [gain.detach()[:, 0, :, 0].T for gain in gains]


def _batch(
    classes: list[torch.Tensor], n: int, size: int, random: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers of samples [class, sample], the first half of each row from its class, the others from the rest."""
    if len(classes) == 1:
        return torch.randint(n, (1, size), generator=random), torch.ones(1, size, dtype=torch.bool)
    rows = []
    for c, own in enumerate(classes):
        rest = torch.cat([one for other, one in enumerate(classes) if other != c])
        halves = [part[torch.randint(len(part), (size // 2,), generator=random)] for part in (own, rest)]
        rows.append(torch.cat(halves))
    is_class = torch.arange(size // 2 * 2) < size // 2
    return torch.stack(rows), is_class.expand(len(classes), -1)


def _one_against_rest(output: torch.Tensor, is_class: torch.Tensor) -> torch.Tensor:
    """Cross entropy of each class against the sum of the other outputs, added; `output` is [class, sample, output]."""
    own = torch.diagonal(output, dim1=0, dim2=2).T
    margin = 2 * own - output.sum(2)
    signs = torch.where(is_class, 1.0, -1.0)
    return nn.functional.softplus(-signs * margin).mean(1).sum()
