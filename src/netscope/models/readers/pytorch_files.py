"""The files that `torch.save` writes: the pickle in them, and where the elements of its tensors lie.

Since PyTorch 1.6 a zip archive with `data.pkl` and one member a storage; before, one pickle after the other and then
the storages. Both are described in torch/serialization.py.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from netscope.errors import FormatError
from netscope.models.readers import archive, pickles
from netscope.models.readers.archive import Archive
from netscope.models.readers.pytorch_arrays import KNOWN, Array, Storage, storage_of
from netscope.models.shapes import dtype_bytes
from netscope.models.stored import Stored

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_HEAD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
WEIGHTS = (".pt", ".pth", ".bin", ".ckpt")
LARGEST_PICKLE = 256 << 20


@dataclass(frozen=True)
class _Source:
    """One file that was read."""

    path: str
    pickle_at: int | None
    """Where its pickle begins; None if that is compressed."""
    places: dict[str, tuple[int | None, int]] = field(default_factory=dict)
    """Offset and bytes of each storage; no offset if it is compressed."""


class Files:
    """What was read, and where the storages of each file are."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.warnings: list[str] = []
        self.version = ""
        self._sources: list[_Source] = []

    def read(self, path: Path) -> Any:
        """The data of a file: plain containers, `Array` and `Record`.

        Raises:
            FormatError: It was not written by `torch.save` or `pickle`, or is damaged.
        """
        with path.open("rb") as file:
            return self.read_from(file, path.name, path, 0)

    def read_from(self, file: BinaryIO, name: str, path: Path, base: int | None) -> Any:
        """The same of an open file, which begins at `base` of the file at `path` (None: it is compressed there)."""
        head = file.read(4)
        file.seek(0)
        if head.startswith(archive.MAGIC):
            return self.read_zip(Archive(file, name, base), path)
        return self._read_legacy(file, name, path, base)

    def read_zip(self, zipped: Archive, path: Path, member: str = "data.pkl", folder: str = "data") -> Any:
        """The data of a pickle in an archive, whose storages are members too."""
        root = root_of(zipped, member)
        source = self._add_source(path, zipped.place(f"{root}{member}").offset)
        if f"{root}version" in zipped:
            self.version = zipped.read(f"{root}version", 100).decode("ascii", "replace").strip()
        is_big = f"{root}byteorder" in zipped and zipped.read(f"{root}byteorder", 100) == b"big"
        if is_big:
            self.warnings.append(f"{zipped.name} has big-endian numbers, which are not read.")
        found, storages = self._load(io.BytesIO(zipped.read(f"{root}{member}", LARGEST_PICKLE)), source)
        places = self._sources[source].places
        for key in storages:
            if (name := f"{root}{folder}/{key}") in zipped:
                places[key] = (None, zipped.size(name)) if is_big else zipped.place(name)
            else:
                self.warnings.append(f"{zipped.name} does not hold the storage {key!r} of a tensor.")
        if any(offset is None for offset, _ in places.values()) and not is_big:
            self.warnings.append(f"{zipped.name} is compressed, so its numbers are not read.")
        return found

    def _read_legacy(self, file: BinaryIO, name: str, path: Path, base: int | None) -> Any:
        source = self._add_source(path, base)
        found, _ = self._load(file, source)
        if found != LEGACY_MAGIC:
            return found  # a plain pickle
        protocol, _ = self._load(file, source)
        self._load(file, source)
        self.version = str(protocol) if isinstance(protocol, int) else ""
        found, storages = self._load(file, source)
        keys, _ = self._load(file, source)
        places, size = self._sources[source].places, _size(file)
        for key in keys if isinstance(keys, list) else ():
            count = file.read(8)
            if len(count) < 8:
                raise FormatError(f"{name!r} is cut off: {len(keys) - len(places)} of its storages are missing")
            storage = storages.get(key) if isinstance(key, str) else None
            item_bytes = dtype_bytes(storage.dtype) if storage else math.nan
            if math.isnan(item_bytes):
                self.warnings.append(f"{name} has a storage of unknown type; what comes after it is not read.")
                break
            n_bytes, at = int(int.from_bytes(count, "little") * item_bytes), file.tell()
            if at + n_bytes > size:
                raise FormatError(f"{name!r} is cut off in the storage {key!r}")
            places[key] = (None if base is None else base + at, n_bytes)
            file.seek(at + n_bytes)
        return found

    def _load(self, file: BinaryIO, source: int) -> tuple[Any, dict[str, Storage]]:
        storages: dict[str, Storage] = {}

        def reference(id: Any) -> Any:
            if isinstance(id, tuple) and len(id) > 1 and id[0] == "module":
                return id[1]  # a class, with its source code
            found = storage_of(id, source)
            if found is not None:
                storages[found.key] = found
            return found if found is not None else pickles.Reference(id)

        return pickles.load(file, KNOWN, reference, source), storages

    def _add_source(self, path: Path, pickle_at: int | None) -> int:
        self._sources.append(_Source(str(path), pickle_at))
        return len(self._sources) - 1

    def stored(self, array: Array) -> Stored | None:
        """Where the elements of a tensor lie; None if they are not in the file as they are."""
        storage, item_bytes = array.storage, dtype_bytes(array.dtype)
        if storage is None or math.isnan(item_bytes):
            return None
        source = self._sources[storage.source]
        if storage.span is None:
            offset, n_bytes = source.places.get(storage.key, (None, 0))
        else:
            offset = None if source.pickle_at is None else source.pickle_at + storage.span.offset
            n_bytes = storage.span.n_bytes
        start, size = int((storage.start + array.offset) * item_bytes), int(array.extent * item_bytes)
        if offset is None:
            return None
        if start + size > n_bytes:
            raise FormatError(
                f"damaged file: a tensor {list(array.shape)} of {array.dtype} at byte {start} of a storage of {n_bytes}"
            )
        return Stored(source.path, offset + start, size, strides=None if array.is_contiguous else array.strides)


def _size(file: BinaryIO) -> int:
    at = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(at)
    return size


def root_of(zipped: Archive, member: str) -> str:
    """The folder in an archive where `member` is, with its slash; '' if it has none.

    Raises:
        FormatError: It has no such member.
    """
    found = [name for name in zipped.names() if name == member or name.endswith(f"/{member}")]
    if not found:
        raise FormatError(f"{zipped.name!r} is a zip archive, but not a model of PyTorch: it has no {member}")
    return min(found, key=len).removesuffix(member)
