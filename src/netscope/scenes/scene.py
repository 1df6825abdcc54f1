"""A scene: a network's body as arrays that can be drawn, in a safe file.

The file is safetensors. Its metadata have, under "netscope", a JSON object that begins with `format` ("body") and
`version`; the arrays are the fields of `Scene`. Nothing in it is executed.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from netscope.errors import FormatError, StorageError
from netscope.formats import safetensors
from netscope.scenes.limits import MOST_LAYERS
from netscope.scenes.parameters import BodyParameters

VERSION = 1
_TYPES = {
    "node_xy": ("uint16", 2), "node_importance": ("float32", 2), "edge_nodes": ("uint32", 2),
    "edge_importance": ("float32", 1), "edge_layer": ("uint16", 1), "edge_xy": ("uint16", 3),
}  # fmt: skip


class SceneLayer(msgspec.Struct, frozen=True):
    """A layer of a body."""

    name: str
    n_nodes: int


class SceneInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a scene shows."""

    format: str = "body"
    version: int = VERSION
    name: str
    layers: list[SceneLayer]
    classes: list[str]
    method: str
    """How importance was estimated; "random" for a random network."""
    n_pruned: int = 0
    """Edges of the network that were left out."""
    parameters: BodyParameters = BodyParameters()


class Scene:
    """A network's body: nodes in layers, and edges from the most important to the least.

    Attributes:
        info: Names, layers, classes, parameters.
        node_xy: Position of each node [node, axis], 0 to 65,535 in the square of its layer; y points up.
        node_importance: Importance [node, class], 0 to 1.
        edge_nodes: Source and target [edge, end]: numbers of nodes, counted over all layers.
        edge_importance: 0 to 1 [edge], in descending order.
        edge_layer: Layer of the source [edge].
        edge_xy: Paths [edge, sample, axis], like `node_xy`; samples are equally spaced in depth.
    """

    def __init__(self, info: SceneInfo, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the arrays by name.

        Raises:
            FormatError: They do not fit each other.
        """
        _check(info, arrays)
        self.info = info
        self.node_xy: np.ndarray[Any, np.dtype[np.uint16]] = arrays["node_xy"]
        self.node_importance: np.ndarray[Any, np.dtype[np.float32]] = arrays["node_importance"]
        self.edge_nodes: np.ndarray[Any, np.dtype[np.uint32]] = arrays["edge_nodes"]
        self.edge_importance: np.ndarray[Any, np.dtype[np.float32]] = arrays["edge_importance"]
        self.edge_layer: np.ndarray[Any, np.dtype[np.uint16]] = arrays["edge_layer"]
        self.edge_xy: np.ndarray[Any, np.dtype[np.uint16]] = arrays["edge_xy"]

    def __repr__(self) -> str:
        """Name and size."""
        layers = "-".join(str(layer.n_nodes) for layer in self.info.layers)
        return f"<Scene {self.info.name!r} {layers}, {len(self.edge_nodes):,} edges>"

    @property
    def node_layer(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Layer of each node."""
        return np.repeat(np.arange(len(self.info.layers)), [layer.n_nodes for layer in self.info.layers])

    def save(self, path: str | PathLike[str]) -> None:
        """Write a file; the same scene gives the same bytes.

        Raises:
            StorageError: The file cannot be written.
        """
        metadata = {"netscope": msgspec.json.encode(self.info).decode()}
        data = safetensors.encode({name: getattr(self, name) for name in _TYPES}, metadata)
        try:
            Path(path).write_bytes(data)
        except OSError as error:
            raise StorageError(f"cannot write {str(path)!r}: {error.strerror or error}") from error

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Scene:
        """Read a file. Arrays are read from it when they are used.

        Raises:
            FormatError: It is not a scene, is damaged, or was written by a newer version.
            StorageError: It cannot be read.
        """
        try:
            with Path(path).open("rb") as file:
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError:  # an empty file cannot be mapped
            raise FormatError(f"{str(path)!r} is empty, not a scene") from None
        except OSError as error:
            raise StorageError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
        try:
            arrays, metadata = safetensors.decode(data)
            return cls(_info(metadata), arrays)
        except FormatError as error:
            raise FormatError(f"{str(path)!r} is not a scene of netscope: {error}") from error


def _info(metadata: Mapping[str, str]) -> SceneInfo:
    text = metadata.get("netscope")
    if not isinstance(text, str):
        raise FormatError("it has no entry 'netscope' in its metadata")
    try:
        version = msgspec.json.decode(text, type=dict[str, Any]).get("version")
        if isinstance(version, int) and version > VERSION:
            raise FormatError(f"it has version {version}, this netscope reads up to {VERSION}; update netscope")
        info = msgspec.json.decode(text, type=SceneInfo)
    except msgspec.DecodeError as error:
        raise FormatError(f"damaged metadata: {error}") from error
    if info.format != "body":
        raise FormatError(f"its format is {info.format!r}, not 'body'")
    try:
        info.parameters.check()
    except ValueError as error:
        raise FormatError(str(error)) from error
    return info


def _check(info: SceneInfo, arrays: Mapping[str, np.ndarray]) -> None:
    for name, (dtype, n_axes) in _TYPES.items():
        array = arrays.get(name)
        if array is None:
            raise FormatError(f"array {name!r} is missing")
        if array.dtype != dtype or array.ndim != n_axes:
            raise FormatError(f"array {name!r} is {array.dtype} {list(array.shape)}, expected {dtype} of {n_axes} axes")
    sizes = [layer.n_nodes for layer in info.layers]
    if not sizes or len(sizes) > MOST_LAYERS or min(sizes) < 1 or not info.classes:
        raise FormatError(f"{len(sizes)} layers and {len(info.classes)} classes")
    n_nodes, n_edges = sum(sizes), len(arrays["edge_nodes"])
    shapes = {
        "node_xy": (n_nodes, 2), "node_importance": (n_nodes, len(info.classes)), "edge_nodes": (n_edges, 2),
        "edge_importance": (n_edges,), "edge_layer": (n_edges,),
        "edge_xy": (n_edges, info.parameters.sampling_rate + 1, 2),
    }  # fmt: skip
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise FormatError(f"array {name!r} has shape {list(arrays[name].shape)}, expected {list(shape)}")
    layer_of = np.repeat(np.arange(len(sizes)), sizes)
    nodes, layer = arrays["edge_nodes"], arrays["edge_layer"].astype(np.int64)
    if nodes.max(initial=0) >= n_nodes:
        raise FormatError(f"an edge at node {nodes.max()}, of {n_nodes} nodes")
    if not np.array_equal(layer_of[nodes], np.stack([layer, layer + 1], 1)):
        raise FormatError("an edge whose nodes are not in neighbouring layers")
    for name in ("node_importance", "edge_importance"):
        values = arrays[name]
        if not (np.isfinite(values).all() and values.min(initial=0) >= 0 and values.max(initial=0) <= 1):
            raise FormatError(f"array {name!r} has values that are not from 0 to 1")
