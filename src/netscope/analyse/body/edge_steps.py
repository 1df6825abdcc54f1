"""Steps of edge bundling: all edges of a layer pair at one depth, and smoothing along the edges. Importing compiles."""

from __future__ import annotations

import numpy as np

from netscope.analyse.body.density import FREE, blur, climb, splat
from netscope.analyse.compiled import compiled

BLOCK = 512  # edges that are smoothed together, so that their samples stay in the first-level cache


@compiled("void(f4[::1], f4[::1], f4[::1], f4[::1], f4, u1[::1], i8, i8, f8, f4, f4, f4, f4)")
def step_slice(x, y, start, end, at, channel, n_channels, side, sigma, reach, mix, low, high):  # type: ignore[no-untyped-def]
    """Move the samples of all edges at one depth towards the edges of their own channel.

    Args:
        x: Positions in cells; changed.
        y: The same.
        start: Mass of each edge where it begins.
        end: Mass of each edge where it ends.
        at: Depth of the slice between both, from 0 to 1.
        channel: Which edges attract each other.
        n_channels: Number of channels.
        side: Cells of the grid per axis.
        sigma: Bandwidth in cells.
        reach: The longest step, in cells.
        mix: How much edges of other channels attract, compared to those of its own.
        low: Least coordinate.
        high: Largest coordinate.
    """
    grid = np.zeros((n_channels, side, side), np.float32)
    mass = np.empty(x.size, np.float32)
    for i in range(x.size):
        mass[i] = start[i] + (end[i] - start[i]) * at
    splat(x, y, mass, channel, grid)
    blur(grid, sigma)
    if mix > 0:
        everything = np.zeros((side, side), np.float32)
        for c in range(n_channels):
            everything += grid[c]
        for c in range(n_channels):
            grid[c] += mix * (everything - grid[c])
    climb(x, y, channel, grid, sigma, reach, low, high)


@compiled("void(f4[:, ::1], i8, i8, i8)", FREE)
def smooth(positions, begin, end, passes):  # type: ignore[no-untyped-def]
    """Smooth [sample, edge] along each edge, for the edges from `begin` to `end`; the end points stay.

    A pass moves each sample two thirds of the way to the mean of its neighbours: it becomes the mean of three.
    """
    n = positions.shape[0]
    before, here = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    third = np.float32(1) / np.float32(3)
    for first in range(begin, end, BLOCK):
        width = min(BLOCK, end - first)
        for _ in range(passes):
            for i in range(width):
                before[i] = positions[0, first + i]
            for s in range(1, n - 1):
                for i in range(width):
                    here[i] = positions[s, first + i]
                for i in range(width):
                    positions[s, first + i] = (before[i] + here[i] + positions[s + 1, first + i]) * third
                for i in range(width):
                    before[i] = here[i]
