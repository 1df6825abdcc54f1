"""netscope's own readers find in a file what Netron's parsers find, apart from differences with a reason.

The reasons are those of `docs/formats.md`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from netscope.models.graph import Graph
from netscope.models.model import Model
from netscope.models.open import open_model
from netscope.models.readers import netron
from tests.models import protobuf_files, tflite_files
from tests.models.onnx_files import LIGHT
from tests.models.test_weights import written_gguf, written_npz, written_safetensors

pytestmark = pytest.mark.filterwarnings("ignore")
CONSTANTS = {"constant", "const", "placeholder", "identity", "input", "constantofshape"}


class Net(torch.nn.Module):
    """A convolution and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = torch.nn.Conv2d(1, 4, 3), torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.conv(x)).mean((2, 3)))


def state_dict(folder: Path) -> Path:
    torch.save(Net().state_dict(), folder / "net.pt")
    return folder / "net.pt"


def exported(folder: Path) -> Path:
    torch.export.save(torch.export.export(Net().eval(), (torch.zeros(1, 1, 8, 8),)), folder / "net.pt2")
    return folder / "net.pt2"


def traced(folder: Path) -> Path:
    torch.jit.trace(Net().eval(), torch.zeros(1, 1, 8, 8)).save(folder / "net.pt")
    return folder / "net.pt"


def onnx_exported(folder: Path) -> Path:
    source = LIGHT / "light_squeezenet.onnx"
    onnx.save(onnx.load(source), folder / "net.onnx")
    return folder / "net.onnx"


def tflite(folder: Path) -> Path:
    (folder / "net.tflite").write_bytes(tflite_files.quantised())
    return folder / "net.tflite"


def graph_def(folder: Path) -> Path:
    (folder / "net.pb").write_bytes(protobuf_files.graph())
    return folder / "net.pb"


def saved_model(folder: Path) -> Path:
    (folder / "saved_model.pb").write_bytes(protobuf_files.saved_model())
    return folder / "saved_model.pb"


def ops(graph: Graph, *, bodies: bool = False) -> Counter[str]:
    """Operations by name, in one spelling; without those of bodies and functions, unless they are asked for."""
    names = (
        node.op.rpartition("::")[2].partition(".")[0].replace("_", "").lower()
        for node in graph.nodes
        if bodies or not graph.scope_in_body[node.scope.index]
    )
    return Counter(name for name in names if name not in CONSTANTS)


@pytest.mark.parametrize("write", [onnx_exported, tflite, graph_def, saved_model, exported])
def test_operations_are_those_that_netron_finds(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    mine, its = both(write(tmp_path))
    bodies = mine.format == "TensorFlow Lite"  # which Netron shows as further graphs of the file
    assert ops(mine.graph, bodies=bodies) == ops(its.graph, bodies=bodies)
    assert ops(mine.graph)


@pytest.mark.parametrize("write", [written_safetensors, written_gguf, written_npz, state_dict, traced, onnx_exported])
def test_arrays_are_those_that_netron_finds(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    mine, its = both(write(tmp_path))
    assert arrays(mine.graph) == arrays(its.graph)
    for tensor in mine.graph.tensors:
        twin = next((one for one in its.graph.tensors if one.name == tensor.name), None)
        if twin is not None and its.stored[twin.index] is not None and "_" not in tensor.dtype:
            np.testing.assert_array_equal(mine.read(tensor.index).ravel(), its.read(twin.index).ravel())


def arrays(graph: Graph) -> Counter[tuple[str, tuple[object, ...]]]:
    """Types and shapes, without those that are packed; Netron shows the axes of GGUF in the order of the file."""
    plain = (tensor for tensor in graph.tensors if "_" not in tensor.dtype)
    return Counter((tensor.dtype, tuple(sorted(tensor.shape or (), key=str))) for tensor in plain)


def both(path: Path) -> tuple[Model, Model]:
    """The model as netscope reads it, and as Netron does."""
    mine = open_model(path)
    assert mine.reader == "netscope"
    return mine, netron.read(path)
