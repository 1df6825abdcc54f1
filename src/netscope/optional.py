"""Import optional packages."""

from __future__ import annotations

import importlib
from typing import Any

from netscope.errors import MissingExtraError


def extra(purpose: str, package: str, name: str) -> Any:
    """Import an optional package, needed for `purpose` and installed by netscope's extra `name`.

    Raises:
        MissingExtraError: The package is not installed; the message has the install command.
    """
    try:
        return importlib.import_module(package)  # noqa: TID251
    except ImportError as error:
        raise MissingExtraError(purpose, package.split(".")[0], name) from error
