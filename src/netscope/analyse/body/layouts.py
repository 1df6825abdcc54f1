"""Where the nodes of a layer are before they move: rasters, and rings of classes. Coordinates are from 0 to 1."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from netscope.analyse.body.network import class_directions

Positions = Float32[np.ndarray, "_ 2"]


def raster(n: int) -> Positions:
    """Rows of a square from top to bottom, so that 784 pixels are the image; one node is at the centre.

    >>> raster(4).tolist()
    [[0.25, 0.75], [0.75, 0.75], [0.25, 0.25], [0.75, 0.25]]
    """
    side = int(np.ceil(np.sqrt(n)))
    index = np.arange(n)
    return np.stack([(index % side + 0.5) / side, 1 - (index // side + 0.5) / side], 1).astype(np.float32)


def class_order(importance: Float32[np.ndarray, "node class"]) -> np.ndarray:
    """Order classes so that those with the same important nodes follow each other.

    Starts at class 0 and goes on to the most similar class that is left.
    """
    vectors = class_directions(np.ascontiguousarray((importance - importance.mean(1, keepdims=True)).T))
    similarity = vectors @ vectors.T
    order, left = [0], set(range(1, importance.shape[1]))
    while left:
        order.append(min(left, key=lambda c: (-similarity[order[-1], c], c)))
        left.remove(order[-1])
    return np.array(order)


def ring(order: np.ndarray) -> Positions:
    """A place for each class, on a circle in the given order, the first at the top."""
    n = len(order)
    angle = np.empty(n)
    angle[order] = 2 * np.pi * np.arange(n) / n
    radius = 0.42 if n > 1 else 0.0
    return np.stack([0.5 + radius * np.sin(angle), 0.5 + radius * np.cos(angle)], 1).astype(np.float32)


def radial(importance: Float32[np.ndarray, "node class"], places: Positions, sharpness: float = 2.0) -> Positions:
    """Put each node between the places of its classes (RadViz; Hoffman et al., 1997); without any, at the centre.

    Args:
        importance: Of each node for each class.
        places: Of the classes.
        sharpness: Power of the importance: high values move nodes towards their main class.
    """
    powers = class_directions(importance).astype(np.float64) ** sharpness
    total = powers.sum(1, keepdims=True)
    weights = np.where(total > 0, powers / np.where(total > 0, total, 1), 0)
    weights = weights + (weights.sum(1, keepdims=True) == 0) / len(places)
    found: np.ndarray = (weights @ places).astype(np.float32)
    return found


def class_sorted(importance: Float32[np.ndarray, "node class"], order: np.ndarray) -> Positions:
    """A raster in which nodes of one main class follow each other, the most important first."""
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    main = importance.argmax(1)
    position = np.empty(len(importance), int)
    position[np.lexsort((-importance.max(1), rank[main]))] = np.arange(len(importance))
    return raster(len(importance))[position]
