"""Stored arrays of models: facts, tiles of their pictures, singular values, and files."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from netscope.analyse.reduce import How
from netscope.errors import UsageError
from netscope.models.child import Opened
from netscope.show.replies import TENSORS, answer, in_thread, whole_number, word
from netscope.show.routes.models import opened_model
from netscope.show.routes.request import workspace_of
from netscope.show.tensors import Part
from netscope.text import visible

_FINEST, _COARSEST = 0, 62
_MOST_AXES = 32
_MOST_NORMS = 64


def _part(request: Request) -> Part:
    """What the query asks for: `index=2,0`, `colour=0`."""
    text = request.query_params.get("index", "")
    try:
        index = tuple(int(place) for place in text.split(",")) if text else ()
    except ValueError:
        raise UsageError(f"index: expected integers with commas, got {text[:100]!r}") from None
    if len(index) > _MOST_AXES:
        raise UsageError(f"index: expected at most {_MOST_AXES} integers, got {len(index)}")
    return Part(request.path_params["tensor"], index, whole_number(request, "colour", 1, 0, 1) == 1)


async def _reply(request: Request, make: Callable[[object, Opened], bytes]) -> Response:
    opened, version = await opened_model(request)
    key = request.path_params["model"], version
    return await answer(request, version, lambda: make(key, opened), TENSORS)


async def norms(request: Request) -> Response:
    """GET /api/models/{model}/tensors?tensor=&tensor=: norms and counts of NaN of at most 64 arrays."""
    tensors, chosen = workspace_of(request).tensors, request.query_params.getlist("tensor")
    if len(chosen) > _MOST_NORMS or not all(one.isdecimal() and len(one) < 10 for one in chosen):
        raise UsageError(f"tensor: expected at most {_MOST_NORMS} indices")
    return await _reply(request, lambda key, opened: tensors.norms(key, opened, [int(one) for one in chosen]))


async def tensor(request: Request) -> Response:
    """GET /api/models/{model}/tensors/{tensor}?index=&colour=: facts, histogram, norms and limits of colours."""
    tensors, part = workspace_of(request).tensors, _part(request)
    return await _reply(request, lambda key, opened: tensors.facts(key, opened, part))


async def tile(request: Request) -> Response:
    """GET /api/models/{model}/tensors/{tensor}/tile?row_level=&column_level=&row=&column=&of=&index=&colour=: a tile.

    Its cells are 2^level elements high and wide, and show their largest magnitude or their mean (`of`).
    """
    tensors, part = workspace_of(request).tensors, _part(request)
    levels = (
        whole_number(request, "row_level", 0, _FINEST, _COARSEST),
        whole_number(request, "column_level", 0, _FINEST, _COARSEST),
    )
    place = whole_number(request, "row", 0), whole_number(request, "column", 0)
    how: How = word(request, "of", ("largest", "mean")) or "largest"
    return await _reply(request, lambda key, opened: tensors.tile(key, opened, part, levels, place, how))


async def spectrum(request: Request) -> Response:
    """GET /api/models/{model}/tensors/{tensor}/spectrum?index=: the singular values of a matrix."""
    tensors, part = workspace_of(request).tensors, _part(request)
    return await _reply(request, lambda key, opened: tensors.spectrum(key, opened, part))


async def file(request: Request) -> Response:
    """GET /api/models/{model}/tensors/{tensor}/file: the whole array as an .npy file."""
    opened, version = await opened_model(request)
    key = request.path_params["model"], version
    name, size, parts = await in_thread(workspace_of(request).tensors.file, key, opened, request.path_params["tensor"])
    last = visible(name).replace("/", ".")[-150:] or "tensor"
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(last, safe='')}.npy",
        "Content-Length": str(size),
        "Cache-Control": "no-store",
    }
    return StreamingResponse(parts, headers=headers, media_type=TENSORS)


ROUTES: list[BaseRoute] = [
    Route("/models/{model}/tensors", norms),
    Route("/models/{model}/tensors/{tensor:int}", tensor),
    Route("/models/{model}/tensors/{tensor:int}/tile", tile),
    Route("/models/{model}/tensors/{tensor:int}/spectrum", spectrum),
    Route("/models/{model}/tensors/{tensor:int}/file", file),
]
