"""A summary as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from netscope.schema.model import ModelLayer, ModelSummary, ValueType

MOST_OPS = 12
_UNITS = ("", " k", " M", " G", " T", " P")


def heading(summary: ModelSummary) -> list[tuple[str, str]]:
    """The properties of a model, as pairs of a label and a text."""
    said = [("format", " ".join(filter(None, (summary.format, summary.format_version))))]
    if summary.producer:
        said.append(("producer", summary.producer))
    said += [("input" if i == 0 else "", typed(value)) for i, value in enumerate(summary.inputs)]
    said += [("output" if i == 0 else "", typed(value)) for i, value in enumerate(summary.outputs)]
    if n_nodes := summary.nodes + summary.nested_nodes:
        nested = f", and {summary.nested_nodes:,} in bodies and functions" if summary.nested_nodes else ""
        said.append(("nodes", f"{summary.nodes:,}{nested}"))
        ops = [f"{op} {n:,}" for op, n in list(summary.ops.items())[:MOST_OPS]]
        more = f", {len(summary.ops) - MOST_OPS} more" if len(summary.ops) > MOST_OPS else ""
        said.append(("operations", ", ".join(ops) + more))
        said.append(("FLOPs", _flops(summary, n_nodes)))
    said.append(("tensors", f"{summary.tensors:,} with {summary.values:,} values, {scaled(summary.bytes)}B"))
    said.append(("parameters", f"{summary.parameters:,}"))
    return said


def _flops(summary: ModelSummary, n_nodes: int) -> str:
    if summary.flops is None:
        return "unknown"
    known = scaled(summary.flops).strip()
    if not summary.unknown_flops:
        return f"{known} an example"
    return f"at least {known} an example; those of {summary.unknown_flops:,} of {n_nodes:,} nodes are unknown"


def rows(summary: ModelSummary) -> list[Sequence[str]]:
    """The layers as rows of a table, after a header row; without those that have no parameters and no cost."""
    shown = [layer for layer in summary.layers if layer.parameters or layer.bytes or layer.flops or layer.name]
    total = summary.flops or 0
    found: list[Sequence[str]] = [("layer", "op", "output", "parameters", "FLOPs", "share")]
    for layer in shown:
        share = f"{layer.flops / total:.1%}" if total and layer.flops else ""
        flops = "" if layer.flops is None else scaled(layer.flops)
        found.append((layer.name or "(other)", layer.op, output(layer), f"{layer.parameters:,}", flops, share))
    return found


def output(layer: ModelLayer) -> str:
    """The shape of a layer's result; '' if unknown."""
    return "" if layer.shape is None else shape(layer.shape)


def typed(value: ValueType) -> str:
    """An input or output in words."""
    return " ".join(filter(None, (value.name, value.dtype or "?", "" if value.shape is None else shape(value.shape))))


def shape(sizes: Sequence[int | str | None]) -> str:
    """A shape as text.

    >>> shape([1, "batch", None])
    '[1, batch, ?]'
    """
    return f"[{', '.join('?' if size is None else str(size) for size in sizes)}]"


def scaled(number: float) -> str:
    """A number with a metric prefix, to be followed by a unit.

    >>> scaled(4_089_184_756) + "FLOPs", scaled(312) + "B", scaled(999_999)
    ('4.09 GFLOPs', '312 B', '1.00 M')
    """
    power = 0
    while abs(number) >= 999.5 and power < len(_UNITS) - 1:
        number, power = number / 1000, power + 1
    if power == 0:
        return f"{number:.0f} "
    digits = 2 if abs(number) < 9.995 else 1 if abs(number) < 99.95 else 0
    return f"{number:.{digits}f}{_UNITS[power]}"
