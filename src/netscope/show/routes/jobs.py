"""Long work: what there is, how far it is, what came of it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from netscope.charts import export
from netscope.schema.job import ExportRequest, Jobs
from netscope.show import replies
from netscope.show.guard import check_token
from netscope.show.replies import done
from netscope.show.routes.request import workspace_of


async def jobs(request: Request) -> Response:
    """GET /api/jobs: all jobs since the server began."""
    return await done(lambda: Jobs(workspace_of(request).jobs.list()))


async def start_export(request: Request) -> Response:
    """POST /api/jobs/export: write every point of some series into a file; the job that does."""
    check_token(request)
    workspace, asked = workspace_of(request), await replies.body(request, ExportRequest)

    def start() -> object:
        plan = export.plan(workspace.runs, [store.folder for store in workspace.stores], asked)
        return workspace.jobs.start("export", plan.title, plan.file, plan.made_from, plan.write)

    return await done(start)


async def cancel(request: Request) -> Response:
    """POST /api/jobs/{job}/cancel: stop a job; the job as it is then."""
    check_token(request)
    return await done(lambda: workspace_of(request).jobs.cancel(request.path_params["job"]))


async def file(request: Request) -> Response:
    """GET /api/jobs/{job}/file: what a job made."""
    found, job = workspace_of(request).jobs, request.path_params["job"]
    path = await replies.in_thread(found.file, job)
    return FileResponse(path, filename=found.get(job).file, headers={"Cache-Control": "no-store"})


ROUTES: list[BaseRoute] = [
    Route("/jobs", jobs),
    Route("/jobs/export", start_export, methods=["POST"]),
    Route("/jobs/{job}/cancel", cancel, methods=["POST"]),
    Route("/jobs/{job}/file", file),
]
