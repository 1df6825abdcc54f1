"""Keys, the curves of charts, and every point as CSV."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from netscope.charts import export, lines
from netscope.charts.cards.metric_names import with_goals
from netscope.charts.curves import curves
from netscope.charts.groups import groups
from netscope.errors import UsageError
from netscope.schema.run import RunsRequest
from netscope.schema.series import GroupRequest, SeriesRequest
from netscope.show import replies
from netscope.show.replies import TENSORS, answer, number
from netscope.show.routes.request import runs_of
from netscope.store.series import check_weight


async def keys(request: Request) -> Response:
    """POST /api/keys: all names under which the runs logged something."""
    store, asked = runs_of(request), await replies.body(request, RunsRequest)
    there = lines.revisions(store, asked.runs)
    return await answer(
        request, there, lambda: replies.json(with_goals(store.keys(list(there)))), asked=replies.json(asked)
    )


async def series(request: Request) -> Response:
    """POST /api/series: the points that a chart can show: `x`, `y`, on request `smoothed` and `time`, a SeriesReply."""
    store, asked = runs_of(request), await replies.body(request, SeriesRequest)

    def make() -> bytes:
        found = curves(store, asked)
        return replies.tensors({"x": found.x, **found.beside}, found.reply)

    there = lines.revisions(store, asked.runs)
    return await answer(request, there, make, TENSORS, replies.json(asked))


async def grouped(request: Request) -> Response:
    """POST /api/groups: `x`, `mean`, `low`, `high`, `runs`, on request `smoothed`, and a SeriesReply."""
    store, asked = runs_of(request), await replies.body(request, GroupRequest)

    def make() -> bytes:
        found = groups(store, asked)
        return replies.tensors(found.columns, found.reply)

    there = lines.revisions(store, [run for group in asked.groups for run in group])
    return await answer(request, there, make, TENSORS, replies.json(asked))


async def series_csv(request: Request) -> Response:
    """GET /api/series.csv?run=…&key=…&smooth=0: every point logged, never thinned, and the moving average."""
    wanted, keys = request.query_params.getlist("run"), request.query_params.getlist("key")
    if not wanted or not keys:
        raise UsageError("name what to export: /api/series.csv?run=…&key=…")
    smooth = number(request, "smooth") or 0.0
    check_weight(smooth)
    lines.revisions(runs_of(request), wanted)
    # Without a name of its own: the page names the file after the chart.
    headers = {"Content-Disposition": "attachment", "Cache-Control": "no-store"}
    return StreamingResponse(
        export.rows(runs_of(request), wanted, keys, smooth), media_type="text/csv", headers=headers
    )


ROUTES: list[BaseRoute] = [
    Route("/keys", keys, methods=["POST"]),
    Route("/series", series, methods=["POST"]),
    Route("/groups", grouped, methods=["POST"]),
    Route("/series.csv", series_csv),
]
