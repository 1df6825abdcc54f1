"""Open regular files only, and never through a link that leads out of the run's folder.

A run may come from someone else: a pipe in place of a file would block the reader forever, and a link could point to
any file of the reader.
"""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO

from netscope.errors import FormatError

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: str | os.PathLike[str], flags: int = 0) -> FileIO:
    """Open a file for reading, unbuffered.

    Raises:
        OSError: The file is missing or unreadable, or it is a pipe, a socket, a device or a folder.
    """
    descriptor = os.open(path, _FLAGS | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    return FileIO(descriptor, "rb", closefd=True)


def open_inside(path: str) -> FileIO:
    """`open_regular` for a file in a run's folder.

    Raises:
        FormatError: The file is a link that leads out of the folder.
        OSError: As for `open_regular`.
    """
    try:
        if _NO_LINK or not os.path.islink(path):
            return open_regular(path, _NO_LINK)
    except OSError:
        if not os.path.islink(path):
            raise
    target = os.path.realpath(path)
    folder, name = os.path.split(path)
    if not is_inside(target, folder):
        raise FormatError(f"{name} is a link that leads out of the run's folder; it is not followed")
    return open_regular(target)


def is_inside(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
    """Whether a path is inside a folder after all links are resolved."""
    real = os.path.realpath(folder)
    return os.path.commonpath([real, os.path.realpath(path)]) == real
