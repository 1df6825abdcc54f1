"""Attributes of nodes and metadata of files as JSON, shortened, with numbers that every JSON parser can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

LONGEST_LIST = 64
LONGEST_TEXT = 4000
LARGEST_NUMBER = 1 << 53  # larger integers are not exact in JavaScript
DEEPEST = 12


def encoded(attributes: Mapping[str, Any]) -> str:
    """Attributes as a JSON object.

    >>> encoded({"pads": [0, 1], "alpha": float("inf"), "kernel": np.zeros((3, 40), np.float32)[:, :2]})
    '{"pads":[0,1],"alpha":"Infinity","kernel":{"dtype":"float32","shape":[3,2],"first":[0.0,0.0,0.0,0.0,0.0,0.0]}}'
    """
    return msgspec.json.encode({str(name): plain(value) for name, value in attributes.items()}).decode()


def plain(value: Any, depth: int = 0) -> Any:
    """A value that JSON can hold and a panel can show.

    A list of more than 64 entries becomes {"shape": [its length], "first": [64 entries]}, an array {"dtype", "shape",
    "first"}. NaN, infinities and whole numbers beyond 2**53 become texts, other objects their text.
    """
    kind = type(value)
    if kind is int:
        return value if -LARGEST_NUMBER <= value <= LARGEST_NUMBER else str(value)
    if kind is str:
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
    if value is None or kind is bool:
        return value
    if kind is float:
        return value if math.isfinite(value) else _NOT_FINITE[str(value)]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return plain(bytes(value[:LONGEST_TEXT]).decode("utf-8", "replace"))
    if depth > DEEPEST:
        return "…"
    if isinstance(value, np.ndarray):
        first = [plain(entry, depth + 1) for entry in value.reshape(-1)[:LONGEST_LIST].tolist()]
        return {"dtype": value.dtype.name, "shape": list(value.shape), "first": first}
    if isinstance(value, np.generic):
        return plain(value.item(), depth + 1)
    if isinstance(value, (list, tuple)):
        first = [plain(entry, depth + 1) for entry in value[:LONGEST_LIST]]
        return first if len(value) <= LONGEST_LIST else {"shape": [len(value)], "first": first}
    if isinstance(value, Mapping):
        return {str(name): plain(entry, depth + 1) for name, entry in value.items()}
    return plain(str(value), depth + 1)


_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
