"""What a run of a network computed: statistics of every value, the time of every node, and where NaN began."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from netscope.analyse.value_stats import Channels, Picture, ValueStats
from netscope.errors import NetscopeError, NotFoundError
from netscope.models.model import Model
from netscope.models.rows import Node

LARGEST_WEIGHT_BYTES = 1 << 30
"""A larger weight is not searched for NaN."""


class Measured(NamedTuple):
    """One value that was computed."""

    dtype: str
    shape: tuple[int, ...]
    channel_axis: int | None
    """The axis of its channels, or of the heads of an attention; None if it has none."""
    stats: ValueStats
    channels: Channels | None
    picture: Picture | None


@dataclass(frozen=True)
class Values:
    """The values of one run. Values and nodes are those of `model.graph`."""

    model: Model = field(repr=False)
    runner: str
    """What ran it, such as "ONNX Runtime 1.23.2"."""
    seconds: float
    """Of the whole run, with measuring."""
    measured: dict[int, Measured] = field(repr=False)
    """By value, those that were computed; weights are not among them."""
    kept: Mapping[int, npt.NDArray[Any]] = field(repr=False)
    """Values that were kept whole."""
    node_seconds: npt.NDArray[np.float64] = field(repr=False)
    """Time of each node, NaN where it is not known. It is of the operation alone, without fusion with others."""
    failed_node: int = -1
    """The node at which the run failed, or -1; the last warning says why."""
    warnings: tuple[str, ...] = ()

    def __getitem__(self, value: int | str) -> ValueStats:
        """The statistics of a value, by its index or name.

        Raises:
            NotFoundError: It was not computed.
        """
        return self.measured[self._index(value)].stats

    def __len__(self) -> int:
        """How many values were computed."""
        return len(self.measured)

    def __iter__(self) -> Iterator[str]:
        """The names of the values that were computed, in the order of the graph."""
        return (self.model.graph.values[value].name for value in self.measured)

    def read(self, value: int | str) -> npt.NDArray[Any]:
        """A value as an array.

        Raises:
            NotFoundError: It was not computed, or it is too large to be kept unless it is asked for.
        """
        index = self._index(value)
        if index not in self.kept:
            name = self.model.graph.values[index].name
            raise NotFoundError(f"{name!r} was too large to be kept; run again with keep=[{name!r}]")
        return self.kept[index]

    @cached_property
    def first_nan(self) -> Node | None:
        """The first node with NaN among its results but not among its inputs; None if there is none."""
        return self._first("nan")

    @cached_property
    def first_infinity(self) -> Node | None:
        """The first node with infinities among its results but not among its inputs; None if there is none."""
        return self._first("infinite")

    @cached_property
    def nan_weight(self) -> str:
        """The name of a weight of `first_nan` that has NaN itself; '' if none does, or they are not in the file."""
        for value in self.first_nan.inputs if self.first_nan is not None else ():
            tensor = None if value is None else value.tensor
            if tensor is not None and not tensor.bytes > LARGEST_WEIGHT_BYTES:
                with contextlib.suppress(NetscopeError):
                    weights = self.model.read(tensor.index)
                    if weights.dtype.kind in "fc" and np.isnan(weights).any():
                        return tensor.name
        return ""

    def _first(self, what: str) -> Node | None:
        def has(value: int) -> bool:
            return value in self.measured and getattr(self.measured[value].stats, what) > 0

        graph = self.model.graph
        if not any(map(has, self.measured)):
            return None
        inputs = np.split(graph.node_inputs, graph.node_input_ends[:-1])
        outputs = np.split(graph.node_outputs, graph.node_output_ends[:-1])
        for node, (read, made) in enumerate(zip(inputs, outputs, strict=True)):
            if any(map(has, made.tolist())) and not any(map(has, read.tolist())):
                return graph.nodes[node]
        return None

    @cached_property
    def _indices(self) -> dict[str, int]:
        """By name; of several values with one name the first."""
        return {self.model.graph.values[index].name: index for index in reversed(self.measured)}

    def _index(self, value: int | str) -> int:
        if isinstance(value, int):
            if value in self.measured:
                return value
        else:
            if value in self._indices:
                return self._indices[value]
        some = ", ".join(name for name, _ in zip(self, range(10), strict=False))
        raise NotFoundError(f"no value {value!r} was computed; there are: {some or 'none'}")


def indices_of(model: Model, names: Collection[str]) -> set[int]:
    """The values with these names."""
    if not names:
        return set()
    found = {value.name: value.index for value in model.graph.values}
    if missing := [name for name in names if name not in found]:
        raise NotFoundError(f"{model.name!r} has no value {missing[0]!r}")
    return {found[name] for name in names}
