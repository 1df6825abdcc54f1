"""A user's own numbers or words for the nodes of a graph, by which the page colours it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from netscope.errors import FormatError, NotFoundError, StorageError, UsageError
from netscope.models.model import Model, NodeData

LARGEST_BYTES = 64 << 20
MOST_SERIES = 16
MOST_NAMED = 3  # in a message


def read_node_data(path: Path) -> NodeData:
    """Values from a JSON file: `{"node": 1.5}`, or `{"latency": {"node": 1.5}, "device": {"node": "cpu"}}`.

    Values without a name of their own get that of the file.

    Raises:
        NotFoundError: There is no such file.
        StorageError: It cannot be read.
        FormatError: It is no JSON, or larger than 64 MiB.
        UsageError: It holds something else than numbers and words.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise FormatError(f"{path.name!r} is larger than the {LARGEST_BYTES >> 20} MiB of values for nodes")
        data = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError as error:
        raise NotFoundError(f"no file {str(path)!r}") from error
    except OSError as error:
        raise StorageError(f"{path.name!r} cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"{path.name!r} is no JSON object of names and values: {error}") from error
    return checked(data, path.stem)


def checked(data: Mapping[str, Any], name: str = "data") -> NodeData:
    """Values by series and node; those that are not finite are left out, as unknown.

    Args:
        data: Values by node, or by series and node.
        name: Of values that are no series.

    Raises:
        UsageError: A value is neither a number nor a word, or there are more than 16 series.

    >>> checked({"conv1": 2, "fc": float("nan")})
    {'data': {'conv1': 2.0}}
    >>> checked({"device": {"conv1": "gpu", "fc": True}})
    {'device': {'conv1': 'gpu', 'fc': 'true'}}
    """
    series = data if data and all(isinstance(part, Mapping) for part in data.values()) else {name: data}
    if len(series) > MOST_SERIES:
        raise UsageError(f"expected at most {MOST_SERIES} series of values for nodes, got {len(series)}")
    found = {str(key): {str(node): _plain(value, node) for node, value in part.items()} for key, part in series.items()}
    return {key: {node: value for node, value in part.items() if value is not None} for key, part in found.items()}


def _plain(value: Any, node: str) -> float | str | None:
    if not isinstance(value, str | bool | int | float) and getattr(value, "shape", None) == ():
        value = value.item()  # of NumPy or torch
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value[:200]
    if isinstance(value, int | float):
        number = float(value) if abs(value) < 1e308 else math.inf
        return number if math.isfinite(number) else None
    if value is None:
        return None
    raise UsageError(f"expected a number or a word for node {node!r}, got {type(value).__name__}")


def with_data(model: Model, data: NodeData) -> Model:
    """The model with values for its nodes or modules; a warning names those that it has not.

    Raises:
        UsageError: None of the names is in the model.
    """
    graph = model.graph
    columns = (graph.node_name, graph.scope_name, graph.tensor_name)
    known = {graph.text[text] for column in columns for text in set(column.tolist())}
    wanted = {node for part in data.values() for node in part}
    missing = sorted(wanted - known)
    if wanted and len(missing) == len(wanted):
        some = ", ".join(repr(name) for name in sorted(known - {""})[:MOST_NAMED])
        raise UsageError(f"no node or module is named {missing[0]!r}; the model has: {some or 'no names'}")
    warnings = model.warnings
    if missing:
        some = ", ".join(repr(name) for name in missing[:MOST_NAMED])
        more = f" and {len(missing) - MOST_NAMED:,} more" if len(missing) > MOST_NAMED else ""
        warnings = (*warnings, f"there are values for {some}{more}, but no node or module of that name")
    return replace(model, data={**model.data, **data}, warnings=warnings)
