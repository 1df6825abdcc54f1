"""The one exception tree.

::

    NetscopeError
    ├── UsageError (also ValueError)    a call that cannot mean anything; raised in the caller's line
    ├── NotFoundError (also LookupError) no such run, key or array; the message lists what there is
    ├── FormatError (also ValueError)   a file that is not what it says it is, or of a newer version
    ├── StorageError (also OSError)     the disk said no: full, read-only, vanished
    └── MissingExtraError (also ImportError)  an optional package is absent; the message has the install line
"""

from __future__ import annotations


class NetscopeError(Exception):
    """Everything netscope raises on purpose."""


class UsageError(NetscopeError, ValueError):
    """The call cannot mean anything: a wrong type, range or order of arguments."""


class NotFoundError(NetscopeError, LookupError):
    """What was asked for is not there."""


class FormatError(NetscopeError, ValueError):
    """A file is damaged beyond what the format repairs, or from a newer version."""


class StorageError(NetscopeError, OSError):
    """The file system refused."""


class MissingExtraError(NetscopeError, ImportError):
    """An optional package is needed for this call."""

    def __init__(self, purpose: str, package: str, extra: str) -> None:
        """Say what needs which package, and how to get it."""
        super().__init__(f'{purpose} needs {package}: pip install "netscope[{extra}]"')
