"""Boxes and edges in layers: the layer of each box, and chains of bends where an edge passes layers.

The same arithmetic as the page's (`web/src/graph/layout/`), for boxes of one group without ports; a test compares them.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import pairwise

LINE_GAP_PX = 14.0
"""Between lines, and between a line and a box."""


@dataclass(frozen=True)
class Boxes:
    """What is to be laid out, from top to bottom."""

    widths: list[float]
    heights: list[float]
    sources: list[int]
    """Box at which each edge begins; edges of one box share their line as far as they can."""
    targets: list[int]
    is_anchor: list[bool] = field(default_factory=list)
    """Whether the graph begins at a box: what depends on none is moved down to where it is used."""


@dataclass
class Layers:
    """Vertices, which are boxes and then bends, in layers; segments join neighbouring layers."""

    n_boxes: int
    rank: list[int]
    width: list[float]
    order: list[list[int]]
    """Vertices of each layer from left to right: changed by ordering."""
    position: list[int]
    """Of each vertex in its layer."""
    upper: list[int]
    lower: list[int]
    """Vertices that each segment joins."""
    ups: list[list[int]]
    downs: list[list[int]]
    """Segments above each vertex, and below it."""
    chain: list[int]
    """First bend of each edge."""
    n_bends: list[int]
    is_longest: list[bool]
    """The longest edge of each box draws the whole chain."""


def rank_of(boxes: Boxes) -> tuple[list[int], list[bool]]:
    """The layer of each box, as far down as the longest way to it; and which edges close a loop."""
    n, m = len(boxes.widths), len(boxes.sources)
    outs, ins = rows(boxes.sources, n), rows(boxes.targets, n)
    sequence, is_back = _sequence(boxes, outs)
    before = [[boxes.sources[e] for e in ins[v] if not is_back[e]] for v in range(n)]
    after = [[boxes.targets[e] for e in outs[v] if not is_back[e]] for v in range(n)]
    for e in range(m):
        if is_back[e]:
            before[boxes.sources[e]].append(boxes.targets[e])
            after[boxes.targets[e]].append(boxes.sources[e])
    anchors = boxes.is_anchor or [False] * n
    has_anchor = any(anchors)
    rank, is_free = [0] * n, [False] * n
    for v in sequence:
        rank[v] = max((rank[u] + 1 for u in before[v]), default=0)
        is_begin = anchors[v] or (not has_anchor and v == sequence[0])
        is_free[v] = not (is_begin or any(not is_free[u] for u in before[v]))
    for v in reversed(sequence):
        if not is_free[v] and before[v]:
            continue
        if after[v]:
            rank[v] = max(rank[v], min(rank[w] for w in after[v]) - 1)
    return rank, is_back


def _sequence(boxes: Boxes, outs: list[list[int]]) -> tuple[list[int], list[bool]]:
    """An order in which sources come before targets; a loop is entered at its first box."""
    n = len(boxes.widths)
    waits = [0] * n
    for target in boxes.targets:
        waits[target] += 1
    ready = [v for v in range(n) if not waits[v]]
    sequence: list[int] = []
    is_done, is_back = [False] * n, [False] * len(boxes.sources)
    stuck = 0
    while len(sequence) < n:
        if ready:
            v = heapq.heappop(ready)
        else:
            while is_done[stuck]:
                stuck += 1
            v = stuck
        if is_done[v]:
            continue
        is_done[v] = True
        sequence.append(v)
        for e in outs[v]:
            target = boxes.targets[e]
            if is_done[target]:
                is_back[e] = True
                continue
            waits[target] -= 1
            if not waits[target]:
                heapq.heappush(ready, target)
    return sequence, is_back


def rows(of: list[int], n: int) -> list[list[int]]:
    """Indices of a list by what they hold.

    >>> rows([1, 0, 1], 2)
    [[1], [0, 2]]
    """
    found: list[list[int]] = [[] for _ in range(n)]
    for index, value in enumerate(of):
        found[value].append(index)
    return found


def layers_of(boxes: Boxes, rank: list[int], is_back: list[bool]) -> Layers:
    """Chains of bends, one for each box however many it feeds, and the segments between layers."""
    n_boxes, m = len(boxes.widths), len(boxes.sources)
    ends = [
        (target, source) if back else (source, target)
        for source, target, back in zip(boxes.sources, boxes.targets, is_back, strict=True)
    ]
    longest: dict[int, int] = {}
    is_longest = list(is_back)
    for e in range(m):
        if is_back[e]:
            continue
        known = longest.get(boxes.sources[e])
        if known is None or rank[ends[e][1]] > rank[ends[known][1]]:
            longest[boxes.sources[e]] = e
    for e in longest.values():
        is_longest[e] = True
    n_bends = [rank[below] - rank[above] - 1 for above, below in ends]
    chain = [0] * m
    n = n_boxes
    for e in range(m):
        if is_longest[e]:
            chain[e] = n
            n += n_bends[e]
    for e in range(m):
        if not is_longest[e]:
            chain[e] = chain[longest[boxes.sources[e]]]
    whole_rank = [*rank, *([0] * (n - n_boxes))]
    upper: list[int] = []
    lower: list[int] = []
    for e, (above, below) in enumerate(ends):
        way = [above, *range(chain[e], chain[e] + n_bends[e]), below]
        for step in range(1, len(way) - 1):
            whole_rank[way[step]] = rank[above] + step
        for first, second in list(pairwise(way))[0 if is_longest[e] else -1 :]:
            upper.append(first)
            lower.append(second)
    order: list[list[int]] = [[] for _ in range(max(whole_rank, default=-1) + 1)]
    width = [*boxes.widths, *([LINE_GAP_PX] * (n - n_boxes))]
    return Layers(
        n_boxes, whole_rank, width, order, [0] * n, upper, lower, rows(lower, n), rows(upper, n), chain, n_bends,
        is_longest,
    )  # fmt: skip
