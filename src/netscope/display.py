"""Display runs in a notebook.

The server that draws them lies above the SDK and the store, so neither imports it: the package sets `notebook`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path


class Notebook(Protocol):
    """What a notebook shows; `netscope.show.notebook` is one."""

    def frame(self, folder: Path, run_id: str | None = None) -> str:
        """HTML of the page of a folder of runs, or of one of its runs."""

    def show_run(self, folder: Path, run_id: str, text: str) -> Callable[[], None]:
        """Show a run that is being recorded in this cell; call the result when it has ended."""


notebook: Callable[[], Notebook]
"""Import the notebook display. Set when `netscope` is imported."""
