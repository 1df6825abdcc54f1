"""Draw a network: its graph in layers at one depth of its modules, and its parameters and FLOPs by layer."""

from __future__ import annotations

from os import PathLike
from typing import Any

from netscope import optional
from netscope.analyse.layered import Point, lay_out
from netscope.analyse.layers import Boxes
from netscope.errors import UsageError
from netscope.frameworks.graph import graph as graph_of
from netscope.models.model import Model
from netscope.models.open import open_model
from netscope.models.outline import Box, Outline, outline
from netscope.models.summary import summary as summary_of
from netscope.models.summary_text import scaled
from netscope.schema.model import ModelLayer

PX_PER_INCH = 96
MOST_BOXES = 2000
MOST_INCHES = 100.0
MOST_ROWS = 40
_FILLS = {"module": "#e8eefb", "operation": "#f4f4f5", "input": "#eef7f3", "output": "#eef7f3"}
_LINES = {"module": "#6f93d8", "operation": "#a3a6ad", "input": "#5fa58a", "output": "#5fa58a"}
_WEIGHED = "#fdf1e3", "#d9964a"
"""Fill and line of an operation with weights."""


def graph(model: Any, *inputs: Any, depth: int | None = None, ax: Any = None, **named: Any) -> Any:
    """Draw a network as boxes and arrows, from its inputs to its outputs.

    Args:
        model: A model from `netscope.open_model` or `netscope.graph`, the path of a model file, or what
            `netscope.graph` takes.
        inputs: Arguments of the network as in a call, if `model` is one; only their types and shapes matter.
        depth: Of the modules that are boxes, 1 for the outermost; unless given, the largest with at most 40 boxes.
        ax: Matplotlib axes to draw on; a new figure unless given.
        named: Named arguments of the network as in a call.

    Returns:
        The Matplotlib figure.

    Raises:
        UsageError: The model has no operations, or there are more than 2,000 boxes.
        MissingExtraError: Matplotlib is not installed.
    """
    optional.extra("drawing a graph", "matplotlib", "figures")
    from matplotlib.figure import Figure  # noqa: PLC0415  (an optional package)

    found = _model(model, inputs, named)
    if not found.graph.n_nodes:
        raise UsageError(f"{found.name!r} has no operations to draw, only stored arrays")
    if depth is not None and depth < 1:
        raise UsageError(f"depth: expected 1 or more, got {depth}")
    drawn = outline(found, depth)
    if len(drawn.boxes) > MOST_BOXES:
        raise UsageError(
            f"depth {drawn.depth} has {len(drawn.boxes):,} boxes, more than {MOST_BOXES:,}: give a smaller one"
        )
    layout = lay_out(_boxes(drawn))
    if ax is None:
        width, height = (min(MOST_INCHES, (side + 24) / PX_PER_INCH) for side in (layout.width, layout.height))
        ax = Figure(figsize=(width, height)).add_axes((0, 0, 1, 1))
    ax.set(xlim=(-12, layout.width + 12), ylim=(layout.height + 12, -12), aspect="equal")
    ax.axis("off")
    for corners, begin in zip(layout.corners, layout.own_from, strict=True):
        _draw_edge(ax, corners, begin)
    for box, centre, top in zip(drawn.boxes, layout.centres, layout.tops, strict=True):
        _draw_box(ax, box, centre, top)
    return ax.figure


def summary(model: Any, *inputs: Any, ax: Any = None, **named: Any) -> Any:
    """Draw the parameters and FLOPs of a network by layer, the layers in order of execution.

    Of more than 40 layers the largest are shown, the others together as one row.

    Args:
        model: As for `graph`.
        inputs: Arguments of the network as in a call, if `model` is one.
        ax: Two Matplotlib axes to draw on; a new figure unless given.
        named: Named arguments of the network as in a call.

    Returns:
        The Matplotlib figure.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    optional.extra("drawing a summary", "matplotlib", "figures")
    from matplotlib.figure import Figure  # noqa: PLC0415  (an optional package)

    found = summary_of(_model(model, inputs, named))
    rows = _rows([layer for layer in found.layers if layer.parameters or layer.flops])
    if ax is None:
        ax = Figure(figsize=(8, 1.2 + 0.24 * len(rows)), layout="constrained").subplots(1, 2, sharey=True)
    flops = "FLOPs unknown" if found.flops is None else f"{scaled(found.flops).strip()}FLOPs"
    ax[0].figure.suptitle(f"{found.name}: {found.parameters:,} parameters, {flops}", fontsize="medium")
    for axes, title, colour, values in (
        (ax[0], "parameters", "#2f6fc0", [layer.parameters for layer in rows]),
        (ax[1], "FLOPs", "#d9700a", [layer.flops or 0.0 for layer in rows]),
    ):
        axes.barh(range(len(rows)), values, color=colour)
        axes.set_title(title, fontsize="small")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize="small")
    ax[0].set_yticks(range(len(rows)), [layer.name or "(other)" for layer in rows])
    ax[0].invert_yaxis()
    return ax[0].figure


def _model(model: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> Model:
    if isinstance(model, str | PathLike):
        return open_model(model)
    return graph_of(model, *inputs, **named)


def _rows(layers: list[ModelLayer]) -> list[ModelLayer]:
    """The largest layers in their order, and the rest as one."""
    if len(layers) <= MOST_ROWS:
        return layers
    order = sorted(layers, key=lambda layer: (layer.parameters, layer.flops or 0.0), reverse=True)
    kept = {id(layer) for layer in order[: MOST_ROWS - 1]}
    rest = [layer for layer in layers if id(layer) not in kept]
    other = ModelLayer(
        name=f"{len(rest):,} others",
        op="",
        nodes=sum(layer.nodes for layer in rest),
        shape=None,
        parameters=sum(layer.parameters for layer in rest),
        bytes=sum(layer.bytes for layer in rest),
        flops=sum(layer.flops or 0.0 for layer in rest),
    )
    return [*(layer for layer in layers if id(layer) in kept), other]


def _boxes(drawn: Outline) -> Boxes:
    widths = [_width(box) for box in drawn.boxes]
    heights = [40.0 if box.detail or box.parameters else 27.0 for box in drawn.boxes]
    anchors = [box.kind == "input" for box in drawn.boxes]
    return Boxes(widths, heights, drawn.sources, drawn.targets, anchors)


def _title(box: Box) -> str:
    return f"{box.title}  × {box.times}" if box.times > 1 else box.title


def _detail(box: Box) -> str:
    size = scaled(box.parameters).strip() if box.parameters else ""
    return " · ".join(filter(None, [box.detail, size]))


def _width(box: Box) -> float:
    """About as wide as its text, at 12 and 10 px."""
    return float(round(max(62.0, 7.4 * len(_title(box)), 5.8 * len(_detail(box))) + 22))


def _draw_box(ax: Any, box: Box, centre: float, top: float) -> None:
    from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415  (an optional package)

    width, detail = _width(box), _detail(box)
    height = 40.0 if detail else 27.0
    fill, line = _FILLS[box.kind], _LINES[box.kind]
    if box.kind == "operation" and box.parameters:
        fill, line = _WEIGHED
    style = f"round,pad=0,rounding_size={height / 2 if box.kind in ('input', 'output') else 5}"
    if box.times > 1:
        behind = (centre - width / 2 + 4, top + 4)
        ax.add_patch(FancyBboxPatch(behind, width, height, style, facecolor="white", edgecolor=line, linewidth=0.8))
    ax.add_patch(
        FancyBboxPatch((centre - width / 2, top), width, height, style, facecolor=fill, edgecolor=line, linewidth=0.8)
    )
    middle = top + height / 2
    text = {"ha": "center", "va": "center", "clip_on": True}
    ax.text(centre, middle - (7 if detail else 0), _title(box), fontsize=8.5, fontweight="bold", **text)
    if detail:
        ax.text(centre, middle + 8, detail, fontsize=7, color="0.35", **text)


def _draw_edge(ax: Any, corners: list[Point], begin: int) -> None:
    """Straight lines and S-shaped curves in turn, with an arrow at the end."""
    from matplotlib.patches import PathPatch  # noqa: PLC0415  (an optional package)
    from matplotlib.path import Path  # noqa: PLC0415

    points, codes = [corners[begin]], [Path.MOVETO]
    for at in range(begin + 1, len(corners)):
        (x0, y0), (x1, y1) = corners[at - 1], corners[at]
        if at % 2:
            points.append((x1, y1))
            codes.append(Path.LINETO)
        else:
            middle = (y0 + y1) / 2
            points += [(x0, middle), (x1, middle), (x1, y1)]
            codes += [Path.CURVE4] * 3
    ax.add_patch(PathPatch(Path(points, codes), facecolor="none", edgecolor="0.55", linewidth=0.8))
    (_, before), (x, y) = corners[-2:]
    up = -7 if y >= before else 7
    ax.fill([x - 3, x + 3, x], [y + up, y + up, y], color="0.55", linewidth=0)
