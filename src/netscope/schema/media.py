"""What is larger than a number: images, audio, text, tables, figures, arrays."""

from __future__ import annotations

from typing import Literal

from netscope.schema.noun import Noun

AssetKind = Literal["array", "image", "audio", "text", "table", "figure", "histogram", "graph"]
"""The kind "graph" is a network, in the form of `netscope.models.pack`."""


class Asset(Noun):
    """Something large, logged at a step; its bytes are at /api/runs/{run}/blobs/{blob}."""

    key: str
    kind: AssetKind
    step: int
    time: float
    blob: str
    """File name within the run's blobs: digest and suffix; '' where `text` holds it all."""
    bytes: int
    text: str
    """The caption, or the text itself."""
    shape: list[int]
    item: int | None = None
    """Which item of the list that was logged under the key, from 0; None: it was logged alone."""
    markdown: bool = False
    """Whether a text is to be shown as Markdown; else it is shown as it is."""


class Assets(Noun):
    """Assets of a run, in the order of key, then step, then item."""

    assets: list[Asset]
