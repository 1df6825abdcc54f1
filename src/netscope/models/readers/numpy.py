"""Read NumPy's files (.npy, .npz): the headers of the arrays. Pickled objects in them are never loaded."""

from __future__ import annotations

import glob
import io
import math
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from netscope.errors import FormatError
from netscope.models.model import Model
from netscope.models.readers.archive import check_directory
from netscope.models.readers.weights import Weight, tree
from netscope.models.stored import Stored

MAGIC = b"\x93NUMPY"
LONGEST_HEADER_BYTES = 65_536
MOST_MEMBERS = 100_000
MOST_PARTS = 1000
_PART_OF = re.compile(r"(.*[-_.]|)(\d{1,6})-of-(\d{1,6})\.npz", re.DOTALL)
_PART = re.compile(r"(.+)\.\d\d\.npz", re.DOTALL)
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, SyntaxError)


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file is a NumPy array, or a zip archive whose first member is one."""
    if head.startswith(MAGIC):
        return True
    length = int.from_bytes(head[26:28], "little")
    return head.startswith(b"PK\x03\x04") and (
        head[30 : 30 + length].endswith(b".npy") or path.suffix.lower() == ".npz"
    )


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: It is damaged.
    """
    warnings: list[str] = []
    weights = [weight for part in _parts(path, warnings) for weight in _read(part, warnings)]
    objects = [weight.name for weight in weights if weight.dtype == "object"]
    if objects:
        warnings.append(f"{objects[0]!r} holds Python objects, which are not read")
    graph, stored = tree(weights)
    return Model(name=path.name, format="NumPy", graph=graph, warnings=tuple(warnings), stored=stored)


def _parts(path: Path, warnings: list[str]) -> list[Path]:
    """All files of a model in parts (`model-00001-of-00003.npz`, `weights.00.npz`) of which this is one, in order."""
    if (match := _PART_OF.fullmatch(path.name)) is not None:
        stem, number, total = match[1], match[2], int(match[3])
        if not 0 < total <= MOST_PARTS:
            return [path]
        names = [f"{stem}{i:0{len(number)}}-of-{match[3]}.npz" for i in range(1, total + 1)]
    elif (match := _PART.fullmatch(path.name)) is not None:
        names = sorted(one.name for one in path.parent.glob(f"{glob.escape(match[1])}.[0-9][0-9].npz"))[:MOST_PARTS]
    else:
        return [path]
    found = [part for name in names if (part := path.with_name(name)).is_file()]
    if missing := len(names) - len(found):
        warnings.append(f"{missing} of the {len(names)} files of the model are missing")
    return found if path in found else [path]


def _read(path: Path, warnings: list[str]) -> list[Weight]:
    """The arrays of one file."""
    with path.open("rb") as file:
        is_single = file.read(6) == MAGIC
        file.seek(0)
        try:
            return [_single(file, path)] if is_single else _members(file, path, warnings)
        except _FAULTS as error:
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"damaged NumPy file {path.name!r}: {error}") from error


def _single(file: IO[bytes], path: Path) -> Weight:
    dtype, shape, order, at = _header(file)
    return _weight(path, path.stem, dtype, shape, order, at, path.stat().st_size - at)


def _members(file: IO[bytes], path: Path, warnings: list[str]) -> list[Weight]:
    weights, others = [], []
    check_directory(file, path.name)
    with zipfile.ZipFile(file) as archive:
        if len(archive.infolist()) > MOST_MEMBERS:
            raise FormatError(f"{path.name!r} has more than {MOST_MEMBERS:,} members")
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name == info.filename:
                others.append(name)
                continue
            with archive.open(info) as member:
                head = io.BytesIO(member.read(LONGEST_HEADER_BYTES))
            dtype, shape, order, at = _header(head)
            base = _start(file, info) if info.compress_type == zipfile.ZIP_STORED else None
            weights.append(
                _weight(
                    path,
                    name,
                    dtype,
                    shape,
                    order,
                    None if base is None else base + at,
                    info.file_size - at,
                    info.filename,
                )
            )
    if others:
        warnings.append(f"{len(others)} members are not arrays, among them {others[0][:100]!r}")
    return weights


def _start(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Where the bytes of a stored member begin."""
    file.seek(info.header_offset + 26)
    sizes = file.read(4)
    return info.header_offset + 30 + int.from_bytes(sizes[:2], "little") + int.from_bytes(sizes[2:], "little")


def _header(file: IO[bytes]) -> tuple[np.dtype, tuple[int, ...], bool, int]:
    """Type, shape, whether the first axis lies together, and where the numbers begin."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    elif version in ((2, 0), (3, 0)):
        shape, is_fortran, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version[0]}.{version[1]}")
    return dtype, shape, is_fortran, file.tell()


def _weight(
    path: Path,
    name: str,
    dtype: np.dtype,
    shape: tuple[int, ...],
    is_fortran: bool,
    at: int | None,
    room: int,
    member: str = "",
) -> Weight:
    if any(size < 0 for size in shape):
        raise FormatError(f"damaged NumPy file {path.name!r}: {name!r} has the shape {shape}")
    n_bytes = math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        return Weight(name, "object", shape, math.nan, None)
    if n_bytes > room:
        raise FormatError(f"{path.name!r} is cut off: {name!r} needs {n_bytes:,} bytes and has {max(room, 0):,}")
    is_raw = (
        at is not None and dtype.kind in "biufc" and dtype.byteorder in "<|=" and not (is_fortran and len(shape) > 1)
    )
    where = (
        Stored(str(path), at, n_bytes)
        if is_raw and at is not None
        else Stored(str(path), 0, n_bytes, "numpy", member=member)
    )
    return Weight(name, dtype.name, shape, n_bytes, where)
