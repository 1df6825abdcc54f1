"""The values of a run as rows for the terminal and for scripts, and what is wrong with them in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from netscope.frameworks.values.result import Values
from netscope.models.rows import Node
from netscope.models.summary_text import shape

HEAD = ("value", "op", "type", "min", "max", "mean", "std", "zeros", "NaN", "inf", "ms")


def rows(values: Values) -> list[dict[str, Any]]:
    """One row per value, in the order of the graph; statistics that do not exist are None."""
    return [_row(values, index) for index in values.measured]


def _row(values: Values, index: int) -> dict[str, Any]:
    one, graph = values.measured[index], values.model.graph
    producer = graph.values[index].producer
    took = math.nan if producer is None else float(values.node_seconds[producer.index])
    found = {
        "value": graph.values[index].name,
        "node": "" if producer is None else producer.name,
        "op": "" if producer is None else producer.op,
        "dtype": one.dtype,
        "shape": list(one.shape),
        "elements": one.stats.n,
        **{name: getattr(one.stats, name) for name in ("min", "max", "mean", "std", "zeros", "nan", "infinite")},
        "seconds": took,
    }
    return {name: None if isinstance(cell, float) and math.isnan(cell) else cell for name, cell in found.items()}


def lines(values: Values) -> list[Sequence[str]]:
    """The rows as texts, after a header."""
    found: list[Sequence[str]] = [HEAD]
    for row in rows(values):
        numbers = ("" if row[name] is None else f"{row[name]:.4g}" for name in ("min", "max", "mean", "std"))
        zeros = f"{row['zeros'] / row['elements']:.1%}" if row["elements"] else ""
        wrong = (str(row[name] or "") for name in ("nan", "infinite"))
        took = "" if row["seconds"] is None else f"{row['seconds'] * 1e3:.3f}"
        kind = f"{row['dtype']} {shape(row['shape'])}"
        found.append((row["value"], row["op"], kind, *numbers, zeros, *wrong, took))
    return found


def findings(values: Values) -> list[str]:
    """What went wrong, one sentence each."""
    found = list(values.warnings)
    if values.first_nan is not None:
        cause = f", whose weight {values.nan_weight!r} has NaN" if values.nan_weight else ""
        found.append(f"the first NaN is a result of {_called(values.first_nan)}{cause}")
    if values.first_infinity is not None:
        found.append(f"the first infinity is a result of {_called(values.first_infinity)}")
    return found


def _called(node: Node) -> str:
    return f"{node.op} {node.name!r}" if node.name else node.op
