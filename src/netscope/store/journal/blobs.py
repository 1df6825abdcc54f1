"""Blobs: the large files of a run, stored beside its journals and named by SHA-256 and a suffix."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from netscope.errors import NotFoundError
from netscope.store.journal.regular_files import is_inside

FOLDER = "blobs"
_NAME = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{1,16}")


def is_name(text: str) -> bool:
    """Whether `text` is a valid blob name."""
    return _NAME.fullmatch(text) is not None


def name(data: bytes, suffix: str) -> str:
    """The name of the blob that holds `data`."""
    return f"{hashlib.sha256(data).hexdigest()}.{suffix}"


def path(run: Path, name: str) -> Path:
    """The path of the blob `name` of a run; the file need not exist.

    Raises:
        NotFoundError: `name` is not a blob's name.
    """
    if not is_name(name):
        raise NotFoundError(f"no blob {name[:100]!r}; a blob's name is 64 hexadecimal digits and a suffix")
    return run / FOLDER / name[:2] / name


def path_inside(run: Path, name: str) -> Path:
    """`path` for reading: refuse links out of the run's folder, because a run may come from someone else.

    Raises:
        NotFoundError: `name` is not a blob name, or the file is a link that leads out of the run's folder.
    """
    found = path(run, name)
    if not is_inside(found, run):
        raise NotFoundError(f"blob {name} is a link that leads out of the run's folder; it is not followed")
    return found


def write(run: Path, data: bytes, suffix: str) -> str:
    """Store `data` and return its name; equal bytes are stored once.

    When this returns, the bytes are on disk under their final name, so a frame may refer to them.

    Raises:
        OSError: Writing failed; no partial file is left behind.
    """
    named = name(data, suffix)
    target = path(run, named)
    if target.exists():
        return named
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{named[:16]}-{secrets.token_hex(4)}")
    try:
        with open(partial, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return named
