"""Values of ONNX files, against ONNX Runtime called directly with every value as an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import netscope
from netscope.errors import FormatError, NotFoundError, UsageError
from netscope.frameworks.values import onnx_runner
from netscope.frameworks.values.result import Values
from tests.models.onnx_files import LIGHT, f32, saved, weight, with_if


def net(folder: Path, **said: Any) -> Path:
    """Convolution, ReLU, flattening, and a matrix product whose last column is logarithms of negative numbers."""
    rng = np.random.default_rng(0)
    kernel = numpy_helper.from_array(rng.standard_normal((8, 3, 3, 3), dtype=np.float32), "kernel")
    matrix = numpy_helper.from_array(rng.standard_normal((8 * 36, 5), dtype=np.float32), "matrix")
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"], name="conv"),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Flatten", ["r"], ["f"], name="flatten"),
        helper.make_node("MatMul", ["f", "matrix"], ["m"], name="product"),
        helper.make_node("Log", ["m"], ["y"], name="log"),
        helper.make_node("Exp", ["y"], ["z"], name="exp"),
    ]
    graph = helper.make_graph(nodes, "net", [f32("x", ["n", 3, 8, 8])], [f32("z", None)], [kernel, matrix])
    return saved(folder, graph, **said)


def directly(path: Path, **feeds: np.ndarray) -> dict[str, np.ndarray]:
    """All values that ONNX Runtime computes."""
    proto = onnx.load(path)
    names = [name for node in proto.graph.node for name in node.output if name]
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, ["CPUExecutionProvider"])
    return dict(zip(names, session.run(None, feeds), strict=True))


@pytest.fixture(params=["onnxruntime", "reference"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both that can run ONNX files."""
    if request.param == "reference":
        monkeypatch.setattr(onnx_runner, "_engine", lambda onnx, model, folder: onnx_runner._reference(onnx))
    return str(request.param)


def test_every_value_is_what_the_runtime_computes(tmp_path: Path, engine: str) -> None:
    path = net(tmp_path)
    x = np.random.default_rng(1).standard_normal((2, 3, 8, 8), dtype=np.float32)
    found = netscope.values(path, x)
    expected = directly(path, x=x)
    assert list(found) == ["x", *expected]
    for name, array in expected.items():
        np.testing.assert_allclose(found.read(name), array, rtol=1e-4, atol=1e-5)
        finite = array[np.isfinite(array)]
        np.testing.assert_allclose([found[name].min, found[name].max], [finite.min(), finite.max()], rtol=1e-4)
        assert found[name].nan == np.isnan(array).sum()


def test_parts_of_any_length_give_the_same_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = net(tmp_path)
    whole = netscope.values(path)
    monkeypatch.setattr(onnx_runner, "LARGEST_PART_BYTES", 1)
    single = netscope.values(path)
    assert list(single) == list(whole)
    for name in whole:
        assert single[name][:8] == pytest.approx(whole[name][:8], rel=1e-4, nan_ok=True)


def test_the_first_nan_is_at_the_node_that_makes_it(tmp_path: Path, engine: str) -> None:
    found = netscope.values(net(tmp_path))
    assert found["y"].nan > 0
    assert found["z"].nan > 0
    assert found.first_nan is not None
    assert (found.first_nan.name, found.nan_weight) == ("log", "")
    assert found.first_infinity is None


def test_a_weight_with_nan_is_named(tmp_path: Path) -> None:
    w = numpy_helper.from_array(np.array([1, np.nan], np.float32), "scale")
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Mul", ["r", "scale"], ["y"])]
    found = netscope.values(saved(tmp_path, helper.make_graph(nodes, "g", [f32("x", [2])], [f32("y", [2])], [w])))
    assert found.first_nan is not None
    assert (found.first_nan.op, found.nan_weight) == ("Mul", "scale")


def test_nan_in_the_input_is_not_blamed_on_a_node(tmp_path: Path) -> None:
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [f32("x", [2])], [f32("y", [2])])
    found = netscope.values(saved(tmp_path, graph), np.array([np.nan, 1], np.float32))
    assert (found["x"].nan, found["y"].nan, found.first_nan) == (1, 1, None)


def test_every_node_has_a_time(tmp_path: Path, engine: str) -> None:
    found = netscope.values(net(tmp_path))
    assert (found.node_seconds > 0).all()
    assert found.node_seconds.sum() < found.seconds


def test_random_inputs_are_seeded(tmp_path: Path) -> None:
    path = net(tmp_path)
    same = [netscope.values(path, seed=seed).read("x") for seed in (0, 0, 1)]
    np.testing.assert_array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])
    assert same[0].shape == (1, 3, 8, 8)


def test_inputs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = net(tmp_path)
    with pytest.raises(UsageError, match=r"'x' has shape \[n, 3, 8, 8\], got an array of \[2, 2\]"):
        netscope.values(path, np.zeros((2, 2), np.float32))
    with pytest.raises(UsageError, match="has no input 'q'; it has: x"):
        netscope.values(path, q=np.zeros(1))
    with pytest.raises(UsageError, match="of type float32, got an array of complex128"):
        netscope.values(path, np.zeros((1, 3, 8, 8), complex))


def test_indices_stay_within_the_table_that_they_read(tmp_path: Path) -> None:
    nodes = [helper.make_node("Cast", ["ids"], ["i"], to=7), helper.make_node("Gather", ["table", "i"], ["y"])]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT32, ["batch", "sequence"])
    graph = helper.make_graph(nodes, "g", [ids], [f32("y", None)], [weight("table", 11, 4)])
    found = netscope.values(saved(tmp_path, graph))
    assert found.read("ids").shape == (1, 16)
    assert 0 <= found["ids"].min
    assert found["ids"].max <= 10


def test_bodies_may_read_values_from_around_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_runner, "LARGEST_PART_BYTES", 1)
    graph = with_if()
    graph.node.insert(0, helper.make_node("Neg", ["raw"], ["x"]))
    graph.input[0].name = "raw"
    raw = np.array([[1.0, -2.0, 3.0, -4.0]], np.float32)
    found = netscope.values(saved(tmp_path, graph), raw=raw, c=np.array(True))
    np.testing.assert_allclose(found.read("y"), 1 / (1 + np.exp(raw)), rtol=1e-5)


def test_weights_beside_the_file_are_read(tmp_path: Path) -> None:
    path = net(tmp_path)
    expected = netscope.values(path)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert netscope.values(path)["m"][:8] == expected["m"][:8]
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(FormatError, match="'kernel' cannot be read"):
        netscope.values(path)


def test_values_before_a_failing_node_are_kept(tmp_path: Path, engine: str) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], name="relu"),
        helper.make_node("MatMul", ["r", "w"], ["y"], name="product"),
        helper.make_node("Relu", ["y"], ["z"], name="last"),
    ]
    graph = helper.make_graph(nodes, "g", [f32("x", ["a", "b"])], [f32("z", None)], [weight("w", 7, 3)])
    found = netscope.values(saved(tmp_path, graph), np.ones((2, 5), np.float32))
    assert list(found) == ["x", "r"]
    assert found.model.graph.nodes[found.failed_node].name == "product"
    assert "MatMul 'product' failed" in found.warnings[-1]


def test_the_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = net(tmp_path)
    before = path.read_bytes()
    netscope.values(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_large_values_are_kept_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netscope.frameworks.values.collector.LARGEST_KEPT_BYTES", 100)
    path = net(tmp_path)
    with pytest.raises(NotFoundError, match=r"keep=\['c'\]"):
        netscope.values(path).read("c")
    assert netscope.values(path, keep=["c"]).read("c").shape == (1, 8, 6, 6)
    with pytest.raises(NotFoundError, match="no value 'nothing'"):
        netscope.values(path, keep=["nothing"])


def test_quantised_operations_and_optional_outputs_run(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("Dropout", ["d"], ["y", ""]),
    ]
    scale = numpy_helper.from_array(np.array(0.1, np.float32), "scale")
    zero = numpy_helper.from_array(np.array(3, np.uint8), "zero")
    graph = helper.make_graph(nodes, "g", [f32("x", [4])], [f32("y", [4])], [scale, zero])
    found: Values = netscope.values(saved(tmp_path, graph), np.array([0, 1, 2, -0.3], np.float32))
    assert found.read("q").tolist() == [3, 13, 23, 0]


def test_progress_is_reported_and_may_end_the_run(tmp_path: Path) -> None:
    class Ended(Exception):
        pass

    told = []

    def report(done: int, total: int, unit: str) -> None:
        told.append((done, total, unit))
        if done > 50:
            raise Ended

    with pytest.raises(Ended):
        netscope.values(LIGHT / "light_squeezenet.onnx", report=report)
    assert told[0] == (0, 105, "operations")
