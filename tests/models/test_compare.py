"""Two models compared: planted differences are found, and nothing else."""

import json
from pathlib import Path

import gguf
import numpy as np
import onnx
import pytest
import safetensors.numpy
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

import netscope
from netscope import cli
from netscope.models.builder import GraphBuilder
from netscope.models.comparison.compare import Comparison, compare_models
from netscope.models.comparison.node_changes import Change
from netscope.models.model import Model
from netscope.schema.comparison import ComparisonReport, Counts
from tests.models.comparison_files import arrays, fused, layers, network
from tests.models.onnx_files import LIGHT, REAL


def differing(found: Comparison) -> list[tuple[str, str, str]]:
    """Difference, name before and name after of each node that is not the same."""
    return [
        (pair.difference, pair.a.name if pair.a else "", pair.b.name if pair.b else "")
        for pair in found.nodes
        if pair.difference != "same"
    ]


def moved(found: Comparison) -> dict[str, float]:
    """Relative distances of the stored arrays that differ."""
    return {
        pair.b.name: pair.distance.relative
        for pair in found.tensors
        if pair.b and pair.distance and pair.distance.differing
    }


@pytest.mark.parametrize("name", REAL)
def test_a_real_network_is_the_same_as_itself(name: str) -> None:
    found = compare_models(LIGHT / name, LIGHT / name)
    assert found.is_same and found.summary().nodes.same == found.a.graph.n_nodes


def test_one_changed_row_is_one_moved_weight(tmp_path: Path) -> None:
    before = {"encoder.weight": np.arange(12, dtype=np.float32).reshape(4, 3), "head.bias": np.ones(5, np.float32)}
    after = {name: array.copy() for name, array in before.items()}
    after["encoder.weight"][2] += 1
    safetensors.numpy.save_file(before, tmp_path / "a.safetensors")
    safetensors.numpy.save_file(after, tmp_path / "b.safetensors")
    found = netscope.compare_models(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    size = np.linalg.norm(np.arange(12))
    assert moved(found) == {"encoder.weight": pytest.approx(np.sqrt(3) / size)}
    assert found.summary().tensors == Counts(same=1, moved=1)
    assert found.summary().relative == pytest.approx(np.sqrt(3) / np.hypot(size, np.sqrt(5)))


def test_a_large_weight_is_compared_in_blocks(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    before = random.standard_normal((3000, 1000)).astype(np.float32)
    after = before + 0.001 * random.standard_normal(before.shape).astype(np.float32)
    safetensors.numpy.save_file({"w": before}, tmp_path / "a.safetensors")
    safetensors.numpy.save_file({"w": after}, tmp_path / "b.safetensors")
    found = compare_models(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    wide = before.astype(np.float64)
    assert moved(found) == {"w": pytest.approx(np.linalg.norm(after - wide) / np.linalg.norm(wide), rel=1e-9)}


def test_a_checkpoint_is_the_same_in_another_format(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(6, 6))
    state = module.state_dict()
    torch.save({"state_dict": {f"module.{name}": one for name, one in state.items()}}, tmp_path / "a.pt")
    safetensors.numpy.save_file({name: one.numpy() for name, one in state.items()}, tmp_path / "b.safetensors")
    found = compare_models(tmp_path / "a.pt", tmp_path / "b.safetensors")
    assert found.is_same and found.summary().compared == len(state)


def test_transposed_weights_are_compared_in_the_same_order(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    dense, square, kernel = (
        random.standard_normal(shape).astype(np.float32) for shape in ((5, 7), (6, 6), (8, 4, 3, 3))
    )
    state = {"fc.weight": dense, "mix.weight": square, "conv.weight": kernel}
    torch.save({name: torch.tensor(one) for name, one in state.items()}, tmp_path / "a.pt")
    turned = {"fc.kernel": dense.T, "mix.kernel": square.T, "conv.kernel": kernel.transpose(2, 3, 1, 0)}
    np.savez(tmp_path / "b.npz", **{name: np.ascontiguousarray(one) for name, one in turned.items()})
    found = compare_models(tmp_path / "a.pt", tmp_path / "b.npz")
    assert {pair.a.name: pair.axes for pair in found.tensors if pair.a} == {
        "fc.weight": (1, 0), "mix.weight": (1, 0), "conv.weight": (3, 2, 0, 1),
    }  # fmt: skip
    assert found.is_same and found.summary().compared == 3


def test_renamed_weights_are_found_by_their_values(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    one, other = random.standard_normal((2, 20, 30)).astype(np.float32)
    np.savez(tmp_path / "a.npz", first=one, second=other * 2)
    np.savez(tmp_path / "b.npz", p=other * 2, q=one)
    found = compare_models(tmp_path / "a.npz", tmp_path / "b.npz")
    assert {(pair.a.name, pair.b.name) for pair in found.tensors if pair.a and pair.b} == {
        ("first", "q"),
        ("second", "p"),
    }


def test_a_fused_normalisation_is_removed_and_its_convolution_moved(tmp_path: Path) -> None:
    nodes, weights = fused()
    found = compare_models(network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", nodes, weights))
    assert differing(found) == [("moved", "Conv_2", "Conv_2"), ("removed", "BatchNorm_3", "")]
    assert set(moved(found)) == {"c2.weight", "c2.bias"}


def test_an_inserted_node_shifts_no_other_although_the_names_are_renumbered(tmp_path: Path) -> None:
    nodes = layers()
    nodes[2].input[0] = "b2"
    nodes.insert(2, helper.make_node("Relu", ["b"], ["b2"]))
    for at, node in enumerate(nodes):
        node.name = f"{node.op_type}_{at}"
    found = compare_models(network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", nodes))
    assert differing(found) == [("added", "", "Relu_2")]


def test_attribute_operation_and_connection_that_changed_are_told(tmp_path: Path) -> None:
    nodes = layers()
    nodes[7].attribute.add(name="alpha", type=onnx.AttributeProto.FLOAT, f=2)
    nodes[4].CopyFrom(helper.make_node("LeakyRelu", ["d"], ["e"], name="LeakyRelu_4"))
    nodes[2].input[0] = "a2"
    nodes[0].output[0], nodes[1].input[0] = "a2", "a2"
    found = compare_models(network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", nodes))
    changes = {pair.b.name: pair.changes for pair in found.nodes if pair.b and pair.changes}
    assert changes["Gemm_7"] == Change.ATTRIBUTES and changes["LeakyRelu_4"] == Change.OP
    assert changes["Conv_2"] == Change.INPUTS  # it reads the convolution instead of its Relu


def test_an_attribute_that_became_an_input_is_a_change_of_the_attribute(tmp_path: Path) -> None:
    """As in opset 13, where the axes of Squeeze became an input."""

    def squeezed(path: Path, opset: int) -> Path:
        stored = [] if opset < 13 else [numpy_helper.from_array(np.array([2, 3]), "axes")]
        inputs = ["f"] if opset < 13 else ["f", "axes"]
        nodes = layers()
        nodes[6] = helper.make_node(
            "Squeeze", inputs, ["h"], name="Squeeze_6", **({"axes": [2, 3]} if opset < 13 else {})
        )
        weights = arrays() | {one.name: numpy_helper.to_array(one) for one in stored}
        return network(path, nodes, weights, opset_imports=[helper.make_opsetid("", opset)])

    found = compare_models(squeezed(tmp_path / "a.onnx", 12), squeezed(tmp_path / "b.onnx", 13))
    assert differing(found) == [("changed", "Squeeze_6", "Squeeze_6")]
    assert next(pair.changes for pair in found.nodes if pair.changes) == Change.ATTRIBUTES
    assert [pair.b.name for pair in found.tensors if pair.difference == "added" and pair.b] == ["axes"]


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_quantised_weights_are_compared_as_the_numbers_they_stand_for(tmp_path: Path, axis: int | None) -> None:
    weights = arrays()
    plain = weights["fc.weight"]
    reduced = tuple(at for at in (0, 1) if at != axis)
    scale = np.abs(plain).max(axis=None if axis is None else reduced) / 127
    wide = scale if axis is None else np.expand_dims(scale, reduced)
    whole = np.round(plain / wide).astype(np.int8)
    nodes = layers()
    nodes[7].input[1] = "fc.weight_dequantised"
    zero = np.zeros_like(scale, np.int8)
    said = {} if axis is None else {"axis": axis}
    nodes.insert(7, helper.make_node("DequantizeLinear", ["q", "s", "z"], ["fc.weight_dequantised"], name="dq", **said))
    del weights["fc.weight"]
    after = network(tmp_path / "b.onnx", nodes, weights | {"q": whole, "s": np.asarray(scale, np.float32), "z": zero})
    found = compare_models(network(tmp_path / "a.onnx"), after)
    expected = np.linalg.norm(whole * wide - plain) / np.linalg.norm(plain)
    assert moved(found) == {"q": pytest.approx(expected, rel=1e-4)}
    assert differing(found) == [("added", "", "dq"), ("changed", "Gemm_7", "Gemm_7")]
    assert (
        next(pair.changes for pair in found.nodes if pair.b and pair.b.op == "Gemm") == Change.WEIGHTS | Change.VALUES
    )
    assert not [pair for pair in found.tensors if pair.difference == "added"]  # scale and zero point are part of q


def test_onnx_runtimes_quantisation_keeps_every_convolution(tmp_path: Path) -> None:
    nodes, weights = fused()
    before = network(tmp_path / "a.onnx", nodes, weights)
    inputs = iter([{"x": np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)}])

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def get_next(self) -> object:
            return next(inputs, None)

    for kind in ("QDQ", "QOperator"):
        inputs = iter([{"x": np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)}])
        quantization.quantize_static(before, tmp_path / "b.onnx", Reader(), quant_format=quantization.QuantFormat[kind])
        found = compare_models(before, tmp_path / "b.onnx")
        kept = [pair.a.op for pair in found.nodes if pair.a and pair.b]
        assert kept.count("Conv") == 2 and kept.count("Gemm") == 1
        assert all(0 < relative < 0.02 for relative in moved(found).values()) and len(moved(found)) == 6


def test_a_gguf_file_is_compared_with_the_floats_it_was_made_from(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    plain = random.standard_normal((8, 64)).astype(np.float32)
    packed = gguf.quants.quantize(plain, gguf.GGMLQuantizationType.Q8_0)
    writer = gguf.GGUFWriter(tmp_path / "b.gguf", "llama")
    writer.add_tensor("blk.0.ffn_up.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    safetensors.numpy.save_file({"model.layers.0.mlp.up_proj.weight": plain}, tmp_path / "a.safetensors")
    found = compare_models(tmp_path / "a.safetensors", tmp_path / "b.gguf")
    read = gguf.quants.dequantize(packed, gguf.GGMLQuantizationType.Q8_0).reshape(plain.shape)
    expected = np.linalg.norm(read - plain) / np.linalg.norm(plain)
    assert moved(found) == {"blk.0.ffn_up.weight": pytest.approx(expected, rel=1e-6)}


def test_a_live_network_matches_its_structure_after_a_layer_was_replaced() -> None:
    def net(activation: torch.nn.Module) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(4, 8), activation, torch.nn.Linear(8, 2))

    example = torch.zeros(1, 4)
    before, after = netscope.graph(net(torch.nn.ReLU()), example), netscope.graph(net(torch.nn.GELU()), example)
    found = compare_models(before, after)
    assert [(pair.difference, pair.changes & Change.OP) for pair in found.nodes] == [
        ("same", 0), ("changed", Change.OP), ("same", 0),
    ]  # fmt: skip


def chain(n: int, skip: int = -1, names: str = "") -> Model:
    """A chain of n nodes without names or counted ones, one of them left out."""
    builder = GraphBuilder()
    value = builder.add_value("x")
    builder.inputs.append(value)
    for at in range(n):
        if at != skip:
            made = builder.add_value()
            builder.add_node(("Conv", "Relu")[at % 2], [value], [made], name=names and f"{names}_{builder.n_nodes}")
            value = made
    return Model("chain", "ONNX", builder.build())


@pytest.mark.parametrize("names", ["", "node"])
def test_fifty_thousand_nodes_are_compared_and_the_missing_one_is_found(names: str) -> None:
    before, after = chain(50_000, names=names), chain(50_000, skip=25_000, names=names)
    found = compare_models(before, after)
    assert found.summary().nodes == Counts(same=49_999, removed=1)


def test_nodes_that_are_all_alike_are_matched_in_order() -> None:
    def fan(n: int) -> Model:
        builder = GraphBuilder()
        value = builder.add_value("x")
        builder.inputs.append(value)
        for _ in range(n):
            builder.add_node("Relu", [value], [builder.add_value()])
        return Model("fan", "ONNX", builder.build())

    found = compare_models(fan(20_000), fan(19_000))
    assert found.summary().nodes == Counts(same=19_000, removed=1000)


def test_circles_of_conversions_end() -> None:
    builder = GraphBuilder()
    one, other = builder.add_value("a"), builder.add_value("b")
    builder.add_node("Identity", [one], [other])
    builder.add_node("Identity", [other], [one])
    model = Model("circle", "ONNX", builder.build())
    assert compare_models(model, model).summary().nodes.same == 2


def test_a_weight_without_numbers_has_a_problem_and_the_others_are_compared(tmp_path: Path) -> None:
    before = network(tmp_path / "a.onnx")
    model = onnx.load(before)
    stored = next(one for one in model.graph.initializer if one.name == "c2.bias")
    stored.data_location = TensorProto.EXTERNAL
    stored.ClearField("raw_data")
    stored.external_data.add(key="location", value="gone.bin")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "b.onnx").write_bytes(model.SerializeToString())
    found = compare_models(before, tmp_path / "b" / "b.onnx")
    problems = [(pair.a.name, pair.problem) for pair in found.tensors if pair.a and pair.problem]
    assert problems == [("c2.bias", "the numbers of 'c2.bias' are not in the files of this model")]
    assert found.summary().compared == 9


def test_scales_that_do_not_fit_are_a_problem_of_the_weight(tmp_path: Path) -> None:
    weights = arrays()
    nodes = layers()
    nodes[7].input[1] = "w"
    nodes.insert(7, helper.make_node("DequantizeLinear", ["q", "s"], ["w"], name="dq", axis=0))
    whole = weights.pop("fc.weight").astype(np.int8)
    after = network(tmp_path / "b.onnx", nodes, weights | {"q": whole, "s": np.ones(3, np.float32)})
    found = compare_models(network(tmp_path / "a.onnx"), after)
    assert [pair.problem for pair in found.tensors if pair.problem] == [
        "the scales of 'q' do not fit: [3] for (10, 16)"
    ]


def test_weights_can_be_left_unread(tmp_path: Path) -> None:
    nodes, weights = fused()
    found = compare_models(network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", nodes, weights), values=False)
    assert found.summary().compared == 0 and differing(found) == [("removed", "BatchNorm_3", "")]


def test_progress_is_reported_and_may_stop_the_comparison(tmp_path: Path) -> None:
    seen = []
    compare_models(network(tmp_path / "a.onnx"), tmp_path / "a.onnx", report=lambda *said: seen.append(said))
    assert seen[0] == (0, 10, "tensors") and seen[-1] == (10, 10, "tensors")


def test_the_command_ends_with_0_for_the_same_and_1_for_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", *fused())
    with pytest.raises(SystemExit) as ended:
        cli.main(["diff", str(before), str(before)])
    assert not ended.value.code
    with pytest.raises(SystemExit) as ended:
        cli.main(["diff", str(before), str(after)])
    said = capsys.readouterr().out
    assert ended.value.code == 1 and "BatchNorm_3" in said and "c2.weight" in said


def test_the_command_writes_json_for_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import msgspec

    before, after = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", *fused())
    with pytest.raises(SystemExit):
        cli.main(["diff", str(before), str(after), "--json"])
    found = msgspec.convert(json.loads(capsys.readouterr().out), ComparisonReport)
    assert found.summary.nodes == Counts(same=6, moved=1, removed=1)
    assert {one.a for one in found.tensors if one.relative} == {"c2.weight", "c2.bias"}


def test_a_file_that_cannot_be_read_ends_the_command_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["diff", str(network(tmp_path / "a.onnx")), str(tmp_path / "none.onnx")])
    assert ended.value.code == 2 and "none.onnx" in capsys.readouterr().err
