"""Matplotlib figures, rendered to PNG in their current state without changing them."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np

from netscope.errors import MissingExtraError, UsageError
from netscope.record import guard
from netscope.record.media.item import Encoded, Media, package_of, warn

MOST_GROWTH = 2.0
"""If the box around all that is drawn exceeds the figure's size by more than this factor, the figure's box is used."""
LARGEST_SIDE_PX = 8_192
"""Larger figures are rendered with fewer dots per inch."""
OTHER_LIBRARIES = {
    "plotly": "log a plotly figure as an image: run.image(key, PIL.Image.open(io.BytesIO(figure.to_image('png'))))",
    "altair": "save the chart with .save('chart.png') and log it: run.image(key, PIL.Image.open('chart.png'))",
    "bokeh": "write it with bokeh.io.export_png and log it: run.image(key, PIL.Image.open('chart.png'))",
}


class Figure(Media):
    """A Matplotlib figure in its current state: a `Figure`, anything that belongs to one, or the `pyplot` module.

    The image is cropped to what is drawn, including legends beside the axes, unless that is more than twice as wide or
    high as the figure (a label far outside the axes): then it shows the figure's own box. A figure that cannot be drawn
    is left out with a warning.
    """

    kind = "figure"

    def __init__(self, figure: Any, caption: str = "") -> None:
        """Encode as PNG.

        Raises:
            UsageError: `figure` is not a Matplotlib figure.
            MissingExtraError: Matplotlib is not imported.
        """
        # Drawing runs user code (artists, callbacks), which may raise anything.
        data = guard.call_or(_warn_not_drawn, _png, _figure_of(figure))
        if data is None:
            self.encoded = None
            return
        width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        self.encoded = Encoded(data, "png", str(caption), [height, width, 4])


def _warn_not_drawn(error: Exception) -> None:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    warn(f"the figure cannot be drawn and was not logged: {reason:.300}")


def is_figure_like(value: Any) -> bool:
    """Whether `log` treats the value as a figure."""
    return is_pyplot(value) or (package_of(value) in ("matplotlib", "seaborn") and hasattr(value, "savefig"))


def is_pyplot(value: Any) -> bool:
    """Whether the value is the `pyplot` module, as in `run.figure("loss", plt)`."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return pyplot is not None and value is pyplot


def _figure_of(value: Any) -> Any:
    if package_of(value) in OTHER_LIBRARIES:
        raise UsageError(f"figure must be a matplotlib Figure; {OTHER_LIBRARIES[package_of(value)]}")
    if "matplotlib" not in sys.modules:
        raise MissingExtraError("a figure", "matplotlib", "figures")
    if is_pyplot(value):
        if not value.get_fignums():
            raise UsageError("figure must be a matplotlib Figure; pyplot has no open figure")
        return value.gcf()
    found = value.flat[0] if isinstance(value, np.ndarray) and value.dtype == object and value.size else value
    while not hasattr(found, "draw_without_rendering"):  # axes, lines, subfigures, seaborn grids have a `figure`
        above = getattr(found, "figure", None)
        if above is None or above is found or callable(above):
            raise UsageError(f"figure must be a matplotlib Figure or its Axes, got {type(value).__name__}")
        found = above
    return found


def _png(figure: Any) -> bytes:
    rc = sys.modules["matplotlib"].rcParams
    dpi = figure.dpi if rc["savefig.dpi"] == "figure" else rc["savefig.dpi"]
    box = figure.bbox_inches
    longest = max(box.width, box.height)
    if longest * dpi <= LARGEST_SIDE_PX:
        figure.draw_without_rendering()  # computes the layout before it is measured
        tight = figure.get_tightbbox().padded(float(rc["savefig.pad_inches"]))
        is_near = tight.width <= MOST_GROWTH * box.width and tight.height <= MOST_GROWTH * box.height
        if is_near and min(tight.width, tight.height) > 0:
            box, longest = tight, max(tight.width, tight.height)
    file = io.BytesIO()
    smaller = {"dpi": LARGEST_SIDE_PX / longest} if longest * dpi > LARGEST_SIDE_PX else {}
    figure.savefig(file, format="png", bbox_inches=box, metadata={"Software": None}, **smaller)
    return file.getvalue()
