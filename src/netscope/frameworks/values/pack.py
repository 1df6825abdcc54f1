"""The values of a run as one safetensors file: what a job of the server writes, and what the page reads.

Columns have one row for each measured value: `value` is its index in the graph, the others are the fields of
`ValueStats`, `Channels` and `Picture`. `node_seconds` has one number for each node. `picture.I` and `kept.I` are the
picture and the elements of value I. The metadata have a `ValuesSummary` as JSON under "values".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from netscope.analyse.value_stats import N_LARGEST
from netscope.formats import safetensors
from netscope.frameworks.values.result import Measured, Values
from netscope.schema.values import GivenInput, ValuesSummary

VERSION = "values 1"


def pack(values: Values, given: Sequence[GivenInput] = ()) -> bytes:
    """Encode the values of a run.

    Args:
        values: The run.
        given: What its inputs were given.
    """
    rows = list(values.measured.values())
    arrays = _columns(list(values.measured), rows)
    arrays["node_seconds"] = values.node_seconds
    for value, one in values.measured.items():
        if one.picture is not None:
            arrays[f"picture.{value}"] = one.picture.pixels
    arrays["is_kept"] = np.array([value in values.kept for value in values.measured], np.float64)
    for value, array in values.kept.items():
        arrays[f"kept.{value}"] = array
    summary = ValuesSummary(
        runner=values.runner,
        seconds=values.seconds,
        dtypes=[one.dtype for one in rows],
        first_nan=-1 if values.first_nan is None else values.first_nan.index,
        nan_weight=values.nan_weight,
        first_infinity=-1 if values.first_infinity is None else values.first_infinity.index,
        failed_node=values.failed_node,
        warnings=list(values.warnings),
        given=list(given),
    )
    return safetensors.encode(arrays, {"netscope": VERSION, "values": msgspec.json.encode(summary).decode()})


def _columns(index: list[int], rows: list[Measured]) -> dict[str, np.ndarray]:
    def column(field: Callable[[Measured], Any], width: int | None = None) -> np.ndarray:
        shape = (len(rows),) if width is None else (len(rows), width)
        return np.array([field(one) for one in rows], np.float64).reshape(shape)

    nothing = [np.nan] * N_LARGEST
    names = ("n", "zeros", "nan", "infinite", "mean", "std", "min", "max")
    columns = {name: column(lambda one, name=name: getattr(one.stats, name)) for name in names}  # type: ignore[misc]
    return {
        **columns,
        "value": np.array(index, np.int32),
        "quantiles": column(lambda one: one.stats.quantiles, len(rows[0].stats.quantiles) if rows else 0),
        "histogram": column(lambda one: one.stats.histogram, len(rows[0].stats.histogram) if rows else 0),
        "histogram_limits": column(lambda one: (one.stats.histogram_low, one.stats.histogram_high), 2),
        "largest": column(lambda one: one.stats.largest, N_LARGEST),
        "largest_index": column(lambda one: one.stats.largest_index, N_LARGEST),
        "channel_axis": column(lambda one: -1 if one.channel_axis is None else one.channel_axis),
        "channels": column(lambda one: one.channels.n if one.channels else 0),
        "dead_channels": column(lambda one: one.channels.dead if one.channels else 0),
        "outlier_channels": column(lambda one: one.channels.outliers if one.channels else nothing, N_LARGEST),
        "outlier_magnitudes": column(
            lambda one: one.channels.outlier_magnitudes if one.channels else nothing, N_LARGEST
        ),
        "median_channel": column(lambda one: one.channels.median if one.channels else np.nan),
        "picture_limits": column(lambda one: (one.picture.low, one.picture.high) if one.picture else (0, 0), 2),
        "shapes": np.array([size for one in rows for size in one.shape], np.float64),
        "shape_ends": np.cumsum([len(one.shape) for one in rows], dtype=np.int32),
    }
