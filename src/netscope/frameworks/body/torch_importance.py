"""Importance of the nodes of a torch network per class, and of its edges, by several methods."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from netscope.analyse.body.network import Network
from netscope.analyse.body.placement import Report
from netscope.errors import UsageError
from netscope.frameworks.body.torch_gains import GainOptions, train_gains
from netscope.frameworks.body.torch_layers import WeightLayer, weight_layers

Method = Literal["gain", "magnitude", "taylor", "activation"]
METHODS: tuple[Method, ...] = ("gain", "magnitude", "taylor", "activation")
_PART = 512  # samples whose gradients are computed at once


class Importance(NamedTuple):
    """Importance as the methods give it; larger is more important."""

    layers: list[WeightLayer]
    nodes: list[Float32[np.ndarray, "node class"]]
    """Of the sources of each layer, then of the outputs."""
    edges: list[Float32[np.ndarray, "source target"]]
    """Of each layer."""

    def network(self) -> Network:
        """Scaled from 0 to 1 in each layer."""
        return Network(tuple(map(_scaled, self.nodes)), tuple(map(_scaled, self.edges)))


def importance(
    model: nn.Module,
    data: torch.Tensor,
    labels: torch.Tensor,
    method: Method,
    options: GainOptions,
    seed: int,
    report: Report,
) -> Importance:
    """Importance of nodes and edges.

    - gain: gains of inserted batch norms, trained per class; edges by magnitude.
    - magnitude: edges by the magnitude of their weights; nodes by the products of these along all paths to a class.
    - taylor: by how much the loss changes to first order without a node, or an edge (Molchanov et al., 2017).
    - activation: nodes by activation times gradient of the output of the class; edges by magnitude times the mean
      magnitude of their source (Sun et al., 2024).

    Args:
        model: The network, in evaluation mode.
        data: Inputs.
        labels: Their classes.
        method: One of the above.
        options: Of the gains.
        seed: Of the batches.
        report: Called from time to time.

    Raises:
        UsageError: The network cannot be shown, or does not return one value per class.
    """
    layers = weight_layers(model, data)
    n_classes = layers[-1].n_targets
    with torch.no_grad():
        output = model(data[:2])
    if not isinstance(output, torch.Tensor) or output.shape[1:] != (n_classes,):
        shape = list(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise UsageError(f"the network returns {shape} for two inputs; expected a value per class, [2, {n_classes}]")
    magnitude = [layer.edges(layer.module.weight) for layer in layers]
    if method == "magnitude":
        return Importance(layers, _along_paths(magnitude), magnitude)
    if method == "gain":
        random = torch.Generator().manual_seed(seed)
        gains = train_gains(model, layers, data, labels, n_classes, options, random, report)
        nodes = [gain.abs().numpy().astype(np.float32) for gain in gains]
        return Importance(layers, [*nodes, np.eye(n_classes, dtype=np.float32)], magnitude)
    nodes, activity, gradients = _by_gradient(model, layers, data, labels, n_classes, method, report)
    nodes.append(np.eye(n_classes, dtype=np.float32))
    if method == "taylor":
        edges = [layer.edges(layer.module.weight * one) for layer, one in zip(layers, gradients, strict=True)]
    else:
        edges = [strength * one[:, None] for strength, one in zip(magnitude, activity, strict=True)]
    return Importance(layers, nodes, edges)


def _along_paths(magnitude: list[np.ndarray]) -> list[np.ndarray]:
    """Products of strengths along all paths to each output, added."""
    nodes = [np.eye(magnitude[-1].shape[1], dtype=np.float32)]
    for strength in reversed(magnitude):
        nodes.append(_scaled(strength @ nodes[-1]))
    return nodes[::-1]


def _by_gradient(
    model: nn.Module,
    layers: list[WeightLayer],
    data: torch.Tensor,
    labels: torch.Tensor,
    n_classes: int,
    method: Method,
    report: Report,
) -> tuple[list[np.ndarray], list[np.ndarray], list[torch.Tensor]]:
    """Per layer: activation times gradient [source, class], mean magnitude [source], mean gradient of the weight."""
    seen: dict[int, torch.Tensor] = {}

    def hook(number: int) -> object:
        def keep(module: nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            seen[number] = given[0] if given[0].requires_grad else given[0].clone().requires_grad_()
            return (seen[number], *given[1:])

        return keep

    hooks = [layer.module.register_forward_pre_hook(hook(i)) for i, layer in enumerate(layers)]
    products = [torch.zeros(layer.n_sources, n_classes) for layer in layers]
    activity = [torch.zeros(layer.n_sources) for layer in layers]
    gradients = [torch.zeros_like(layer.module.weight) for layer in layers]
    weights = [layer.module.weight for layer in layers]
    needed = [one.requires_grad for one in weights]
    try:
        for one in weights:
            one.requires_grad_(True)
        for begin in range(0, len(data), _PART):
            part = slice(begin, begin + _PART)
            output = model(data[part])
            if method == "taylor" and n_classes > 1:
                target = nn.functional.cross_entropy(output, labels[part], reduction="sum")
            else:
                target = output.gather(1, labels[part, None]).sum()
            inputs = [seen[i] for i in range(len(layers))]
            found = torch.autograd.grad(target, [*inputs, *weights])
            for i, layer in enumerate(layers):
                product = layer.by_source((inputs[i] * found[i]).detach())[0]  # [sample and place, source, position]
                terms = product.reshape(len(output), -1, *product.shape[1:]).sum((1, 3))
                products[i].index_add_(1, labels[part], terms.abs().T.contiguous())
                activity[i] += layer.by_source(inputs[i].detach()).abs().mean((1, 3))[0] * len(output)
                gradients[i] += found[len(layers) + i]
            report(min(begin + _PART, len(data)), len(data), "inputs")
    finally:
        for removable in hooks:
            removable.remove()
        for one, was in zip(weights, needed, strict=True):
            one.requires_grad_(was)
    counts = torch.bincount(labels, minlength=n_classes).clamp_min(1)
    return (
        [(one / counts).numpy() for one in products],
        [(one / len(data)).numpy() for one in activity],
        gradients,
    )


def _scaled(values: Float32[np.ndarray, "a b"]) -> Float32[np.ndarray, "a b"]:
    """Divided by the largest value; zeros stay zeros."""
    highest = float(values.max(initial=0))
    return (values / highest if highest > 0 else values).astype(np.float32)
