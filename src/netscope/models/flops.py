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
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from netscope.models.graph import Graph
from netscope.models.rows import Node, Value
from netscope.models.shapes import Shape, n_elements

Cost = Callable[[Node], float]
_LEFT_OUT = -2  # in place of the shape of an optional input


def with_flops(graph: Graph) -> Graph:
    """The graph with the FLOPs of every node for which they are computable and were not given."""
    costs = [_COSTS.get(op.rpartition("::")[2]) for op in graph.text]
    flops = graph.node_flops.copy()
    ops, attributes, shapes = (
        graph.node_op.tolist(),
        graph.node_attributes.tolist(),
        [*graph.value_shape.tolist(), _LEFT_OUT],
    )
    inputs, outputs = graph.node_inputs.tolist(), graph.node_outputs.tolist()
    input_ends, output_ends = [*graph.node_input_ends.tolist(), 0], [*graph.node_output_ends.tolist(), 0]
    known: dict[tuple[int, ...], float] = {}  # blocks repeat: the same operation on the same shapes costs the same
    for i in np.flatnonzero(np.isnan(flops)).tolist():
        cost = costs[ops[i]]
        if cost is None:
            continue
        read = [shapes[value] for value in inputs[input_ends[i - 1] : input_ends[i]]]
        made = [shapes[value] for value in outputs[output_ends[i - 1] : output_ends[i]][:1]]
        key = (ops[i], attributes[i], len(made), *made, *read)
        if key not in known:
            known[key] = cost(Node(graph, i))
        flops[i] = known[key]
    return replace(graph, node_flops=flops)


def _example(shape: Shape | None) -> Shape | None:
    """A shape with a batch size of one if the batch size is open."""
    return (1, *shape[1:]) if shape and not isinstance(shape[0], int) else shape


def _shape(value: Value | None) -> tuple[float, ...]:
    shape = _example(value.shape) if value is not None else None
    return tuple(float(size) if isinstance(size, int) else math.nan for size in shape) if shape is not None else ()


def _size(value: Value | None) -> float:
    shape = _example(value.shape) if value is not None else None
    return n_elements(shape)


def _input(node: Node, at: int) -> Value | None:
    inputs = node.inputs
    return inputs[at] if at < len(inputs) else None


def _output(node: Node) -> Value | None:
    return next(iter(node.outputs), None)


def _elementwise(factor: float) -> Cost:
    return lambda node: factor * _size(_output(node))


def _reduction(node: Node) -> float:
    return _size(_input(node, 0))


def _convolution(node: Node) -> float:
    weight = _shape(_input(node, 1))
    if len(weight) < 2:
        return math.nan
    return (2 * math.prod(weight[1:]) + (_input(node, 2) is not None)) * _size(_output(node))


def _transposed_convolution(node: Node) -> float:
    weight, bias = _shape(_input(node, 1)), _input(node, 2) is not None
    if len(weight) < 2:
        return math.nan
    return 2 * math.prod(weight[1:]) * _size(_input(node, 0)) + (_size(_output(node)) if bias else 0)


def _quantised_convolution(node: Node) -> float:
    weight = _shape(_input(node, 3))  # x, its scale and zero point, weight, …
    return 2 * math.prod(weight[1:]) * _size(_output(node)) if len(weight) > 1 else math.nan


def _matrix_product(second: int = 1) -> Cost:
    def cost(node: Node) -> float:
        left, right = _shape(_input(node, 0)), _shape(_input(node, second))
        if not left or not right:
            return math.nan
        summed = left[-1] if not math.isnan(left[-1]) else right[-2 if len(right) > 1 else 0]
        return 2 * summed * _size(_output(node))

    return cost


def _gemm(node: Node) -> float:
    left = _shape(_input(node, 0))
    if len(left) != 2:
        return math.nan
    summed = left[0 if node.attributes.get("transA") else 1]
    return (2 * summed + (_input(node, 2) is not None)) * _size(_output(node))


def _recurrent(node: Node) -> float:
    steps = _shape(_input(node, 0))
    weights = _size(_input(node, 1)) + _size(_input(node, 2))
    directions = _shape(_input(node, 1))[:1]
    return (
        2 * steps[0] * (steps[1] if steps[1] == steps[1] else 1) * weights
        if len(steps) == 3 and directions
        else math.nan
    )


def _pooling(node: Node) -> float:
    window = node.attributes.get("kernel_shape")
    if not isinstance(window, list):
        return math.nan
    return float(math.prod(window)) * _size(_output(node))


def _einsum(node: Node) -> float:
    equation = str(node.attributes.get("equation", "")).replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    sizes: dict[str, float] = {}
    for term, value in zip(terms, node.inputs, strict=False):
        shape = _shape(value)
        if "." in term or len(term) != len(shape):
            return math.nan
        sizes.update(zip(term, shape, strict=True))
    return (2.0 if len(terms) > 1 else 1.0) * math.prod(sizes.values()) if sizes else math.nan


def _none(node: Node) -> float:
    return 0.0


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
    **dict.fromkeys(_ELEMENTWISE.split(), _elementwise(1)),
    **dict.fromkeys(_MOVING.split(), _none),
    **dict.fromkeys(_REDUCTIONS.split(), _reduction),
    **dict.fromkeys(("AveragePool", "MaxPool", "LpPool"), _pooling),
    **dict.fromkeys(("Conv", "FusedConv", "ConvInteger"), _convolution),
    "QLinearConv": _quantised_convolution,
    "ConvTranspose": _transposed_convolution,
    **dict.fromkeys(("MatMul", "FusedMatMul", "MatMulInteger"), _matrix_product()),
    "QLinearMatMul": _matrix_product(3),
    "Gemm": _gemm,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "Einsum": _einsum,
    "BatchNormalization": _elementwise(2),
    **dict.fromkeys(("RMSNormalization", "SimplifiedLayerNormalization"), _elementwise(3)),
    **dict.fromkeys(
        (
            "LayerNormalization",
            "InstanceNormalization",
            "GroupNormalization",
            "MeanVarianceNormalization",
            "LpNormalization",
        ),
        _elementwise(5),
    ),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _elementwise(5)),
}
