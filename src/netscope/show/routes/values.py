"""Running a model on an input: what it takes, the job that runs it, and the values that it computed."""

from __future__ import annotations

import io
import mmap
from pathlib import Path

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from netscope.errors import NotFoundError
from netscope.formats import safetensors
from netscope.frameworks.values.child import run_in_child
from netscope.frameworks.values.runners import describe
from netscope.models.pack import unpack
from netscope.schema.values import ModelRunner, ValuesRequest
from netscope.show import replies
from netscope.show.guard import check_token
from netscope.show.jobs import Progress
from netscope.show.replies import TENSORS, answer, done
from netscope.show.routes.models import opened_model
from netscope.show.routes.request import workspace_of
from netscope.version import __version__

_LARGE = ("picture.", "kept.")


async def runner(request: Request) -> Response:
    """GET /api/models/{model}/runner: what runs the model, and what it takes as inputs. Nothing is run."""
    opened, _ = await opened_model(request)

    def find() -> ModelRunner:
        return describe(unpack(opened.pack))

    return await done(find)


async def upload(request: Request) -> Response:
    """POST /api/inputs?name=: the body is a file to give to a model as input."""
    check_token(request)
    name = request.query_params.get("name", "")
    found = await workspace_of(request).inputs.upload(name, request.stream())
    return await done(lambda: found)


async def run(request: Request) -> Response:
    """POST /api/models/{model}/values: run the model in a process of its own; the job that does."""
    check_token(request)
    workspace, asked = workspace_of(request), await replies.body(request, ValuesRequest)
    _, version = await opened_model(request)
    model_id = request.path_params["model"]

    def start() -> object:
        path = workspace.models.entry(model_id).path
        files = {one.file: workspace.inputs.path(one.file) for one in asked.inputs.values() if one.file}
        made_from = repr((__version__, model_id, version)).encode() + msgspec.json.encode(asked)

        def work(report: Progress, result: Path) -> None:
            run_in_child(path, asked, files, result, report)

        return workspace.jobs.start("values", path.name, f"{path.stem}.values.safetensors", made_from, work)

    return await done(start)


async def values(request: Request) -> Response:
    """GET /api/jobs/{job}/values: the statistics of all values as safetensors, in the form of `values.pack`."""
    path = await _result(request)

    def read() -> bytes:
        arrays, metadata = _decoded(path)
        return safetensors.encode({n: one for n, one in arrays.items() if not n.startswith(_LARGE)}, metadata)

    return await answer(request, path.stat().st_mtime_ns, read, TENSORS)


async def picture(request: Request) -> Response:
    """GET /api/jobs/{job}/values/{value}/picture: the small picture of one value, `picture` [map, row, column]."""
    path, value = await _result(request), request.path_params["value"]

    def read() -> bytes:
        arrays, _ = _decoded(path)
        found = arrays.get(f"picture.{value}")
        return safetensors.encode({"picture": np.zeros((0, 0, 0), np.uint8) if found is None else found})

    return await answer(request, path.stat().st_mtime_ns, read, TENSORS)


async def array(request: Request) -> Response:
    """GET /api/jobs/{job}/values/{value}/array: one value as a .npy file; 404 if it was too large to be kept."""
    path, value = await _result(request), request.path_params["value"]

    def read() -> bytes:
        arrays, _ = _decoded(path)
        if f"kept.{value}" not in arrays:
            raise NotFoundError("the value was too large to be kept; in Python, netscope.values(..., keep=[NAME])")
        file = io.BytesIO()
        np.save(file, arrays[f"kept.{value}"], allow_pickle=False)
        return file.getvalue()

    return await answer(request, path.stat().st_mtime_ns, read, "application/octet-stream")


async def _result(request: Request) -> Path:
    """The file that a job wrote.

    Raises:
        NotFoundError: There is none, or the job is of another kind.
    """
    jobs, job = workspace_of(request).jobs, request.path_params["job"]
    path = await replies.in_thread(jobs.file, job)
    if jobs.get(job).kind != "values":
        raise NotFoundError(f"job {job!r} has no values of a model")
    return path


def _decoded(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    with path.open("rb") as file:
        return safetensors.decode(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))


ROUTES: list[BaseRoute] = [
    Route("/models/{model}/runner", runner),
    Route("/models/{model}/values", run, methods=["POST"]),
    Route("/inputs", upload, methods=["POST"]),
    Route("/jobs/{job}/values", values),
    Route("/jobs/{job}/values/{value}/picture", picture),
    Route("/jobs/{job}/values/{value}/array", array),
]
