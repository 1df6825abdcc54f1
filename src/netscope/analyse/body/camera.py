"""Cameras: where they are, what they see, and at which distance a body fits the picture.

The layers of a body are squares in x (right) and y (up), one after the other along z.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

FIELD_OF_VIEW = np.radians(32)  # of the shorter side of a picture; narrower than an eye's, so that layers stay square
MARGIN = 0.9
"""Share of the picture that a body fills."""

PRESETS: tuple[tuple[str, tuple[float, float, float]], ...] = (
    ("left", (0.0, 0.0, -2.5)),
    ("front", (3.5, 0.0, 0.0)),
    ("right", (0.0, 0.0, 2.5)),
    ("back right", (-2.5, 0.0, 2.5)),
    ("overview", (-3.0, 1.1, -1.5)),
    ("upper back left", (-2.0, 2.0, -2.0)),
    ("upper back right", (-2.0, 2.0, 2.0)),
    ("lower back right", (-2.75, -1.0, 1.25)),
    ("back", (-4.0, 0.0, 0.0)),
    ("top", (-0.6, 4.0, 0.0)),
)
"""Names and directions from the centre of a body. 4 and 9 were duplicates in nn_vis."""
DEFAULT = 4


class Camera(NamedTuple):
    """A pinhole camera."""

    eye: Float[np.ndarray, 3]
    axes: Float[np.ndarray, "3 3"]
    """Unit vectors to the right, up and forward, as rows."""
    focal: float
    """Focal length in units of the shorter side of the picture."""

    def project(
        self, points: Float[np.ndarray, "point 3"], width: int, height: int
    ) -> tuple[Float[np.ndarray, "point 2"], Float[np.ndarray, " point"]]:
        """Pixels (y points down) and depths of points."""
        seen = (points - self.eye) @ self.axes.T
        scale = self.focal * min(width, height) / seen[:, 2:]
        return np.array([width / 2, height / 2]) + seen[:, :2] * [1, -1] * scale, seen[:, 2]


def look(
    points: Float[np.ndarray, "point 3"], direction: tuple[float, float, float], aspect: float, turn: float = 0.0
) -> Camera:
    """A camera that sees all points, as large as they fit.

    Args:
        points: What is to be seen.
        direction: From the middle of the points to the camera.
        aspect: Width of the picture over its height.
        turn: Radians by which the camera has gone around the vertical axis.
    """
    axes = _axes(np.array(direction, float), turn)
    focal = 0.5 / np.tan(FIELD_OF_VIEW / 2)
    half = np.array([max(aspect, 1.0), max(1 / aspect, 1.0)]) * 0.5 * MARGIN / focal  # tangents of the picture's edges
    centre = (points.min(0) + points.max(0)) / 2
    for _ in range(4):  # perspective moves the middle of what is seen, which moves the camera
        seen = (points - centre) @ axes.T
        distance = float((np.abs(seen[:, :2]) / half - seen[:, 2:]).max())
        distance = max(distance, 1e-3 - float(seen[:, 2].min()))
        flat = seen[:, :2] / (seen[:, 2:] + distance)
        middle = (flat.min(0) + flat.max(0)) / 2
        centre = centre + middle @ axes[:2] * distance
    return Camera(centre - axes[2] * distance, axes, float(focal))


def _axes(direction: Float[np.ndarray, 3], turn: float) -> Float[np.ndarray, "3 3"]:
    cos, sin = np.cos(turn), np.sin(turn)
    x, y, z = direction
    forward = -np.array([cos * x + sin * z, y, cos * z - sin * x])
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(right, forward), forward])
