"""A model as one safetensors file: the form that the page receives, and that a run stores for its network.

The columns of the graph are tensors under their own names. Texts are `text`, all of them joined as UTF-8, and
`text_ends`, where each ends. The file's metadata has the version of this form under "netscope", and the rest of the
model as JSON under "model". Where the stored arrays lie in their file is not part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from netscope.errors import FormatError
from netscope.formats import safetensors
from netscope.models.attributes import plain
from netscope.models.graph import COLUMNS, Graph
from netscope.models.model import Model

VERSION = "graph 1"
_WIDE = {"node_flops", "tensor_bytes"}


class _Said(msgspec.Struct):
    """Metadata of the model."""

    name: str
    format: str
    format_version: str
    reader: str
    producer: str
    metadata: dict[str, Any]
    warnings: list[str]
    data: dict[str, dict[str, float | str]] = {}


def pack(model: Model) -> bytes:
    """Encode a model. Lone surrogates in texts, which UTF-8 cannot hold, become question marks."""
    whole = [text.encode("utf-8", "replace") for text in model.graph.text]
    joined = np.frombuffer(b"".join(whole), np.uint8)
    ends = np.cumsum([len(text) for text in whole], dtype=np.int32)
    said = {name: getattr(model, name) for name in _Said.__struct_fields__ if name != "data"}
    return safetensors.encode(
        {**model.graph.columns(), "text": joined, "text_ends": ends},
        {"netscope": VERSION, "model": msgspec.json.encode(_valid({**plain(said), "data": model.data})).decode()},
    )


def unpack(data: bytes | memoryview) -> Model:
    """Decode a model.

    Raises:
        FormatError: `data` was not made by `pack`, is damaged, or was written by a newer version.
    """
    arrays, metadata = safetensors.decode(data)
    if (version := metadata.get("netscope", "")) != VERSION:
        raise FormatError(f"expected a graph in the form {VERSION!r}, found {version!r}")
    missing = [name for name in (*COLUMNS, "text", "text_ends") if name not in arrays]
    if missing:
        raise FormatError(f"damaged graph: it has no column {missing[0]!r}")
    for name in (*COLUMNS, "text_ends"):
        if arrays[name].dtype != (np.float64 if name in _WIDE else np.int32) or arrays[name].ndim != 1:
            raise FormatError(f"damaged graph: column {name!r} is {arrays[name].dtype} {arrays[name].shape}")
    try:
        said = msgspec.json.decode(metadata.get("model", ""), type=_Said)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"damaged graph: {error}") from error
    graph = Graph(text=_texts(arrays["text"], arrays["text_ends"]), **{name: arrays[name] for name in COLUMNS})
    return Model(graph=graph, warnings=tuple(said.warnings), **{
        name: getattr(said, name) for name in _Said.__struct_fields__ if name != "warnings"
    })  # fmt: skip


def _texts(joined: np.ndarray, ends: np.ndarray) -> tuple[str, ...]:
    if np.any(np.diff(ends, prepend=np.int32(0)) < 0) or (ends[-1] if len(ends) else 0) != joined.nbytes:
        raise FormatError(f"damaged graph: text_ends does not divide the {joined.nbytes} bytes of text")
    whole = joined.tobytes()
    if whole.isascii():  # slicing a text is quicker than decoding each part
        text = whole.decode("ascii")
        return tuple(text[start:end] for start, end in pairwise([0, *ends.tolist()]))
    return tuple(whole[start:end].decode("utf-8", "replace") for start, end in pairwise([0, *ends.tolist()]))


def _valid(value: Any) -> Any:
    """Text without lone surrogates, which JSON cannot hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_valid(name): _valid(entry) for name, entry in value.items()}
    return [_valid(entry) for entry in value] if isinstance(value, list) else value
