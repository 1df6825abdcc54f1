"""Serve the built page: hashed files are immutable, any other address gets index.html."""

from __future__ import annotations

import base64
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import zstandard
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from netscope.show.replies import in_thread, problem

FOLDER = Path(__file__).parent / "page"
_INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
_UNBUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>netscope</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:20vh auto;padding:0 1rem}</style>
<h1>The page is not built yet</h1>
<p>This is a checkout of netscope whose page was never built; the server itself works. Build it with</p>
<pre>pip install .</pre><p>or, while working on it,</p><pre>make page</pre>"""
_SMALL = 1 << 10
_PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda plain: zstandard.compress(plain, 9),
    "gzip": lambda plain: gzip.compress(plain, 6, mtime=0),
}
_TEXT = ("text/", "application/json", "image/svg")


class File:
    """One file of the page, ready to send."""

    def __init__(self, path: Path) -> None:
        """Read it."""
        self.plain = path.read_bytes()
        self.media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if path.suffix in (".js", ".mjs"):  # the Windows registry sometimes says text/plain
            self.media_type = "text/javascript"
        self.etag = f'W/"{hashlib.blake2b(self.plain, digest_size=12).hexdigest()}"'
        self._packed: dict[str, bytes] = {}

    def packed(self, accepted: str) -> tuple[str, bytes]:
        """Its content for a browser that accepts these encodings, and the name of the one that was chosen ('': none).

        It is compressed once, and only as a browser asks for it: the first page of a server waits for it.
        """
        if not self.media_type.startswith(_TEXT) or len(self.plain) < _SMALL:
            return "", self.plain
        name = next((name for name in _PACKINGS if name in accepted), "")
        if name and name not in self._packed:
            self._packed[name] = _PACKINGS[name](self.plain)
        return name, self._packed.get(name, self.plain)

    def policy(self, frame_ancestors: str) -> str:
        """Content security policy of this document; inline scripts are allowed by their hash."""
        digests = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE.findall(self.plain)]
        scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
        return (
            f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
            "media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self' ws: wss:; object-src 'none'; "
            f"base-uri 'none'; form-action 'none'; frame-ancestors {frame_ancestors}"
        )


@lru_cache(maxsize=256)
def _file(path: Path, _changed_ns: int) -> File:
    return File(path)


def _read(path: Path, changed_ns: int, accepted: str) -> tuple[File, str, bytes]:
    file = _file(path, changed_ns)
    return file, *file.packed(accepted)


def find(folder: Path, address: str) -> Path | None:
    """The file at an address; index.html for a view of the page; None for a missing file.

    Whatever an address holds ("..", "%2e", links), the file is inside the folder.
    """
    if "\0" in address or len(address) > 1024:
        return None
    folder = folder.resolve()
    path = (folder / address.lstrip("/\\")).resolve()
    if path.is_relative_to(folder) and path.is_file():
        return path
    is_asset = "assets" in Path(address).parts or path.suffix != ""
    return None if is_asset else folder / "index.html"


async def page(request: Request) -> Response:
    """GET /{anything else}: a file of the page, or the page."""
    folder: Path = request.app.state.page
    if not (folder / "index.html").is_file():
        return HTMLResponse(_UNBUILT, 200 if request.url.path == "/" else 404)
    address = request.path_params["path"]
    path = find(folder, address)
    if path is None or address == "api":
        return problem(404, f"no such file: /{address[:200]}")
    accepted = request.headers.get("accept-encoding", "")
    file, packing, content = await in_thread(_read, path, path.stat().st_mtime_ns, accepted)
    is_hashed = path.parent.name == "assets"
    headers = {
        "ETag": file.etag,
        "Cache-Control": "public, max-age=31536000, immutable" if is_hashed else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if file.media_type == "text/html":
        headers["Content-Security-Policy"] = file.policy(" ".join(("'self'", *request.app.state.framed_by)))
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if packing:
        headers["Content-Encoding"] = packing
    return Response(content, headers=headers, media_type=file.media_type)
