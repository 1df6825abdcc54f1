"""What the processes of a run printed."""

from __future__ import annotations

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from netscope.show import replies
from netscope.show.replies import answer, whole_number, word
from netscope.show.routes.request import revision_of, run_of
from netscope.store.read.console_reader import Stream


async def console(request: Request) -> Response:
    """GET /api/runs/{run}/console?start=0&n=1000&search=&stream=&process=: what its processes printed, by time.

    A negative start is from the end.
    """
    store, run, _ = run_of(request)
    search = request.query_params.get("search", "")
    start, n = whole_number(request, "start", 0, least=-(1 << 53)), whole_number(request, "n", 1000, most=100_000)
    stream, process = word(request, "stream", get_args(Stream)), request.query_params.get("process", "")

    def make() -> bytes:
        return replies.json(store.read.console.lines(run, start, n, search, stream, process))

    return await answer(request, revision_of(request), make)


ROUTES: list[BaseRoute] = [
    Route("/runs/{run}/console", console),
]
