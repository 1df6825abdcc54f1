"""The modules that nodes of an ONNX file belong to, as far as names in it reveal them.

Exporters write the modules of the network in different ways: PyTorch's newer one into the metadata of each node, its
older one into the names of the nodes ("/encoder/layers.0/conv/Conv"), TensorFlow's into names too
("model/conv/Conv2D"). Where nodes have no names that tell, those of the weights may ("layer1.0.conv1.weight").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from netscope.models.paths import ROOT, Place

NAME_SCOPES, CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")


def from_metadata(name_scopes: str, classes: str) -> Place:
    """The place that PyTorch's exporter wrote into the metadata of a node.

    >>> from_metadata("['', 'layer1', 'layer1.0', 'relu']", "['Net', 'torch.nn.Sequential', 'my.Block', 'aten.relu']")
    Place(path='layer1.0', separator='.', kinds=(('', 'Net'), ('layer1', 'Sequential'), ('layer1.0', 'Block')))
    """
    paths = _QUOTED.findall(name_scopes)[:-1]  # the last is the operation
    found = tuple(zip(paths, (name.rpartition(".")[2] for name in _QUOTED.findall(classes)), strict=False))
    return Place(paths[-1] if paths else "", ".", found)


@lru_cache(1 << 16)
def _from_path(path: str) -> Place:
    if path.startswith("/"):
        return Place(torch_path(tuple(path.strip("/").split("/"))) if path != "/" else "")
    return Place(path.strip("/"), "/")


def from_name(name: str) -> Place:
    """The place given by the name of a node.

    >>> from_name("/encoder/layers.0/conv/Conv").path, from_name("model/conv/Conv2D;model/conv/Bias").path
    ('encoder.layers.0.conv', 'model/conv')
    >>> from_name("Conv_12")
    Place(path='', separator='.', kinds=())
    """
    around, slash, _ = name.partition(";")[0].rpartition("/")
    return _from_path(around or "/") if slash else ROOT


def torch_path(parts: Sequence[str]) -> str:
    """The path of a module, from the names that PyTorch's older exporter gave to it and its parents.

    A child of a container has the container's name before its own, whether that has been said or not.

    >>> torch_path(["layer1", "layer1.0", "conv1"]), torch_path(["encoder", "layers.0"])
    ('layer1.0.conv1', 'encoder.layers.0')
    """
    path: list[str] = []
    for part in parts:
        names = part.split(".")
        # the longest start of this part that the path so far ends with
        said = next((n for n in range(min(len(path), len(names) - 1), 0, -1) if path[-n:] == names[:n]), 0)
        path += names[said:]
    return ".".join(path)
