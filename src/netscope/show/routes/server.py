"""What the server is, and the live channel."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from netscope.charts import lines
from netscope.schema.server import About
from netscope.show import replies
from netscope.show.replies import answer
from netscope.show.routes.request import runs_of, workspace_of
from netscope.version import __version__


async def about(request: Request) -> Response:
    """GET /api/about: what this server is."""
    runs, workspace = runs_of(request), workspace_of(request)
    stores = workspace.stores
    noun = About(
        __version__,
        [str(store.folder) for store in stores],
        workspace.names,
        any(store.writable for store in stores),
        len(lines.everyone(runs)),
        stores[0].backend,
        request.app.state.token,
    )
    return await answer(request, runs.revision, lambda: replies.json(noun))


async def live(socket: WebSocket) -> None:
    """WS /api/live: which runs grew and how far jobs are, at most five times a second."""
    await socket.app.state.live.serve(socket)


ROUTES: list[BaseRoute] = [
    Route("/about", about),
    WebSocketRoute("/live", live),
]
