"""A model: the graph of a file or a live module, with its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netscope.errors import NotFoundError
from netscope.models import tensors
from netscope.models.graph import Graph
from netscope.models.stored import Stored

NodeData = Mapping[str, Mapping[str, float | str]]
"""Values of a user: by series ("latency"), then by the name of a node or module."""


@dataclass(frozen=True)
class Model:
    """A file, folder or live module that was opened."""

    name: str
    """Display name: the name of the file, or the class of the module."""
    format: str
    """"ONNX", "safetensors", "PyTorch" and so on."""
    graph: Graph = field(repr=False)
    format_version: str = ""
    reader: str = "netscope"
    """The reader."""
    producer: str = ""
    """The program that wrote the file, with its version."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Metadata in the file, as JSON values."""
    warnings: tuple[str, ...] = ()
    """Problems while reading, one sentence each."""
    data: NodeData = field(default_factory=dict, repr=False)
    """Values of a user for its nodes, by which the page colours them."""
    stored: tuple[Stored | None, ...] = field(default=(), repr=False, compare=False)
    """Location of each tensor of the graph; empty for a model without files. Not part of a pack."""

    def read(self, tensor: int | str, rows: slice = slice(None)) -> np.ndarray:
        """The elements of a stored array, read from its file; bfloat16 becomes float32.

        Args:
            tensor: Its index, or its name.
            rows: Of its first axis, all unless given; only their bytes are read.

        Raises:
            NotFoundError: There is no such tensor, or its numbers are not in the files of this model.
            FormatError: The file does not hold what it says.
            UsageError: There is no way to decode its type.
            StorageError: The file cannot be read.
        """
        index = self._index(tensor) if isinstance(tensor, str) else tensor
        if not 0 <= index < self.graph.n_tensors:
            raise NotFoundError(f"no tensor {index}; the model has {self.graph.n_tensors}")
        found = self.graph.tensors[index]
        stored = self.stored[index] if self.stored else None
        return tensors.read(stored, found.name, found.dtype, found.shape, rows)

    def _index(self, name: str) -> int:
        for tensor in self.graph.tensors:
            if tensor.name == name:
                return tensor.index
        some = ", ".join(tensor.name for tensor in self.graph.tensors[:10])
        raise NotFoundError(f"no tensor {name!r}; the model has: {some or 'none'}")
