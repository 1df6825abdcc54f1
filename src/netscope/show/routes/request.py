"""What a request is about."""

from __future__ import annotations

from starlette.requests import Request

from netscope.charts import lines
from netscope.show.workspace import Workspace
from netscope.store.several import Runs
from netscope.store.store import FoundRun


def workspace_of(request: Request) -> Workspace:
    """What this server shows."""
    workspace: Workspace = request.app.state.workspace
    return workspace


def runs_of(request: Request) -> Runs:
    """The runs that this server shows."""
    return workspace_of(request).runs


def run_of(request: Request) -> FoundRun:
    """The run that the address names; it may be missing."""
    return runs_of(request).find(request.path_params["run"])


def revision_of(request: Request) -> int:
    """Of the run that the address names; NotFoundError if there is none."""
    run = request.path_params["run"]
    return lines.revisions(runs_of(request), [run])[run]
