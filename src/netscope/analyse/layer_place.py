"""Positions of vertices across: Brandes and Koepf, "Fast and Simple Horizontal Coordinate Assignment" (2001).

The same arithmetic as the page's (`web/src/graph/layout/place.ts`). Unlike in the paper, blocks are put together by
longest paths, as in dagre.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

from netscope.analyse.layers import LINE_GAP_PX, Layers

ACROSS_GAP_PX = 22.0


def place_across(graph: Layers) -> list[float]:
    """Centre of each vertex; the leftmost edge of all is at 0."""
    is_crossed = _crossed_bends(graph)
    found = [
        _compacted(graph, _roots(graph, is_crossed, is_down=is_down, is_left=is_left), is_left=is_left)
        for is_down in (True, False)
        for is_left in (True, False)
    ]
    return _balanced(graph, found)


def _crossed_bends(graph: Layers) -> list[bool]:
    """Segments that cross one between bends: those go straight, whatever else must give way."""
    is_crossed = [False] * len(graph.upper)
    for above, layer in pairwise(graph.order):
        low, begin = 0, 0
        for i, vertex in enumerate(layer):
            inner = _inner_above(graph, vertex)
            if inner < 0 and i < len(layer) - 1:
                continue
            high = graph.position[graph.upper[inner]] if inner >= 0 else len(above)
            for v in layer[begin : i + 1]:
                for s in graph.ups[v]:
                    is_inner = graph.upper[s] >= graph.n_boxes and graph.lower[s] >= graph.n_boxes
                    if not is_inner and not low <= graph.position[graph.upper[s]] <= high:
                        is_crossed[s] = True
            begin, low = i + 1, high
    return is_crossed


def _inner_above(graph: Layers, v: int) -> int:
    if v < graph.n_boxes:
        return -1
    return next((s for s in graph.ups[v] if graph.upper[s] >= graph.n_boxes), -1)


def _roots(graph: Layers, is_crossed: list[bool], *, is_down: bool, is_left: bool) -> list[int]:
    """The first vertex of the block of each: vertices aligned with a neighbour in the middle above, or below."""
    n = len(graph.rank)
    segments, far = (graph.ups, graph.upper) if is_down else (graph.downs, graph.lower)
    root, following = list(range(n)), list(range(n))
    for layer in (graph.order if is_down else graph.order[::-1])[1:]:
        last = -1 if is_left else n
        for v in layer if is_left else reversed(layer):
            found = sorted(segments[v], key=lambda s: graph.position[far[s]])
            if not found:
                continue
            middle = [found[(len(found) - 1) // 2], found[len(found) // 2]]
            for s in middle if is_left else reversed(middle):
                u = far[s]
                is_beyond = graph.position[u] > last if is_left else graph.position[u] < last
                if following[v] != v or is_crossed[s] or not is_beyond:
                    continue
                following[u] = v
                root[v] = root[u]
                following[v] = root[v]
                last = graph.position[u]
    return root


def _separation(graph: Layers, left: int, right: int) -> float:
    n_lines = (left >= graph.n_boxes) + (right >= graph.n_boxes)
    gap = 0.0 if n_lines == 2 else LINE_GAP_PX / 2 if n_lines else ACROSS_GAP_PX
    return (graph.width[left] + graph.width[right]) / 2 + gap


def _compacted(graph: Layers, root: list[int], *, is_left: bool) -> list[float]:
    """Blocks as far to the left (or right) as those beside them allow, then back as near to them as they can."""
    n = len(root)
    beside: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    waits = [0] * n
    for layer in graph.order:
        for left, right in pairwise(layer):
            beside[root[left]].append((root[right], _separation(graph, left, right)))
            waits[root[right]] += 1
    order = [v for v in range(n) if root[v] == v and not waits[v]]
    ready = deque(order)
    while ready:
        for to, _ in beside[ready.popleft()]:
            waits[to] -= 1
            if not waits[to]:
                order.append(to)
                ready.append(to)
    x = [0.0] * n

    def rightwards(*, is_first: bool) -> None:
        limit = [-math.inf] * n
        for v in order:
            if limit[v] > -math.inf:
                x[v] = limit[v]
            elif is_first:
                x[v] = 0.0
            for to, least in beside[v]:
                limit[to] = max(limit[to], x[v] + least)

    def leftwards(*, is_first: bool) -> None:
        for v in reversed(order):
            most = min((x[to] - least for to, least in beside[v]), default=math.inf)
            if most < math.inf:
                x[v] = most
            elif is_first:
                x[v] = 0.0

    if is_left:
        rightwards(is_first=True)
        leftwards(is_first=False)
    else:
        leftwards(is_first=True)
        rightwards(is_first=False)
    return [x[root[v]] for v in range(n)]


def _balanced(graph: Layers, found: list[list[float]]) -> list[float]:
    """The middle of the four, each moved to the side that the narrowest has."""
    half = [width / 2 for width in graph.width]
    lows = [min(a - b for a, b in zip(x, half, strict=True)) for x in found]
    highs = [max(a + b for a, b in zip(x, half, strict=True)) for x in found]
    extents = [high - low for low, high in zip(lows, highs, strict=True)]
    narrowest = extents.index(min(extents))
    moves = [lows[narrowest] - lows[i] if i % 2 == 0 else highs[narrowest] - highs[i] for i in range(4)]
    placed = []
    for places in zip(*found, strict=True):
        moved = sorted(place + move for place, move in zip(places, moves, strict=True))
        placed.append((moved[1] + moved[2]) / 2)
    least = min(place - side for place, side in zip(placed, half, strict=True))
    return [place - least for place in placed]
