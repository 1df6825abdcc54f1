"""What is worth a look in a run now."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from netscope.charts.cards.run_cards import cards_of
from netscope.show import replies
from netscope.show.replies import answer
from netscope.show.routes.request import revision_of, run_of


async def cards(request: Request) -> Response:
    """GET /api/runs/{run}/cards: how far it is, where its main metrics stand, what is worth a look and why."""
    store, run, _ = run_of(request)
    return await answer(request, revision_of(request), lambda: replies.json(cards_of(store, run)))


ROUTES: list[BaseRoute] = [
    Route("/runs/{run}/cards", cards),
]
