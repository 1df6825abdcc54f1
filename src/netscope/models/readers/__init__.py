"""Readers of model files, one module per format: `recognise(head, path)` and `read(path)`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from netscope.models.model import Model
from netscope.models.readers import (
    coreml,
    flax,
    gguf,
    keras,
    netron,
    numpy,
    onnx,
    onnx_text,
    openvino,
    ort,
    pytorch,
    safetensors,
    tensorflow,
    tensorflow_checkpoint,
    tfjs,
    tflite,
)


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
    Reader("safetensors", (".safetensors", ".safetensors.index.json"), safetensors.recognise, safetensors.read),
    Reader("GGUF", (".gguf",), gguf.recognise, gguf.read),
    Reader("NumPy", (".npz", ".npy"), numpy.recognise, numpy.read),
    Reader("ONNX", (".onnx",), onnx.recognise, onnx.read),
    Reader("ONNX text", (".textproto", ".onnxtxt", ".onnxjson"), onnx_text.recognise, onnx_text.read),
    Reader("ONNX Runtime", (".ort",), ort.recognise, ort.read),
    Reader("PyTorch", (".pt", ".pth", ".bin", ".ckpt", ".pt2", ".index.json"), pytorch.recognise, pytorch.read),
    Reader("Keras", (".keras", ".h5", ".hdf5"), keras.recognise, keras.read),
    Reader("Flax", (".msgpack",), flax.recognise, flax.read),
    Reader("Core ML", (".mlmodel",), coreml.recognise, coreml.read),
    Reader("OpenVINO", (".xml",), openvino.recognise, openvino.read),
    Reader("TensorFlow Lite", (".tflite",), tflite.recognise, tflite.read),
    Reader("TensorFlow", tensorflow.SUFFIXES, tensorflow.recognise, tensorflow.read),
    Reader("TensorFlow checkpoint", (".index",), tensorflow_checkpoint.recognise, tensorflow_checkpoint.read),
    Reader("TensorFlow.js", (".json",), tfjs.recognise, tfjs.read),
)
OTHERS = Reader("other formats", tuple(netron.FORMATS), netron.recognise, netron.read)
"""For files that none of `READERS` recognises."""
