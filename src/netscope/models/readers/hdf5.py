"""Arrays of an HDF5 file: their names, types, and where they lie; nothing of them is loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from netscope import optional
from netscope.errors import FormatError
from netscope.models.stored import Stored

MOST_DATASETS = 200_000
LARGEST_ATTRIBUTE = 128 << 20


@dataclass
class Dataset:
    """An array of the file."""

    at: tuple[str, ...]
    """Names of the groups around it, and its own."""
    dtype: str
    shape: tuple[int, ...]
    n_bytes: float
    stored: Stored | None
    name: str = ""
    """What a layer calls it."""
    scope: int = 0
    value: int | None = None
    """The value of the graph that it is, once a layer was found that has it."""


def datasets(
    file: BinaryIO, path: Path, base: int | None, names: Sequence[str]
) -> tuple[list[Dataset], dict[str, str]]:
    """All arrays, in the order of the file, and those attributes of the root that are texts.

    Args:
        file: The HDF5 file alone.
        path: The file on disk.
        base: Where the HDF5 file begins in it; None if it is compressed there.
        names: Attributes to read.

    Raises:
        FormatError: It is damaged.
        MissingExtraError: The package `h5py` is not installed.
    """
    h5py = optional.extra("reading HDF5 and Keras files", "h5py", "keras")
    found: list[Dataset] = []
    try:
        with h5py.File(file, "r") as opened:
            attributes = {name: text for name in names if (text := text_attribute(h5py, opened, name))}
            _walk(h5py, opened, path, base, found)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeDecodeError, OverflowError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path.name!r} is a damaged HDF5 file, or cut off: {str(error)[:200]}") from error
    return found, attributes


def _walk(h5py: Any, root: Any, path: Path, base: int | None, found: list[Dataset]) -> None:
    """Visit groups without following links to other files; each object once, so that no circle is endless."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), root)]
    seen: set[Any] = set()
    while waiting:
        at, group = waiting.pop()
        inner = []
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            child = group[name]
            key = (info := h5py.h5o.get_info(child.id)).fileno, info.addr
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MOST_DATASETS:
                raise FormatError(f"{path.name!r} has more than {MOST_DATASETS:,} groups and arrays")
            if isinstance(child, h5py.Group):
                inner.append(((*at, name), child))
            elif isinstance(child, h5py.Dataset):
                found.append(_dataset((*at, name), child, path, base))
        waiting += reversed(inner)


def _dataset(at: tuple[str, ...], dataset: Any, path: Path, base: int | None) -> Dataset:
    kind, shape = dataset.dtype, tuple(dataset.shape or ())
    is_number = kind.kind in "biufc"
    n_bytes = float(math.prod(shape) * kind.itemsize) if is_number else math.nan
    offset = dataset.id.get_offset() if dataset.chunks is None and not dataset.is_virtual else None
    stored = None
    if is_number and kind.byteorder != ">" and offset is not None and base is not None and not dataset.external:
        stored = Stored(str(path), base + offset, int(n_bytes))
    return Dataset(at, kind.name if is_number else "string", shape, n_bytes, stored)


def text_attribute(h5py: Any, group: Any, name: str) -> str:
    """An attribute that is a text; '' if there is none."""
    if name not in group.attrs:
        return ""
    if h5py.h5a.open(group.id, name.encode()).get_storage_size() > LARGEST_ATTRIBUTE:
        raise FormatError(f"the attribute {name!r} is larger than any model's")
    value = group.attrs[name]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
