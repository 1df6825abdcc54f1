"""Two models compared: their structure at once, and the numbers of their weights as a job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from netscope.errors import UsageError
from netscope.models.comparison.compare import compare_models
from netscope.models.comparison.pack import pack
from netscope.models.model import Model
from netscope.models.pack import unpack
from netscope.schema.comparison import ComparisonRequest
from netscope.show import replies
from netscope.show.guard import check_token
from netscope.show.jobs import Progress
from netscope.show.replies import TENSORS, answer, done
from netscope.show.routes.models import graph_of_run, shelf_of
from netscope.show.routes.request import workspace_of
from netscope.version import __version__


class _Side(NamedTuple):
    """One of the models that are compared."""

    version: object
    """Changes when the model does."""
    name: str
    load: Callable[[], Model]


async def _side(request: Request, said: str, what: str) -> _Side:
    """The model that "model:ID" or "run:ID" names.

    Raises:
        UsageError: It is written in another way.
        NotFoundError: There is no such model, or the run has no graph.
    """
    kind, _, found_id = said.partition(":")
    if kind == "run" and found_id:
        path = await replies.in_thread(graph_of_run, request, found_id, None)
        return _Side(path.name, found_id, lambda: replace(unpack(path.read_bytes()), name=found_id))
    if kind != "model" or not found_id:
        raise UsageError(f"{what}: expected model:ID or run:ID, got {said[:100]!r}")
    entry = await replies.in_thread(shelf_of(request).entry, found_id)
    opened = await asyncio.shield(asyncio.wrap_future(entry.opened))
    return _Side(
        (found_id, entry.version),
        entry.path.name,
        lambda: replace(unpack(opened.pack), name=entry.path.name, stored=tuple(opened.stored)),
    )


async def structure(request: Request) -> Response:
    """GET /api/comparison?a=model:ID&b=run:ID: nodes and stored arrays compared, in the form of `comparison.pack`.

    The numbers of the weights are not read.
    """
    a, b = [await _side(request, request.query_params.get(name, ""), name) for name in ("a", "b")]
    return await answer(
        request, (a.version, b.version), lambda: pack(compare_models(a.load(), b.load(), values=False)), TENSORS
    )


async def start(request: Request) -> Response:
    """POST /api/jobs/comparison: compare two models with the numbers of their weights; the job that does."""
    check_token(request)
    asked = await replies.body(request, ComparisonRequest)
    a, b = await _side(request, asked.a, "a"), await _side(request, asked.b, "b")

    def work(report: Progress, path: Path) -> None:
        path.write_bytes(pack(compare_models(a.load(), b.load(), report=report)))

    made_from = repr((__version__, asked.a, a.version, asked.b, b.version)).encode()
    title, jobs = f"{a.name} → {b.name}", workspace_of(request).jobs
    return await done(lambda: jobs.start("comparison", title, "comparison.safetensors", made_from, work))


ROUTES: list[BaseRoute] = [
    Route("/comparison", structure),
    Route("/jobs/comparison", start, methods=["POST"]),
]
