"""What operations of Core ML's programs cost, beside those that PyTorch has by the same name (`costs_aten`)."""

from __future__ import annotations

import math

from netscope.models.costs import (
    Cost,
    convolution,
    count,
    elementwise,
    none,
    output_of,
    reduction,
    transposed_convolution,
)  # fmt: skip
from netscope.models.rows import Node


def _pooling(node: Node) -> float:
    window = node.attributes.get("kernel_sizes")
    return float(math.prod(window)) * count(output_of(node)) if isinstance(window, list) else math.nan


_ELEMENTWISE = """
    clip floor_div greater greater_equal inverse less less_equal mod not_equal real_div relu6 scaled_tanh sigmoid_hard
    softplus_parametric square thresholded_relu
"""
_MOVING = """
    band_part cast constexpr_affine_dequantize constexpr_blockwise_shift_scale constexpr_cast constexpr_lut_to_dense
    constexpr_sparse_to_dense coreml_update_state crop depth_to_space expand_dims fill_like gather_along_axis gather_nd
    identity one_hot read_state reverse scatter shape slice_by_index slice_by_size space_to_depth
"""
_REDUCTIONS = """
    reduce_argmax reduce_argmin reduce_l1_norm reduce_l2_norm reduce_log_sum reduce_log_sum_exp reduce_max reduce_mean
    reduce_min reduce_prod reduce_sum reduce_sum_square
"""
COSTS: dict[str, Cost] = {
    **dict.fromkeys(_ELEMENTWISE.split(), elementwise(1)),
    **dict.fromkeys(_MOVING.split(), none),
    **dict.fromkeys(_REDUCTIONS.split(), reduction),
    **dict.fromkeys(("avg_pool", "max_pool", "l2_pool"), _pooling),
    "conv": convolution,
    "conv_transpose": transposed_convolution,
}
