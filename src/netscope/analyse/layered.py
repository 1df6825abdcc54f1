"""A drawing of boxes and arrows in layers from top to bottom: where each box is, and the corners of every edge.

The same arithmetic as the page's (`web/src/graph/layout/layered.ts`), for boxes of one group without ports.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from netscope.analyse.layer_order import order_layers
from netscope.analyse.layer_place import ACROSS_GAP_PX, place_across
from netscope.analyse.layers import Boxes, Layers, layers_of, rank_of

ALONG_GAP_PX = 30.0
MOST_ALONG_GAP_PX = 84.0
END_GAP_PX = 11.0
"""Between the ends of edges that come into one box."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Where everything is, in px from the upper left corner."""

    width: float
    height: float
    centres: list[float]
    """Centre of each box across."""
    tops: list[float]
    corners: list[list[Point]]
    """Of each edge, from its source to its target: straight lines and curves in turn, a straight one first."""
    own_from: list[int]
    """Corner from which an edge is its own; before it, another edge of the same box draws the line."""
    is_back: list[bool]
    """Whether an edge closes a loop."""


def lay_out(boxes: Boxes) -> Layout:
    """Lay out boxes: in layers if there are edges, otherwise in rows.

    >>> layout = lay_out(Boxes([80.0] * 2, [30.0] * 2, [0], [1]))
    >>> layout.centres, layout.tops
    ([40.0, 40.0], [0.0, 60.0])
    """
    return _layered(boxes) if boxes.sources else _grid(boxes)


def _grid(boxes: Boxes) -> Layout:
    """In rows as a text is set, about as wide as high."""
    pairs = list(zip(boxes.widths, boxes.heights, strict=True))
    area = sum((width + ACROSS_GAP_PX) * (height + ACROSS_GAP_PX) for width, height in pairs)
    limit = max(max(boxes.widths, default=0.0), math.sqrt(area) * 1.3)
    centres, tops = [], []
    x = y = high = right = 0.0
    for width, height in pairs:
        if x > 0 and x + width > limit:
            x, y, high = 0.0, y + high + ACROSS_GAP_PX, 0.0
        centres.append(x + width / 2)
        tops.append(y)
        x += width + ACROSS_GAP_PX
        high = max(high, height)
        right = max(right, x - ACROSS_GAP_PX)
    return Layout(right, y + high, centres, tops, [], [], [])


def _layered(boxes: Boxes) -> Layout:
    rank, is_back = rank_of(boxes)
    graph = layers_of(boxes, rank, is_back)
    order_layers(graph)
    x = place_across(graph)
    ends = _spread_ends(boxes, graph, is_back, x)
    layer_tops, layer_bottoms = _heights(boxes, graph, x)
    n = len(boxes.widths)
    tops = []
    for v in range(n):
        room = layer_bottoms[rank[v]] - layer_tops[rank[v]] - boxes.heights[v]
        tops.append(layer_tops[rank[v]] + room / 2)
    corners, own_from = [], []
    for e, back in enumerate(is_back):
        above, below = (boxes.sources[e], boxes.targets[e])[:: -1 if back else 1]
        way = [(x[above], tops[above] + boxes.heights[above]), (x[above], layer_bottoms[rank[above]])]
        for bend in range(graph.chain[e], graph.chain[e] + graph.n_bends[e]):
            way += [(x[bend], layer_tops[graph.rank[bend]]), (x[bend], layer_bottoms[graph.rank[bend]])]
        end = x[below] + ends[e]
        way += [(end, layer_tops[rank[below]]), (end, tops[below])]
        corners.append(way[::-1] if back else way)
        own_from.append(0 if graph.is_longest[e] or not graph.n_bends[e] else 2 * graph.n_bends[e] + 1)
    width = max(place + wide / 2 for place, wide in zip(x, graph.width, strict=True))
    return Layout(width, layer_bottoms[-1], x[:n], tops, corners, own_from, is_back)


def _heights(boxes: Boxes, graph: Layers, x: list[float]) -> tuple[list[float], list[float]]:
    """Top and bottom of each layer: the more an edge must turn between two, the more room there is for it."""
    turn = [0.0] * len(graph.order)
    for above, below in zip(graph.upper, graph.lower, strict=True):
        turn[graph.rank[above]] = max(turn[graph.rank[above]], abs(x[above] - x[below]))
    tops, bottoms = [], []
    y = 0.0
    for at, layer in enumerate(graph.order):
        high = max((boxes.heights[v] for v in layer if v < graph.n_boxes), default=0.0)
        tops.append(y)
        bottoms.append(y + high)
        y += high + min(MOST_ALONG_GAP_PX, ALONG_GAP_PX + turn[at] * 0.07)
    return tops, bottoms


def _spread_ends(boxes: Boxes, graph: Layers, is_back: list[bool], x: list[float]) -> list[float]:
    """Where each edge meets the box below it, from the centre: side by side, as upright as can be."""
    ends = [0.0] * len(boxes.sources)
    into: dict[int, list[int]] = {}
    for e, back in enumerate(is_back):
        into.setdefault(boxes.sources[e] if back else boxes.targets[e], []).append(e)
    for box, edges in into.items():
        if len(edges) < 2:
            continue
        most = max(0.0, boxes.widths[box] / 2 - 10)
        gap = min(END_GAP_PX, 2 * most / (len(edges) - 1))
        wishes = []
        for e in edges:
            last_bend = graph.chain[e] + graph.n_bends[e] - 1
            begin = boxes.targets[e] if is_back[e] else boxes.sources[e]
            above = last_bend if graph.n_bends[e] else begin
            wishes.append(max(-most, min(most, x[above] - x[box])))
        order = sorted(range(len(edges)), key=lambda i: wishes[i])
        placed = apart([wishes[i] for i in order], gap)
        over = max(0.0, placed[-1] - most) or min(0.0, placed[0] + most)
        for i, place in zip(order, placed, strict=True):
            ends[edges[i]] = place - over
    return ends


def apart(wishes: list[float], gap: float) -> list[float]:
    """Ascending wishes moved as little as possible (least squares) until neighbours are `gap` apart.

    Pool adjacent violators.

    >>> apart([0.0, 0.0, 40.0], 10.0)
    [-5.0, 5.0, 40.0]
    """
    blocks: list[tuple[float, int]] = []  # mean wish of the first, and how many
    for i, wish in enumerate(wishes):
        mean, size = wish - i * gap, 1
        while blocks and blocks[-1][0] >= mean:
            before, n = blocks.pop()
            mean = (mean * size + before * n) / (size + n)
            size += n
        blocks.append((mean, size))
    means = [mean for mean, size in blocks for _ in range(size)]
    return [mean + i * gap for i, mean in enumerate(means)]
