"""Inputs and labels for estimating importance, checked; and a network in evaluation mode for as long as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from netscope.errors import UsageError


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for every module, then the modes as they were."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        yield
    finally:
        for module, was in modes.items():
            module.training = was


def inputs_of(model: nn.Module, data: Any, labels: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs as the network's type, and labels as integers.

    Raises:
        UsageError: They do not fit each other, or the network.
    """
    samples = torch.as_tensor(data)
    first = next(model.parameters(), None)
    if first is not None and samples.is_floating_point():
        samples = samples.to(first.dtype).to(first.device)
    if samples.ndim < 2 or len(samples) < 2:
        raise UsageError(f"data has shape {list(samples.shape)}; expected at least two inputs, [sample, …]")
    try:
        with torch.no_grad():
            output = model(samples[:2])
    except RuntimeError as error:
        raise UsageError(f"the network fails on data of shape {list(samples.shape)}: {error}") from error
    if not isinstance(output, torch.Tensor) or output.ndim < 2:
        raise UsageError(f"the network returns {type(output).__name__}; expected a tensor [sample, class]")
    n_classes = output.shape[1]
    if labels is None:
        with torch.no_grad():
            return samples, torch.cat([model(part).argmax(1) for part in samples.split(1024)])
    targets = torch.as_tensor(labels)
    if n_classes == 1:  # a regression: its only class
        return samples, torch.zeros(len(samples), dtype=torch.int64)
    if targets.shape != (len(samples),) or targets.is_floating_point() or targets.dtype == torch.bool:
        raise UsageError(
            f"labels are {targets.dtype} {list(targets.shape)}; expected an integer for each of {len(samples)} inputs"
        )
    targets = targets.long()
    if targets.min() < 0 or targets.max() >= n_classes:
        raise UsageError(f"labels are from {targets.min()} to {targets.max()}; the network has {n_classes} outputs")
    return samples, targets
