"""What operators of TensorFlow Lite cost, by their names in its schema. Filters have their input channels last."""

from __future__ import annotations

import math

from netscope.models.costs import Cost, count, elementwise, input_of, none, output_of, reduction, sizes
from netscope.models.rows import Node


def _bias(node: Node, at: int) -> float:
    return 1.0 if input_of(node, at) is not None else 0.0


def _filter(summed: slice) -> Cost:
    """Each number of the output meets these axes of the filter."""

    def cost(node: Node) -> float:
        weight = sizes(input_of(node, 1))
        return (2 * math.prod(weight[summed]) + _bias(node, 2)) * count(output_of(node)) if weight else math.nan

    return cost


def _transposed(node: Node) -> float:
    weight = sizes(input_of(node, 1))  # the shape of the output, the filter, the input, a bias
    products = 2 * math.prod(weight[:3]) * count(input_of(node, 2)) if len(weight) == 4 else math.nan
    return products + _bias(node, 3) * count(output_of(node))


def _dense(node: Node) -> float:
    weight = sizes(input_of(node, 1))
    return (2 * weight[-1] + _bias(node, 2)) * count(output_of(node)) if len(weight) == 2 else math.nan


def _product(node: Node) -> float:
    left = sizes(input_of(node, 0))
    if len(left) < 2:
        return math.nan
    return 2 * left[-2 if node.attributes.get("adj_x") else -1] * count(output_of(node))


def _pooling(node: Node) -> float:
    width, height = (node.attributes.get(f"filter_{side}") for side in ("width", "height"))
    if not isinstance(width, int) or not isinstance(height, int):
        return math.nan
    return float(width * height) * count(output_of(node))


def _recurrent(node: Node) -> float:
    """Every weight of the matrices meets each step of each sequence once."""
    given = sizes(input_of(node, 0))
    inputs = node.inputs[1:]
    matrices = [shape for value in inputs if value and value.tensor and len(shape := sizes(value)) == 2]
    if not given or not matrices:
        return math.nan
    return 2 * math.prod(given[:-1]) * sum(map(math.prod, matrices))


_ELEMENTWISE = """
    ABS ADD ADD_N CEIL COS CUMSUM DEQUANTIZE DIV ELU EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD GELU GREATER GREATER_EQUAL
    HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC MAXIMUM MINIMUM MUL NEG
    NOT_EQUAL POW PRELU QUANTIZE RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SIGN SIN SQRT SQUARE
    SQUARED_DIFFERENCE SUB TANH ATAN2 RIGHT_SHIFT BITWISE_XOR
"""
_MOVING = """
    BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO CAST CONCATENATION DEPTH_TO_SPACE DYNAMIC_UPDATE_SLICE
    EMBEDDING_LOOKUP EXPAND_DIMS FILL GATHER GATHER_ND IF MIRROR_PAD ONE_HOT PACK PAD PADV2 RANGE RANK RESHAPE
    RESIZE_NEAREST_NEIGHBOR REVERSE_SEQUENCE REVERSE_V2 SCATTER_ND SELECT SELECT_V2 SHAPE SLICE SPACE_TO_BATCH_ND
    SPACE_TO_DEPTH SPLIT SPLIT_V SQUEEZE STRIDED_SLICE TILE TRANSPOSE UNPACK WHERE WHILE ZEROS_LIKE
    VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE CALL CALL_ONCE
"""
_REDUCTIONS = "ARG_MAX ARG_MIN MEAN REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD SUM"
COSTS: dict[str, Cost] = {
    **dict.fromkeys(_ELEMENTWISE.split(), elementwise(1)),
    **dict.fromkeys(_MOVING.split(), none),
    **dict.fromkeys(_REDUCTIONS.split(), reduction),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _pooling),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"), elementwise(5)),
    "CONV_2D": _filter(slice(1, None)),
    "CONV_3D": _filter(slice(0, -1)),
    "DEPTHWISE_CONV_2D": _filter(slice(1, 3)),
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _product,
    **dict.fromkeys(
        (
            *("UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_LSTM"),
            *("BIDIRECTIONAL_SEQUENCE_RNN", "LSTM", "RNN"),
        ),
        _recurrent,
    ),
    "RESIZE_BILINEAR": elementwise(8),  # three interpolations: along two rows, and between them
}
