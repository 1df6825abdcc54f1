"""Models: those that were opened, uploads, and the networks of runs."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from netscope.errors import NetscopeError, NotFoundError
from netscope.models.child import Opened
from netscope.models.op_docs import op_doc
from netscope.schema.model import Models
from netscope.show import replies
from netscope.show.guard import check_token
from netscope.show.models import Shelf
from netscope.show.replies import TENSORS, answer, done
from netscope.show.routes.request import runs_of, workspace_of


def shelf_of(request: Request) -> Shelf:
    """The models of this server."""
    return workspace_of(request).models


async def opened_model(request: Request) -> tuple[Opened, tuple[int, int]]:
    """The model that the address names, once it is read, and the version of the file that was read."""
    entry = await replies.in_thread(shelf_of(request).entry, request.path_params["model"])
    return await asyncio.shield(asyncio.wrap_future(entry.opened)), entry.version  # others may wait for it, too


async def models(request: Request) -> Response:
    """GET /api/models: the models that can be shown, and how large an upload may be."""
    shelf = shelf_of(request)
    return await done(lambda: Models(shelf.list(), shelf.largest_upload_bytes))


async def model(request: Request) -> Response:
    """GET /api/models/{model}: its summary, once it is read."""
    opened, version = await opened_model(request)
    return await answer(request, version, lambda: replies.json(opened.summary))


async def graph(request: Request) -> Response:
    """GET /api/models/{model}/graph: its graph as safetensors, in the form of `netscope.models.pack`."""
    opened, version = await opened_model(request)
    return await answer(request, version, lambda: opened.pack, TENSORS)


async def upload(request: Request) -> Response:
    """POST /api/models?name=: the body is a model file; what is known of it once it is read."""
    check_token(request)
    shelf, name = shelf_of(request), request.query_params.get("name", "")
    size, most = request.headers.get("content-length", ""), await replies.in_thread(lambda: shelf.largest_upload_bytes)
    if size.isdecimal() and int(size) > most:
        raise HTTPException(413, f"the file has {int(size):,} bytes; there is room for {most:,}")
    model_id = await shelf.upload(name, request.stream())
    with contextlib.suppress(NetscopeError):  # the reply says it
        await asyncio.shield(asyncio.wrap_future(shelf.entry(model_id).opened))
    return await done(lambda: shelf.info(model_id))


def graph_of_run(request: Request, run_id: str, key: str | None) -> Path:
    """The file with the network that a run trained, the newest one it logged.

    Raises:
        NotFoundError: There is no such run, or it has no graph.
    """
    store, run, _ = runs_of(request).find(run_id)
    kept = [asset for asset in store.read.media.assets(run, key, "graph").assets if asset.blob]
    if not kept:
        raise NotFoundError(
            f"run {run!r} has no graph; log one with run.graph(model, example_input), or let run.watch(model) do it"
        )
    named = [asset for asset in kept if asset.key == "graph"] or kept
    path = store.blob(run, max(named, key=lambda asset: asset.step).blob)
    if not path.is_file():
        raise NotFoundError(f"the bytes of {path.name} are gone from run {run!r}")
    return path


async def run_graph(request: Request) -> Response:
    """GET /api/runs/{run}/graph?key=: the network that a run trained, in the same form; the newest one it logged."""
    key = request.query_params.get("key") or None
    path = await replies.in_thread(graph_of_run, request, request.path_params["run"], key)
    return await answer(request, path.name, path.read_bytes, TENSORS)


async def doc_of_op(request: Request) -> Response:
    """GET /api/ops?format=ONNX&op=Conv&version=opset 20: what an operation does, as far as that is known here."""
    asked = [request.query_params.get(name, "")[:200] for name in ("format", "op", "version")]
    return await done(lambda: op_doc(*asked))


ROUTES: list[BaseRoute] = [
    Route("/ops", doc_of_op),
    Route("/models", models, methods=["GET"]),
    Route("/models", upload, methods=["POST"]),
    Route("/models/{model}", model),
    Route("/models/{model}/graph", graph),
    Route("/runs/{run}/graph", run_graph),
]
