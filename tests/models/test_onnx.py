"""ONNX files: what the library counts is what is read, weights stay in the file, modules are found."""

import re
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from netscope.models.open import open_model
from tests.models.onnx_files import LIGHT, REAL, counted, f32, saved, weight, with_if


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_has_what_the_library_counts(name: str) -> None:
    model, proto = open_model(LIGHT / name), onnx.load(LIGHT / name)
    assert [node.op for node in model.graph.nodes] == [node.op_type for node in proto.graph.node]
    assert [[v and v.name for v in node.inputs] for node in model.graph.nodes] == [
        list(node.input) for node in proto.graph.node
    ]
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    assert {tensor.name: tensor.shape for tensor in model.graph.tensors} == {
        name: tuple(tensor.dims) for name, tensor in stored.items()
    }
    for tensor in model.graph.tensors:
        np.testing.assert_array_equal(model.read(tensor.index), numpy_helper.to_array(stored[tensor.name]))
    assert {value.name for value in map(model.graph.values.__getitem__, model.graph.inputs)} == {
        entry.name for entry in proto.graph.input if entry.name not in stored
    }
    assert [model.graph.values[i].name for i in model.graph.outputs] == [entry.name for entry in proto.graph.output]


def test_shapes_are_inferred_where_the_file_has_none() -> None:
    graph = open_model(LIGHT / "light_resnet50.onnx").graph
    pooled = next(node for node in graph.nodes if node.op == "AveragePool")
    assert pooled.outputs[0].shape == (1, 2048, 1, 1)
    assert all(value.dtype for value in graph.values)


def test_inputs_and_attributes_have_their_names() -> None:
    conv = next(node for node in open_model(LIGHT / "light_resnet50.onnx").graph.nodes if node.op == "Conv")
    assert conv.input_names == ["X", "W"]
    assert conv.attributes["kernel_shape"] == [7, 7]


def test_what_is_said_of_the_file(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "g", [f32("x", ["batch", 3, None])], [f32("y", None)]
    )
    model = open_model(saved(tmp_path, graph))
    assert (model.format, model.format_version, model.producer, model.reader) == (
        "ONNX",
        "opset 17",
        "test 1.2",
        "netscope",
    )
    assert model.graph.values[0].shape == ("batch", 3, None)


def test_branches_are_scopes_of_their_node(tmp_path: Path) -> None:
    path = saved(tmp_path, with_if())
    graph = open_model(path).graph
    assert Counter(node.op for node in graph.nodes) == Counter(node.op_type for node in counted(with_if()))
    neg = next(node for node in graph.nodes if node.op == "Neg")
    assert neg.scope.name == "outer/else_branch/inner/else_branch"
    assert neg.scope.owner.name == "inner"
    assert neg.scope.owner.scope.owner.name == "outer"
    assert neg.inputs[0] == graph.values[int(graph.inputs[0])]  # a value from outside of the branch
    outside = [node.name for node in graph.nodes if not graph.scope_in_body[node.scope.index]]
    assert outside == ["outer"]


def test_weights_within_a_branch_are_read(tmp_path: Path) -> None:
    model = open_model(saved(tmp_path, with_if()))
    assert model.read("k_w").shape == (40, 40)
    np.testing.assert_array_equal(model.read("k_w"), numpy_helper.to_array(weight("k_w", 40, 40)))
    np.testing.assert_array_equal(model.read("k_w", slice(3, 5)), numpy_helper.to_array(weight("", 40, 40))[3:5])


def test_a_function_is_a_scope_of_its_first_call(tmp_path: Path) -> None:
    function = helper.make_function(
        "mine", "Twice", ["a"], ["c"],
        [helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Relu", ["b"], ["c"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    nodes = [helper.make_node("Twice", [a], [b], domain="mine", name=f"call_{a}") for a, b in ("xy", "yz")]
    graph = helper.make_graph(nodes, "g", [f32("x", [1])], [f32("z", [1])])
    path = saved(
        tmp_path,
        graph,
        functions=[function],
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)],
    )
    found = open_model(path).graph
    assert [node.op for node in found.nodes] == ["mine::Twice", "Relu", "Relu", "mine::Twice"]
    assert found.nodes[1].scope.owner == found.nodes[0]
    assert found.nodes[0].input_names == ["a"]
    assert found.nodes[3].outputs[0].shape == (1,)


def scopes(path: Path) -> list[str]:
    return [node.scope.name for node in open_model(path).graph.nodes]


def test_names_of_the_older_exporter_of_pytorch_are_modules(tmp_path: Path) -> None:
    names = ["/layer1/layer1.0/conv1/Conv", "/encoder/layers.0/attn/MatMul", "/Add", "plain"]
    nodes = [helper.make_node("Relu", ["x"], [f"y{i}"], name=name) for i, name in enumerate(names)]
    path = saved(tmp_path, helper.make_graph(nodes, "g", [f32("x", [1])], []))
    assert scopes(path) == ["layer1.0.conv1", "encoder.layers.0.attn", "", ""]


def test_metadata_of_the_newer_exporter_of_pytorch_are_modules_and_classes(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"], name="node_relu")
    for key, value in {
        "pkg.torch.onnx.name_scopes": "['', 'layer1', 'layer1.0', 'relu']",
        "pkg.torch.onnx.class_hierarchy": "['__main__.Net', 'torch.nn.Sequential', 'my.Block', 'aten.relu.default']",
    }.items():
        node.metadata_props.add(key=key, value=value)
    graph = open_model(saved(tmp_path, helper.make_graph([node], "g", [f32("x", [1])], []))).graph
    assert [(s.name, s.kind) for s in graph.scopes] == [("", "Net"), ("layer1", "Sequential"), ("layer1.0", "Block")]


def test_names_of_tensorflow_are_modules(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"], name="model/conv/Relu;model/conv/BiasAdd")]
    assert scopes(saved(tmp_path, helper.make_graph(nodes, "g", [f32("x", [1])], []))) == ["model/conv"]


def test_nodes_without_names_stand_with_their_weights(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "block.0.fc1.weight"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "block.0.fc2.weight"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
    ]
    weights = [weight("block.0.fc1.weight", 4, 4), weight("block.0.fc2.weight", 4, 4)]
    path = saved(tmp_path, helper.make_graph(nodes, "g", [f32("x", [1, 4])], [], weights))
    assert scopes(path) == ["block.0.fc1", "block.0", "block.0.fc2", ""]
    assert [tensor.scope.name for tensor in open_model(path).graph.tensors] == ["block.0.fc1", "block.0.fc2"]


def test_a_prefix_that_all_weights_have_is_no_module() -> None:
    model = open_model(LIGHT / "light_resnet50.onnx")  # "gpu_0/conv1_w_0"
    assert [scope.name for scope in model.graph.scopes] == [""]


def test_quantisation_is_a_property_of_the_value(tmp_path: Path) -> None:
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [f32("x", [1])], [])
    entry = graph.quantization_annotation.add(tensor_name="x")
    entry.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="x_scale")
    assert open_model(saved(tmp_path, graph)).graph.values[0].quantisation == {"scale": "x_scale"}


def external(tmp_path: Path) -> Path:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [f32("x", [1, 64])],
        [f32("y", [1, 32])],
        [weight("w", 64, 32)],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def test_external_weights_are_located_and_read(tmp_path: Path) -> None:
    model = open_model(external(tmp_path))
    assert Path(model.stored[0].path).name == "weights.bin"
    np.testing.assert_array_equal(model.read("w"), numpy_helper.to_array(weight("w", 64, 32)))
    assert model.warnings == ()


def test_missing_external_weights_are_a_warning(tmp_path: Path) -> None:
    path = external(tmp_path)
    (tmp_path / "weights.bin").unlink()
    model = open_model(path)
    assert "'weights.bin'" in model.warnings[0]
    assert model.graph.tensors[0].bytes == 64 * 32 * 4


def test_external_weights_outside_of_the_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x" * 8192)
    folder = tmp_path / "model"
    folder.mkdir()
    proto = onnx.load(external(tmp_path), load_external_data=False)
    for entry in proto.graph.initializer[0].external_data:
        entry.value = "../secret" if entry.key == "location" else entry.value
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    model = open_model(folder / "model.onnx")
    assert "outside of its folder" in model.warnings[0]
    assert model.stored == (None,)


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.DOUBLE, TensorProto.BFLOAT16, TensorProto.FLOAT16])
def test_arrays_of_numbers_of_varying_length_are_decoded(tmp_path: Path, kind: int) -> None:
    tensor = helper.make_tensor("w", kind, [600], range(600))
    model = open_model(saved(tmp_path, helper.make_graph([], "g", [], [], [tensor])))
    np.testing.assert_array_equal(model.read("w"), np.arange(600).astype(numpy_helper.to_array(tensor).dtype))


def test_a_large_constant_is_a_stored_tensor_of_its_value(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["w"], value=weight("", 30, 30)),
        helper.make_node("Constant", [], ["b"], value=weight("", 3)),
        helper.make_node("Constant", [], ["shape"], value=helper.make_tensor("", TensorProto.INT64, [2], [3, -1])),
    ]
    model = open_model(saved(tmp_path, helper.make_graph(nodes, "g", [], [])))
    assert [tensor.name for tensor in model.graph.tensors] == ["w", "b"]
    np.testing.assert_array_equal(model.read("w"), np.arange(900, dtype=np.float32).reshape(30, 30))
    np.testing.assert_array_equal(model.read("b"), [0, 1, 2])
    assert model.graph.nodes[2].attributes["value"] == {"dtype": "int64", "shape": [2], "first": [3, -1]}


def test_a_node_may_be_used_before_it_stands(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Neg", ["x"], ["a"])]
    graph = open_model(saved(tmp_path, helper.make_graph(nodes, "g", [f32("x", [1])], []))).graph
    assert graph.nodes[0].inputs[0].producer == graph.nodes[1]


def test_a_file_of_another_name_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes((LIGHT / "light_squeezenet.onnx").read_bytes())
    assert open_model(path).format == "ONNX"


class Residual(torch.nn.Module):
    """Containers within containers, of which some are called and some are not."""

    def __init__(self) -> None:
        super().__init__()
        inner = [torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Sequential(torch.nn.ReLU())) for _ in range(2)]
        self.layers = torch.nn.ModuleList(inner)
        self.head = torch.nn.Sequential(torch.nn.Linear(4, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x)


def test_scopes_of_an_exported_network_are_its_modules(tmp_path: Path) -> None:
    network, path = torch.nn.Sequential(Residual(), Residual()).eval(), tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that names modules so is the older one
        torch.onnx.export(network, (torch.zeros(1, 4),), path, dynamo=False)
    graph = open_model(path).graph
    modules = {name for name, _ in network.named_modules()}
    assert {scope.name for scope in graph.scopes} <= modules
    computing = {node.scope.name for node in graph.nodes if node.op in ("MatMul", "Gemm", "Relu")}
    assert computing == {name for name, module in network.named_modules() if not [*module.children()]}


def test_sizes_that_nobody_named_are_unknown(tmp_path: Path) -> None:
    shape = ["batch", "Concatx_dim_1", "unk__3", "p2o.DynamicDimension.0", 5]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [f32("x", shape)], [f32("y", None)])
    assert open_model(saved(tmp_path, graph)).graph.values[0].shape == ("batch", None, None, None, 5)


def test_long_vectors_are_not_followed_as_if_they_were_shapes(tmp_path: Path) -> None:
    n = 1 << 21  # 100 steps would take 13 GB
    nodes = [helper.make_node("Mul", [f"v{i}", "w"], [f"v{i + 1}"]) for i in range(100)]
    graph = helper.make_graph(nodes, "g", [f32("v0", [n])], [f32("v100", [n])], [weight("w", 1)])
    path = saved(tmp_path, graph)
    # Not ru_maxrss: a child begins with that of its parent.
    code = f"import netscope; netscope.open_model({str(path)!r}); print(open('/proc/self/status').read())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(re.search(r"VmHWM:\s+(\d+) kB", done.stdout)[1]) < 1 << 20
    assert open_model(path).graph.values[50].shape == (n,)
