"""What operations cost whose formula does not depend on the format: `flops` and its tables for each format use them.

A size is NaN where it is not known, and so is what is computed from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from netscope.models.rows import Node, Value
from netscope.models.shapes import Shape, n_elements

Cost = Callable[[Node], float]


def _example(shape: Shape | None) -> Shape | None:
    """A shape with a batch size of one if the batch size is open."""
    return (1, *shape[1:]) if shape and not isinstance(shape[0], int) else shape


def sizes(value: Value | None) -> tuple[float, ...]:
    """The sizes of a value, NaN for those that are not known; none if its shape is not."""
    shape = _example(value.shape) if value is not None else None
    return tuple(float(size) if isinstance(size, int) else math.nan for size in shape) if shape is not None else ()


def count(value: Value | None) -> float:
    """The number of elements of a value."""
    shape = _example(value.shape) if value is not None else None
    return n_elements(shape)


def input_of(node: Node, at: int) -> Value | None:
    """One of the inputs; None if it is left out."""
    inputs = node.inputs
    return inputs[at] if at < len(inputs) else None


def output_of(node: Node) -> Value | None:
    """The first output."""
    return next(iter(node.outputs), None)


def elementwise(factor: float) -> Cost:
    """So many operations for each element of the result."""
    return lambda node: factor * count(output_of(node))


def reduction(node: Node) -> float:
    """One for each element that is read."""
    return count(input_of(node, 0))


def convolution(node: Node) -> float:
    """Each number of the output meets one filter [output channel, …]."""
    weight = sizes(input_of(node, 1))
    if len(weight) < 2:
        return math.nan
    return (2 * math.prod(weight[1:]) + (input_of(node, 2) is not None)) * count(output_of(node))


def transposed_convolution(node: Node) -> float:
    """Each number of the input meets one filter [input channel, …]."""
    weight, bias = sizes(input_of(node, 1)), input_of(node, 2) is not None
    if len(weight) < 2:
        return math.nan
    return 2 * math.prod(weight[1:]) * count(input_of(node, 0)) + (count(output_of(node)) if bias else 0)


def matrix_product(second: int = 1) -> Cost:
    """The product of the first input with the one at `second`."""

    def cost(node: Node) -> float:
        left, right = sizes(input_of(node, 0)), sizes(input_of(node, second))
        if not left or not right:
            return math.nan
        summed = left[-1] if not math.isnan(left[-1]) else right[-2 if len(right) > 1 else 0]
        return 2 * summed * count(output_of(node))

    return cost


def einsum(node: Node) -> float:
    """A product for each combination of indices."""
    equation = str(node.attributes.get("equation", "")).replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    axes: dict[str, float] = {}
    for term, value in zip(terms, node.inputs, strict=False):
        shape = sizes(value)
        if "." in term or len(term) != len(shape):
            return math.nan
        axes.update(zip(term, shape, strict=True))
    return (2.0 if len(terms) > 1 else 1.0) * math.prod(axes.values()) if axes else math.nan


def none(node: Node) -> float:
    """What only moves numbers costs nothing."""
    return 0.0
