"""Packages that netscope uses where they are installed."""

from __future__ import annotations

import importlib
from typing import Any

from netscope.errors import MissingExtraError


def extra(purpose: str, package: str, name: str) -> Any:
    """Import a package.

    Raises:
        MissingExtraError: It is not installed; the message has the line that installs it.
    """
    try:
        return importlib.import_module(package)  # noqa: TID251
    except ImportError as error:
        raise MissingExtraError(purpose, package.split(".")[0], name) from error
