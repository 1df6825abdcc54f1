"""How large a body may be: what a machine can lay out and a file can hold."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from netscope.errors import UsageError

MOST_EDGES = 40_000_000
"""In a network, before pruning."""
MOST_SAMPLES = 200_000_000
"""Of all edges of a scene; 0.8 GB."""
MOST_IMPORTANCES = 50_000_000
"""Nodes times classes."""
MOST_LAYERS = 1000


def check_size(sizes: Sequence[int], n_classes: int) -> None:
    """Reject a network that is too large.

    Raises:
        UsageError: It has too many layers, edges, nodes or classes.
    """
    if len(sizes) > MOST_LAYERS:
        raise UsageError(f"a network of {len(sizes):,} layers; a body has at most {MOST_LAYERS:,}")
    edges = [(a * b, a, b) for a, b in pairwise(sizes)]
    if sum(n for n, _, _ in edges) > MOST_EDGES:
        n, a, b = max(edges)
        raise UsageError(
            f"a network of {sum(n for n, _, _ in edges):,} edges, {n:,} of them between layers of {a:,} and {b:,} "
            f"nodes; a body has at most {MOST_EDGES:,}"
        )
    if sum(sizes) * n_classes > MOST_IMPORTANCES:
        raise UsageError(
            f"{sum(sizes):,} nodes of {n_classes:,} classes; a body has at most {MOST_IMPORTANCES:,} "
            "importances, one per node and class"
        )
