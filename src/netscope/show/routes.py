"""What the page can ask: one function a route, whose first line is the route."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from typing import get_args

import numpy as np
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from netscope.analyse.bins_view import View
from netscope.charts import export, lines
from netscope.charts.curves import curves
from netscope.charts.groups import groups
from netscope.charts.histograms import logged, over_steps
from netscope.charts.layers import matrix
from netscope.errors import NotFoundError, UsageError
from netscope.schema import (
    About,
    AssetKind,
    DeleteRequest,
    EditRequest,
    GroupRequest,
    Quantity,
    RunsRequest,
    SeriesRequest,
    Stat,
)
from netscope.show import replies
from netscope.show.guard import check_token
from netscope.show.page import page
from netscope.show.replies import TENSORS, answer, done, number, whole_number, word
from netscope.store.read.console_lines import Stream
from netscope.store.series import check_weight
from netscope.store.store import Store
from netscope.version import __version__


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _revision(request: Request) -> int:
    """Of the run that the address names; NotFoundError if there is none."""
    run = request.path_params["run"]
    return lines.revisions(_store(request), [run])[run]


async def about(request: Request) -> Response:
    """GET /api/about: what this server is."""
    store = _store(request)
    n_runs, token = len(lines.everyone(store)), request.app.state.token
    noun = About(__version__, str(store.folder), store.writable, n_runs, store.backend, token)
    return await answer(request, store.revision, lambda: replies.json(noun))


async def runs(request: Request) -> Response:
    """GET /api/runs?since=0&key=…: what changed in the table since a revision, with summaries of the keys."""
    store, since = _store(request), whole_number(request, "since", 0)
    keys = request.query_params.getlist("key")
    return await answer(request, store.revision, lambda: replies.json(store.table(since, keys)))


async def run(request: Request) -> Response:
    """GET /api/runs/{run}?key=…: everything about a run but its series, with summaries of the keys."""
    store, name = _store(request), request.path_params["run"]
    keys = request.query_params.getlist("key")

    def make() -> bytes:
        detail = store.detail(name)
        summary = {key: found[name] for key in keys if name in (found := store.summaries([name], key))}
        return replies.json(replace(detail, run=replace(detail.run, summary=summary)))

    return await answer(request, _revision(request), make)


async def edit(request: Request) -> Response:
    """POST /api/runs/edit: write names, notes, tags or the archived flag; the runs as they are now."""
    check_token(request)
    store, asked = _store(request), await replies.body(request, EditRequest)
    return await done(lambda: store.edit(asked))


async def delete(request: Request) -> Response:
    """POST /api/runs/delete: move runs to the trash; those that may still be written only with `force`."""
    check_token(request)
    store, asked = _store(request), await replies.body(request, DeleteRequest)
    return await done(lambda: store.delete(asked.runs, asked.force))


async def restore(request: Request) -> Response:
    """POST /api/runs/restore: move runs back from the trash."""
    check_token(request)
    store, asked = _store(request), await replies.body(request, RunsRequest)
    return await done(lambda: store.restore(asked.runs))


async def keys(request: Request) -> Response:
    """POST /api/keys: all names under which the runs logged something."""
    store, asked = _store(request), await replies.body(request, RunsRequest)
    there = lines.revisions(store, asked.runs)
    return await answer(request, there, lambda: replies.json(store.keys(list(there))), asked=replies.json(asked))


async def series(request: Request) -> Response:
    """POST /api/series: the points that a chart can show: `x`, `y`, on request `smoothed` and `time`, a SeriesReply."""
    store, asked = _store(request), await replies.body(request, SeriesRequest)

    def make() -> bytes:
        found = curves(store, asked)
        return replies.tensors({"x": found.x, **found.beside}, found.reply)

    there = lines.revisions(store, asked.runs)
    return await answer(request, there, make, TENSORS, replies.json(asked))


async def grouped(request: Request) -> Response:
    """POST /api/groups: `x`, `mean`, `low`, `high`, `runs`, on request `smoothed`, and a SeriesReply."""
    store, asked = _store(request), await replies.body(request, GroupRequest)

    def make() -> bytes:
        found = groups(store, asked)
        return replies.tensors(found.columns, found.reply)

    there = lines.revisions(store, [run for group in asked.groups for run in group])
    return await answer(request, there, make, TENSORS, replies.json(asked))


async def layers(request: Request) -> Response:
    """GET /api/runs/{run}/layers: what was watched."""
    store, name = _store(request), request.path_params["run"]
    return await answer(request, _revision(request), lambda: replies.json(store.layers(name)))


async def layer_matrix(request: Request) -> Response:
    """GET /api/runs/{run}/layers/{quantity}/{stat}?low=&high=&px=400: one statistic, tensor x step."""
    store, name, low, high = (
        _store(request),
        request.path_params["run"],
        number(request, "low"),
        number(request, "high"),
    )
    quantity, stat = word(request, "quantity", get_args(Quantity)), word(request, "stat", get_args(Stat))
    px = whole_number(request, "px", 400, least=1, most=lines.WIDEST_PX)

    def make() -> bytes:
        steps, values, rows = matrix(store, name, quantity, stat, px, low, high)
        return replies.tensors({"steps": steps, "values": values}, rows)

    return await answer(request, _revision(request), make, TENSORS)


async def bins(request: Request) -> Response:
    """GET /api/runs/{run}/bins?key=layer/tensor/quantity&low=&high=&n=100: histograms over at most n steps."""
    return await _over_steps(request, over_steps)


async def histograms(request: Request) -> Response:
    """GET /api/runs/{run}/histograms?key=&low=&high=&n=100: those that the user logged, over at most n steps."""
    return await _over_steps(request, logged)


async def _over_steps(request: Request, find: Callable[..., tuple[np.ndarray, View]]) -> Response:
    store, name, low, high = (
        _store(request),
        request.path_params["run"],
        number(request, "low"),
        number(request, "high"),
    )
    key, n = request.query_params.get("key", ""), whole_number(request, "n", 100, least=1, most=2000)

    def make() -> bytes:
        steps, seen = find(store, name, key, n, low, high)
        short = {field: getattr(seen, field).astype("f4") for field in ("counts", "zeros", "nonfinite")}
        return replies.tensors({"steps": steps, "edges": seen.edges, **short}, key)

    return await answer(request, _revision(request), make, TENSORS)


async def assets(request: Request) -> Response:
    """GET /api/runs/{run}/assets?key=&kind=: images, audio, texts, tables… in the order of key, then step."""
    store, name, key = _store(request), request.path_params["run"], request.query_params.get("key") or None
    kind = word(request, "kind", get_args(AssetKind))
    return await answer(request, _revision(request), lambda: replies.json(store.assets(name, key, kind)))


# No scripts, no origin, and nothing from elsewhere: an SVG may name pictures, fonts and styles of any server.
BLOB_POLICY = "sandbox; default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; media-src 'self'"


async def blob(request: Request) -> Response:
    """GET /api/runs/{run}/blobs/{blob}: the bytes of an asset. They never change, run nothing and load nothing."""
    store, run, name = _store(request), request.path_params["run"], request.path_params["blob"]
    path = await replies.in_thread(store.blob, run, name)
    if not path.is_file():
        raise NotFoundError(f"the bytes of {name} are gone from run {run!r}")
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "Content-Security-Policy": BLOB_POLICY}
    return FileResponse(path, media_type=media_type, headers=headers)


async def console(request: Request) -> Response:
    """GET /api/runs/{run}/console?start=0&n=1000&search=&stream=&process=: what its processes printed, by time.

    A negative start is from the end.
    """
    store, name, search = _store(request), request.path_params["run"], request.query_params.get("search", "")
    start, n = whole_number(request, "start", 0, least=-(1 << 53)), whole_number(request, "n", 1000, most=100_000)
    stream, process = word(request, "stream", get_args(Stream)), request.query_params.get("process", "")

    def make() -> bytes:
        return replies.json(store.console(name, start, n, search, stream, process))

    return await answer(request, _revision(request), make)


async def series_csv(request: Request) -> Response:
    """GET /api/series.csv?run=…&key=…&smooth=0: every point logged, never thinned, and the running mean."""
    wanted, keys = request.query_params.getlist("run"), request.query_params.getlist("key")
    if not wanted or not keys:
        raise UsageError("name what to export: /api/series.csv?run=…&key=…")
    smooth = number(request, "smooth") or 0.0
    check_weight(smooth)
    lines.revisions(_store(request), wanted)
    # Without a name of its own: the page names the file after the chart.
    headers = {"Content-Disposition": "attachment", "Cache-Control": "no-store"}
    return StreamingResponse(export.rows(_store(request), wanted, keys, smooth), media_type="text/csv", headers=headers)


async def live(socket: WebSocket) -> None:
    """WS /api/live: which runs grew, at most five times a second."""
    await socket.app.state.live.serve(socket)


API: list[BaseRoute] = [
    Route("/about", about),
    Route("/runs", runs),
    Route("/runs/edit", edit, methods=["POST"]),
    Route("/runs/delete", delete, methods=["POST"]),
    Route("/runs/restore", restore, methods=["POST"]),
    Route("/keys", keys, methods=["POST"]),
    Route("/series", series, methods=["POST"]),
    Route("/groups", grouped, methods=["POST"]),
    Route("/series.csv", series_csv),
    WebSocketRoute("/live", live),
    Route("/runs/{run}", run),
    Route("/runs/{run}/layers", layers),
    Route("/runs/{run}/layers/{quantity}/{stat}", layer_matrix),
    Route("/runs/{run}/bins", bins),
    Route("/runs/{run}/histograms", histograms),
    Route("/runs/{run}/assets", assets),
    Route("/runs/{run}/blobs/{blob}", blob),
    Route("/runs/{run}/console", console),
]
ROUTES: list[BaseRoute] = [Mount("/api", routes=API), Route("/{path:path}", page)]
