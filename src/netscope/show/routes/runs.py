"""The runs table, one run, and what people change."""

from __future__ import annotations

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from netscope.schema.run import DeleteRequest, EditRequest, RunsRequest, Trash
from netscope.show import replies
from netscope.show.guard import check_token
from netscope.show.replies import answer, done, whole_number
from netscope.show.routes.request import revision_of, run_of, runs_of
from netscope.store.several import named


async def runs(request: Request) -> Response:
    """GET /api/runs?since=0&key=…: what changed in the table since a revision, with summaries of the keys."""
    store, since = runs_of(request), whole_number(request, "since", 0)
    keys = request.query_params.getlist("key")
    return await answer(request, store.revision, lambda: replies.json(store.table(since, keys)))


async def run(request: Request) -> Response:
    """GET /api/runs/{run}?key=…: everything about a run but its series, with summaries of the keys."""
    store, run_id, folder = run_of(request)
    keys = request.query_params.getlist("key")

    def make() -> bytes:
        detail = store.detail(run_id)
        summary = {key: found[run_id] for key in keys if run_id in (found := store.read.summaries.of([run_id], key))}
        return replies.json(replace(detail, run=named(folder, replace(detail.run, summary=summary))))

    return await answer(request, revision_of(request), make)


async def edit(request: Request) -> Response:
    """POST /api/runs/edit: write names, notes, tags or the archived flag; the runs as they are now."""
    check_token(request)
    store, asked = runs_of(request), await replies.body(request, EditRequest)
    return await done(lambda: store.edit(asked))


async def delete(request: Request) -> Response:
    """POST /api/runs/delete: move runs to the trash; those that may still be written only with `force`."""
    check_token(request)
    store, asked = runs_of(request), await replies.body(request, DeleteRequest)
    return await done(lambda: store.delete(asked.runs, asked.force))


async def restore(request: Request) -> Response:
    """POST /api/runs/restore: move runs back from the trash."""
    check_token(request)
    store, asked = runs_of(request), await replies.body(request, RunsRequest)
    return await done(lambda: store.restore(asked.runs))


async def trash(request: Request) -> Response:
    """GET /api/trash: the deleted runs."""
    store = runs_of(request)
    return await done(lambda: Trash(store.trash()))


async def delete_for_good(request: Request) -> Response:
    """POST /api/trash/delete: delete runs that are in the trash for good."""
    check_token(request)
    store, asked = runs_of(request), await replies.body(request, RunsRequest)
    return await done(lambda: store.delete_for_good(asked.runs))


ROUTES: list[BaseRoute] = [
    Route("/runs", runs),
    Route("/runs/edit", edit, methods=["POST"]),
    Route("/runs/delete", delete, methods=["POST"]),
    Route("/runs/restore", restore, methods=["POST"]),
    Route("/runs/{run}", run),
    Route("/trash", trash),
    Route("/trash/delete", delete_for_good, methods=["POST"]),
]
