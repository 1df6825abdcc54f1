"""Costs of nodes: those of known networks are what their papers and profilers say; each formula by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import helper
from torch import Tensor, nn
from torch.nn import functional

import netscope
from netscope.models.builder import GraphBuilder
from netscope.models.flops import with_flops
from netscope.models.open import open_model
from tests.models import tflite_files
from tests.models.onnx_files import LIGHT, f32, saved, weight


# GMACs of convolutions and dense layers for one image, as torchvision's tables and the papers give them.
@pytest.mark.parametrize(
    ("name", "gmacs"),
    [
        ("light_resnet50", 4.09),
        ("light_vgg19", 19.63),
        ("light_densenet121", 2.83),
        ("light_squeezenet", 0.35),
        ("light_inception_v1", 1.43),
    ],
)
def test_known_networks_cost_what_is_published(name: str, gmacs: float) -> None:
    graph = with_flops(open_model(LIGHT / f"{name}.onnx").graph)
    products = [node.flops for node in graph.nodes if node.op in ("Conv", "Gemm", "MatMul")]
    assert sum(products) / 2e9 == pytest.approx(gmacs, rel=0.02)  # with the additions of biases
    assert np.nansum(graph.node_flops) / 2e9 == pytest.approx(gmacs, rel=0.02)


def cost(tmp_path: Path, node: object, inputs: list[object], weights: list[object]) -> float:
    """Operations of a graph of one node."""
    path = saved(tmp_path, helper.make_graph([node], "g", inputs, [f32("y", None)], weights))
    return float(with_flops(open_model(path).graph).node_flops[0])


def test_each_formula(tmp_path: Path) -> None:
    x = [f32("x", ["batch", 6, 10, 10])]
    conv = helper.make_node("Conv", ["x", "w", "b"], ["y"], group=2, kernel_shape=[3, 3])
    assert cost(tmp_path, conv, x, [weight("w", 4, 3, 3, 3), weight("b", 4)]) == (2 * 27 + 1) * 4 * 8 * 8
    transposed = helper.make_node("ConvTranspose", ["x", "w"], ["y"], kernel_shape=[2, 2], strides=[2, 2])
    assert cost(tmp_path, transposed, x, [weight("w", 6, 5, 2, 2)]) == 2 * 5 * 4 * 600
    pool = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])
    assert cost(tmp_path, pool, x, []) == 4 * 6 * 5 * 5
    assert cost(tmp_path, helper.make_node("GlobalAveragePool", ["x"], ["y"]), x, []) == 600
    assert cost(tmp_path, helper.make_node("Softmax", ["x"], ["y"]), x, []) == 3000
    assert cost(tmp_path, helper.make_node("Transpose", ["x"], ["y"]), x, []) == 0
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    assert cost(tmp_path, product, x, [weight("w", 10, 7)]) == 2 * 10 * 6 * 10 * 7
    gemm = helper.make_node("Gemm", ["m", "w", "b"], ["y"], transB=1)
    assert cost(tmp_path, gemm, [f32("m", [4, 10])], [weight("w", 7, 10), weight("b", 7)]) == 21 * 28
    einsum = helper.make_node("Einsum", ["m", "w"], ["y"], equation="ij,jk->ik")
    assert cost(tmp_path, einsum, [f32("m", [4, 10])], [weight("w", 10, 7)]) == 2 * 4 * 10 * 7
    lstm = helper.make_node("LSTM", ["s", "w", "r"], ["y"], hidden_size=5)
    weights = [weight("w", 1, 20, 3), weight("r", 1, 20, 5)]
    assert cost(tmp_path, lstm, [f32("s", [9, 2, 3])], weights) == 2 * 9 * 2 * (60 + 100)


def test_operators_of_tensorflow_lite_cost_what_their_filters_say(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(tflite_files.quantised())
    conv, strange, loop, *inner = open_model(path).graph.nodes
    assert conv.flops == (2 * tflite_files.FILTER[0].size + 1) * 6 * 6 * 4
    assert math.isnan(strange.flops)
    assert [loop.flops, *(node.flops for node in inner)] == [0, 6 * 6 * 4, 6 * 6 * 4]


class Every(nn.Module):
    """A layer of each kind whose cost has a formula."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.up = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.block, self.rnn = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), nn.GRU(16, 5, 2)
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        maps = functional.max_pool2d(self.up(self.norm(self.conv(x)).relu()), 2).flatten(2)
        words = self.block(maps[:, :, :16])
        mixed = torch.einsum("bij,bkj->bik", words, words) @ words
        return torch.softmax(self.head(self.rnn(mixed)[0]) / 2, -1).mean(1)


@pytest.mark.filterwarnings("ignore")
def test_an_exported_program_costs_what_the_module_does_when_it_runs(tmp_path: Path) -> None:
    net, x = Every().eval(), torch.zeros(2, 3, 12, 12)
    torch.export.save(torch.export.export(net, (x,)), tmp_path / "net.pt2")
    exported = open_model(tmp_path / "net.pt2").graph
    assert not np.isnan(exported.node_flops).any()
    assert exported.node_flops.sum() == np.nansum(netscope.graph(net, x).graph.node_flops)


def test_what_is_not_known_is_said_to_be_unknown(tmp_path: Path) -> None:
    sequence = [f32("x", ["batch", "time", 10])]
    assert math.isnan(cost(tmp_path, helper.make_node("Relu", ["x"], ["y"]), sequence, []))
    own = helper.make_node("Own", ["x"], ["y"], domain="mine")
    assert math.isnan(cost(tmp_path, own, [f32("x", [1])], []))


def test_a_cost_that_was_given_stays() -> None:
    builder = GraphBuilder()
    x = builder.add_value("x", "float32", (2, 3))
    builder.add_node("Relu", [x], [x], flops=99.0)
    assert with_flops(builder.build()).nodes[0].flops == 99
