"""What differs between two models, as data for scripts and as lines for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netscope.analyse.distance import Distance
from netscope.models.comparison.compare import Comparison, NodePair, TensorPair
from netscope.models.comparison.node_changes import Change
from netscope.models.rows import Node, Tensor
from netscope.models.summary_text import shape
from netscope.schema.comparison import (
    ComparisonReport,
    ComparisonSummary,
    Counts,
    NodeDifference,
    TensorDifference,
    ValueDifference,
)

_SIGNS = {"moved": "≈", "changed": "~", "added": "+", "removed": "-"}


def report(comparison: Comparison) -> ComparisonReport:
    """The numbers, and all that differs."""
    nodes = [_node(pair) for pair in comparison.nodes if pair.difference != "same"]
    tensors = [tensor_difference(pair) for pair in comparison.tensors if pair.difference != "same" or pair.problem]
    return ComparisonReport(comparison.summary(), nodes, tensors)


def _node(pair: NodePair) -> NodeDifference:
    return NodeDifference(
        pair.difference,
        pair.a.name if pair.a else "",
        pair.b.name if pair.b else "",
        pair.a.op if pair.a else "",
        pair.b.op if pair.b else "",
        _names(pair.changes),
    )


def tensor_difference(pair: TensorPair) -> TensorDifference:
    """A pair of stored arrays as data."""
    found = pair.distance
    return TensorDifference(
        pair.difference,
        pair.a.name if pair.a else "",
        pair.b.name if pair.b else "",
        _type(pair.a),
        _type(pair.b),
        list(pair.axes),
        _finite(found.relative if found else math.nan),
        _finite(found.largest if found else math.nan),
        _finite(found.cosine if found else math.nan),
        found.differing if found else 0,
        pair.problem,
    )


def value_difference(a: Node, b: Node, found: Distance) -> ValueDifference:
    """The results of a node in both models as data."""
    relative, largest, cosine = map(_finite, (found.relative, found.largest, found.cosine))
    return ValueDifference(_label(a), _label(b), b.op, relative, largest, cosine, found.nonfinite)


def _names(changes: Change) -> list[str]:
    return [str(change.name).lower() for change in Change if change & changes]


def _type(tensor: Tensor | None) -> str:
    if tensor is None:
        return ""
    return f"{tensor.dtype} {'' if tensor.shape is None else shape(tensor.shape)}".strip()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def heading(summary: ComparisonSummary) -> list[Sequence[str]]:
    """The numbers as rows of a table, after a header row."""
    kinds = ("same", "moved", "changed", "added", "removed")
    rows: list[Sequence[str]] = [("", *kinds)]
    for name, counts in (("nodes", summary.nodes), ("tensors", summary.tensors)):
        if total(counts):
            rows.append((name, *(f"{getattr(counts, kind):,}" for kind in kinds)))
    return rows


def total(counts: Counts) -> int:
    """All that is counted."""
    return counts.same + counts.moved + counts.changed + counts.added + counts.removed


def node_rows(comparison: Comparison) -> list[Sequence[str]]:
    """The nodes that differ, but for those of which only weights moved, after a header row."""
    rows: list[Sequence[str]] = [("", "node", "operation", "what changed")]
    for pair in comparison.nodes:
        if pair.difference in ("same", "moved"):
            continue
        one, other = pair.a, pair.b
        name = _both(_label(one), _label(other))
        op = _both(one.op if one else "", other.op if other else "")
        rows.append((_SIGNS[pair.difference], name, op, _said(pair)))
    return rows


def _label(node: Node | None) -> str:
    if node is None:
        return ""
    return node.name or f"{node.op} {node.index}"


def _both(a: str, b: str) -> str:
    return f"{a} → {b}" if a and b and a != b else b or a


def _said(pair: NodePair) -> str:
    """What changed, with attributes in full."""
    names = _names(pair.changes & ~Change.OP)
    if pair.a is None or pair.b is None or not pair.changes & Change.ATTRIBUTES:
        return ", ".join(names)
    before, after = pair.a.attributes, pair.b.attributes
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    said = [f"{key} {before.get(key, 'none')} → {after.get(key, 'none')}" for key in changed]
    return ", ".join([*said, *(name for name in names if name != "attributes")])


def tensor_rows(comparison: Comparison) -> list[Sequence[str]]:
    """The stored arrays that differ, the farthest first, after a header row."""
    shown = [pair for pair in comparison.tensors if pair.difference != "same" or pair.problem]
    shown.sort(key=lambda pair: -_sortable(pair))
    rows: list[Sequence[str]] = [("", "weight", "type", "relative", "largest", "cosine")]
    for pair in shown:
        one, other = pair.a, pair.b
        found = pair.distance
        numbers = (found.relative, found.largest, found.cosine) if found else ()
        cells = [f"{number:.3g}" for number in numbers] or [pair.problem, "", ""]
        names = _both(one.name if one else "", other.name if other else "")
        rows.append((_SIGNS.get(pair.difference, ""), names, _both(_type(one), _type(other)), *cells))
    return rows


def _sortable(pair: TensorPair) -> float:
    """Its relative distance; what was added or removed comes last."""
    return -1.0 if pair.distance is None or math.isnan(pair.distance.relative) else pair.distance.relative
