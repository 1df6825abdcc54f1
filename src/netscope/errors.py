"""All exceptions that netscope raises on purpose.

::

    NetscopeError
    ├── UsageError (also ValueError)    invalid arguments; raised at the caller's line
    ├── NotFoundError (also LookupError) no such run, key or array; the message lists the existing ones
    ├── FormatError (also ValueError)   a damaged file, a wrong format or a newer version
    ├── StorageError (also OSError)     the file system failed: full, read-only, deleted
    └── MissingExtraError (also ImportError)  an optional package is missing; the message has the install command
"""

from __future__ import annotations


class NetscopeError(Exception):
    """The base of all exceptions that netscope raises on purpose."""


class UsageError(NetscopeError, ValueError):
    """The arguments of a call are invalid: wrong type, range or order."""


class NotFoundError(NetscopeError, LookupError):
    """The requested object does not exist."""


class FormatError(NetscopeError, ValueError):
    """A file is damaged beyond repair, or was written by a newer version."""


class StorageError(NetscopeError, OSError):
    """A file system operation failed."""


class MissingExtraError(NetscopeError, ImportError):
    """An optional package is needed for this call."""

    def __init__(self, purpose: str, package: str, extra: str) -> None:
        """Say what needs which package, and how to install it."""
        super().__init__(f'{purpose} needs {package}: pip install "netscope[{extra}]"')
