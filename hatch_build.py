"""Hatchling hook: netscope is built with its page, and Node is asked for only when the page must be built.

A page that is up to date (a source distribution carries one) costs nothing. NETSCOPE_SKIP_PAGE=1 leaves the page
as it is: for people who work on Python and serve the page with Vite.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scripts import build_page


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the page before anything is packed."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What pip's build environment needs beside hatchling."""
        return [build_page.NODE_WHEEL] if is_wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page if it is missing or stale."""
        if is_wanted():
            self.app.display_info("building the page with Node.js (once; about half a minute)")
            build_page.build()


def is_wanted() -> bool:
    """True if the page must be built now."""
    return os.environ.get("NETSCOPE_SKIP_PAGE", "") in ("", "0") and build_page.is_stale()
