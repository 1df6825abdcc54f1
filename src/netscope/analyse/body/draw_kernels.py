"""Draw spheres and tubes into an image with opacity. Importing compiles.

Both are composited UNDER what is there: the first one drawn stays on top. Spheres come from front to back. Edges come
from the most important one to the least, whatever the camera, so that a turning body does not flicker. Colours are
premultiplied. Rows are drawn independently, so that threads can share a picture and get the same one.
"""

from __future__ import annotations

import numpy as np

from netscope.analyse.body.density import FREE
from netscope.analyse.compiled import compiled

_LINE, _PLANE, _CUBE = "f4[::1]", "f4[:, ::1]", "f4[:, :, ::1]"
FULL = np.float32(0.996)  # opacity at which nothing behind is visible in 8 bits


@compiled("void(u2[:, :, ::1], f4[::1], f8[::1], f8[:, ::1], f8, f8, f8, f8, f8, i8, f4[:, :, ::1])", FREE)
def project_edges(paths, begin, eye, axes, focal, width, distance, centre_x, centre_y, per, points):  # type: ignore[no-untyped-def]
    """Project edges as smooth curves through their samples (Catmull and Rom, 1974).

    Args:
        paths: Samples [edge, sample, axis], 0 to 65,535.
        begin: Depth of the layer where each edge begins.
        eye: Position of the camera.
        axes: To the right, up and forward, as rows.
        focal: Focal length in pixels.
        width: Of a layer.
        distance: Between layers.
        centre_x: The pixel in the middle.
        centre_y: The same.
        per: Points per segment.
        points: Filled with pixels and depths [edge, point, (x, y, depth)].
    """
    n_segments = paths.shape[1] - 1
    scale = width / 65535.0
    for e in range(paths.shape[0]):
        k = 0
        for s in range(n_segments):
            a, d = max(s - 1, 0), min(s + 2, n_segments)
            last = per + 1 if s == n_segments - 1 else per
            for i in range(last):
                t = i / per
                wa = ((2.0 - t) * t - 1.0) * t * 0.5
                wb = ((3.0 * t - 5.0) * t * t + 2.0) * 0.5
                wc = ((4.0 - 3.0 * t) * t + 1.0) * t * 0.5
                wd = (t - 1.0) * t * t * 0.5
                x = wa * paths[e, a, 0] + wb * paths[e, s, 0] + wc * paths[e, s + 1, 0] + wd * paths[e, d, 0]
                y = wa * paths[e, a, 1] + wb * paths[e, s, 1] + wc * paths[e, s + 1, 1] + wd * paths[e, d, 1]
                px = x * scale - 0.5 * width - eye[0]
                py = y * scale - 0.5 * width - eye[1]
                pz = begin[e] + distance * (s + t) / n_segments - eye[2]
                depth = axes[2, 0] * px + axes[2, 1] * py + axes[2, 2] * pz
                near = focal / max(depth, 1e-6)
                points[e, k, 0] = centre_x + near * (axes[0, 0] * px + axes[0, 1] * py + axes[0, 2] * pz)
                points[e, k, 1] = centre_y - near * (axes[1, 0] * px + axes[1, 1] * py + axes[1, 2] * pz)
                points[e, k, 2] = depth
                k += 1


@compiled(f"void({_LINE}, {_LINE}, {_LINE}, {_LINE}, {_PLANE}, {_LINE}, {_LINE}, {_PLANE}, {_CUBE}, i8, i8)", FREE)
def draw_spheres(x, y, depth, radius, colour, opacity, light, nearest, image, first, last):  # type: ignore[no-untyped-def]
    """Draw lit spheres, sorted from front to back, into the rows from `first` to before `last`.

    `nearest` gets the depth of the front sphere where one is opaque enough to hide what is behind.
    """
    one = np.float32(1)
    half = np.float32(0.5)
    for i in range(x.size):
        r = radius[i]
        top, bottom = max(first, int(y[i] - r - one)), min(last, int(y[i] + r + 2))
        left, right = max(0, int(x[i] - r - one)), min(image.shape[1], int(x[i] + r + 2))
        for row in range(top, bottom):
            dy = np.float32(row) + half - y[i]
            for column in range(left, right):
                dx = np.float32(column) + half - x[i]
                away = np.sqrt(dx * dx + dy * dy)
                cover = min(one, r + half - away)
                if cover <= np.float32(0):
                    continue
                seen = one - image[row, column, 3]
                if seen < one - FULL:
                    continue
                nx, ny = dx / r, -dy / r
                nz = np.sqrt(max(np.float32(0), one - nx * nx - ny * ny))
                lit = nx * light[0] + ny * light[1] + nz * light[2]
                shade = np.float32(0.42) + np.float32(0.62) * max(
                    np.float32(0), lit * np.float32(0.75) + np.float32(0.25)
                )
                shade *= np.float32(0.80) + np.float32(0.20) * nz
                gloss = max(np.float32(0), np.float32(2) * lit * nz - light[2])  # of the mirrored light, to the eye
                gloss = gloss * gloss * gloss * gloss
                gloss = np.float32(0.45) * gloss * gloss * gloss * gloss
                a = seen * cover * opacity[i]
                for c in range(3):
                    image[row, column, c] += a * min(one, colour[i, c] * shade + gloss)
                image[row, column, 3] += a
                if cover > half and opacity[i] > half:
                    nearest[row, column] = min(nearest[row, column], depth[i] - nz * r * depth[i] * light[3])


@compiled(f"void({_CUBE}, {_LINE}, {_PLANE}, {_PLANE}, {_LINE}, {_LINE}, {_LINE}, {_PLANE}, {_CUBE}, i8, i8)", FREE)
def draw_edges(points, radius, start, end, opacity, light, fade, nearest, image, first, last):  # type: ignore[no-untyped-def]
    """Draw edges as tubes, in their order, into the rows from `first` to before `last`.

    A pixel belongs to the segment whose bisectors it lies between, so that a bent tube covers none twice.

    Args:
        points: Pixels and depths [edge, point, (x, y, depth)].
        radius: Pixels at depth 1.
        start: Colour where an edge begins.
        end: Colour where it ends.
        opacity: Of each edge.
        light: Unit vector towards the light.
        fade: Nearest and farthest depth, share of opacity that depth takes away, and the power of it.
        nearest: Depth of what hides edges, per pixel.
        image: Drawn into [row, column, (red, green, blue, opacity)].
        first: Row.
        last: Row.
    """
    one, half, zero = np.float32(1), np.float32(0.5), np.float32(0)
    n = points.shape[1] - 1
    depth_range = max(fade[1] - fade[0], np.float32(1e-6))
    for e in range(points.shape[0]):
        low, high = points[e, 0, 1], points[e, 0, 1]
        for k in range(1, n + 1):
            low, high = min(low, points[e, k, 1]), max(high, points[e, k, 1])
        widest = radius[e] / fade[0] + np.float32(2)
        if high + widest < np.float32(first) or low - widest > np.float32(last):
            continue
        for k in range(n):
            ax, ay, az = points[e, k, 0], points[e, k, 1], points[e, k, 2]
            bx, by, bz = points[e, k + 1, 0], points[e, k + 1, 1], points[e, k + 1, 2]
            tx, ty = bx - ax, by - ay
            length = np.sqrt(tx * tx + ty * ty)
            if length < np.float32(1e-4):
                continue
            tx, ty = tx / length, ty / length
            exact = radius[e] / az
            r = max(exact, np.float32(0.6))
            reach = r + half
            if max(ay, by) + reach < np.float32(first) or min(ay, by) - reach > np.float32(last):
                continue
            # The bisectors at both ends.
            px, py = tx, ty
            if k > 0:
                qx, qy = ax - points[e, k - 1, 0], ay - points[e, k - 1, 1]
                q = np.sqrt(qx * qx + qy * qy)
                if q > np.float32(1e-4):
                    px, py = tx + qx / q, ty + qy / q
            sx, sy = tx, ty
            if k < n - 1:
                qx, qy = points[e, k + 2, 0] - bx, points[e, k + 2, 1] - by
                q = np.sqrt(qx * qx + qy * qy)
                if q > np.float32(1e-4):
                    sx, sy = tx + qx / q, ty + qy / q
            relative = min(one, max(zero, (fade[1] - az) / depth_range))
            strength = opacity[e] * (one - fade[2] + fade[2] * relative ** fade[3]) * min(one, exact / r)
            along = (np.float32(k) + half) / np.float32(n)
            red = start[e, 0] + (end[e, 0] - start[e, 0]) * along
            green = start[e, 1] + (end[e, 1] - start[e, 1]) * along
            blue = start[e, 2] + (end[e, 2] - start[e, 2]) * along
            side = -ty * light[0] - tx * light[1]  # of the light across the tube; y of the picture points down
            top = max(first, int(np.floor(min(ay, by) - reach)))
            bottom = min(last, int(np.ceil(max(ay, by) + reach)) + 1)
            least, most = min(ax, bx) - reach, max(ax, bx) + reach
            for row in range(top, bottom):
                dy = np.float32(row) + half - ay
                from_x, to_x = least, most
                if abs(ty) > np.float32(1e-3):  # -ty * dx + tx * dy is the distance from the axis
                    u, v = ax + (tx * dy - reach) / ty, ax + (tx * dy + reach) / ty
                    from_x, to_x = max(from_x, min(u, v)), min(to_x, max(u, v))
                elif abs(tx * dy) > reach + one:
                    continue
                for column in range(max(0, int(from_x - half)), min(image.shape[1], int(to_x + half) + 1)):
                    seen = one - image[row, column, 3]
                    if seen < one - FULL:
                        continue
                    dx = np.float32(column) + half - ax
                    if dx * px + dy * py < zero or (dx - (bx - ax)) * sx + (dy - (by - ay)) * sy >= zero:
                        continue
                    across = -ty * dx + tx * dy
                    cover = min(one, reach - abs(across))
                    if cover <= zero:
                        continue
                    depth = az + (bz - az) * min(one, max(zero, (dx * tx + dy * ty) / length))
                    if depth > nearest[row, column]:
                        continue
                    u = min(one, max(-one, across / r))
                    front = np.sqrt(one - u * u)
                    lit = u * side + front * light[2]
                    shade = np.float32(0.58) + np.float32(0.50) * max(zero, lit)
                    gloss = max(zero, lit) ** 2
                    gloss = np.float32(0.16) * gloss * gloss * gloss * gloss
                    a = seen * cover * strength
                    image[row, column, 0] += a * min(one, red * shade + gloss)
                    image[row, column, 1] += a * min(one, green * shade + gloss)
                    image[row, column, 2] += a * min(one, blue * shade + gloss)
                    image[row, column, 3] += a
