"""What a request is about."""

from __future__ import annotations

from starlette.requests import Request

from netscope.charts import lines
from netscope.store.store import Store


def store_of(request: Request) -> Store:
    """The store that this server shows."""
    store: Store = request.app.state.store
    return store


def revision_of(request: Request) -> int:
    """Of the run that the address names; NotFoundError if there is none."""
    run = request.path_params["run"]
    return lines.revisions(store_of(request), [run])[run]
