"""Small convolutional networks as ONNX files, to compare."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.models.onnx_files import f32

Arrays = dict[str, np.ndarray]


def arrays() -> Arrays:
    """Random weights of `layers`."""
    random = np.random.default_rng(0)
    shapes = {
        "c1.weight": (8, 3, 3, 3), "c1.bias": (8,), "c2.weight": (16, 8, 3, 3), "c2.bias": (16,),
        "bn.scale": (16,), "bn.shift": (16,), "bn.mean": (16,), "fc.weight": (10, 16), "fc.bias": (10,),
    }  # fmt: skip
    found = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return found | {"bn.var": np.ones(16, np.float32)}


def layers() -> list[onnx.NodeProto]:
    """Two convolutions, a normalisation and a dense layer, named as an exporter counts."""
    node = helper.make_node
    return [
        node("Conv", ["x", "c1.weight", "c1.bias"], ["a"], name="Conv_0", pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["b"], name="Relu_1"),
        node("Conv", ["b", "c2.weight", "c2.bias"], ["c"], name="Conv_2", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", "bn.scale", "bn.shift", "bn.mean", "bn.var"], ["d"], name="BatchNorm_3"),
        node("Relu", ["d"], ["e"], name="Relu_4"),
        node("GlobalAveragePool", ["e"], ["f"], name="GlobalAveragePool_5"),
        node("Flatten", ["f"], ["h"], name="Flatten_6"),
        node("Gemm", ["h", "fc.weight", "fc.bias"], ["y"], name="Gemm_7", transB=1),
    ]


def fused() -> tuple[list[onnx.NodeProto], Arrays]:
    """The same network without the normalisation, renumbered."""
    weights = arrays()
    gain = weights.pop("bn.scale") / np.sqrt(weights.pop("bn.var") + 1e-5)
    weights["c2.weight"] = weights["c2.weight"] * gain[:, None, None, None]
    weights["c2.bias"] = (weights["c2.bias"] - weights.pop("bn.mean")) * gain + weights.pop("bn.shift")
    nodes = [node for node in layers() if node.op_type != "BatchNormalization"]
    nodes[2].output[0] = "d"
    for at, node in enumerate(nodes):
        node.name = f"{node.op_type}_{at}"
    return nodes, weights


def network(path: Path, nodes: list[onnx.NodeProto] | None = None, weights: Arrays | None = None, **said: Any) -> Path:
    """A file with these nodes and weights, those of `layers` unless given."""
    stored = [numpy_helper.from_array(one, name) for name, one in (arrays() if weights is None else weights).items()]
    graph = helper.make_graph(
        layers() if nodes is None else nodes, "g", [f32("x", [1, 3, 8, 8])], [f32("y", [1, 10])], stored
    )
    said.setdefault("opset_imports", [helper.make_opsetid("", 13)])
    onnx.save(onnx.shape_inference.infer_shapes(helper.make_model(graph, ir_version=8, **said)), path)
    return path
