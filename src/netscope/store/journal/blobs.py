"""Large things of a run beside its journals, named by what they are: SHA-256 of the bytes and a suffix."""

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
    """Whether a text may be the name of a blob."""
    return _NAME.fullmatch(text) is not None


def name(data: bytes, suffix: str) -> str:
    """What the blob of `data` is called."""
    return f"{hashlib.sha256(data).hexdigest()}.{suffix}"


def path(run: Path, name: str) -> Path:
    """Where the blob `name` of a run lies, whether it is there or not.

    Raises:
        NotFoundError: `name` is not a blob's name.
    """
    if not is_name(name):
        raise NotFoundError(f"no blob {name[:100]!r}; a blob's name is 64 hexadecimal digits and a suffix")
    return run / FOLDER / name[:2] / name


def path_inside(run: Path, name: str) -> Path:
    """`path`, for reading: a run may be somebody else's, and a link in it lead to any file of ours.

    Raises:
        NotFoundError: `name` is not a blob's name, or a link that leads out of the run's folder.
    """
    found = path(run, name)
    if not is_inside(found, run):
        raise NotFoundError(f"blob {name} is a link that leads out of the run's folder; it is not followed")
    return found


def write(run: Path, data: bytes, suffix: str) -> str:
    """Keep `data` and give its name; the same bytes are kept once.

    When this returns, the bytes are on the disk under their final name: a frame may tell of them.

    Raises:
        OSError: The file system refused; nothing is left behind.
    """
    named = name(data, suffix)
    target = path(run, named)
    if target.exists():
        return named
    target.parent.mkdir(parents=True, exist_ok=True)
    passing = target.with_name(f".{named[:16]}-{secrets.token_hex(4)}")
    try:
        with open(passing, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(passing, target)
    except BaseException:
        passing.unlink(missing_ok=True)
        raise
    return named
