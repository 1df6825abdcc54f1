"""What was watched: layers, their statistics, and histograms over steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from netscope.analyse.bins_view import MergedBins
from netscope.charts import lines
from netscope.charts.cards.layers import standing_out
from netscope.charts.histograms import logged, over_steps
from netscope.charts.layers import Window, matrix, scale
from netscope.schema.layer import Quantity, Stat
from netscope.show import replies
from netscope.show.replies import TENSORS, answer, number, whole_number, word
from netscope.show.routes.request import revision_of, run_of


async def layers(request: Request) -> Response:
    """GET /api/runs/{run}/layers: what was watched."""
    store, run, _ = run_of(request)
    return await answer(request, revision_of(request), lambda: replies.json(store.read.layers.table(run)))


async def layer_findings(request: Request) -> Response:
    """GET /api/runs/{run}/layers/findings: the layers that stand out, the worst first."""
    store, run, _ = run_of(request)
    return await answer(request, revision_of(request), lambda: replies.json(standing_out(store, run)))


async def layer_matrix(request: Request) -> Response:
    """GET /api/runs/{run}/layers/{quantity}/{stat}?low=&high=&px=400&start=0&stop=: one statistic, tensor x step."""
    store, run, _ = run_of(request)
    low, high = number(request, "low"), number(request, "high")
    quantity, stat = word(request, "quantity", get_args(Quantity)), word(request, "stat", get_args(Stat))
    px = whole_number(request, "px", 400, least=1, most=lines.WIDEST_PX)
    start, stop = whole_number(request, "start", 0), whole_number(request, "stop", 0) or None

    def make() -> bytes:
        found = matrix(store, run, quantity, stat, Window(px, low, high, start, stop))
        return replies.tensors({"steps": found.steps, "values": found.values, "nonfinite": found.nonfinite}, found.rows)

    return await answer(request, revision_of(request), make, TENSORS)


async def layer_scale(request: Request) -> Response:
    """GET /api/runs/{run}/layers/{quantity}/{stat}/scale?tensor=weight&tensor=…: the range of one statistic."""
    store, run, _ = run_of(request)
    quantity, stat = word(request, "quantity", get_args(Quantity)), word(request, "stat", get_args(Stat))
    names = request.query_params.getlist("tensor")
    return await answer(request, revision_of(request), lambda: replies.json(scale(store, run, quantity, stat, names)))


async def bins(request: Request) -> Response:
    """GET /api/runs/{run}/bins?key=layer/tensor/quantity&low=&high=&n=100: histograms over at most n steps."""
    return await _over_steps(request, over_steps)


async def histograms(request: Request) -> Response:
    """GET /api/runs/{run}/histograms?key=&low=&high=&n=100: those that the user logged, over at most n steps."""
    return await _over_steps(request, logged)


async def _over_steps(request: Request, find: Callable[..., tuple[np.ndarray, MergedBins]]) -> Response:
    store, run, _ = run_of(request)
    low, high = number(request, "low"), number(request, "high")
    key, n = request.query_params.get("key", ""), whole_number(request, "n", 100, least=1, most=2000)

    def make() -> bytes:
        steps, seen = find(store, run, key, n, low, high)
        short = {field: getattr(seen, field).astype("f4") for field in ("counts", "zeros", "nonfinite")}
        return replies.tensors({"steps": steps, "edges": seen.edges, **short}, key)

    return await answer(request, revision_of(request), make, TENSORS)


ROUTES: list[BaseRoute] = [
    Route("/runs/{run}/layers", layers),
    Route("/runs/{run}/layers/findings", layer_findings),
    Route("/runs/{run}/layers/{quantity}/{stat}", layer_matrix),
    Route("/runs/{run}/layers/{quantity}/{stat}/scale", layer_scale),
    Route("/runs/{run}/bins", bins),
    Route("/runs/{run}/histograms", histograms),
]
