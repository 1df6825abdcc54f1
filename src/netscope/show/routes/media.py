"""What is larger than a number, and its bytes."""

from __future__ import annotations

import mimetypes
from typing import get_args

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from netscope.errors import NotFoundError
from netscope.schema.media import AssetKind
from netscope.show import replies
from netscope.show.replies import answer, word
from netscope.show.routes.request import revision_of, run_of


async def assets(request: Request) -> Response:
    """GET /api/runs/{run}/assets?key=&kind=: images, audio, texts, tables… in the order of key, then step."""
    store, run, _ = run_of(request)
    key = request.query_params.get("key") or None
    kind = word(request, "kind", get_args(AssetKind))
    return await answer(request, revision_of(request), lambda: replies.json(store.read.media.assets(run, key, kind)))


# No scripts, no origin, and nothing from elsewhere: an SVG may name pictures, fonts and styles of any server.
BLOB_POLICY = "sandbox; default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; media-src 'self'"


async def blob(request: Request) -> Response:
    """GET /api/runs/{run}/blobs/{blob}: the bytes of an asset. They never change, run nothing and load nothing."""
    store, run, _ = run_of(request)
    name = request.path_params["blob"]
    path = await replies.in_thread(store.blob, run, name)
    if not path.is_file():
        raise NotFoundError(f"the bytes of {name} are gone from run {run!r}")
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "Content-Security-Policy": BLOB_POLICY}
    return FileResponse(path, media_type=media_type, headers=headers)


ROUTES: list[BaseRoute] = [
    Route("/runs/{run}/assets", assets),
    Route("/runs/{run}/blobs/{blob}", blob),
]
