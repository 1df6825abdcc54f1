"""Graphs of networks, kept in the form in which the page reads them."""

from __future__ import annotations

from netscope.models.model import Model
from netscope.models.pack import pack
from netscope.record.media.item import Encoded, Media


class Graph(Media):
    """The graph of a network."""

    kind = "graph"

    def __init__(self, model: Model) -> None:
        """Encode as safetensors (`netscope.models.pack`)."""
        self.encoded = Encoded(pack(model), "safetensors", model.name, [model.graph.n_nodes])
