"""A model: the graph of a file or a live module, and what is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netscope.models.graph import Graph


@dataclass(frozen=True)
class Model:
    """A file, folder or live module that was opened."""

    name: str
    """For people: the name of the file, or the class of the module."""
    format: str
    """"ONNX", "safetensors", "PyTorch" and so on."""
    graph: Graph = field(repr=False)
    format_version: str = ""
    reader: str = "netscope"
    """What read it."""
    producer: str = ""
    """What wrote the file, with its version."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the file says about itself, as JSON can hold it."""
    warnings: tuple[str, ...] = ()
    """What could not be read or is not as it should be, a sentence each."""
