"""Two models on the same input: where their values begin to differ."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import pytest
from onnx import helper

import netscope
from netscope import cli
from netscope.errors import UsageError
from netscope.frameworks.values import comparison
from netscope.schema.comparison import ComparisonReport
from tests.models.comparison_files import arrays, fused, layers, network


def image() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)


def test_a_fused_normalisation_changes_no_value(tmp_path: Path) -> None:
    before, after = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", *fused())
    found = netscope.compare_values(before, after, image())
    assert [pair.b.op for pair in found.pairs] == [node.op_type for node in fused()[0]]
    assert found.first_above(1e-4) is None and found.skipped == 0
    assert found.pairs[2].a.op == "Conv"  # compared behind the normalisation that only the first model has


def test_the_first_wrong_node_is_the_one_that_was_planted(tmp_path: Path) -> None:
    weights = arrays()
    weights["c2.bias"] = weights["c2.bias"] + 5
    before, after = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", layers(), weights)
    first = netscope.compare_values(before, after, image()).first_above()
    assert first is not None and (first.a.name, first.b.name) == ("Conv_2", "Conv_2")


def test_distances_are_those_of_the_values_that_onnx_runtime_computes(tmp_path: Path) -> None:
    weights = arrays()
    weights["fc.weight"] = weights["fc.weight"] * 1.5
    paths = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", layers(), weights)
    outputs = [onnxruntime.InferenceSession(path).run(None, {"x": image()})[0].astype(float) for path in paths]
    found = netscope.compare_values(*paths, x=image())
    expected = np.linalg.norm(outputs[1] - outputs[0]) / np.linalg.norm(outputs[0])
    assert found.pairs[-1].distance.relative == pytest.approx(expected, rel=1e-5)
    assert all(pair.distance.relative == 0 for pair in found.pairs[:-1])


def test_nan_in_one_model_alone_is_where_the_error_enters(tmp_path: Path) -> None:
    nodes = layers()
    nodes[1].CopyFrom(helper.make_node("Sqrt", ["a"], ["b"], name="Relu_1"))
    first = netscope.compare_values(network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", nodes)).first_above()
    assert first is not None and first.b.op == "Sqrt" and first.distance.nonfinite


def test_values_that_do_not_fit_in_memory_are_read_in_several_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", *fused())
    whole = netscope.compare_values(before, after, image())
    monkeypatch.setattr(comparison, "AT_ONCE_BYTES", 100)
    monkeypatch.setattr("netscope.frameworks.values.collector.KEPT_BYTES", 0)
    apart = netscope.compare_values(before, after, image())
    assert [pair.distance for pair in apart.pairs] == [pair.distance for pair in whole.pairs]


def test_another_number_of_inputs_is_refused(tmp_path: Path) -> None:
    nodes = layers()
    nodes[0].input[1] = "x2"
    other = network(tmp_path / "b.onnx", nodes)
    import onnx

    model = onnx.load(other)
    model.graph.input.append(helper.make_tensor_value_info("x2", onnx.TensorProto.FLOAT, [8, 3, 3, 3]))
    onnx.save(model, other)
    with pytest.raises(UsageError, match=r"has 1 inputs.*has 2"):
        netscope.compare_values(network(tmp_path / "a.onnx"), other)


def test_the_command_names_the_node_where_the_error_enters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = arrays()
    weights["c2.bias"] = weights["c2.bias"] + 5
    before, after = network(tmp_path / "a.onnx"), network(tmp_path / "b.onnx", layers(), weights)
    with pytest.raises(SystemExit):
        cli.main(["diff", str(before), str(after), "--values"])
    said = capsys.readouterr().out
    assert "values differ by more than 1 % from Conv_2 on" in said
    with pytest.raises(SystemExit):
        cli.main(["diff", str(before), str(after), "--values", "--json"])
    found = msgspec.json.decode(capsys.readouterr().out, type=ComparisonReport).values
    assert found is not None and next(one.b for one in found if one.relative and one.relative > 0.01) == "Conv_2"
