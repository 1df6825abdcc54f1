"""Where the bytes of a stored array are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple


class Stored(NamedTuple):
    """A part of a file."""

    path: str
    """The file; '' if the bytes are `inline`."""
    offset: int
    n_bytes: int
    encoding: str = "raw"
    """"raw": the elements, little-endian, contiguous; otherwise the decoder ("onnx": a TensorProto)."""
    inline: bytes = b""
    """The bytes themselves, if they are few and not a contiguous part of a file."""
    strides: tuple[int, ...] | None = None
    """Distance of neighbours along each axis, in elements, where they do not lie one after the other."""
    member: str = ""
    """The part of an archive that is meant."""


def within(folder: Path, name: str) -> Path | None:
    """The file beside a model that it refers to; None if the name leads out of the folder.

    >>> within(Path("models"), "weights.bin").as_posix(), within(Path("models"), "../secret")
    ('models/weights.bin', None)
    """
    try:
        path, root = (folder / name).resolve(), folder.resolve()
    except (OSError, ValueError):
        return None
    return folder / name if path.is_relative_to(root) and "\0" not in name and name else None


def size_of(path: Path) -> float:
    """Bytes of a file, NaN if it does not exist."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return math.nan
