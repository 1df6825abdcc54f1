"""TensorFlow Lite files, written with the official FlatBuffers package."""

from collections.abc import Callable, Sequence
from typing import Any

import flatbuffers
import numpy as np
import tflite


def vector(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def table(b: flatbuffers.Builder, n_fields: int, fill: Callable[[], None]) -> int:
    b.StartObject(n_fields)
    fill()
    return b.EndObject()


def tensor(b: flatbuffers.Builder, name: str, shape: Sequence[int], kind: int, buffer: int = 0, **said: Any) -> int:
    title, sizes = b.CreateString(name), b.CreateNumpyVector(np.array(shape, np.int32))
    signature = b.CreateNumpyVector(np.array(said["signature"], np.int32)) if "signature" in said else 0
    quantisation = 0
    if "scale" in said:
        scale, zero = b.CreateNumpyVector(said["scale"]), b.CreateNumpyVector(said["zero_point"])
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale)
        tflite.QuantizationParametersAddZeroPoint(b, zero)
        tflite.QuantizationParametersAddQuantizedDimension(b, said.get("axis", 0))
        quantisation = tflite.QuantizationParametersEnd(b)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, sizes)
    tflite.TensorAddType(b, kind)
    tflite.TensorAddBuffer(b, buffer)
    tflite.TensorAddName(b, title)
    if quantisation:
        tflite.TensorAddQuantization(b, quantisation)
    if signature:
        tflite.TensorAddShapeSignature(b, signature)
    return tflite.TensorEnd(b)


def operator(
    b: flatbuffers.Builder, code: int, inputs: Sequence[int], outputs: Sequence[int], kind: int = 0, options: int = 0
) -> int:
    reads, writes = (b.CreateNumpyVector(np.array(some, np.int32)) for some in (inputs, outputs))
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, reads)
    tflite.OperatorAddOutputs(b, writes)
    if options:
        tflite.OperatorAddBuiltinOptionsType(b, kind)
        tflite.OperatorAddBuiltinOptions(b, options)
    return tflite.OperatorEnd(b)


def subgraph(
    b: flatbuffers.Builder, name: str, tensors: list[int], operators: list[int], ends: tuple[list[int], list[int]]
) -> int:
    title, all_tensors, all_operators = b.CreateString(name), vector(b, tensors), vector(b, operators)
    inputs, outputs = (b.CreateNumpyVector(np.array(some, np.int32)) for some in ends)
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, all_tensors)
    tflite.SubGraphAddInputs(b, inputs)
    tflite.SubGraphAddOutputs(b, outputs)
    tflite.SubGraphAddOperators(b, all_operators)
    tflite.SubGraphAddName(b, title)
    return tflite.SubGraphEnd(b)


def model(b: flatbuffers.Builder, codes: Sequence[int | str], graphs: list[int], arrays: Sequence[np.ndarray]) -> bytes:
    written = []
    for code in codes:
        custom = b.CreateString(code) if isinstance(code, str) else 0
        tflite.OperatorCodeStart(b)
        tflite.OperatorCodeAddBuiltinCode(b, 32 if custom else code)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, 32 if custom else min(int(code), 127))
        if custom:
            tflite.OperatorCodeAddCustomCode(b, custom)
        written.append(tflite.OperatorCodeEnd(b))
    buffers = []
    for data in (np.zeros(0, np.uint8), *(array.view(np.uint8).reshape(-1) for array in arrays)):
        held = b.CreateNumpyVector(data)
        tflite.BufferStart(b)
        tflite.BufferAddData(b, held)
        buffers.append(tflite.BufferEnd(b))
    all_codes, all_graphs, all_buffers = vector(b, written), vector(b, graphs), vector(b, buffers)
    title = b.CreateString("made by a test")
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, all_codes)
    tflite.ModelAddSubgraphs(b, all_graphs)
    tflite.ModelAddDescription(b, title)
    tflite.ModelAddBuffers(b, all_buffers)
    b.Finish(tflite.ModelEnd(b), b"TFL3")
    return bytes(b.Output())


def scaled(scale: list[float], zero_point: list[int]) -> dict[str, np.ndarray]:
    return {"scale": np.array(scale, np.float32), "zero_point": np.array(zero_point, np.int64)}


FILTER = np.arange(-18, 18, dtype=np.int8).reshape(4, 3, 3, 1)
BIAS = np.arange(4, dtype=np.int32)


def quantised() -> bytes:
    """A quantised convolution, a custom operator, and a loop with its two bodies."""
    b = flatbuffers.Builder(4096)
    kinds = tflite.TensorType
    tensors = [
        tensor(b, "image", [1, 8, 8, 1], kinds.INT8, signature=[-1, 8, 8, 1], **scaled([0.5], [-3])),
        tensor(b, "net/conv/filter", FILTER.shape, kinds.INT8, 1, **scaled([1, 2, 3, 4], [0] * 4)),
        tensor(b, "net/conv/bias", BIAS.shape, kinds.INT32, 2),
        tensor(b, "net/conv/Relu;net/conv/BiasAdd", [1, 6, 6, 4], kinds.INT8),
        tensor(b, "net/strange", [1, 6, 6, 4], kinds.INT8),
        tensor(b, "loop", [1, 6, 6, 4], kinds.INT8),
    ]  # fmt: skip
    tflite.Conv2DOptionsStart(b)
    tflite.Conv2DOptionsAddPadding(b, tflite.Padding.VALID)
    tflite.Conv2DOptionsAddStrideW(b, 1)
    tflite.Conv2DOptionsAddStrideH(b, 2)
    tflite.Conv2DOptionsAddFusedActivationFunction(b, tflite.ActivationFunctionType.RELU)
    conv = tflite.Conv2DOptionsEnd(b)
    tflite.WhileOptionsStart(b)
    tflite.WhileOptionsAddCondSubgraphIndex(b, 1)
    tflite.WhileOptionsAddBodySubgraphIndex(b, 2)
    loop = tflite.WhileOptionsEnd(b)
    options = tflite.BuiltinOptions
    operators = [
        operator(b, 0, [0, 1, 2], [3], options.Conv2DOptions, conv),
        operator(b, 1, [3, -1], [4]),
        operator(b, 2, [4], [5], options.WhileOptions, loop),
    ]
    graphs = [subgraph(b, "main", tensors, operators, ([0], [5]))]
    for name in ("condition", "body"):
        inner = [tensor(b, "x", [1, 6, 6, 4], kinds.INT8), tensor(b, "y", [1, 6, 6, 4], kinds.INT8)]
        graphs.append(subgraph(b, name, inner, [operator(b, 3, [0], [1])], ([0], [1])))
    codes = tflite.BuiltinOperator
    return model(b, [codes.CONV_2D, "Strange", codes.WHILE, codes.ABS], graphs, [FILTER, BIAS])
