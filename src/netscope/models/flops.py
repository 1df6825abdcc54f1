"""The cost of a node in floating-point operations, from its operation, attributes and shapes.

A multiplication with an addition counts as two operations, so that a network of 4.1 GMACs has 8.2 GFLOPs; an
elementwise function counts as one for each element, however hard it is; what only moves numbers counts as none.
A leading axis of unknown size, the batch, counts as one example. Where another size is not known, neither is the cost.

==================  ==========================================================================
matrix product      2 · elements of the result · length of the axis that is summed over
convolution         2 · elements of the result · weights of one filter (+ 1 with a bias)
transposed          2 · elements of the input · weights of one filter
recurrent layer     2 · steps · batch · (elements of W + elements of R)
pooling             elements of the result · elements of a window
reduction           elements of the input
normalisation       elements · 2 (with stored mean and variance), 5 (layer, instance, group), 3 (RMS)
softmax             5 · elements
==================  ==========================================================================

Those are operations of ONNX; `costs_tflite`, `costs_aten`, `costs_coreml` and `costs_keras` have those of TensorFlow
Lite, PyTorch, Core ML and Keras. Where two of them share a name, the operation is the same.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from netscope.models import costs_aten, costs_coreml, costs_keras, costs_tflite
from netscope.models.costs import (
    Cost,
    convolution,
    count,
    einsum,
    elementwise,
    input_of,
    matrix_product,
    none,
    output_of,
    reduction,
    sizes,
    transposed_convolution,
)  # fmt: skip
from netscope.models.graph import Graph
from netscope.models.rows import Node

_LEFT_OUT = -(1 << 62)  # in place of the type and shape of an optional input


def with_flops(graph: Graph) -> Graph:
    """The graph with the FLOPs of every node for which they are computable and were not given."""
    costs = [_COSTS.get(op.rpartition("::")[2].partition(".")[0]) for op in graph.text]
    flops = graph.node_flops.copy()
    ops, attributes = graph.node_op.tolist(), graph.node_attributes.tolist()
    types = [*(graph.value_shape.astype(np.int64) * len(graph.text) + graph.value_dtype).tolist(), _LEFT_OUT]
    inputs, outputs = graph.node_inputs.tolist(), graph.node_outputs.tolist()
    input_ends, output_ends = [*graph.node_input_ends.tolist(), 0], [*graph.node_output_ends.tolist(), 0]
    # Blocks repeat: the same operation on the same types and shapes costs the same.
    known: dict[tuple[int, ...], float] = {}
    for i in np.flatnonzero(np.isnan(flops)).tolist():
        cost = costs[ops[i]]
        if cost is None:
            continue
        read = [types[value] for value in inputs[input_ends[i - 1] : input_ends[i]]]
        made = [types[value] for value in outputs[output_ends[i - 1] : output_ends[i]][:1]]
        key = (ops[i], attributes[i], len(made), *made, *read)
        if key not in known:
            known[key] = cost(Node(graph, i))
        flops[i] = known[key]
    return replace(graph, node_flops=flops)


def _quantised_convolution(node: Node) -> float:
    weight = sizes(input_of(node, 3))  # x, its scale and zero point, weight, …
    return 2 * math.prod(weight[1:]) * count(output_of(node)) if len(weight) > 1 else math.nan


def _gemm(node: Node) -> float:
    left = sizes(input_of(node, 0))
    if len(left) != 2:
        return math.nan
    summed = left[0 if node.attributes.get("transA") else 1]
    return (2 * summed + (input_of(node, 2) is not None)) * count(output_of(node))


def _recurrent(node: Node) -> float:
    steps = sizes(input_of(node, 0))
    weights = count(input_of(node, 1)) + count(input_of(node, 2))
    directions = sizes(input_of(node, 1))[:1]
    return (
        2 * steps[0] * (steps[1] if steps[1] == steps[1] else 1) * weights
        if len(steps) == 3 and directions
        else math.nan
    )


def _pooling(node: Node) -> float:
    window = node.attributes.get("kernel_shape")
    if not isinstance(window, list):
        return math.nan
    return float(math.prod(window)) * count(output_of(node))


_ELEMENTWISE = """
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Ceil Celu Clip Cos
    Cosh DequantizeLinear Div DynamicQuantizeLinear Elu Equal Erf Exp FastGelu Floor Gelu Greater
    GreaterOrEqual HardSigmoid HardSwish Hardmax IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul
    Neg Not Or PRelu Pow QuickGelu QuantizeLinear Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus
    Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor CumSum
"""
_MOVING = """
    Cast CastLike Compress Concat Constant ConstantOfShape DepthToSpace Dropout Expand EyeLike Flatten Gather
    GatherElements GatherND Identity NonZero OneHot Pad Range Reshape ReverseSequence ScatterElements ScatterND Scatter
    Shape Size Slice SpaceToDepth Split SplitToSequence Squeeze Tile Transpose Unsqueeze If Loop Scan Optional
    OptionalGetElement OptionalHasElement SequenceAt SequenceConstruct SequenceEmpty SequenceInsert SequenceLength
    ConcatFromSequence Trilu
"""
_REDUCTIONS = """
    ArgMax ArgMin GlobalAveragePool GlobalMaxPool GlobalLpPool ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
"""
_COSTS: dict[str, Cost] = {
    **costs_keras.COSTS,
    **costs_coreml.COSTS,
    **costs_aten.COSTS,
    **costs_tflite.COSTS,
    **dict.fromkeys(_ELEMENTWISE.split(), elementwise(1)),
    **dict.fromkeys(_MOVING.split(), none),
    **dict.fromkeys(_REDUCTIONS.split(), reduction),
    **dict.fromkeys(("AveragePool", "MaxPool", "LpPool"), _pooling),
    **dict.fromkeys(("Conv", "FusedConv", "ConvInteger"), convolution),
    "QLinearConv": _quantised_convolution,
    "ConvTranspose": transposed_convolution,
    **dict.fromkeys(("MatMul", "FusedMatMul", "MatMulInteger"), matrix_product()),
    "QLinearMatMul": matrix_product(3),
    "Gemm": _gemm,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "Einsum": einsum,
    "BatchNormalization": elementwise(2),
    **dict.fromkeys(("RMSNormalization", "SimplifiedLayerNormalization"), elementwise(3)),
    **dict.fromkeys(
        (
            "LayerNormalization",
            "InstanceNormalization",
            "GroupNormalization",
            "MeanVarianceNormalization",
            "LpNormalization",
        ),
        elementwise(5),
    ),
    **dict.fromkeys(("Softmax", "LogSoftmax"), elementwise(5)),
}
