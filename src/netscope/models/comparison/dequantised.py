"""Read stored arrays as the numbers that they stand for: integers with the scale and zero point that go with them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from netscope.errors import FormatError, UsageError
from netscope.models.comparison.operations import canonical, of_texts
from netscope.models.graph import NONE, Graph
from netscope.models.model import Model
from netscope.models.rows import Node
from netscope.models.stored_array import known_shape

_BLOCK = 1 << 20
"""Elements that are in memory at once, unless a row has more."""
LARGEST_WHOLE = 1 << 27
"""Elements of an array that must be read as a whole."""


class Quantisation(NamedTuple):
    """What turns integers into numbers: (integer - zero point) x scale."""

    scale: Float[np.ndarray, "*part"]
    zero_point: Shaped[np.ndarray, "*part"]
    axis: int
    """Axis along which both differ, or along which blocks lie; -1 for none."""
    block_size: int = 0
    """Neighbours along the axis that share a scale; 0: none do."""


class _Parameters(NamedTuple):
    """Indices of the stored arrays with scale and zero point."""

    scale: int
    zero_point: int
    axis: int | None
    """None: the one that has as many elements as there are scales."""
    block_size: int = 0
    factor: int = NONE
    """An array of scales to multiply the others with, or -1: the scale of a bias is that of weights times inputs."""


class NumberReader:
    """Reads the stored arrays of one model."""

    def __init__(self, model: Model) -> None:
        """Look for what is quantised in a model."""
        self.model = model
        self._parameters = _dequantised(model.graph)
        self._parameters |= {key: value for key, value in _named(model.graph).items() if key not in self._parameters}
        self._parameters |= {key: value for key, value in _biases(model.graph).items() if key not in self._parameters}
        self.companions = _companions(model.graph) | {
            one for found in self._parameters.values() for one in (found.scale, found.zero_point) if one >= 0
        }
        """Arrays that are the scale or zero point of others, or of computed values."""
        self._said = {
            int(tensor): value
            for value, tensor in enumerate(model.graph.value_tensor.tolist())
            if tensor >= 0 and model.graph.value_quantisation[value] >= 0
        }

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The sizes of an array.

        Raises:
            UsageError: One is unknown.
        """
        found = self.model.graph.tensors[tensor]
        return known_shape(found.name, found.shape)

    def is_number(self, tensor: int) -> bool:
        """Whether its elements are what they stand for: not integers whose scale is unknown."""
        is_integer = self.model.graph.tensors[tensor].dtype.startswith(("int", "uint", "qint", "quint"))
        return not is_integer or tensor in self._parameters or tensor in self._said

    def whole(self, tensor: int) -> Shaped[np.ndarray, "*shape"]:
        """All numbers of an array.

        Raises:
            UsageError: It is too large, or cannot be decoded.
            NetscopeError: It cannot be read.
        """
        shape = self.shape(tensor)
        if math.prod(shape) > LARGEST_WHOLE:
            name = self.model.graph.tensors[tensor].name
            raise UsageError(f"{name!r} has {math.prod(shape):,} elements; up to {LARGEST_WHOLE:,} are read as a whole")
        return self._numbers(tensor, self.model.read(tensor), 0)

    def blocks(self, tensor: int) -> Iterator[Shaped[np.ndarray, "*shape"]]:
        """The numbers of an array in pieces of neighbouring rows, each flat; raises as `whole`.

        Pieces of two arrays with the same shape have the same sizes.
        """
        shape = self.shape(tensor)
        per_row = math.prod(shape[1:])
        step = max(1, _BLOCK // max(1, per_row))
        stored = self.model.stored[tensor] if self.model.stored else None
        is_by_rows = stored is not None and stored.strides is None and stored.encoding in ("raw", "gguf")
        if not shape or not is_by_rows:
            array = self.whole(tensor)
            rows = array.reshape(shape[0], -1) if shape and array.size else array.reshape(1, -1)
            for start in range(0, len(rows), step):
                yield rows[start : start + step].ravel()
            return
        for start in range(0, shape[0], step):
            part = self.model.read(tensor, slice(start, start + step))
            yield self._numbers(tensor, part, start).ravel()

    def _numbers(self, tensor: int, array: np.ndarray, first_row: int) -> np.ndarray:
        how = self._quantisation(tensor)
        if how is None:
            if array.dtype.kind == "c":
                return array.view(array.real.dtype)
            return array.view(np.uint8) if array.dtype.kind == "b" else array
        scale, zero = how.scale, how.zero_point
        try:
            if how.axis >= 0:
                scale, zero = (_spread(one, how, array.shape, first_row) for one in (scale, zero))
            return (array.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)
        except ValueError as error:
            name = self.model.graph.tensors[tensor].name
            raise FormatError(
                f"the scales of {name!r} do not fit: {list(how.scale.shape)} for {array.shape}"
            ) from error

    def _quantisation(self, tensor: int) -> Quantisation | None:
        if (found := self._parameters.get(tensor)) is not None:
            scale = np.asarray(self.model.read(found.scale))
            if found.factor >= 0:
                scale = scale * np.asarray(self.model.read(found.factor))
            zero = np.asarray(self.model.read(found.zero_point)) if found.zero_point >= 0 else np.zeros_like(scale)
            shape = self.shape(tensor)
            if scale.size == 1:
                return Quantisation(scale.reshape(()), zero.reshape(-1)[:1].reshape(()), NONE)
            axis = _axis(found.axis, scale, shape)
            block = found.block_size
            fits = scale.ndim == len(shape) and (scale.shape[axis] - 1) * block < shape[axis] and block <= shape[axis]
            if block and not fits:
                raise FormatError(f"blocks of {block} with {list(scale.shape)} scales do not fit {list(shape)}")
            return Quantisation(scale, zero, axis, block)
        if tensor not in self._said:
            return None
        said = self.model.graph.values[self._said[tensor]].quantisation
        return _from_text(said, self.model.graph.tensors[tensor].name)


def _axis(axis: int | None, scale: np.ndarray, shape: tuple[int, ...]) -> int:
    """The axis that has as many elements as there are scales."""
    if axis is not None and -len(shape) <= axis < len(shape):
        return axis % len(shape)
    fitting = [at for at, size in enumerate(shape) if size == scale.size]
    if not fitting:
        raise UsageError(f"{scale.size} scales do not fit an array of the shape {list(shape)}")
    return fitting[0] if len(shape) > 2 else fitting[-1]


def _spread(
    values: Shaped[np.ndarray, "*part"], how: Quantisation, shape: tuple[int, ...], first_row: int
) -> Shaped[np.ndarray, "*shape"]:
    """Scales or zero points in a form that broadcasts over rows of an array."""
    if how.block_size:
        values = np.repeat(values, how.block_size, axis=how.axis)
        if how.axis == 0:
            return values[first_row : first_row + shape[0]]
        whole = values[first_row : first_row + shape[0]]
        return whole[tuple(slice(0, size) for size in shape)]
    flat = values.reshape(-1)
    if how.axis == 0:
        flat = flat[first_row : first_row + shape[0]]
    return flat.reshape([-1 if axis == how.axis else 1 for axis in range(len(shape))])


def _from_text(said: dict[str, object], name: str) -> Quantisation | None:
    """Scale and zero point that the graph has as attributes of a value."""
    scale, zero, axis = said.get("scale"), said.get("zero_point", said.get("minimum", 0)), said.get("axis", NONE)
    if isinstance(scale, dict) or isinstance(zero, dict):
        raise UsageError(f"{name!r} has more scales than the graph keeps (64)")
    if not isinstance(scale, int | float | list):
        return None
    scales = np.atleast_1d(np.asarray(scale, np.float64))
    zeros = np.atleast_1d(np.asarray(zero, np.float64))
    if "minimum" in said:  # integer x scale + minimum, as in TensorFlow.js
        zeros = -zeros / scales
    if scales.size == 1:
        return Quantisation(scales.reshape(()), zeros[:1].reshape(()), NONE)
    zeros = np.broadcast_to(zeros, scales.shape) if zeros.size == 1 else zeros
    return Quantisation(scales, zeros, axis if isinstance(axis, int) and axis >= 0 else 0)


def _dequantised(graph: Graph) -> dict[int, _Parameters]:
    """Stored arrays that a DequantizeLinear reads."""
    found: dict[int, _Parameters] = {}
    is_one = of_texts(graph, lambda text: canonical(text) == "dequantize")
    for node in (Node(graph, at) for at in np.flatnonzero(is_one[graph.node_op]).tolist()):
        read = [NONE if value is None else int(graph.value_tensor[value.index]) for value in node.inputs]
        if len(read) < 2 or read[0] < 0 or read[1] < 0:
            continue
        attributes = node.attributes
        axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
        if isinstance(axis, int) and isinstance(block, int):
            found[read[0]] = _Parameters(read[1], read[2] if len(read) > 2 else NONE, axis, block)
    return found


_BIASED = {"QLinearConv": (1, 4, 8), "QGemm": (1, 4, 6)}
"""Inputs with the scale of the first factor, the scale of the weights, and the bias."""


def _biases(graph: Graph) -> dict[int, _Parameters]:
    """Integer biases, whose scale is a product."""
    found: dict[int, _Parameters] = {}
    is_one = of_texts(graph, lambda text: text.rpartition("::")[2] in _BIASED)
    for node in (Node(graph, at) for at in np.flatnonzero(is_one[graph.node_op]).tolist()):
        read = [NONE if value is None else int(graph.value_tensor[value.index]) for value in node.inputs]
        of_input, of_weight, bias = _BIASED[node.op.rpartition("::")[2]]
        if bias < len(read) and min(read[of_input], read[of_weight], read[bias]) >= 0:
            found[read[bias]] = _Parameters(read[of_weight], NONE, None, factor=read[of_input])
    return found


def _companions(graph: Graph) -> set[int]:
    """Arrays that quantised operations read as scale or zero point, told by the names of inputs or arrays."""
    is_role = np.array([*(text.endswith(("_scale", "_zero_point")) for text in graph.text), False])
    is_quantised = of_texts(graph, _is_quantised)
    named = np.append(is_role[graph.tensor_name], False)
    reader_op = np.repeat(graph.node_op, np.diff(graph.node_input_ends, prepend=np.int32(0)))
    tensor = np.append(graph.value_tensor, np.int32(NONE))[graph.node_inputs]
    if not len(tensor):
        return set()
    role = is_role[graph.node_input_names] | named[tensor]
    found: list[int] = tensor[(tensor >= 0) & role & is_quantised[reader_op]].tolist()
    return set(found)


def _is_quantised(op: str) -> bool:
    own = op.rpartition("::")[2]
    return (
        canonical(op) in ("quantize", "dequantize") or own.startswith(("QLinear", "QGemm")) or own.endswith("Integer")
    )


def _named(graph: Graph) -> dict[int, _Parameters]:
    """Stored arrays X_quantized beside X_scale and X_zero_point, as ONNX Runtime names them."""
    named = {graph.text[name]: at for at, name in enumerate(graph.tensor_name.tolist())}
    found = {}
    for name, tensor in named.items():
        stem = name.removesuffix("_quantized")
        if stem != name and f"{stem}_scale" in named:
            found[tensor] = _Parameters(named[f"{stem}_scale"], named.get(f"{stem}_zero_point", NONE), None)
    return found
