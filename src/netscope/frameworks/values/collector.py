"""Collects what a run computes: each value is measured when it is there, and kept whole only while the budget lasts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope.analyse import value_stats
from netscope.frameworks.values.result import Measured, Values
from netscope.models.model import Model

KEPT_BYTES = 64 << 20
"""Of all values that are kept whole."""
LARGEST_KEPT_BYTES = 8 << 20
"""Of one value, unless it was asked for."""
PICTURE_BYTES = 32 << 20
"""Of all pictures."""
Report = Callable[[int, int, str], None]
_CONVOLUTIONS = ("conv", "batchnorm", "batch_norm", "maxpool", "max_pool", "avgpool", "avg_pool")
"""With three axes: [sample, channel, position], where other operations have [sample, position, channel]."""


def silent(done: int, total: int, unit: str) -> None:
    """Report nothing."""


class Collector:
    """The values of one run, as runners add them."""

    def __init__(self, report: Report = silent, keep: Collection[int] = (), *, is_channels_last: bool = False) -> None:
        """Begin.

        Args:
            report: Called as `report(done, total, unit)`; may raise to end the run.
            keep: Values to keep whole whatever their size.
            is_channels_last: Whether images are [N, H, W, C] rather than [N, C, H, W].
        """
        self.runner = ""
        """What ran it, such as "ONNX Runtime 1.23.2"."""
        self.warnings: list[str] = []
        self._report, self._keep = report, set(keep)
        self._measured: dict[int, Measured] = {}
        self._kept: dict[int, npt.NDArray[Any]] = {}
        self._kept_bytes = self._picture_bytes = 0
        self._failed_node = -1
        self._seconds: dict[int, float] = {}
        self._is_channels_last = is_channels_last

    def failed(self, node: int, reason: str) -> None:
        """Note that the run ended at a node."""
        self._failed_node = node
        self.warnings.append(reason)

    def progress(self, done: int, total: int = 0) -> None:
        """Say how many of the operations have run; a total of 0 is not known."""
        self._report(done, total, "operations")

    def took(self, node: int, seconds: float) -> None:
        """Note the time of a node; the times of several calls add up."""
        self._seconds[node] = self._seconds.get(node, 0.0) + seconds

    def add(self, value: int, array: Any, op: str = "") -> None:
        """Measure a value; texts and objects are passed over. The array may change afterwards.

        Args:
            value: Its index in the graph.
            array: Its elements.
            op: The operation that computed it.
        """
        array = np.asarray(array)
        numbers = value_stats.real(array)
        if numbers is None:
            return
        axis = self._channel_axis(op, numbers.ndim)
        channels = None if axis is None or not numbers.size else value_stats.channels(numbers, axis)
        picture = value_stats.picture(numbers, axis) if self._picture_bytes < PICTURE_BYTES else None
        if picture is not None:
            self._picture_bytes += picture.pixels.nbytes
        self._measured[value] = Measured(
            array.dtype.name, array.shape, axis, value_stats.describe(numbers), channels, picture
        )
        if value in self._keep or (
            array.nbytes <= LARGEST_KEPT_BYTES and self._kept_bytes + array.nbytes <= KEPT_BYTES
        ):
            self._kept_bytes += array.nbytes
            self._kept[value] = array.copy()

    def result(self, model: Model, seconds: float) -> Values:
        """What was collected, after a run of so many seconds."""
        node_seconds = np.full(model.graph.n_nodes, np.nan)
        for node, took in self._seconds.items():
            node_seconds[node] = took
        return Values(
            model,
            self.runner,
            seconds,
            dict(sorted(self._measured.items())),
            self._kept,
            node_seconds,
            self._failed_node,
            tuple(self.warnings),
        )

    def _channel_axis(self, op: str, n_axes: int) -> int | None:
        """The axis of the channels (or heads), by the layout of images and the operation."""
        if n_axes < 2:
            return None
        if self._is_channels_last:
            return n_axes - 1
        is_sequence = n_axes == 3 and not any(word in op.lower() for word in _CONVOLUTIONS)
        return 2 if is_sequence else 1
