"""Draw a scene as a picture, on the CPU: no display, no GPU, the same bytes for the same scene."""

from __future__ import annotations

import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from netscope.analyse.body.bundling import LEVELS
from netscope.analyse.body.camera import DEFAULT, PRESETS, Camera, look
from netscope.analyse.body.colours import class_colours, mixed, share_of
from netscope.analyse.body.draw_kernels import draw_edges, draw_spheres, project_edges
from netscope.analyse.body.threads import run_all
from netscope.errors import NotFoundError, UsageError
from netscope.scenes.scene import Scene
from netscope.scenes.style import Look, Style

MOST_PIXELS = 64_000_000
_BACKGROUND = {
    "light": ((1.0, 1.0, 1.0), (0.945, 0.953, 0.968)),
    "dark": ((0.062, 0.070, 0.098), (0.018, 0.021, 0.032)),
}
_LIGHT = np.array([-0.45, 0.62, 0.643], np.float32)
_CHUNK = 16384  # edges that are projected at once
_BAND = 48  # rows a task

Picture = npt.NDArray[np.uint8]


def render(
    scene: Scene,
    size: tuple[int, int] = (1280, 720),
    camera: int | Camera = DEFAULT,
    style: Style = Style(),  # noqa: B008  (it is frozen)
    classes: Collection[str] = (),
) -> Picture:
    """Draw a scene.

    Args:
        scene: A body.
        size: Width and height in pixels.
        camera: Number of a preset, 0 to 9, or a camera.
        style: Sizes, opacities, theme.
        classes: Show only what matters for these; all by default.

    Returns:
        Pixels [row, column, channel]: red, green and blue, and opacity if the background is transparent.

    Raises:
        UsageError: The size, camera or style is invalid.
        NotFoundError: There is no such class.
    """
    style.check()
    width, height = size
    if min(size) < 1 or width * height * style.supersample**2 > MOST_PIXELS:
        raise UsageError(
            f"size is {width}x{height}, drawn {style.supersample} times as fine; a picture has at least one pixel and "
            f"at most {MOST_PIXELS:,}"
        )
    if isinstance(camera, int):
        camera = preset(scene, camera, width / height)
    canvas = _Canvas(scene, (width * style.supersample, height * style.supersample), camera, style, classes)
    with ThreadPoolExecutor(os.cpu_count() or 1, "netscope-draw") as pool:
        canvas.draw(pool)
    return canvas.picture()


def preset(scene: Scene, number: int, aspect: float, turn: float = 0.0) -> Camera:
    """One of the ten cameras, so far away that the whole body is seen.

    Raises:
        UsageError: There is no such camera.
    """
    if not 0 <= number < len(PRESETS):
        raise UsageError(f"camera is {number}; there are 0 to 9: {', '.join(name for name, _ in PRESETS)}")
    return look(node_positions(scene), PRESETS[number][1], aspect, turn)


def node_positions(scene: Scene) -> npt.NDArray[np.float64]:
    """Positions of nodes [node, (x, y, z)]; the body is centred at 0."""
    parameters = scene.info.parameters
    found = np.empty((len(scene.node_xy), 3))
    found[:, :2] = (scene.node_xy / LEVELS - 0.5) * parameters.layer_width
    found[:, 2] = _depths(scene)[scene.node_layer]
    return found


def _depths(scene: Scene) -> npt.NDArray[np.float64]:
    n = len(scene.info.layers)
    ends = (n - 1) / 2 * scene.info.parameters.layer_distance
    return np.linspace(-ends, ends, n)


def opacity(look: Look, importance: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Opacity at the nearest point; 0 below the threshold."""
    base = look.base_opacity
    found = ((1 - look.importance_opacity) + look.importance_opacity * importance) * (1 - base) + base
    return np.where(importance >= look.importance_threshold, np.clip(found, 0, 1), 0).astype(np.float32)


class _Canvas:
    def __init__(
        self, scene: Scene, size: tuple[int, int], camera: Camera, style: Style, classes: Collection[str]
    ) -> None:
        self.scene, self.camera, self.style = scene, camera, style
        self.width, self.height = size
        self.focal = camera.focal * min(size)
        self.nodes = np.zeros((self.height, self.width, 4), np.float32)
        self.edges = np.zeros_like(self.nodes)
        self.nearest = np.full(self.nodes.shape[:2], np.inf, np.float32)
        colours = class_colours(len(scene.info.classes), style.theme)
        is_shown = _shown(scene, classes)
        self.colours = mixed(scene.node_importance * is_shown if classes else scene.node_importance, colours)
        self.share = share_of(scene.node_importance, is_shown) if classes else np.ones(len(self.colours), np.float32)
        pixels, depth = camera.project(node_positions(scene), *size)
        self.pixels, self.depth = pixels.astype(np.float32), depth.astype(np.float32)
        self.range = float(max(depth.min(), 1e-3)), float(depth.max())

    def draw(self, pool: ThreadPoolExecutor) -> None:
        """Spheres first, because they hide edges."""
        bands = [(row, min(row + _BAND, self.height)) for row in range(0, self.height, _BAND)]
        spheres = self._spheres()
        run_all(pool, [(draw_spheres, (*spheres, self.nearest, self.nodes, *band)) for band in bands])
        edges = self.scene.edge_importance
        visible = opacity(self.style.edges, edges)
        last = int(np.count_nonzero(visible))  # they are in descending order
        for begin in range(0, last, _CHUNK):
            arguments = self._tubes(slice(begin, min(begin + _CHUNK, last)), visible, pool)
            run_all(pool, [(draw_edges, (*arguments, self.nearest, self.edges, *band)) for band in bands])

    def _spheres(self) -> tuple[npt.NDArray[np.float32], ...]:
        look = self.style.nodes
        importance = self.scene.node_importance.max(1) * self.share
        order = np.argsort(self.depth, kind="stable")
        order = order[(importance[order] >= look.importance_threshold) & (self.depth[order] > 0)]
        nearness = (self.range[1] - self.depth) / max(self.range[1] - self.range[0], 1e-6)
        fade = 1 - look.depth_opacity + look.depth_opacity * nearness**look.depth_exponent
        size = look.size * self.scene.info.parameters.layer_width * np.sqrt(importance) * self._density()
        radius = np.maximum(size * self.focal / np.maximum(self.depth, 1e-6), 0.5)
        light = np.append(_LIGHT, np.float32(1 / self.focal))
        x, y = self.pixels[order].T
        parts = (x, y, self.depth[order], radius[order], self.colours[order])
        shown = (opacity(look, importance) * fade)[order]
        return (*(np.ascontiguousarray(one, np.float32) for one in (*parts, shown)), light)

    def _density(self) -> npt.NDArray[np.float64]:
        """Nodes of large layers are smaller, so that neighbours do not overlap."""
        sizes = np.array([layer.n_nodes for layer in self.scene.info.layers])
        scale: npt.NDArray[np.float64] = np.minimum(1.0, 9 / np.sqrt(sizes))[self.scene.node_layer]
        return scale

    def _tubes(self, part: slice, visible: npt.NDArray[np.float32], pool: ThreadPoolExecutor) -> tuple[np.ndarray, ...]:
        scene, look, parameters = self.scene, self.style.edges, self.scene.info.parameters
        nodes = scene.edge_nodes[part]
        paths = np.array(scene.edge_xy[part])  # of a file, it is read-only
        per = max(1, min(4, round(48 / (paths.shape[1] - 1))))
        points = np.empty((len(paths), per * (paths.shape[1] - 1) + 1, 3), np.float32)
        begin = _depths(scene)[scene.edge_layer[part]].astype(np.float32)
        fixed = (
            self.camera.eye, self.camera.axes, self.focal, parameters.layer_width, parameters.layer_distance,
            self.width / 2, self.height / 2, per,
        )  # fmt: skip
        ranges = [slice(i, i + 1024) for i in range(0, len(paths), 1024)]
        run_all(pool, [(project_edges, (paths[r], begin[r], *fixed, points[r])) for r in ranges])
        share = np.sqrt(self.share[nodes[:, 0]] * self.share[nodes[:, 1]])
        radius = look.size * parameters.layer_width * self.focal * np.sqrt(scene.edge_importance[part])
        fade = np.array([*self.range, look.depth_opacity, look.depth_exponent], np.float32)
        return (
            points, radius.astype(np.float32), self.colours[nodes[:, 0]], self.colours[nodes[:, 1]],
            (visible[part] * share).astype(np.float32), _LIGHT, fade,
        )  # fmt: skip

    def picture(self) -> Picture:
        """Edges over nodes over the background, averaged to the size of the picture."""
        image = self.edges + (1 - self.edges[..., 3:]) * self.nodes
        n = self.style.supersample
        image = image.reshape(self.height // n, n, self.width // n, n, 4).mean((1, 3))
        if self.style.transparent:
            image[..., :3] /= np.maximum(image[..., 3:], 1e-6)
            return _in_8_bits(image)
        middle, edge = (np.array(one) for one in _BACKGROUND[self.style.theme])
        y, x = (np.linspace(-1, 1, size)[:, None] for size in image.shape[:2])
        away = np.clip((y**2 + x.T**2) / 2, 0, 1)[..., None]
        image = image[..., :3] + (1 - image[..., 3:]) * (middle + (edge - middle) * away)
        return _in_8_bits(image)


def _in_8_bits(image: npt.NDArray[np.floating]) -> Picture:
    found: Picture = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return found


def _shown(scene: Scene, classes: Collection[str]) -> npt.NDArray[np.bool_]:
    names = scene.info.classes
    if unknown := [one for one in classes if one not in names]:
        raise NotFoundError(f"no class {unknown[0]!r}; the scene has: {', '.join(names[:20])}")
    return np.array([name in classes for name in names])
