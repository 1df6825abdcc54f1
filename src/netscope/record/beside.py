"""What the background thread captures once it runs: imported there, so that `init` does not wait for it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from netscope.record.run import Run


def environment(run: Run) -> None:
    """Where the run runs."""
    found = importlib.import_module("netscope.record.environment").capture()
    run.put_event({"event": "environment", "environment": msgspec.to_builtins(found)})


def system(run: Run) -> None:
    """What the machine does, from now on."""
    importlib.import_module("netscope.record.system").watch(run)
