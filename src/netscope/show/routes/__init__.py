"""What the page can ask: one file a noun, one function a route, whose docstring begins with the route."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from netscope.show.page import page
from netscope.show.routes import (
    cards,
    comparison,
    console,
    jobs,
    layers,
    media,
    models,
    runs,
    series,
    server,
    tensors,
    values,
)

NOUNS = (server, runs, cards, series, layers, media, models, tensors, values, comparison, console, jobs)
ROUTES: list[BaseRoute] = [
    Mount("/api", routes=[route for noun in NOUNS for route in noun.ROUTES]),
    Route("/{path:path}", page),
]
