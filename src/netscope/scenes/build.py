"""Build a scene: place the nodes of a network, and bundle its edges."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from netscope.analyse.body.bundling import LEVELS, bundle
from netscope.analyse.body.network import Network, edges_of
from netscope.analyse.body.placement import Report, place_nodes
from netscope.errors import UsageError
from netscope.scenes.limits import MOST_SAMPLES, check_size
from netscope.scenes.parameters import BodyParameters
from netscope.scenes.scene import Scene, SceneInfo, SceneLayer


def silent(done: int, total: int, unit: str) -> None:
    """Report nothing."""


def build_scene(
    network: Network,
    parameters: BodyParameters = BodyParameters(),  # noqa: B008  (it is frozen)
    *,
    name: str = "",
    layers: Sequence[str] = (),
    classes: Sequence[str] = (),
    method: str = "",
    report: Report = silent,
) -> Scene:
    """Lay out a network. The same network and parameters give the same scene, on any number of cores.

    Args:
        network: Importance of nodes and strength of edges, from 0 to 1.
        parameters: How it is laid out.
        name: Of the network.
        layers: Names of the layers; by default their numbers.
        classes: Names of the classes; by default their numbers.
        method: How importance was estimated.
        report: Called as `report(done, total, unit)` after each step.

    Raises:
        UsageError: The network is too large or has values that are not from 0 to 1, or a parameter is invalid.
    """
    parameters.check()
    _check(network)
    edges = edges_of(network, parameters.prune_percentage, parameters.edge_importance_type)
    if len(edges.source) * (parameters.sampling_rate + 1) > MOST_SAMPLES:
        most = MOST_SAMPLES // (parameters.sampling_rate + 1)
        raise UsageError(
            f"{len(edges.source):,} edges of {parameters.sampling_rate + 1} samples; prune_percentage of at least "
            f"{1 - most / network.n_edges:.3f} leaves {most:,} edges"
        )
    placed = np.concatenate(
        place_nodes(
            network,
            parameters.node_placement,
            bandwidth=parameters.node_bandwidth,
            node_bandwidth_reduction=parameters.node_bandwidth_reduction,
            direction=parameters.node_direction,
            noise=parameters.node_noise,
            keep_input=parameters.keep_input,
            seed=parameters.seed,
            report=report,
        )
    )
    with ThreadPoolExecutor(os.cpu_count() or 1, "netscope-bundle") as pool:
        paths = bundle(
            edges,
            placed,
            pool,
            bundling=parameters.bundling,
            sampling_rate=parameters.sampling_rate,
            bandwidth=parameters.edge_bandwidth,
            edge_bandwidth_reduction=parameters.edge_bandwidth_reduction,
            mix=parameters.bundling_mix,
            smoothing_iterations=parameters.smoothing_iterations if parameters.smoothing else 0,
            report=report,
        )
    n_classes = network.importance[0].shape[1]
    info = SceneInfo(
        name=name or "-".join(map(str, network.sizes)),
        layers=[SceneLayer(layers[i] if layers else f"layer {i}", n) for i, n in enumerate(network.sizes)],
        classes=list(classes) or [str(c) for c in range(n_classes)],
        method=method,
        n_pruned=network.n_edges - len(edges.source),
        parameters=parameters,
    )
    return Scene(
        info,
        {
            "node_xy": np.rint(placed * np.float32(LEVELS)).astype(np.uint16),
            "node_importance": np.concatenate(network.importance),
            "edge_nodes": np.stack([edges.source, edges.target], 1),
            "edge_importance": edges.importance,
            "edge_layer": edges.pair.astype(np.uint16),
            "edge_xy": paths,
        },
    )


def _check(network: Network) -> None:
    n_classes = network.importance[0].shape[1] if network.importance else 0
    if len(network.sizes) < 2 or n_classes < 1:
        raise UsageError(f"a body needs at least two layers and one class, got {len(network.sizes)} and {n_classes}")
    check_size(network.sizes, n_classes)
    named = [(f"importance of the nodes of layer {i}", one) for i, one in enumerate(network.importance)]
    named += [(f"strength of the edges after layer {i}", one) for i, one in enumerate(network.strength)]
    for what, values in named:
        if not np.isfinite(values).all():
            raise UsageError(f"the {what} has values that are not finite (NaN or infinity)")
        if values.size and (values.min() < 0 or values.max() > 1):
            raise UsageError(f"the {what} is from {values.min():g} to {values.max():g}; it must be from 0 to 1")
