"""Densities on a square grid: splat points, blur, and climb towards where there is more. Importing compiles.

Splatting and blurring cost the same for every bandwidth, so a step is linear in the points. Coordinates are in cells.

A density is blurred by three passes of a box of fractional radius, which is close to a Gaussian of standard deviation
`sigma`. For a Gaussian kernel the mean shift is sigma² times the gradient, over the density (Comaniciu and Meer, 2002).
"""

from __future__ import annotations

import numpy as np

from netscope.analyse.compiled import compiled

FREE = {"reassoc", "contract", "nsz"}


@compiled("void(f4[::1], f4[::1], f4[::1], u1[::1], f4[:, :, ::1])", FREE)
def splat(x, y, mass, channel, grid):  # type: ignore[no-untyped-def]
    """Add each point's mass to the four cells around it, in its channel of `grid` [channel, row, column]."""
    for i in range(x.size):
        column, row = int(x[i]), int(y[i])
        right, down = x[i] - np.float32(column), y[i] - np.float32(row)
        c, m = channel[i], mass[i]
        grid[c, row, column] += m * (np.float32(1) - right) * (np.float32(1) - down)
        grid[c, row, column + 1] += m * right * (np.float32(1) - down)
        grid[c, row + 1, column] += m * (np.float32(1) - right) * down
        grid[c, row + 1, column + 1] += m * right * down


@compiled("UniTuple(f8, 2)(f8)")
def box_radius(sigma):  # type: ignore[no-untyped-def]
    """The radius of a box that has the standard deviation `sigma` after three passes: whole cells, and a fraction."""
    variance = sigma * sigma / 3.0
    whole = 0
    while (whole + 1.0) * (whole + 2.0) / 3.0 <= variance:
        whole += 1
    squares = whole * (whole + 1.0) * (2.0 * whole + 1.0) / 3.0
    width = 2.0 * whole + 1.0
    return np.float64(whole), (variance * width - squares) / (2.0 * ((whole + 1.0) ** 2 - variance))


@compiled("void(f4[:, ::1], f4[:, ::1], i8, f4)", FREE)
def _blur_rows(source, target, whole, part):  # type: ignore[no-untyped-def]
    """One pass over the first axis, as a running sum of whole rows; outside the grid there is nothing."""
    n, m = source.shape
    scale = np.float32(1) / (np.float32(2 * whole + 1) + np.float32(2) * part)
    total = np.zeros(m, np.float32)
    for i in range(min(whole, n)):
        for j in range(m):
            total[j] += source[i, j]
    for i in range(n):
        if i + whole < n:
            for j in range(m):
                total[j] += source[i + whole, j]
        if i - whole - 1 >= 0:
            for j in range(m):
                total[j] -= source[i - whole - 1, j]
        for j in range(m):
            target[i, j] = total[j]
        if i + whole + 1 < n:
            for j in range(m):
                target[i, j] += part * source[i + whole + 1, j]
        if i - whole - 1 >= 0:
            for j in range(m):
                target[i, j] += part * source[i - whole - 1, j]
        for j in range(m):
            target[i, j] = max(target[i, j] * scale, np.float32(0))  # rounding leaves no negative density


@compiled("void(f4[:, ::1], f4[:, ::1])")
def _transpose(source, target):  # type: ignore[no-untyped-def]
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[j, i] = source[i, j]


@compiled("void(f4[:, :, ::1], f8)")
def blur(grid, sigma):  # type: ignore[no-untyped-def]
    """Blur every channel that holds anything by a standard deviation of `sigma` cells, in place."""
    radius = box_radius(sigma)
    whole, part = int(radius[0]), np.float32(radius[1])
    other = np.empty(grid.shape[1:], np.float32)
    for c in range(grid.shape[0]):
        plane = grid[c]
        if not plane.any():
            continue
        for _ in range(2):
            _blur_rows(plane, other, whole, part)
            _blur_rows(other, plane, whole, part)
            _blur_rows(plane, other, whole, part)
            _transpose(other, plane)


@compiled("void(f4[::1], f4[::1], u1[::1], f4[:, :, ::1], f8, f4, f4, f4)", FREE)
def climb(x, y, channel, density, sigma, reach, low, high):  # type: ignore[no-untyped-def]
    """Move each point by the mean shift in its channel, at most by `reach`, and keep it between `low` and `high`."""
    scale = np.float32(sigma * sigma)
    one = np.float32(1)
    for i in range(x.size):
        column, row = int(x[i]), int(y[i])
        right, down = x[i] - np.float32(column), y[i] - np.float32(row)
        c = channel[i]
        a, b = density[c, row, column], density[c, row, column + 1]
        d, e = density[c, row + 1, column], density[c, row + 1, column + 1]
        top, bottom = a + (b - a) * right, d + (e - d) * right
        here = top + (bottom - top) * down
        if here <= np.float32(0):
            continue
        dx = scale * ((b - a) * (one - down) + (e - d) * down) / here
        dy = scale * (bottom - top) / here
        length = np.sqrt(dx * dx + dy * dy)
        if length > reach:
            dx, dy = dx * reach / length, dy * reach / length
        x[i] = min(max(x[i] + dx, low), high)
        y[i] = min(max(y[i] + dy, low), high)
