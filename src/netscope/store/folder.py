"""The folder that a user names: of this machine's file system, or refused with the way out."""

from __future__ import annotations

import os
import re
from pathlib import Path

from netscope.errors import StorageError, UsageError

FOLDER = ".netscope"  # in a folder of runs: what is no run, such as the index and the trash
# `Path("s3://bucket")` is "s3:/bucket"; one letter is a drive of Windows.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def folder_of(given: object, argument: str = "dir") -> Path:
    """The absolute path that somebody gave as `argument`.

    Raises:
        UsageError: Not a path, an address such as "s3://…", or a home folder that nobody knows.
        StorageError: It is relative, and the current folder is gone.

    >>> folder_of("/data/runs").name
    'runs'
    """
    if not isinstance(given, str | os.PathLike) or not os.fspath(given) or "\0" in os.fsdecode(given):
        raise UsageError(f"{argument} is the path of a folder, found {given!r:.80}")
    text = os.fsdecode(given)
    if isinstance(given, os.PathLike) and _SCHEME.match(text):
        text = text.replace(":/", "://", 1)  # as it was written
    if text.lower().startswith("file:/"):
        raise UsageError(f"{argument}: expected a path, found the address {text!r:.200}; leave out the 'file://'")
    if _SCHEME.match(text):
        raise UsageError(
            f"{argument}: expected a folder of this machine, found the address {text!r:.200}; mount it as a folder, "
            "or log to a folder here and copy that when the run has ended"
        )
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise UsageError(
            f"{argument} is {text!r:.200}, and no home folder is known here; give the whole path"
        ) from None
    except OSError as error:
        raise StorageError(f"{argument} is {text!r:.200} within a current folder that is gone: {error}") from error
