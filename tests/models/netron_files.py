"""Small models in formats that Netron's parsers read, written as their own tools write them.

Each writer returns the file to open; where weights lie apart, both files are there.
"""

import json
import pickle
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from tests.models.protobuf_files import field

KERNEL = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3) / 8
BIAS = np.array([0.5, -0.25], np.float32)


def ncnn(folder: Path) -> Path:
    layers = [
        "Input            data    0 1 data 0=8 1=8 2=1",
        "Convolution      conv    1 1 data conv 0=2 1=3 5=1 6=18",
        "ReLU             relu    1 1 conv relu",
    ]
    path = folder / "net.param"
    path.write_text("7767517\n3 3\n" + "\n".join(layers) + "\n")
    path.with_suffix(".bin").write_bytes(bytes(4) + KERNEL.tobytes() + BIAS.tobytes())
    return path


def darknet(folder: Path) -> Path:
    path = folder / "net.cfg"
    path.write_text(
        "[net]\nheight=8\nwidth=8\nchannels=1\n\n"
        "[convolutional]\nfilters=2\nsize=3\nstride=1\npad=1\nactivation=relu\n\n[maxpool]\nsize=2\nstride=2\n"
    )
    path.with_suffix(".weights").write_bytes(struct.pack("<iiii", 0, 1, 0, 0) + BIAS.tobytes() + KERNEL.tobytes())
    return path


def caffe_text(folder: Path) -> Path:
    path = folder / "deploy.prototxt"
    path.write_text(
        'name: "net"\ninput: "data"\ninput_dim: 1 input_dim: 1 input_dim: 8 input_dim: 8\n'
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"\n'
        "  convolution_param { num_output: 2 kernel_size: 3 } }\n"
        'layer { name: "relu" type: "ReLU" bottom: "conv" top: "relu" }\n'
    )
    return path


def caffe(folder: Path) -> Path:
    def blob(array: np.ndarray) -> bytes:
        sizes = b"".join(field(1, size) for size in array.shape)
        return field(7, field(5, array.tobytes()) + field(7, sizes))

    conv = field(1, "conv") + field(2, "Convolution") + field(3, "data") + field(4, "conv") + blob(KERNEL) + blob(BIAS)
    relu = field(1, "relu") + field(2, "ReLU") + field(3, "conv") + field(4, "relu")
    path = folder / "net.caffemodel"
    path.write_bytes(field(1, "net") + field(100, conv) + field(100, relu))
    return path


def caffe2(folder: Path) -> Path:
    path = folder / "predict_net.pbtxt"
    path.write_text(
        'name: "net"\n'
        'op { input: "data" input: "w" input: "b" output: "conv" type: "Conv" arg { name: "kernel" i: 3 } }\n'
        'op { input: "conv" output: "relu" type: "Relu" }\n'
        'external_input: "data" external_input: "w" external_input: "b" external_output: "relu"\n'
    )
    return path


def caffe2_binary(folder: Path) -> Path:
    conv = field(1, "data") + field(1, "w") + field(2, "conv") + field(4, "Conv")
    relu = field(1, "conv") + field(2, "relu") + field(4, "Relu")
    path = folder / "predict_net.pb"
    path.write_bytes(
        field(1, "net") + field(2, conv) + field(2, relu) + field(7, "data") + field(7, "w") + field(8, "relu")
    )
    return path


def mxnet(folder: Path) -> Path:
    names = ["data", "conv_weight", "conv_bias"]
    nodes = [{"op": "null", "name": name, "inputs": []} for name in names]
    nodes += [
        {"op": "Convolution", "name": "conv", "attrs": {"kernel": "(3, 3)", "num_filter": "2"},
         "inputs": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]},
        {"op": "Activation", "name": "relu", "attrs": {"act_type": "relu"}, "inputs": [[3, 0, 0]]},
    ]  # fmt: skip
    said = {"nodes": nodes, "arg_nodes": [0, 1, 2], "node_row_ptr": [0, 1, 2, 3, 4, 5], "heads": [[4, 0, 0]]}
    path = folder / "net-symbol.json"
    path.write_text(json.dumps(said | {"attrs": {"mxnet_version": ["int", 10500]}}))

    def array(values: np.ndarray) -> bytes:
        sizes = struct.pack(f"<I{values.ndim}q", values.ndim, *values.shape)
        return struct.pack("<Ii", 0xF993FAC9, 0) + sizes + struct.pack("<iii", 1, 0, 0) + values.tobytes()

    keys = [b"arg:conv_weight", b"arg:conv_bias"]
    (folder / "net-0000.params").write_bytes(
        struct.pack("<QQQ", 0x112, 0, 2) + array(KERNEL) + array(BIAS)
        + struct.pack("<Q", 2) + b"".join(struct.pack("<Q", len(key)) + key for key in keys)
    )  # fmt: skip
    return path


def torch7(folder: Path) -> Path:
    """nn.Sequential of a SpatialConvolution and a ReLU, as `torch.save` of Lua writes it."""
    count = 0

    def text(value: str) -> bytes:
        return struct.pack("<i", len(value)) + value.encode()

    def new(kind: str) -> bytes:
        nonlocal count
        count += 1
        return struct.pack("<ii", 4, count) + text("V 1") + text(kind)

    def table(entries: Sequence[tuple[str | int, bytes]]) -> bytes:
        nonlocal count
        count += 1
        head = struct.pack("<iii", 3, count, len(entries))
        keys = [
            struct.pack("<i", 2) + text(k) if isinstance(k, str) else struct.pack("<id", 1, float(k))
            for k, _ in entries
        ]
        return head + b"".join(key + value for key, (_, value) in zip(keys, entries, strict=True))

    def number(value: float) -> bytes:
        return struct.pack("<id", 1, value)

    def tensor(array: np.ndarray) -> bytes:
        head = new("torch.FloatTensor")
        strides = [stride // array.itemsize for stride in array.strides]
        sizes = struct.pack(f"<i{2 * array.ndim}q", array.ndim, *array.shape, *strides)
        storage = new("torch.FloatStorage") + struct.pack("<q", array.size) + array.tobytes()
        return head + sizes + struct.pack("<q", 1) + storage

    head = new("nn.Sequential")
    conv = new("nn.SpatialConvolution")
    conv += table([("nOutputPlane", number(2)), ("kW", number(3)), ("weight", tensor(KERNEL)), ("bias", tensor(BIAS))])
    relu = new("nn.ReLU") + table([("inplace", struct.pack("<ii", 5, 1))])
    path = folder / "net.t7"
    path.write_bytes(head + table([("modules", table([(1, conv), (2, relu)]))]))
    return path


def barracuda(folder: Path) -> Path:
    def text(value: str) -> bytes:
        return struct.pack("<i", len(value)) + value.encode()

    def integers(*values: int) -> bytes:
        return struct.pack(f"<{len(values) + 1}i", len(values), *values)

    def layer(name: str, kind: int, activation: int, inputs: Sequence[str], tensors: bytes) -> bytes:
        return (
            text(name) + struct.pack("<4i", kind, activation, 0, 0) + integers(1, 1, 1, 1) + integers(1, 1) + integers()
            + struct.pack("<iffi", -1, 1.0, 0.0, 0)
            + struct.pack("<i", len(inputs)) + b"".join(map(text, inputs)) + tensors
        )  # fmt: skip

    def tensor(name: str, sizes: Sequence[int], at: int, n: int) -> bytes:
        return text(name) + struct.pack("<8i", *sizes, *[1] * (8 - len(sizes)))[: 4 * 8] + struct.pack("<qii", at, 4, n)

    shape = integers(1, 8, 8, 1)
    tensors = struct.pack("<i", 2)
    for name, sizes, at, n in (("conv/K", (3, 3, 1, 2), 0, 18), ("conv/B", (1, 1, 1, 2), 18, 2)):
        tensors += text(name) + integers(*sizes) + struct.pack("<qii", at, 4, n)
    layers = [
        layer("conv", 20, 0, ["data"], tensors),
        layer("relu", 50, 1, ["conv"], struct.pack("<i", 0)),
    ]
    data = struct.pack("<iii", 17, 0, 1) + text("data") + shape + struct.pack("<i", 1) + text("relu")
    data += struct.pack("<ii", 0, len(layers)) + b"".join(layers)
    path = folder / "net.nn"
    path.write_bytes(data + KERNEL.tobytes() + BIAS.tobytes())
    return path


def tnn(folder: Path) -> Path:
    path = folder / "net.tnnproto"
    path.write_text(
        '"1 3 1 4206624770 ,"\n"data 1 1 8 8 ,"\n" conv data relu ,"\n"relu ,"\n" 2 ,"\n'
        '"Convolution conv 1 1 data conv 1 1 2 3 3 1 1 1 1 1 -1 1 1 ,"\n"ReLU relu 1 1 conv relu ,"\n'
    )
    return path


def paddle(folder: Path) -> Path:
    def variable(parameter: str, *names: str) -> bytes:
        return field(1, parameter) + b"".join(field(2, name) for name in names)

    def operator(kind: str, inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
        return b"".join(field(1, one) for one in inputs) + b"".join(field(2, one) for one in outputs) + field(3, kind)

    def declared(name: str, sizes: Sequence[int], is_stored: bool) -> bytes:
        tensor = field(1, 5) + b"".join(field(2, size) for size in sizes)
        return field(1, name) + field(2, field(1, 7) + field(3, field(1, tensor))) + field(3, int(is_stored))

    ops = [
        operator("feed", [variable("X", "feed")], [variable("Out", "data")]),
        operator("conv2d", [variable("Input", "data"), variable("Filter", "w")], [variable("Output", "conv")]),
        operator("relu", [variable("X", "conv")], [variable("Out", "relu")]),
        operator("fetch", [variable("X", "relu")], [variable("Out", "fetch")]),
    ]
    names = [("data", (1, 1, 8, 8), False), ("w", (2, 1, 3, 3), True), ("conv", (1, 2, 6, 6), False)]
    variables = [declared(*one) for one in [*names, ("relu", (1, 2, 6, 6), False)]]
    block = field(1, 0) + field(2, -1) + b"".join(field(3, v) for v in variables) + b"".join(field(4, o) for o in ops)
    path = folder / "net.pdmodel"
    path.write_bytes(field(1, block))
    description = field(1, 5) + b"".join(field(2, size) for size in KERNEL.shape)
    path.with_suffix(".pdiparams").write_bytes(
        struct.pack("<IQI", 0, 0, 0) + struct.pack("<i", len(description)) + description + KERNEL.tobytes()
    )
    return path


def lightgbm(folder: Path) -> Path:
    path = folder / "trees.txt"
    path.write_text(
        "tree\nversion=v3\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n"
        "objective=regression\nfeature_names=a b\nfeature_infos=[0:1] [0:1]\ntree_sizes=100\n\n"
        "Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\nthreshold=0.5\ndecision_type=2\n"
        "left_child=-1\nright_child=-2\nleaf_value=0.25 0.75\nleaf_weight=1 1\nleaf_count=1 1\n"
        "internal_value=0\ninternal_weight=0\ninternal_count=2\nshrinkage=1\n\nend of trees\n"
    )
    return path


def mlir(folder: Path) -> Path:
    path = folder / "net.mlir"
    path.write_text(
        "module {\n  func.func @main(%arg0: tensor<1x4xf32>, %arg1: tensor<4x2xf32>) -> tensor<1x2xf32> {\n"
        "    %0 = stablehlo.dot %arg0, %arg1 : (tensor<1x4xf32>, tensor<4x2xf32>) -> tensor<1x2xf32>\n"
        "    %1 = stablehlo.tanh %0 : tensor<1x2xf32>\n    return %1 : tensor<1x2xf32>\n  }\n}\n"
    )
    return path


def nnabla(folder: Path) -> Path:
    def variable(name: str, kind: str, sizes: Sequence[int]) -> str:
        shape = " ".join(f"dim: {size}" for size in sizes)
        return f'  variable {{ name: "{name}" type: "{kind}" shape {{ {shape} }} }}\n'

    path = folder / "net.nntxt"
    path.write_text(
        'version: "1.0"\nnetwork { name: "net" batch_size: 1\n'
        + variable("x", "Buffer", (1, 4)) + variable("w", "Parameter", (4, 2)) + variable("y", "Buffer", (1, 2))
        + '  function { name: "affine" type: "Affine" input: "x" input: "w" output: "y"\n'
        "    affine_param { base_axis: 1 } }\n}\n"
        'executor { name: "run" network_name: "net" data_variable { variable_name: "x" data_name: "x" }\n'
        '  output_variable { variable_name: "y" data_name: "y" } }\n'
    )  # fmt: skip
    return path


def scikit_learn(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    path = folder / "trees.pkl"
    path.write_bytes(pickle.dumps(RandomForestClassifier(2, max_depth=2).fit(rng.random((20, 3)), np.arange(20) % 2)))
    return path


class Expected(NamedTuple):
    """What is in the file."""

    write: Callable[[Path], Path]
    format: str
    ops: list[str]
    arrays: list[np.ndarray]


FILES = [
    Expected(ncnn, "ncnn", ["Convolution", "ReLU"], [KERNEL, BIAS]),
    Expected(darknet, "Darknet", ["convolutional", "maxpool"], [BIAS, KERNEL]),
    Expected(caffe_text, "Caffe", ["Convolution", "ReLU"], []),
    Expected(caffe, "Caffe", ["Convolution", "ReLU"], [KERNEL, BIAS]),
    Expected(caffe2, "Caffe2", ["Conv", "Relu"], []),
    Expected(caffe2_binary, "Caffe2", ["Conv", "Relu"], []),
    Expected(mxnet, "MXNet", ["Convolution", "Activation"], [KERNEL, BIAS]),
    Expected(torch7, "Torch", ["nn.SpatialConvolution", "nn.ReLU"], [KERNEL, BIAS]),
    Expected(barracuda, "Barracuda", ["Conv2D", "Activation"], [KERNEL, BIAS]),
    Expected(tnn, "TNN", ["Convolution", "ReLU"], []),
    Expected(paddle, "PaddlePaddle", ["conv2d", "relu"], [KERNEL]),
    Expected(mlir, "MLIR", ["stablehlo.dot", "stablehlo.tanh"], []),
    Expected(nnabla, "NNabla", ["Affine"], []),
    Expected(lightgbm, "LightGBM", ["lightgbm.basic.Booster"], []),
]
