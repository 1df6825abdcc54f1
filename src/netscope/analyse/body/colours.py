"""Colours of classes, and of nodes that matter for several."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32

from netscope.analyse.body.network import class_directions

_LIGHTNESS = {"light": (0.62, 0.50, 0.72), "dark": (0.76, 0.64, 0.86)}
_CHROMA = {"light": 0.17, "dark": 0.15}
_TO_LMS = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
)
_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)  # Ottosson, "A perceptual color space for image processing", 2020


def class_colours(n: int, theme: str) -> Float[np.ndarray, "class 3"]:
    """Colours of `n` classes as sRGB from 0 to 1: equally spaced hues of OKLCH, of three alternating lightnesses.

    Neighbouring hues differ in lightness, so that colour-blind people can distinguish them, too.
    """
    hue = np.radians(25) + 2 * np.pi * np.arange(n) / max(n, 1)
    lightness = np.array(_LIGHTNESS[theme])[np.arange(n) % 3]
    return oklch(lightness, np.full(n, _CHROMA[theme]), hue)


def oklch(
    lightness: Float[np.ndarray, " n"], chroma: Float[np.ndarray, " n"], hue: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n 3"]:
    """SRGB of OKLCH colours; those outside of sRGB get the largest chroma that fits.

    >>> oklch(np.array([1.0]), np.array([0.0]), np.array([0.0])).round(3).tolist()
    [[1.0, 1.0, 1.0]]
    """
    low, high = np.zeros(len(hue)), np.ones(len(hue))
    for _ in range(12):
        half = (low + high) / 2
        fits = ((linear := _linear(lightness, chroma * half, hue)) >= 0).all(1) & (linear <= 1).all(1)
        low, high = np.where(fits, half, low), np.where(fits, high, half)
    linear = np.clip(_linear(lightness, chroma * low, hue), 0, 1)
    found: np.ndarray = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return found


def _linear(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], 1)
    found: np.ndarray = (lab @ _TO_LMS.T) ** 3 @ _TO_RGB.T
    return found


def mixed(
    importance: Float32[np.ndarray, "node class"], colours: Float[np.ndarray, "class 3"], sharpness: float = 2.0
) -> Float32[np.ndarray, "node 3"]:
    """The mean colour of each node's classes, weighted by a power of importance; grey without any."""
    weights = class_directions(importance).astype(np.float64) ** sharpness
    total = weights.sum(1, keepdims=True)
    found = np.where(total > 0, weights @ colours / np.where(total > 0, total, 1), 0.5)
    return found.astype(np.float32)


def share_of(
    importance: Float32[np.ndarray, "node class"], is_shown: Bool[np.ndarray, " class"]
) -> Float32[np.ndarray, " node"]:
    """Which share of each node's squared importance the shown classes have.

    >>> share_of(np.array([[1, 1], [0, 1]], np.float32), np.array([True, False])).round(2).tolist()
    [0.5, 0.0]
    """
    squares = class_directions(importance) ** 2
    found: np.ndarray = (squares @ is_shown).astype(np.float32)
    return found
