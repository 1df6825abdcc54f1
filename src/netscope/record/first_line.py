"""The line that `init` prints: what is recorded, where, and how to see it."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from netscope.record import process_hooks
from netscope.record.capture.console import write_uncaptured
from netscope.store import servers
from netscope.text import visible

if TYPE_CHECKING:
    from netscope.record.session import Session


def print_first_line(session: Session) -> None:
    """Print the line to stderr without recording it in any run's console.

    Prints nothing in ranks above 0, in worker processes, and in notebooks, which show the page itself.
    """
    if session.rank or process_hooks.is_child() or _is_notebook() or sys.stderr is None:
        return
    root = session.folder.parent
    begins = (
        f"recording {session.name}"
        if session.attempt == 1
        else f"recording {session.name} again, as attempt {session.attempt} from step {session.step}"
    )
    server = servers.running(root)
    if server is not None:
        see = f"{server.url}overview?run={quote(server.run_prefix + session.id, safe='')}"
    else:
        see = f"netscope show {shlex.quote(_short(root))}"
    write_uncaptured(sys.stderr, visible(f"netscope: {begins} in {_short(session.folder)}; to see it: {see}") + "\n")


def _short(folder: Path) -> str:
    """The path relative to the working directory where possible."""
    try:
        return str(folder.relative_to(os.getcwd()))
    except (OSError, ValueError):
        return str(folder)


def _is_notebook() -> bool:
    python = sys.modules.get("IPython")
    return python is not None and hasattr(python.get_ipython(), "kernel")
