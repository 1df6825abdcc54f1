"""Figures for papers and notebooks, drawn by Matplotlib: `netscope.figures.weights(model, "conv1.weight")`."""

from __future__ import annotations

from netscope.figures.weight_map import weights

__all__ = ["weights"]
