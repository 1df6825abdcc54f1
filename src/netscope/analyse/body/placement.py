"""Place the nodes of all layers: a first layout, mean shift on their classes, then apart where they overlap.

Differs from nn_vis in four ways: densities are floating point on a blurred grid, so that a step is linear in the nodes;
steps grow shorter near a maximum; nodes stay in the square of their layer; overlapping nodes are separated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from netscope.analyse.body.layouts import Positions, class_order, class_sorted, radial, raster, ring
from netscope.analyse.body.network import MOST_CHANNELS, Network, class_directions
from netscope.analyse.body.node_steps import separate, shift_nodes

Placement = Literal["radial", "joint", "layers", "sorted", "raster"]
Report = Callable[[int, int, str], None]
SIDE = 96
LOW, HIGH = 2.0, SIDE - 3.0
CELLS = HIGH - LOW
"""Cells per layer width; two cells beside it are free, so that a blurred density is not cut at once."""
_FINEST = 2 / CELLS
_SIMILARITY = (0.5, 0.9)
_GAP = 0.6
"""Least distance of nodes, in units of the distance that they have in a raster."""


def place_nodes(
    network: Network,
    placement: Placement,
    *,
    bandwidth: float = 0.5,
    node_bandwidth_reduction: float = 0.95,
    direction: int = 1,
    noise: float = 0.0,
    keep_input: bool = True,
    seed: int = 0,
    report: Report = lambda done, total, unit: None,
) -> list[Positions]:
    """Positions of the nodes of each layer, from 0 to 1.

    Args:
        network: Any network.
        placement: "raster" for rows of a square; "sorted" for such rows ordered by class; "layers" and "joint" for mean
            shift from a raster, in each layer or in all together; "radial" for mean shift of all layers from places
            between those of their classes, which are on a ring.
        bandwidth: Of the first step, in layer widths.
        node_bandwidth_reduction: Factor of the bandwidth from step to step.
        direction: 1 to attract similar nodes, -1 to repel them.
        noise: Standard deviation of a random displacement before the mean shift, in layer widths.
        keep_input: Leave the first layer a raster, for inputs that are images.
        seed: Of the noise.
        report: Called after each step.
    """
    reduced = [_reduced(layer) for layer in network.importance]
    everything = np.concatenate(reduced)
    order = class_order(everything)
    if placement == "sorted":
        placed = [class_sorted(layer, order) for layer in reduced]
    elif placement == "radial":
        placed = [radial(layer, ring(order)) for layer in reduced]
    else:
        placed = [raster(n) for n in network.sizes]
    if keep_input:
        placed[0] = raster(network.sizes[0])
    moved = list(range(int(keep_input), len(placed)))
    if placement in ("raster", "sorted") or not moved:
        return placed
    random = np.random.default_rng(seed)
    cells = [_to_cells(one + noise * random.standard_normal(one.shape)) for one in placed]
    groups = [[i] for i in moved] if placement == "layers" else [moved]
    _shift(cells, reduced, groups, bandwidth, node_bandwidth_reduction, direction, report)
    for i in moved:
        distance = _GAP * CELLS / np.ceil(np.sqrt(network.sizes[i]))
        separate(cells[i][0], cells[i][1], np.float32(distance), np.float32(LOW), np.float32(HIGH), 60)
        placed[i] = _from_cells(cells[i])
    return placed


def _shift(
    cells: list[np.ndarray],
    importance: list[np.ndarray],
    groups: list[list[int]],
    bandwidth: float,
    reduction: float,
    direction: int,
    report: Report,
) -> None:
    """Mean shift, with each group of layers on a grid of its own. Each layer has a mass of 1, whatever its size."""
    widths = bandwidths(bandwidth, reduction, _FINEST)
    for number, width in enumerate(widths):
        progress = number / max(1, len(widths) - 1)
        similarity = _SIMILARITY[0] + progress * (_SIMILARITY[1] - _SIMILARITY[0])
        for group in groups:
            joined = np.concatenate([cells[i] for i in group], 1)
            mass = np.concatenate([importance[i] / max(float(importance[i].sum()), 1e-30) for i in group])
            shift_nodes(
                joined[0], joined[1], mass.astype(np.float32),
                np.concatenate([class_directions(importance[i]) for i in group]),
                SIDE, width * CELLS / 3, np.float32(direction * 0.2 * width * CELLS), np.float32(similarity),
                np.float32(LOW), np.float32(HIGH),
            )  # fmt: skip
            ends = np.cumsum([cells[i].shape[1] for i in group])[:-1]
            for i, part in zip(group, np.split(joined, ends, 1), strict=True):
                cells[i] = np.ascontiguousarray(part)
        report(number + 1, len(widths), "steps of node placement")


def bandwidths(first: float, reduction: float, finest: float) -> list[float]:
    """Bandwidths of the steps, from the first one down to just above the finest.

    >>> bandwidths(0.8, 0.5, 0.15)
    [0.8, 0.4, 0.2]
    """
    found = []
    while first > finest:
        found.append(first)
        first *= reduction
    return found


def _reduced(layer: np.ndarray) -> np.ndarray:
    """Importance for at most `MOST_CHANNELS` groups of classes, which are neighbours in the order of the classes."""
    n_classes = layer.shape[1]
    if n_classes <= MOST_CHANNELS:
        return np.ascontiguousarray(layer)
    starts = np.arange(MOST_CHANNELS) * n_classes // MOST_CHANNELS
    return np.ascontiguousarray(np.add.reduceat(layer, starts, axis=1))


def _to_cells(positions: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.clip(LOW + positions.T * CELLS, LOW, HIGH).astype(np.float32))


def _from_cells(cells: np.ndarray) -> Positions:
    return ((cells.T - LOW) / CELLS).astype(np.float32)
