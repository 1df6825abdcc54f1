"""Nodes find others of their class; edges of a class share a path; nothing is lost."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from netscope.analyse.body.bundling import LEVELS, bundle
from netscope.analyse.body.layouts import class_order, raster
from netscope.analyse.body.network import Edges, Network, edges_of
from netscope.analyse.body.node_steps import separate
from netscope.analyse.body.placement import place_nodes
from netscope.scenes.random_network import random_network

NETWORK = random_network((64, 36, 16, 4), 3)
EDGES = edges_of(NETWORK)
NODES = np.concatenate(place_nodes(NETWORK, "radial", keep_input=False))


def bundled(edges: Edges = EDGES, threads: int = 2, **parameters: object) -> np.ndarray:
    with ThreadPoolExecutor(threads) as pool:
        return bundle(edges, NODES, pool, **parameters)  # type: ignore[arg-type]


def rearranged(edges: Edges, order: np.ndarray) -> Edges:
    return Edges(*(column[order] for column in edges))


def test_edges_are_all_there_from_the_most_important_to_the_least() -> None:
    assert len(EDGES.source) == 64 * 36 + 36 * 16 + 16 * 4
    assert len({*zip(EDGES.source.tolist(), EDGES.target.tolist(), strict=True)}) == len(EDGES.source)
    assert EDGES.importance[0] == 1
    assert (np.diff(EDGES.importance) <= 0).all()


@pytest.mark.parametrize("edge_importance_type", [0, 1, 2, 3])
def test_the_importance_of_an_edge_is_its_strength_times_that_of_its_nodes(edge_importance_type: int) -> None:
    edges = edges_of(NETWORK, 0.0, edge_importance_type)  # type: ignore[arg-type]
    first = np.cumsum([0, *NETWORK.sizes])
    mean = np.concatenate(NETWORK.importance).mean(1)
    slow = []
    for s, t, p in zip(edges.source, edges.target, edges.pair, strict=True):
        of_nodes = {0: (mean[s] + mean[t]) / 2, 1: mean[s], 2: (mean[s] + mean[t]) / 2, 3: mean[t]}
        slow.append(NETWORK.strength[p][s - first[p], t - first[p + 1]] * of_nodes[edge_importance_type])
    np.testing.assert_allclose(edges.importance, np.array(slow) / max(slow), rtol=1e-5)


@pytest.mark.parametrize(("prune", "n"), [(0.0, 2944), (0.5, 1472), (0.9, 294), (1.0, 0)])
def test_pruning_leaves_the_most_important_edges(prune: float, n: int) -> None:
    edges = edges_of(NETWORK, prune)
    assert len(edges.source) == n
    np.testing.assert_array_equal(edges.source, EDGES.source[:n])
    assert bundled(edges).shape == (n, 17, 2)


def test_end_points_do_not_move() -> None:
    paths = bundled()
    for end, nodes in ((0, EDGES.source), (-1, EDGES.target)):
        np.testing.assert_allclose(paths[:, end] / LEVELS, NODES[nodes], atol=1e-4)


def test_the_number_of_threads_changes_nothing() -> None:
    np.testing.assert_array_equal(bundled(threads=1), bundled(threads=4))


def test_the_order_of_the_edges_changes_no_path() -> None:
    order = np.random.default_rng(0).permutation(len(EDGES.source))
    difference = bundled(rearranged(EDGES, order)).astype(int) - bundled()[order].astype(int)
    assert np.abs(difference).max() < LEVELS / 100  # the order of float additions
    assert np.abs(difference).mean() < LEVELS / 5000


def test_without_bundling_edges_are_straight() -> None:
    paths = bundled(bundling="none").astype(float)
    at = np.linspace(0, 1, 17)[None, :, None]
    np.testing.assert_allclose(paths, paths[:, :1] * (1 - at) + paths[:, -1:] * at, atol=1)


def ink(paths: np.ndarray) -> float:
    """Share of the cells of the middle slice that edges of the first pair pass."""
    middle = paths[EDGES.pair == 0, 8].astype(int) * 64 // (LEVELS + 1)
    return len(np.unique(middle, axis=0)) / 64**2


def purity(paths: np.ndarray) -> float:
    """Share of the edges that are in cells of their own class."""
    first = EDGES.pair == 0
    middle = paths[first, 8].astype(int) * 64 // (LEVELS + 1)
    counts = np.zeros((64, 64, 4))
    np.add.at(counts, (middle[:, 0], middle[:, 1], EDGES.channel[first]), 1)
    return float(counts.max(2).sum() / counts.sum())


def test_bundling_saves_ink_and_keeps_classes_apart() -> None:
    straight, together, by_class = bundled(bundling="none"), bundled(bundling="all"), bundled()
    assert ink(by_class) < 0.6 * ink(straight)
    assert purity(by_class) > max(purity(straight), purity(together), 0.8)


def test_the_class_of_an_edge_is_that_of_its_nodes() -> None:
    network = Network((np.float32([[1, 0], [0, 1]]), np.float32([[0.2, 0], [0, 0.9]])), (np.ones((2, 2), np.float32),))
    edges = edges_of(network, 0.0, 2)
    main = {(s, t): c for s, t, c in zip(edges.source.tolist(), edges.target.tolist(), edges.channel, strict=True)}
    assert main == {(0, 2): 0, (0, 3): 0, (1, 2): 1, (1, 3): 1}


def spread(positions: np.ndarray, main: np.ndarray) -> float:
    """Mean distance to the centre of the own class, over that to the centre of all."""
    within = np.mean([np.linalg.norm(p - positions[main == c].mean(0)) for p, c in zip(positions, main, strict=True)])
    return float(within / np.linalg.norm(positions - positions.mean(0), axis=1).mean())


@pytest.mark.parametrize("placement", ["radial", "joint", "layers", "sorted"])
def test_nodes_of_a_class_are_near_each_other(placement: str) -> None:
    placed = place_nodes(NETWORK, placement, keep_input=False)  # type: ignore[arg-type]
    main = NETWORK.importance[0].argmax(1)
    assert spread(placed[0], main) < 0.85 * spread(raster(64), main)
    for positions in placed:
        assert positions.min() >= 0
        assert positions.max() <= 1


def test_an_input_that_is_an_image_stays_one() -> None:
    np.testing.assert_array_equal(place_nodes(NETWORK, "radial", keep_input=True)[0], raster(64))


def test_overlapping_nodes_are_separated() -> None:
    x, y = np.full((2, 30), 50, np.float32)
    separate(x, y, np.float32(3), np.float32(0), np.float32(100), 200)
    distance = np.hypot(x[:, None] - x, y[:, None] - y) + 1000 * np.eye(30)
    assert distance.min() > 2.0


def test_similar_classes_are_neighbours() -> None:
    importance = np.float32([[1, 0, 0.9, 0], [0.8, 0, 1, 0], [0, 1, 0, 0.7], [0, 0.8, 0, 1]])
    assert class_order(importance).tolist() in ([0, 2, 1, 3], [0, 2, 3, 1])
