"""Zip archives: members read with a limit, or located in the file; nothing is ever extracted to disk."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, NamedTuple, Self

from netscope.errors import FormatError

MAGIC = b"PK\x03\x04"
LARGEST_DIRECTORY = 32 << 20  # about 300,000 members
LARGEST_MEMBER = 512 << 20

_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error, ValueError)


class Place(NamedTuple):
    """Where a member lies."""

    offset: int | None
    """In the file on disk; None if the member is compressed."""
    n_bytes: int


class Archive:
    """An open zip archive, which may lie in another one."""

    def __init__(self, file: BinaryIO, name: str, base: int | None = 0) -> None:
        """Read the directory.

        Args:
            file: The archive alone.
            name: For messages.
            base: Where the archive begins in the file on disk; None if it was compressed there.

        Raises:
            FormatError: It is no zip archive, is damaged or cut off, or has far too many members.
        """
        self.name, self.base, self._file = name, base, file
        try:
            check_directory(file, name)
            self._zip = zipfile.ZipFile(file)
        except (*_FAULTS, OSError) as error:
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"{name!r} is a damaged zip archive, or cut off: {error}") from error
        self._members = {info.filename: info for info in self._zip.infolist()}

    def names(self) -> list[str]:
        """Names of the members."""
        return list(self._members)

    def __contains__(self, name: str) -> bool:
        """Whether there is a member of that name."""
        return name in self._members

    def size(self, name: str) -> int:
        """Bytes of a member, uncompressed, as the directory says."""
        return self._member(name).file_size

    def place(self, name: str) -> Place:
        """Where a member lies.

        Raises:
            FormatError: There is no such member, or it does not lie where the directory says.
        """
        info = self._member(name)
        if info.compress_type != zipfile.ZIP_STORED or self.base is None:
            return Place(None, info.file_size)
        self._file.seek(info.header_offset)
        header = self._file.read(30)
        if len(header) != 30 or not header.startswith(MAGIC):
            raise FormatError(f"{self.name!r}: the member {name!r} is not where the directory says")
        name_bytes, extra_bytes = struct.unpack("<HH", header[26:30])
        start = info.header_offset + 30 + name_bytes + extra_bytes
        if start + info.file_size > self._file.seek(0, os.SEEK_END):
            raise FormatError(f"{self.name!r}: the member {name!r} runs past the end of the file")
        return Place(self.base + start, info.file_size)

    def read(self, name: str, most: int = LARGEST_MEMBER) -> bytes:
        """The bytes of a member.

        Raises:
            FormatError: There is no such member, it is damaged, or has more than `most` bytes.
        """
        info = self._member(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FormatError(f"{self.name!r}: the member {name!r} is compressed by a method that models do not use")
        if info.file_size > most:
            raise FormatError(f"{self.name!r}: the member {name!r} has {info.file_size:,} bytes, more than {most:,}")
        try:
            with self._zip.open(info) as opened:
                found = opened.read(most + 1)
        except (*_FAULTS, OSError) as error:
            raise FormatError(f"{self.name!r}: the member {name!r} is damaged: {error}") from error
        if len(found) > most:
            raise FormatError(f"{self.name!r}: the member {name!r} has more than {most:,} bytes")
        return found

    def open(self, name: str) -> tuple[BinaryIO, int | None]:
        """A member as a file of its own, and where it begins in the file on disk (None if it is compressed)."""
        place = self.place(name)
        if place.offset is None or self.base is None:
            return io.BytesIO(self.read(name)), None
        return io.BufferedReader(Window(self._file, place.offset - self.base, place.n_bytes)), place.offset

    def _member(self, name: str) -> zipfile.ZipInfo:
        found = self._members.get(name)
        if found is None:
            raise FormatError(f"{self.name!r} has no member {name!r}")
        return found

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._zip.close()
        self._file.close()


class Window(io.RawIOBase):
    """A part of a file, as a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        """The `size` bytes of `file` from `start`."""
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the part."""
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if at < 0:
            raise ValueError(f"seek to byte {at}")
        self._at = at
        return at

    def tell(self) -> int:
        """Which byte is next."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer."""
        self._file.seek(self._start + self._at)
        found = self._file.read(max(0, min(len(buffer), self._size - self._at)))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def opened(path: Path) -> Archive:
    """The archive at a path.

    Raises:
        FormatError: It is no zip archive, or damaged.
    """
    file = path.open("rb")
    try:
        return Archive(file, path.name)
    except BaseException:
        file.close()
        raise


def members(path: Path) -> list[str]:
    """Names of the members of an archive; none if it is damaged."""
    try:
        with opened(path) as archive:
            return archive.names()
    except (FormatError, OSError):
        return []


_END, _END_64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"


def check_directory(file: IO[bytes], name: str) -> None:
    """Refuse a directory that would fill the memory, before it is read.

    Raises:
        FormatError: It is too large, or there is none.
    """
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - 65557)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise FormatError(f"{name!r} is a zip archive that is cut off, or not a zip archive")
    (directory,) = struct.unpack("<L", tail[at + 12 : at + 16])
    if at >= 20 and tail[at - 20 : at - 16] == _LOCATOR:
        (said,) = struct.unpack("<Q", tail[at - 12 : at - 4])
        for end_64 in (said, start + at - 76):  # zipfile looks right before the locator
            if 0 <= end_64 < size:
                file.seek(end_64)
                record = file.read(56)
                if len(record) == 56 and record.startswith(_END_64):
                    directory = max(directory % 0xFFFFFFFF, *struct.unpack("<Q", record[40:48]))
    if directory > LARGEST_DIRECTORY:
        raise FormatError(f"{name!r}: a zip directory of {directory:,} bytes is larger than any model's")
