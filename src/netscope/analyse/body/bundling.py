"""Bundle the edges of a layered network, by kernel density estimation in slices of equal depth.

Every edge has a sample at the same depths between its two layers, and samples move only within their slice: towards the
mean of nearby samples of the same class, with a bandwidth that shrinks. Edges are smoothed after each step.

After KDEEB (Hurter, Ersoy and Telea, 2012), with three differences: slices instead of one plane; a grid per class, so
that classes have bundles of their own; steps of the mean shift instead of a whole bandwidth, so that no edge swirls.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, UInt16

from netscope.analyse.body.edge_steps import BLOCK, smooth, step_slice
from netscope.analyse.body.layouts import Positions
from netscope.analyse.body.network import Edges
from netscope.analyse.body.placement import CELLS, HIGH, LOW, SIDE, Report, bandwidths
from netscope.analyse.body.threads import run_all

Bundling = Literal["class", "all", "none"]
FINEST = 0.025
"""The bandwidth at which bundling ends, in layer widths."""
LEVELS = 65535
_SMOOTHED = 64 * BLOCK  # edges a task


def bundle(
    edges: Edges,
    nodes: Positions,
    pool: ThreadPoolExecutor,
    *,
    bundling: Bundling = "class",
    sampling_rate: int = 16,
    bandwidth: float = 0.2,
    edge_bandwidth_reduction: float = 0.9,
    mix: float = 0.0,
    smoothing_iterations: int = 3,
    report: Report = lambda done, total, unit: None,
) -> UInt16[np.ndarray, "edge sample 2"]:
    """Paths of edges from node to node, x and y from 0 to 65,535.

    Args:
        edges: In any order; it changes no path beyond rounding.
        nodes: Positions of all nodes, from 0 to 1.
        pool: Runs the steps; how many threads it has changes nothing.
        bundling: "class": edges of one class attract each other; "all": all of them do; "none": straight lines.
        sampling_rate: Segments per edge; an edge has a sample more.
        bandwidth: Of the first step, in layer widths.
        edge_bandwidth_reduction: Factor of the bandwidth from step to step.
        mix: How much edges of other classes attract, 0 to 1.
        smoothing_iterations: Passes of smoothing after each step.
        report: Called after each step.
    """
    pairs = [_Pair(edges, nodes, np.flatnonzero(edges.pair == i), sampling_rate) for i in np.unique(edges.pair)]
    widths = bandwidths(bandwidth, edge_bandwidth_reduction, FINEST) if bundling != "none" else []
    for number, width in enumerate(widths):
        run_all(pool, [task for pair in pairs for task in pair.steps(width * CELLS, bundling, mix)])
        run_all(pool, [task for pair in pairs for task in pair.smoothing(smoothing_iterations)])
        report(number + 1, len(widths), "steps of edge bundling")
    found = np.empty((len(edges.source), sampling_rate + 1, 2), np.uint16)
    for pair in pairs:
        pair.write(found)
    return found


class _Pair:
    """The edges between two layers, on their way."""

    def __init__(self, edges: Edges, nodes: Positions, which: np.ndarray, segments: int) -> None:
        self.which = which
        self.depths = np.linspace(0, 1, segments + 1, dtype=np.float32)
        ends = [nodes[edges.source[which]], nodes[edges.target[which]]]
        start, end = (np.clip(LOW + CELLS * one.T, LOW, HIGH).astype(np.float32) for one in ends)
        at = self.depths[:, None]
        self.x: Float32[np.ndarray, "sample edge"] = start[0] * (1 - at) + end[0] * at
        self.y: Float32[np.ndarray, "sample edge"] = start[1] * (1 - at) + end[1] * at
        self.start, self.end, self.channel = edges.start[which], edges.end[which], edges.channel[which]

    def steps(self, width: float, bundling: Bundling, mix: float) -> list[tuple[Any, tuple[Any, ...]]]:
        """A task for every slice but the first and the last."""
        channel = self.channel if bundling == "class" else np.zeros_like(self.channel)
        n_channels = int(channel.max(initial=0)) + 1
        limits = np.float32(width), np.float32(mix), np.float32(LOW), np.float32(HIGH)
        return [
            (step_slice, (self.x[s], self.y[s], self.start, self.end, self.depths[s], channel, n_channels, SIDE,
                          width / 3, *limits))
            for s in range(1, len(self.x) - 1)
        ]  # fmt: skip

    def smoothing(self, passes: int) -> list[tuple[Any, tuple[Any, ...]]]:
        """Tasks for ranges of edges."""
        n = len(self.which)
        return [
            (smooth, (positions, begin, min(begin + _SMOOTHED, n), passes))
            for positions in (self.x, self.y)
            for begin in range(0, n, _SMOOTHED)
        ]

    def write(self, found: UInt16[np.ndarray, "edge sample 2"]) -> None:
        """Put the paths to where their edges are."""
        for axis, positions in enumerate((self.x, self.y)):
            found[self.which, :, axis] = np.rint((positions.T - np.float32(LOW)) * np.float32(LEVELS / CELLS))
