"""The order of each layer, so that few lines cross: barycentres, swept down and up (Sugiyama, Tagawa, Toda 1981).

The same arithmetic as the page's (`web/src/graph/layout/order.ts`).
"""

from __future__ import annotations

from bisect import bisect_right, insort

from netscope.analyse.layers import Layers

MOST_SWEEPS = 12
PATIENCE = 4
"""Sweeps without a better order, after which nothing better is expected."""


def order_layers(graph: Layers) -> None:
    """Fill and sort the layers of a graph in place."""
    _begin(graph)
    if max(map(len, graph.order), default=0) < 2:
        return
    stale = [[True] * len(graph.order), [True] * len(graph.order)]
    best, kept, without = crossings(graph), [list(layer) for layer in graph.order], 0
    for sweep in range(MOST_SWEEPS):
        if best == 0 or without >= PATIENCE:
            break
        _sweep(graph, stale, is_down=sweep % 2 == 0)
        now = crossings(graph)
        if now < best:
            best, kept, without = now, [list(layer) for layer in graph.order], 0
        else:
            without += 1
    graph.order[:] = kept
    _number(graph)


def _number(graph: Layers) -> None:
    for layer in graph.order:
        for i, v in enumerate(layer):
            graph.position[v] = i


def _begin(graph: Layers) -> None:
    """Depth first from the top, so that what belongs together stands together."""
    is_placed = [False] * len(graph.rank)
    for start in sorted(range(len(graph.rank)), key=lambda v: (graph.rank[v], v)):
        stack = [start]
        while stack:
            v = stack.pop()
            if is_placed[v]:
                continue
            is_placed[v] = True
            graph.order[graph.rank[v]].append(v)
            stack.extend(graph.lower[s] for s in reversed(graph.downs[v]))
    _number(graph)


def _sweep(graph: Layers, stale: list[list[bool]], *, is_down: bool) -> None:
    """Sort each layer by the barycentres of its neighbours, if those or it have changed since the last time."""
    above, below = stale
    mine = above if is_down else below
    n = len(graph.order)
    for step in range(1, n):
        at = step if is_down else n - 1 - step
        if not mine[at]:
            continue
        mine[at] = False
        if not _sort(graph, at, is_down=is_down):
            continue
        (below if is_down else above)[at] = True
        if at > 0:
            below[at - 1] = True
        if at + 1 < n:
            above[at + 1] = True


def _sort(graph: Layers, at: int, *, is_down: bool) -> bool:
    layer = graph.order[at]
    n_fixed = len(graph.order[at - 1 if is_down else at + 1])
    segments, far = (graph.ups, graph.upper) if is_down else (graph.downs, graph.lower)

    def centre(v: int) -> float:
        found = [graph.position[far[s]] for s in segments[v]]
        return sum(found) / len(found) if found else graph.position[v] * n_fixed / len(layer)

    values = {v: centre(v) for v in layer}
    placed = sorted(layer, key=values.__getitem__)
    if placed == layer:
        return False
    graph.order[at] = placed
    for i, v in enumerate(placed):
        graph.position[v] = i
    return True


def crossings(graph: Layers) -> int:
    """Pairs of segments that cross."""
    total = 0
    for layer in graph.order[:-1]:
        seen: list[int] = []
        for v in layer:
            ends = sorted(graph.position[graph.lower[s]] for s in graph.downs[v])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
