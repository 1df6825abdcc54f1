"""A scene is the same for the same seed, and its file is safe to open."""

import struct
from pathlib import Path

import msgspec
import numpy as np
import pytest

from netscope.analyse.body.network import Network
from netscope.errors import FormatError, UsageError
from netscope.formats import safetensors
from netscope.scenes.build import build_scene
from netscope.scenes.parameters import BodyParameters
from netscope.scenes.random_network import parse_sizes, random_network
from netscope.scenes.scene import Scene

SIZES = (30, 12, 5)


def scene(**parameters: object) -> Scene:
    return build_scene(random_network(SIZES, 1), BodyParameters(**parameters), classes=list("abcde"))  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    scene().save(tmp_path / "body.safetensors")
    return tmp_path / "body.safetensors"


def test_a_scene_comes_back_from_its_file(file: Path) -> None:
    was, now = scene(), Scene.open(file)
    assert now.info == was.info
    for name in ("node_xy", "node_importance", "edge_nodes", "edge_importance", "edge_layer", "edge_xy"):
        np.testing.assert_array_equal(getattr(now, name), getattr(was, name))


def test_the_same_seed_gives_the_same_bytes(file: Path, tmp_path: Path) -> None:
    scene().save(tmp_path / "again.safetensors")
    assert file.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_no_edge_is_lost_and_the_pruned_ones_are_counted() -> None:
    assert len(scene().edge_nodes) == 30 * 12 + 12 * 5
    pruned = scene(prune_percentage=0.9)
    assert (len(pruned.edge_nodes), pruned.info.n_pruned) == (42, 378)
    assert len(scene(prune_percentage=1.0).edge_nodes) == 0


@pytest.mark.parametrize("placement", ["radial", "joint", "layers", "sorted", "raster"])
@pytest.mark.parametrize("sizes", [(1, 1), (1, 3, 1), (5, 2)])
def test_small_networks_and_one_class_have_a_body(sizes: tuple[int, ...], placement: str) -> None:
    network = random_network(sizes, 0)
    layers = tuple(one[:, :1] for one in network.importance)
    found = build_scene(Network(layers, network.strength), BodyParameters(node_placement=placement))  # type: ignore[arg-type]
    assert len(found.edge_nodes) == network.n_edges


def test_a_network_of_zeros_has_a_body() -> None:
    zeros = Network((np.zeros((4, 2), np.float32), np.zeros((2, 2), np.float32)), (np.zeros((4, 2), np.float32),))
    assert (build_scene(zeros).edge_importance == 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 2.0])
def test_values_that_are_no_importance_are_refused(value: float) -> None:
    network = random_network(SIZES, 0)
    network.strength[0][1, 1] = value
    with pytest.raises(UsageError, match="edges after layer 0"):
        build_scene(network)


@pytest.mark.parametrize("text", ["784", "", "4-x", "4--2", "4-0-2", "-3-4"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="layer sizes are"):
        parse_sizes(text)


@pytest.mark.parametrize("sizes", [(100_000, 100_000), (60_000_000, 1), (2,) * 2000, (20_000, 20_000)])
def test_a_network_that_is_too_large_is_refused_before_memory_is_taken(sizes: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="at most"):
        random_network(sizes)


@pytest.mark.parametrize(
    ("name", "value"),
    [("prune_percentage", 1.1), ("sampling_rate", 1), ("layer_distance", 0), ("edge_bandwidth", np.nan)],
)
def test_a_wrong_parameter_is_named(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name} is"):
        scene(**{name: value})


def changed(file: Path, **arrays: np.ndarray) -> Path:
    found, metadata = safetensors.decode(file.read_bytes())
    file.write_bytes(safetensors.encode({**found, **arrays}, metadata))
    return file


def hostile(file: Path) -> dict[str, bytes]:
    data = file.read_bytes()
    arrays, metadata = safetensors.decode(data)
    info = msgspec.json.decode(metadata["netscope"])

    def other(**fields: object) -> bytes:
        return safetensors.encode(arrays, {"netscope": msgspec.json.encode({**info, **fields}).decode()})

    return {
        "empty": b"", "short": data[:7], "cut": data[:-100], "header": struct.pack("<Q", 2**62) + data[8:],
        "no metadata": safetensors.encode(arrays), "other format": other(format="head"),
        "newer": other(version=99), "no layers": other(layers=[]),
        "fewer nodes": other(layers=[{"name": "a", "n_nodes": 3}]),
        "huge layer": other(layers=[{"name": "a", "n_nodes": 10**18}]),
        "wrong parameters": other(parameters={"sampling_rate": 0}),
        "not JSON": safetensors.encode(arrays, {"netscope": "{"}),
        "not an object": safetensors.encode(arrays, {"netscope": "[1]"}),
    }  # fmt: skip


@pytest.mark.parametrize(
    "case",
    ["empty", "short", "cut", "header", "no metadata", "other format", "newer", "no layers", "fewer nodes",
     "huge layer", "wrong parameters", "not JSON", "not an object"],
)  # fmt: skip
def test_a_damaged_file_is_a_clear_error(file: Path, case: str) -> None:
    file.write_bytes(hostile(file)[case])
    with pytest.raises(FormatError, match=r"body\.safetensors"):
        Scene.open(file)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("edge_nodes", lambda a: a + np.uint32(40)), ("edge_nodes", lambda a: a[:, ::-1]),
        ("edge_importance", lambda a: a * np.float32(np.nan)), ("node_importance", lambda a: a - 1),
        ("edge_xy", lambda a: a[:, :-1]), ("edge_layer", lambda a: a[:-1]), ("node_xy", lambda a: a.astype(np.float32)),
    ],
    ids=range(7),
)  # fmt: skip
def test_arrays_that_do_not_fit_are_a_clear_error(file: Path, name: str, change: object) -> None:
    arrays, _ = safetensors.decode(file.read_bytes())
    with pytest.raises(FormatError):
        Scene.open(changed(file, **{name: np.array(change(arrays[name]))}))  # type: ignore[operator]
