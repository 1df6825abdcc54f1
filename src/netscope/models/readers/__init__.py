"""Readers of model files, one module per format: `recognise(head, path)` and `read(path)`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from netscope.models.model import Model
from netscope.models.readers import onnx, pytorch, tflite


class Reader(NamedTuple):
    """How one format is read."""

    format: str
    """Its name, for people."""
    suffixes: tuple[str, ...]
    """The usual suffixes of its files."""
    recognise: Callable[[bytes, Path], bool]
    """Whether a file that begins with these bytes is of the format."""
    read: Callable[[Path], Model]


READERS = (
    Reader("ONNX", (".onnx",), onnx.recognise, onnx.read),
    Reader("PyTorch", (".pt", ".pth", ".bin", ".ckpt", ".pt2", ".index.json"), pytorch.recognise, pytorch.read),
    Reader("TensorFlow Lite", (".tflite",), tflite.recognise, tflite.read),
)
