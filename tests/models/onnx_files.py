"""ONNX files to read: those that the onnx package ships, and small ones made with its helper."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
REAL = sorted(path.name for path in LIGHT.glob("*.onnx"))


def f32(name: str, shape: Any) -> onnx.ValueInfoProto:
    """A float32 value."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def weight(name: str, *shape: int) -> onnx.TensorProto:
    """An initialiser that counts up."""
    return numpy_helper.from_array(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), name)


def saved(folder: Path, graph: onnx.GraphProto, **said: Any) -> Path:
    """A file with that graph."""
    said.setdefault("opset_imports", [helper.make_opsetid("", 17)])
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, producer_name="test", producer_version="1.2", **said), path)
    return path


def with_if() -> onnx.GraphProto:
    """A condition, with another one in a branch."""

    def branch(nodes: list[onnx.NodeProto], out: str) -> onnx.GraphProto:
        return helper.make_graph(nodes, "branch", [], [f32(out, ["n", 4])], [weight(f"{out}_w", 40, 40)])

    inner = helper.make_node(
        "If", ["c"], ["b"], name="inner",
        then_branch=branch([helper.make_node("Relu", ["x"], ["i"])], "i"),
        else_branch=branch([helper.make_node("Neg", ["x"], ["j"]), helper.make_node("Abs", ["j"], ["k"])], "k"),
    )  # fmt: skip
    nodes = [
        helper.make_node("If", ["c"], ["y"], name="outer",
                         then_branch=branch([helper.make_node("Sigmoid", ["x"], ["a"])], "a"),
                         else_branch=branch([inner], "b")),
    ]  # fmt: skip
    c = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    return helper.make_graph(nodes, "with_if", [f32("x", ["n", 4]), c], [f32("y", ["n", 4])])


def counted(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those of bodies too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from counted(body)
