"""A layered network as its body needs it: how important each node is per class, and how strong each edge is."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, UInt8, UInt32

EdgeImportance = Literal[0, 1, 2, 3]
MOST_CHANNELS = 24


class Network(NamedTuple):
    """Layers of nodes; each node has an edge to every node of the next layer."""

    importance: tuple[Float32[np.ndarray, "node class"], ...]
    """Per layer: importance of each node for each class, from 0 to 1."""
    strength: tuple[Float32[np.ndarray, "source target"], ...]
    """Per pair of layers: strength of each edge, such as the magnitude of its weight, from 0 to 1."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of nodes per layer."""
        return tuple(len(layer) for layer in self.importance)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return sum(one.size for one in self.strength)


class Edges(NamedTuple):
    """Edges in descending order of importance; those of equal importance in the order of their nodes."""

    source: UInt32[np.ndarray, " edge"]
    """Number of the node where each edge begins; nodes are counted over all layers."""
    target: UInt32[np.ndarray, " edge"]
    importance: Float32[np.ndarray, " edge"]
    """From 0 to 1, which the most important edge has."""
    pair: Int64[np.ndarray, " edge"]
    """Number of the layer where each edge begins."""
    start: Float32[np.ndarray, " edge"]
    """How strongly an edge attracts others where it begins."""
    end: Float32[np.ndarray, " edge"]
    channel: UInt8[np.ndarray, " edge"]
    """Edges of one channel attract each other: those whose main class is the same."""


def class_directions(importance: Float32[np.ndarray, "node class"]) -> Float32[np.ndarray, "node class"]:
    """The importance of each node as a vector of length 1; zeros stay zeros.

    >>> class_directions(np.array([[3, 4], [0, 0]], np.float32)).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.sqrt((importance.astype(np.float64) ** 2).sum(1, keepdims=True))
    return (importance / np.where(length > 0, length, 1)).astype(np.float32)


def edges_of(network: Network, prune_percentage: float = 0.0, edge_importance_type: EdgeImportance = 0) -> Edges:
    """List the most important edges of a network.

    The importance of an edge is its strength times the mean importance of its nodes over the classes.

    Args:
        network: Any network.
        prune_percentage: Fraction of edges to leave out, 0 to 1; the number that stays is rounded to the nearest.
        edge_importance_type: Whose importance and class an edge has: of both ends, changing along the edge (0), of its
            source (1), of both ends, added (2), of its target (3).
    """
    first = np.concatenate([[0], np.cumsum(network.sizes)])
    mean = np.concatenate([layer.mean(1, dtype=np.float64) for layer in network.importance])
    n_kept = round(network.n_edges * (1 - prune_percentage))
    scores = np.concatenate(
        [
            _score(strength, mean[first[i] : first[i + 1]], mean[first[i + 1] : first[i + 2]], edge_importance_type)
            for i, strength in enumerate(network.strength)
        ]
        or [np.zeros(0, np.float32)]
    )
    order = np.argsort(-scores, kind="stable")[:n_kept]
    offset = np.concatenate([[0], np.cumsum([one.size for one in network.strength])])
    pair = np.searchsorted(offset, order, "right") - 1
    within = order - offset[pair]
    width = np.array([one.shape[1] for one in network.strength] or [1])[pair]
    source, target = first[pair] + within // width, first[pair + 1] + within % width
    strength = np.concatenate([one.ravel() for one in network.strength] or [np.zeros(0, np.float32)])[order]
    start, end = (strength * mean[nodes] for nodes in (source, target))
    if edge_importance_type:
        start = end = {1: start, 2: start + end, 3: end}[edge_importance_type]
    highest = scores.max(initial=0)
    return Edges(
        source.astype(np.uint32),
        target.astype(np.uint32),
        (scores[order] / (highest or 1)).astype(np.float32),
        pair.astype(np.int64),
        start.astype(np.float32),
        end.astype(np.float32),
        _channels(network, source, target, start + end, edge_importance_type),
    )


def _score(
    strength: Float32[np.ndarray, "source target"], start: np.ndarray, end: np.ndarray, edge_importance_type: int
) -> Float32[np.ndarray, " edge"]:
    if edge_importance_type == 1:
        mean = np.broadcast_to(start[:, None], strength.shape)
    elif edge_importance_type == 3:
        mean = np.broadcast_to(end[None], strength.shape)
    else:
        mean = (start[:, None] + end[None]) / 2
    found: np.ndarray = (strength * mean.astype(np.float32)).ravel()
    return found


def _channels(
    network: Network, source: np.ndarray, target: np.ndarray, mass: np.ndarray, edge_importance_type: int
) -> UInt8[np.ndarray, " edge"]:
    """The main class of each edge. The classes with most mass have a channel each; the others share the last one."""
    importance = np.concatenate(network.importance)
    vectors = importance if edge_importance_type == 2 else class_directions(importance)
    main = np.empty(len(source), np.int64)
    for begin in range(0, len(source), 1 << 18):
        part = slice(begin, begin + (1 << 18))
        sums = {1: vectors[source[part]], 3: vectors[target[part]]}.get(edge_importance_type)
        main[part] = (vectors[source[part]] + vectors[target[part]] if sums is None else sums).argmax(1)
    n_classes = importance.shape[1]
    if n_classes > MOST_CHANNELS:
        heaviest = np.argsort(-np.bincount(main, mass, n_classes), kind="stable")
        channel = np.full(n_classes, MOST_CHANNELS - 1)
        channel[heaviest[: MOST_CHANNELS - 1]] = np.arange(MOST_CHANNELS - 1)
        main = channel[main]
    return main.astype(np.uint8)
