"""The ASGI application: workspace, routes, access control and the live channel."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware

from netscope.show import page
from netscope.show.cache import Cache
from netscope.show.guard import Guard
from netscope.show.live import Channel
from netscope.show.replies import REFUSALS
from netscope.show.routes import ROUTES
from netscope.show.workspace import Workspace

PATIENCE_S = 0.5  # the page shows partial data with its progress rather than wait for a long run
CACHE_BYTES = 8 << 20  # a few charts of a thousand runs, or thousands of charts of one run


def application(
    workspace: Workspace,
    host: str = "127.0.0.1",
    allow_hosts: Sequence[str] = (),
    *,
    framed_by: Sequence[str] = (),
    page_folder: Path = page.FOLDER,
) -> Starlette:
    """Serve a workspace.

    Args:
        workspace: What to show; it stays the caller's to close.
        host: The address that the server is bound to.
        allow_hosts: Further names under which browsers may reach it; "*" for any.
        framed_by: Origins of other pages (a notebook's) that may show it in a frame.
        page_folder: The built page.
    """
    live = Channel(workspace)
    workspace.runs.answer_within(PATIENCE_S)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with live.watching():
            yield

    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(Guard, bound=host, allowed=tuple(allow_hosts))],
        exception_handlers=REFUSALS,
        lifespan=lifespan,
    )
    app.state.workspace, app.state.live, app.state.cache = workspace, live, Cache(CACHE_BYTES, len)
    app.state.page, app.state.framed_by, app.state.born = page_folder, tuple(framed_by), secrets.token_hex(4)
    app.state.token = secrets.token_urlsafe(24)
    return app
