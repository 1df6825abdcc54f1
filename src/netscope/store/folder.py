"""Check the path of a folder that a user gives."""

from __future__ import annotations

import os
import re
from pathlib import Path

from netscope.errors import StorageError, UsageError

FOLDER = ".netscope"  # in a folder of runs; holds the index and the trash
# `Path("s3://bucket")` is "s3:/bucket"; a single letter is a Windows drive.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def folder_of(given: object, argument: str = "dir") -> Path:
    """The absolute path given as `argument`.

    Raises:
        UsageError: It is not a path, it is an address such as "s3://…" or a file, or the home folder is unknown.
        StorageError: It is relative, and the current folder is gone.

    >>> folder_of("/data/runs").name
    'runs'
    """
    if not isinstance(given, str | os.PathLike) or not os.fspath(given) or "\0" in os.fsdecode(given):
        raise UsageError(f"{argument}: expected the path of a folder, got {given!r:.80}")
    text = os.fsdecode(given)
    if isinstance(given, os.PathLike) and _SCHEME.match(text):
        text = text.replace(":/", "://", 1)  # restore what the user wrote
    if text.lower().startswith("file:/"):
        raise UsageError(f"{argument}: expected a path, got the address {text!r:.200}; leave out the 'file://'")
    if _SCHEME.match(text):
        raise UsageError(
            f"{argument}: expected a folder on this machine, got the address {text!r:.200}; mount it as a folder, "
            "or log to a local folder and copy it when the run has ended"
        )
    try:
        folder = Path(text).expanduser().absolute()
    except RuntimeError:
        raise UsageError(
            f"{argument} is {text!r:.200}, but the home folder is unknown; give the absolute path"
        ) from None
    except OSError as error:
        raise StorageError(f"{argument} is {text!r:.200}, but the current folder is gone: {error}") from error
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UsageError(f"{argument}: expected a folder, but {text!r:.200} is a file")
    return folder
