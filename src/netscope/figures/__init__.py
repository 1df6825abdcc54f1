"""Figures for papers and notebooks, drawn by Matplotlib.

`netscope.figures.graph(model, x)`, `netscope.figures.summary(model, x)` and
`netscope.figures.weights(model, "conv1.weight")` return the figure.
"""

from __future__ import annotations

from netscope.figures.network import graph, summary
from netscope.figures.weight_map import weights

__all__ = ["graph", "summary", "weights"]
