"""What PyTorch's operators cost in an exported program, counted as `frameworks.torch_flops` counts them as they run.

That is: products as `torch.utils.flop_counter` counts them, without biases; other operations one per element, if these
are floats.
"""

from __future__ import annotations

import math

from netscope.models.costs import Cost, count, einsum, input_of, none, output_of, sizes
from netscope.models.rows import Node, Value


def _floats(value: Value | None) -> float:
    """The elements of a value, none if they are integers or Booleans."""
    is_float = value is not None and value.dtype.startswith(("float", "bfloat", "complex"))
    return count(value) if is_float else 0.0


def _per_result(node: Node) -> float:
    return _floats(output_of(node))


def _per_input(factor: float) -> Cost:
    return lambda node: factor * _floats(input_of(node, 0))


def _convolution(node: Node) -> float:
    weight = sizes(input_of(node, 1))
    if len(weight) < 2:
        return math.nan
    is_transposed = "transpose" in node.op or node.attributes.get("transposed") is True
    return 2 * math.prod(weight[1:]) * count(input_of(node, 0) if is_transposed else output_of(node))


def _product(first: int) -> Cost:
    """Each number of the left matrix meets each column of the right one."""

    def cost(node: Node) -> float:
        left = sizes(input_of(node, first))
        if not left:
            return math.nan
        summed = left[-2 if node.attributes.get("transpose_x") is True and len(left) > 1 else -1]
        return 2 * summed * count(output_of(node))

    return cost


def _attention(node: Node) -> float:
    query, key, value = (sizes(input_of(node, at)) for at in range(3))
    if min(map(len, (query, key, value))) < 2:
        return math.nan
    return 2 * math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _recurrent(node: Node) -> float:
    given = sizes(input_of(node, 0))
    named = zip(node.input_names, node.inputs, strict=True)
    shapes = [sizes(value) for name, value in named if name.startswith(("params", "weight"))]
    matrices = [shape for shape in shapes if len(shape) == 2]
    return 2 * math.prod(given[:-1]) * sum(map(math.prod, matrices)) if given else math.nan


_ELEMENTWISE = """
    abs acos acosh add add_ addcdiv addcmul asin asinh atan atan2 atanh bitwise_and ceil celu clamp clamp_ clamp_max
    clamp_min cos cosh div div_ elu elu_ eq erf erfc exp exp2 expm1 floor floor_divide fmod ge gelu gt hardsigmoid
    hardswish hardswish_ hardtanh hardtanh_ isinf isnan le leaky_relu leaky_relu_ lerp log log10 log1p log2 log_sigmoid
    logical_and logical_not logical_or lt maximum minimum mish mul mul_ ne neg pow prelu reciprocal relu relu_ relu6
    remainder round rsqrt rsub selu sgn sigmoid sigmoid_ sign silu silu_ sin sinh softplus softsign sqrt square sub sub_
    tan tanh tanh_ threshold trunc
"""
_MOVING = """
    alias arange as_strided broadcast_to cat chunk clone concat contiguous copy copy_ detach detach_ dropout dropout_
    embedding empty expand expand_as fill flatten flip full full_like gather index index_put index_select
    lift_fresh_copy masked_fill movedim narrow new_empty new_full new_ones new_zeros ones ones_like pad constant_pad_nd
    permute pixel_shuffle pixel_unshuffle repeat repeat_interleave reshape roll select select_scatter slice
    slice_scatter split split_with_sizes squeeze stack sym_size swapaxes t tile to _to_copy transpose tril triu unbind
    unflatten unfold unsqueeze view view_as where zeros zeros_like type_as scalar_tensor
    feature_dropout alpha_dropout _assert_tensor_metadata _assert_scalar numpy_T
"""
_REDUCTIONS = """
    all amax amin any argmax argmin logsumexp max mean min norm prod std std_mean sum var var_mean
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d avg_pool1d avg_pool2d avg_pool3d
    max_pool1d max_pool2d max_pool2d_with_indices max_pool3d _adaptive_avg_pool2d cumsum cumprod
"""
_FIVE = """
    _softmax _log_softmax softmax log_softmax layer_norm native_layer_norm batch_norm group_norm native_group_norm
    instance_norm rms_norm _native_batch_norm_legit _native_batch_norm_legit_no_training _safe_softmax
"""
COSTS: dict[str, Cost] = {
    **dict.fromkeys(_ELEMENTWISE.split(), _per_result),
    **dict.fromkeys(_MOVING.split(), none),
    **dict.fromkeys(_REDUCTIONS.split(), _per_input(1)),
    **dict.fromkeys(_FIVE.split(), _per_input(5)),
    **dict.fromkeys(
        (
            *("conv1d", "conv2d", "conv3d", "convolution", "_convolution"),
            *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        ),
        _convolution,
    ),
    **dict.fromkeys(("linear", "mm", "bmm", "matmul", "mv", "dot"), _product(0)),
    **dict.fromkeys(("addmm", "baddbmm", "addmv"), _product(1)),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    "scaled_dot_product_attention": _attention,
    "einsum": einsum,
}
