"""Matplotlib figures as PNG, as they look now; nothing of the figure is changed."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np

from netscope.errors import MissingExtraError, UsageError
from netscope.record import beside
from netscope.record.media.item import Encoded, Media, origin, warn

MOST_GROWTH = 2.0
"""A box around all that is drawn that is so many times as wide or high as the figure shows strays, not content."""
LARGEST_SIDE_PX = 8_192
"""Larger figures are drawn at fewer dots an inch."""
WITH_THEIR_OWN_WAY = {
    "plotly": "of a plotly one log the picture: run.image(key, PIL.Image.open(io.BytesIO(figure.to_image('png'))))",
    "altair": "save the chart with .save('chart.png') and log it: run.image(key, PIL.Image.open('chart.png'))",
    "bokeh": "write it with bokeh.io.export_png and log it: run.image(key, PIL.Image.open('chart.png'))",
}


class Figure(Media):
    """A Matplotlib figure as it looks now: a `Figure`, anything that belongs to one, or `pyplot` for the current one.

    It is cut to what is drawn (legends beside the axes are kept), unless that is more than twice as wide or high as
    the figure: then a label lies far outside, and the figure's own box is shown. A figure that cannot be drawn is
    warned of and left out; the training goes on.
    """

    kind = "figure"

    def __init__(self, figure: Any, caption: str = "") -> None:
        """Encode as PNG."""
        # Drawing runs what the user put into the figure: labels, artists, callbacks.
        data = beside.call_or(_warn_not_drawn, _png, _figure_of(figure))
        if data is None:
            self.encoded = None
            return
        width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        self.encoded = Encoded(data, "png", str(caption), [height, width, 4])


def _warn_not_drawn(error: Exception) -> None:
    why = " ".join(f"{type(error).__name__}: {error}".split())
    warn(f"the figure cannot be drawn and was not logged: {why:.300}")


def is_figure_like(value: Any) -> bool:
    """Whether `log` takes it as a figure without being told."""
    return is_pyplot(value) or (origin(value) in ("matplotlib", "seaborn") and hasattr(value, "savefig"))


def is_pyplot(value: Any) -> bool:
    """Whether it is the module itself, as in `run.figure("loss", plt)`."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return pyplot is not None and value is pyplot


def _figure_of(value: Any) -> Any:
    if origin(value) in WITH_THEIR_OWN_WAY:
        raise UsageError(f"a figure is a matplotlib Figure; {WITH_THEIR_OWN_WAY[origin(value)]}")
    if "matplotlib" not in sys.modules:
        raise MissingExtraError("a figure", "matplotlib", "figures")
    if is_pyplot(value):
        if not value.get_fignums():
            raise UsageError("a figure is a matplotlib Figure; pyplot has none open")
        return value.gcf()
    found = value.flat[0] if isinstance(value, np.ndarray) and value.dtype == object and value.size else value
    while not hasattr(found, "draw_without_rendering"):  # axes, lines, subfigures and seaborn's grids know their figure
        above = getattr(found, "figure", None)
        if above is None or above is found or callable(above):
            raise UsageError(f"a figure is a matplotlib Figure, or Axes of one, found {type(value).__name__}")
        found = above
    return found


def _png(figure: Any) -> bytes:
    rc = sys.modules["matplotlib"].rcParams
    dpi = figure.dpi if rc["savefig.dpi"] == "figure" else rc["savefig.dpi"]
    box = figure.bbox_inches
    longest = max(box.width, box.height)
    if longest * dpi <= LARGEST_SIDE_PX:
        figure.draw_without_rendering()  # so that the layout is settled before it is measured
        tight = figure.get_tightbbox().padded(float(rc["savefig.pad_inches"]))
        is_near = tight.width <= MOST_GROWTH * box.width and tight.height <= MOST_GROWTH * box.height
        if is_near and min(tight.width, tight.height) > 0:
            box, longest = tight, max(tight.width, tight.height)
    file = io.BytesIO()
    smaller = {"dpi": LARGEST_SIDE_PX / longest} if longest * dpi > LARGEST_SIDE_PX else {}
    figure.savefig(file, format="png", bbox_inches=box, metadata={"Software": None}, **smaller)
    return file.getvalue()
