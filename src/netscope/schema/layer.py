"""Watched layers and their tensors."""

from __future__ import annotations

from typing import Literal

from netscope.schema.noun import Noun

Quantity = Literal["value", "gradient", "update", "activation"]
"""What of a tensor was watched: itself, its gradient, its change by the optimiser, or a layer's output."""
Stat = Literal["norm", "mean", "std", "ratio", "zeros", "saturated", "dead", "min", "max", "nonfinite"]
"""In the order in which they are shown. `ratio`: norm of the update over the norm of the value; `zeros`: share of exact
zeros; `saturated`: share of outputs in the flat part of their activation; `dead`: share of an activation's units
(channels) that no sample of the batch switched on; `nonfinite`: count of NaN and infinities."""


class Layer(Noun):
    """A module that is watched, in forward order."""

    layer: str
    """Dotted path in the model: "features.0"."""
    type: str
    """Class of the module: "Conv2d"."""
    parameters: dict[str, list[int]]
    """Shape per parameter name."""


class LayerChange(Noun):
    """What became of a layer while it was watched."""

    layer: str
    change: Literal["added", "removed", "replaced", "parameters", "frozen", "unfrozen"]
    """`parameters`: the layer has others than before (assigned, pruned, parametrised, of another type)."""
    detail: str = ""
    """For instance "Linear 10×8 → Linear 3×8", or the names of the parameters if not all are meant."""
    step: int = 0
    """The first step measured after it."""


class LayerTable(Noun):
    """What `watch` saw of a run."""

    layers: list[Layer]
    """Those that were watched at any time, in forward order."""
    changes: list[LayerChange]
    """In the order in which they were noticed."""
    tensors: list[LayerTensor]
    steps: list[int]
    """Steps at which anything was watched, ascending; at most 2,000, evenly chosen."""
    sampled_above: int | None = None
    """Histograms of activations with more values count a sample; on a CPU mean, std and norm are of it, too."""


class LayerScale(Noun):
    """The range of one statistic over all its tensors and steps: what a colour scale needs."""

    least: float | None
    """Smallest finite value; None if there is none, and so below."""
    most: float | None
    """Largest finite value."""
    low: float | None
    """2 % of the finite values are below."""
    high: float | None
    """2 % of the finite values are above."""
    small: float | None
    """2 % of the magnitudes that are not 0 are below; None if all are 0."""


class LayerTensor(Noun):
    """One watched tensor and what there is of it."""

    layer: str
    tensor: str
    """Parameter name ("weight"), "output", or a batch-norm buffer ("running_mean")."""
    quantity: Quantity
    stats: list[Stat]
    histogram: bool
