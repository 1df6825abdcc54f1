"""What layers of Keras cost, by their classes. Kernels have their input and output channels last."""

from __future__ import annotations

import math

from netscope.models.costs import Cost, count, elementwise, input_of, none, output_of, reduction, sizes
from netscope.models.rows import Node


def _weights(node: Node) -> dict[str, tuple[float, ...]]:
    """Shapes of the variables of a layer, by their names."""
    return {name: sizes(value) for name, value in zip(node.input_names, node.inputs, strict=True) if name}


def _kernel(summed: slice) -> Cost:
    """Each number of the output meets these axes of the kernel, and a bias."""

    def cost(node: Node) -> float:
        found = _weights(node)
        kernel = found.get("kernel", ())
        return (2 * math.prod(kernel[summed]) + ("bias" in found)) * count(output_of(node)) if kernel else math.nan

    return cost


def _transposed(node: Node) -> float:
    found = _weights(node)
    kernel = found.get("kernel", ())  # [size, …, output channel, input channel]
    bias = count(output_of(node)) if "bias" in found else 0
    return 2 * math.prod(kernel[:-1]) * count(input_of(node, 0)) + bias if kernel else math.nan


def _separable(node: Node) -> float:
    """One kernel for each channel, then a product over the channels, both at each place of the output."""
    found = _weights(node)
    depthwise, pointwise = found.get("depthwise_kernel", ()), found.get("pointwise_kernel", ())
    if not depthwise or not pointwise:
        return math.nan
    places = count(output_of(node)) / pointwise[-1]
    bias = count(output_of(node)) if "bias" in found else 0
    return 2 * places * (math.prod(depthwise) + math.prod(pointwise)) + bias


def _attention(node: Node) -> float:
    """Four projections, the products of queries with keys and of their weights with values, and a softmax."""
    query, value = sizes(input_of(node, 0)), sizes(input_of(node, 1))
    kernels = {name.partition(".")[0]: shape for name, shape in _weights(node).items() if name.endswith(".kernel")}
    if len(query) != 3 or len(value) != 3 or set(kernels) != {"query", "key", "value", "attention_output"}:
        return math.nan
    heads, keys, values = kernels["query"][1], kernels["query"][2], kernels["value"][2]
    at_query = math.prod(kernels["query"]) + math.prod(kernels["attention_output"])
    at_value = math.prod(kernels["key"]) + math.prod(kernels["value"])
    pairs = query[0] * heads * query[1] * value[1]
    products = 2 * query[0] * (query[1] * at_query + value[1] * at_value) + 2 * pairs * (keys + values)
    return products + 5 * pairs


def _recurrent(node: Node) -> float:
    given = sizes(input_of(node, 0))
    matrices = [shape for shape in _weights(node).values() if len(shape) == 2]
    return 2 * math.prod(given[:-1]) * sum(map(math.prod, matrices)) if len(given) == 3 and matrices else math.nan


def _pooling(node: Node) -> float:
    window = node.attributes.get("pool_size")
    return float(math.prod(window)) * count(output_of(node)) if isinstance(window, list) else math.nan


_AXES = ("1D", "2D", "3D")
_MOVING = """
    CategoryEncoding Cropping1D Cropping2D Cropping3D Embedding GaussianDropout GaussianNoise InputLayer Masking Permute
    RandomFlip RepeatVector SpatialDropout1D SpatialDropout2D SpatialDropout3D UpSampling1D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D AlphaDropout Concatenate
"""
COSTS: dict[str, Cost] = {
    **dict.fromkeys(_MOVING.split(), none),
    **dict.fromkeys(
        ("Activation", "Average", "ELU", "LeakyReLU", "Maximum", "Minimum", "Multiply", "PReLU", "ReLU", "Rescaling"),
        elementwise(1),
    ),
    "Subtract": elementwise(1),
    "Normalization": elementwise(2),
    "Dense": _kernel(slice(0, 1)),
    **{f"Conv{axes}": _kernel(slice(0, -1)) for axes in _AXES},
    **{f"Conv{axes}Transpose": _transposed for axes in _AXES},
    **{f"DepthwiseConv{axes}": _kernel(slice(0, -2)) for axes in _AXES[:2]},
    **{f"SeparableConv{axes}": _separable for axes in _AXES[:2]},
    **{f"{kind}Pooling{axes}": _pooling for kind in ("Max", "Average") for axes in _AXES},
    **{f"Global{kind}Pooling{axes}": reduction for kind in ("Max", "Average") for axes in _AXES},
    "MultiHeadAttention": _attention,
    "SimpleRNN": _recurrent,
}
