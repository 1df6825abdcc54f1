"""The layers with weights of a torch network, one after the other, and their nodes.

The nodes of a linear layer are its features, those of a convolution its channels. A linear layer after flattened
channels has these channels as sources.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from netscope.errors import UsageError
from netscope.frameworks.torch_modules import unwrap

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class WeightLayer(NamedTuple):
    """A linear layer or convolution."""

    name: str
    module: Any
    n_sources: int
    n_targets: int

    def by_source(self, given: torch.Tensor, n_groups: int = 1) -> torch.Tensor:
        """A view of its input as [group, sample, source, position], for samples that lie group by group."""
        positions = 1
        if isinstance(self.module, nn.Linear):
            positions = self.module.in_features // self.n_sources
            return given.reshape(n_groups, -1, self.n_sources, positions)
        return given.reshape(n_groups, given.shape[0] // n_groups, self.n_sources, -1)

    def edges(self, weight: torch.Tensor) -> Float32[np.ndarray, "source target"]:
        """The length of the part of a weight that belongs to each edge."""
        squares = weight.detach().float().square()
        if isinstance(self.module, nn.Linear):
            found = squares.reshape(self.n_targets, self.n_sources, -1).sum(2)
        else:
            kernels = squares.flatten(2).sum(2)  # [target, source of its group]
            groups = self.module.groups
            found = torch.block_diag(*kernels.chunk(groups)) if groups > 1 else kernels
        return np.ascontiguousarray(found.sqrt().T.cpu().numpy())

    def spread(self, edges: Float32[np.ndarray, "source target"]) -> torch.Tensor:
        """The inverse of `edges`: a value for each element of the weight, that of its edge."""
        weight = self.module.weight
        values = torch.from_numpy(np.ascontiguousarray(edges.T)).to(weight.device)
        if isinstance(self.module, nn.Linear):
            return values.repeat_interleave(self.module.in_features // self.n_sources, 1)
        groups = self.module.groups
        if groups > 1:
            rows = values.chunk(groups, 0)
            values = torch.cat([row.chunk(groups, 1)[i] for i, row in enumerate(rows)])
        return values.reshape(*values.shape, *(1,) * (weight.ndim - 2)).expand_as(weight)


def weight_layers(model: nn.Module, data: torch.Tensor) -> list[WeightLayer]:
    """The linear layers and convolutions of a network, in the order in which it calls them.

    Raises:
        UsageError: There is none, one is called twice, or one does not take what the one before made: a network with
            branches, whose sizes do not fit.
    """
    called: list[tuple[str, Any]] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, given, name=name: called.append((name, module)))
        for name, module in unwrap(model).named_modules()
        if isinstance(module, (nn.Linear, *CONVOLUTIONS))
    ]
    try:
        with torch.no_grad():
            model(data[:2])
    finally:
        for hook in hooks:
            hook.remove()
    if not called:
        raise UsageError(f"{type(model).__name__} calls no linear layer or convolution; a body is made of these")
    found: list[WeightLayer] = []
    for name, module in called:
        if any(module is one.module for one in found):
            raise UsageError(f"layer {name!r} is called twice; a body shows layers that follow each other")
        is_linear = isinstance(module, nn.Linear)
        n_inputs = module.in_features if is_linear else module.in_channels
        n_sources = found[-1].n_targets if found else n_inputs
        if n_inputs % n_sources or (not is_linear and n_inputs != n_sources):
            raise UsageError(
                f"layer {name!r} has {n_inputs} inputs, which are not the {n_sources} outputs of {found[-1].name!r}; a "
                "body shows layers that follow each other, without branches"
            )
        found.append(WeightLayer(name, module, n_sources, module.out_features if is_linear else module.out_channels))
    return found
