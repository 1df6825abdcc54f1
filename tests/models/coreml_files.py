"""Core ML models, encoded field by field as Apple's coremltools writes them."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.models.protobuf_files import entry, field

KERNEL = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3) / 8
BIAS = np.array([0.5, -0.25], np.float32)
DENSE = np.arange(6, dtype=np.float32).reshape(3, 2)
FLOAT32, INT32, BOOL = 11, 23, 1


def ints(number: int, values: Sequence[int]) -> bytes:
    return b"".join(field(number, value) for value in values)


def feature(name: str, shape: Sequence[int]) -> bytes:
    return field(1, name) + field(3, field(5, field(1, bytes(shape)) + field(2, 65568)))


def model(contents: bytes, inputs: Mapping[str, Sequence[int]], outputs: Mapping[str, Sequence[int]]) -> bytes:
    """A model; `contents` is its type with what it holds."""
    features = [field(1, feature(*one)) for one in inputs.items()]
    features += [field(10, feature(*one)) for one in outputs.items()]
    metadata = field(1, "a test") + field(100, entry("com.github.apple.coremltools.version", b"9.0"))
    return field(1, 5) + field(2, b"".join(features) + field(100, metadata)) + contents


def weights(array: np.ndarray) -> bytes:
    return field(1, array.tobytes())


def layer(name: str, inputs: Sequence[str], outputs: Sequence[str], kind: bytes) -> bytes:
    names = b"".join(field(2, one) for one in inputs) + b"".join(field(3, one) for one in outputs)
    return field(1, field(1, name) + names + kind)


def layers() -> bytes:
    """A convolution, an activation with a setting, and a branch with a dense layer in one of its networks."""
    conv = field(1, 2) + field(2, 1) + field(10, 1) + ints(20, [3, 3]) + field(50, b"") + field(70, 1)
    conv += field(90, weights(KERNEL)) + field(91, weights(BIAS))
    dense = field(1, 2) + field(2, 3) + field(20, weights(DENSE))
    branch = field(1, layer("fc", ["b"], ["c"], field(140, dense))) + field(
        2, layer("same", ["b"], ["c"], field(600, b""))
    )
    return (
        layer("conv", ["image"], ["a"], field(100, conv))
        + layer("act", ["a"], ["b"], field(130, field(15, field(1, 0.5))))
        + layer("if", ["b"], ["c"], field(605, branch))
    )


def network() -> bytes:
    return model(field(500, layers()), {"image": [1, 8, 8]}, {"c": [2]})


def tensor_type(kind: int, shape: Sequence[int | None]) -> bytes:
    sizes = [field(1, field(1, size)) if size is not None else field(2, b"") for size in shape]
    return field(1, field(1, kind) + field(2, len(shape)) + b"".join(field(3, size) for size in sizes))


def named(name: str, kind: bytes) -> bytes:
    return field(1, name) + field(2, kind)


def immediate(kind: bytes, tensor: bytes) -> bytes:
    return field(2, kind) + field(3, field(1, tensor))


def constant(name: str, kind: bytes, value: bytes) -> bytes:
    return field(1, "const") + field(3, named(name, kind)) + field(5, entry("val", value))


def operation(kind: str, inputs: Mapping[str, str], output: bytes, name: str, blocks: Sequence[bytes] = ()) -> bytes:
    arguments = [field(2, entry(key, field(1, field(1, value)))) for key, value in inputs.items()]
    text = immediate(tensor_type(2, []), field(4, field(1, name)))
    said = field(1, kind) + b"".join(arguments) + field(3, output) + field(5, entry("name", text))
    return said + b"".join(field(4, block) for block in blocks)


def program() -> bytes:
    """A convolution whose weights are in `weight.bin`, with a bias and settings in the model, and a condition."""
    f32 = tensor_type(FLOAT32, [2, 1, 3, 3])
    blob = field(2, f32) + field(5, field(1, "@model_path/weights/weight.bin") + field(2, 64))
    strides = immediate(tensor_type(INT32, [2]), field(2, field(1, bytes([1, 1]))))
    bias = immediate(tensor_type(FLOAT32, [2]), field(1, field(1, BIAS.tobytes())))
    y, shape = tensor_type(FLOAT32, [None, 2, 6, 6]), tensor_type(FLOAT32, [None, 1, 8, 8])
    then = field(2, "r") + field(3, operation("relu", {"x": "y"}, named("r", y), "net/then/relu"))
    other = field(2, "t") + field(3, operation("tanh", {"x": "y"}, named("t", y), "net/else/tanh"))
    conv = {"x": "image", "weight": "w", "bias": "b", "strides": "s"}
    operations = [
        constant("w", f32, blob),
        constant("b", tensor_type(FLOAT32, [2]), bias),
        constant("s", tensor_type(INT32, [2]), strides),
        operation("conv", conv, named("y", y), "net/conv"),
        operation("cond", {"pred": "flag"}, named("z", y), "net/cond", [then, other]),
    ]
    block = field(2, "z") + b"".join(field(3, one) for one in operations)
    inputs = [named("image", shape), named("flag", tensor_type(BOOL, []))]
    function = b"".join(field(1, one) for one in inputs) + field(2, "CoreML5") + field(3, entry("CoreML5", block))
    return model(
        field(502, field(1, 1) + field(2, entry("main", function))), {"image": [1, 1, 8, 8], "flag": [1]}, {"z": [2]}
    )


def package(folder: Path) -> Path:
    """A folder `.mlpackage` with a program and its weights."""
    path = folder / "net.mlpackage"
    inner = path / "Data/com.apple.CoreML"
    (inner / "weights").mkdir(parents=True)
    (inner / "model.mlmodel").write_bytes(program())
    blob = struct.pack("<IIQQ", 0xDEADBEEF, 1, KERNEL.nbytes, 128).ljust(64, b"\0") + KERNEL.tobytes()
    (inner / "weights/weight.bin").write_bytes(struct.pack("<II", 1, 2).ljust(64, b"\0") + blob)
    items = {"id": {"author": "com.apple.CoreML", "path": "com.apple.CoreML/model.mlmodel"}}
    (path / "Manifest.json").write_text(json.dumps({"itemInfoEntries": items, "rootModelIdentifier": "id"}))
    return path


def pipeline() -> bytes:
    """A network, then trees that read its result."""
    nodes = [field(1, field(1, tree) + field(2, node)) for tree, node in ((0, 0), (0, 1), (0, 2), (1, 0))]
    trees = model(field(302, field(1, b"".join(nodes))), {"c": [2]}, {"y": [1]})
    parts = [network(), trees]
    names = field(2, "features") + field(2, "trees")
    return model(field(202, b"".join(field(1, part) for part in parts) + names), {"image": [1, 8, 8]}, {"y": [1]})
