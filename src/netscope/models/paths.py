"""Paths of modules, and how they are found from names of weights."""

from __future__ import annotations

import re
from typing import NamedTuple

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")


class Place(NamedTuple):
    """The scope of a node."""

    path: str = ""
    separator: str = "."
    kinds: tuple[tuple[str, str], ...] = ()
    """Paths of the enclosing scopes, each with its class."""


ROOT = Place()


def from_tensor(name: str) -> Place:
    """The place in the hierarchy given by the name of a weight.

    >>> from_tensor("layer1.0.conv1.weight").path, from_tensor("model/conv/Conv2D/kernel:0").path
    ('layer1.0.conv1', 'model/conv/Conv2D')
    >>> from_tensor("onnx::MatMul_12").path
    ''
    """
    if "/" in name:
        return Place(name.rpartition("/")[0], "/")
    return Place(name.rpartition(".")[0]) if _DOTTED.fullmatch(name) else ROOT


def common(one: str, other: str, separator: str = ".") -> str:
    """The innermost path that contains both.

    >>> common("layer1.0.conv1", "layer1.1")
    'layer1'
    """
    shared = []
    for a, b in zip(one.split(separator), other.split(separator), strict=False):
        if a != b:
            break
        shared.append(a)
    return separator.join(shared)
