"""Steps of node placement: mean shift by class, and apart where nodes overlap. Importing compiles."""

from __future__ import annotations

import numpy as np

from netscope.analyse.body.density import FREE, blur
from netscope.analyse.compiled import compiled

STEEP = np.float32(6)
"""Steps are this many times the mean shift, which is short in a field of several classes: they partly cancel."""


@compiled("void(f4[::1], f4[::1], f4[:, ::1], f4[:, ::1], i8, f8, f4, f4, f4, f4)", FREE)
def shift_nodes(x, y, mass, direction, side, sigma, reach, similarity, low, high):  # type: ignore[no-untyped-def]
    """Move each node up the field c·D - s|D|: towards nodes of its classes, away from where others are dense.

    Args:
        x: Positions in cells; changed.
        y: The same.
        mass: Mass of each node per class.
        direction: Classes of each node as a vector of length 1, [node, class].
        side: Cells of the grid per axis.
        sigma: Bandwidth in cells.
        reach: The longest step in cells; negative to move down the field.
        similarity: s: 0 for attraction only, 1 where everything but the own classes repels.
        low: Least coordinate.
        high: Largest coordinate.
    """
    n, n_classes = mass.shape
    one = np.float32(1)
    grid = np.zeros((n_classes, side, side), np.float32)
    for i in range(n):
        column, row = int(x[i]), int(y[i])
        right, down = x[i] - np.float32(column), y[i] - np.float32(row)
        for c in range(n_classes):
            m = mass[i, c]
            grid[c, row, column] += m * (one - right) * (one - down)
            grid[c, row, column + 1] += m * right * (one - down)
            grid[c, row + 1, column] += m * (one - right) * down
            grid[c, row + 1, column + 1] += m * right * down
    blur(grid, sigma)
    scale = np.float32(sigma * sigma)
    here = np.empty(n_classes, np.float32)
    for i in range(n):
        column, row = int(x[i]), int(y[i])
        right, down = x[i] - np.float32(column), y[i] - np.float32(row)
        square = np.float32(0)
        for c in range(n_classes):
            top = grid[c, row, column] * (one - right) + grid[c, row, column + 1] * right
            bottom = grid[c, row + 1, column] * (one - right) + grid[c, row + 1, column + 1] * right
            here[c] = top * (one - down) + bottom * down
            square += here[c] * here[c]
        length = np.sqrt(square)
        if length <= np.float32(0):
            continue
        dx, dy = np.float32(0), np.float32(0)
        for c in range(n_classes):
            weight = direction[i, c] - similarity * here[c] / length
            across = grid[c, row, column + 1] - grid[c, row, column]
            below = grid[c, row + 1, column + 1] - grid[c, row + 1, column]
            dx += weight * (across * (one - down) + below * down)
            left = grid[c, row + 1, column] - grid[c, row, column]
            beside = grid[c, row + 1, column + 1] - grid[c, row, column + 1]
            dy += weight * (left * (one - right) + beside * right)
        dx, dy = scale * dx / length, scale * dy / length
        step = STEEP * np.sqrt(dx * dx + dy * dy)
        if step <= np.float32(0):
            continue
        factor = STEEP * min(abs(reach), step) / step
        if reach < 0:
            factor = -factor
        x[i] = min(max(x[i] + dx * factor, low), high)
        y[i] = min(max(y[i] + dy * factor, low), high)


@compiled("void(f4[::1], f4[::1], f4, f4, f4, i8)")
def separate(x, y, distance, low, high, passes):  # type: ignore[no-untyped-def]
    """Push nodes apart that are closer than `distance`; all move at once, so their order does not matter.

    Nodes are looked up in cells as wide as `distance`, and at most 64 of a cell are, so a pass is linear in the nodes.
    """
    n = x.size
    side = max(1, min(1024, int((high - low) / distance)))
    cell = (high - low) / side
    first = np.zeros(side * side + 1, np.int64)
    place = np.empty(n, np.int64)
    order = np.empty(n, np.int64)
    for _ in range(passes):
        first[:] = 0
        for i in range(n):
            column = min(side - 1, max(0, int((x[i] - low) / cell)))
            row = min(side - 1, max(0, int((y[i] - low) / cell)))
            place[i] = row * side + column
            first[place[i] + 1] += 1
        for k in range(side * side):
            first[k + 1] += first[k]
        filled = first.copy()
        for i in range(n):
            order[filled[place[i]]] = i
            filled[place[i]] += 1
        new_x, new_y = x.copy(), y.copy()
        for i in range(n):
            row, column = place[i] // side, place[i] % side
            dx, dy, n_close = 0.0, 0.0, 0
            for r in range(max(0, row - 1), min(side, row + 2)):
                for c in range(max(0, column - 1), min(side, column + 2)):
                    for k in range(first[r * side + c], min(first[r * side + c + 1], first[r * side + c] + 64)):
                        j = order[k]
                        if j == i:
                            continue
                        ax, ay = np.float64(x[i] - x[j]), np.float64(y[i] - y[j])
                        apart = np.sqrt(ax * ax + ay * ay)
                        if apart >= distance:
                            continue
                        if apart < 1e-6 * distance:  # in one place: leave in different directions, by number
                            angle = 2.399963 * i
                            ax, ay, apart = np.cos(angle), np.sin(angle), 1.0
                            push = 0.5 * distance
                        else:
                            push = 0.5 * (distance - apart)
                        dx += ax / apart * push
                        dy += ay / apart * push
                        n_close += 1
            if n_close:
                new_x[i] = min(max(x[i] + dx * 0.8, low), high)
                new_y[i] = min(max(y[i] + dy * 0.8, low), high)
        x[:] = new_x
        y[:] = new_y
