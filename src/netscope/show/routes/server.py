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
from netscope.show.routes.request import store_of
from netscope.version import __version__


async def about(request: Request) -> Response:
    """GET /api/about: what this server is."""
    store = store_of(request)
    n_runs, token = len(lines.everyone(store)), request.app.state.token
    noun = About(__version__, str(store.folder), store.writable, n_runs, store.backend, token)
    return await answer(request, store.revision, lambda: replies.json(noun))


async def live(socket: WebSocket) -> None:
    """WS /api/live: which runs grew, at most five times a second."""
    await socket.app.state.live.serve(socket)


ROUTES: list[BaseRoute] = [
    Route("/about", about),
    WebSocketRoute("/live", live),
]
