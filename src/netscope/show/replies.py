"""Parse requests and build replies.

Nouns go out as JSON, arrays as safetensors, failures as a `Problem`. What depends on the store alone carries an ETag
made of the revisions it depends on; a browser that has it already gets 304 and nothing is computed.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
import msgspec
import numpy as np
import zstandard
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from netscope.errors import FormatError, NetscopeError, NotFoundError, StorageError, UsageError
from netscope.formats import safetensors as safetensors
from netscope.schema.server import Problem
from netscope.show.cache import Cache
from netscope.store.journal import exact_numbers

JSON, TENSORS = "application/json", "application/octet-stream"
LARGEST_BODY = 4 << 20  # 10,000 run ids are 300 kB
WORTH_PACKING = 1 << 10
_STATUS = {NotFoundError: 404, UsageError: 400, FormatError: 422, StorageError: 503}

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Noun = TypeVar("Noun", bound=msgspec.Struct)


async def in_thread(work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
    """Run work that computes or reads files in a thread, at most one per processor at a time.

    First come, first served: more threads would only make everybody wait as long as the slowest.
    """
    return await anyio.to_thread.run_sync(lambda: work(*arguments, **named), limiter=_limiter())


def _limiter() -> anyio.CapacityLimiter:
    try:
        return _processors.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(max(os.cpu_count() or 1, 2))
        _processors.set(limiter)
        return limiter


_processors: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("processors")


async def body(request: Request, noun: type[Noun]) -> Noun:
    """Decode the body of a request.

    Raises:
        UsageError: Not JSON, or not of that form; names the field.
        HTTPException: 413, over 4 MiB; 415, another content type.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON:  # a form or beacon of another origin cannot send this type without a preflight request
        raise HTTPException(415, f"expected a body with Content-Type: {JSON}; found {media_type[:100] or 'none'}")
    try:
        return msgspec.json.decode(await raw_body(request), type=noun)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"expected a {noun.__name__} as JSON: {error}") from error


async def raw_body(request: Request) -> bytes:
    """Read the whole body of a request.

    Raises:
        HTTPException: 413, over 4 MiB.
    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise HTTPException(413, f"the body is larger than {LARGEST_BODY >> 20} MiB")
        parts.append(part)
    return b"".join(parts)


def number(request: Request, name: str) -> float | None:
    """A finite number from the query, or None.

    Raises:
        UsageError: It is something else.
    """
    text = request.query_params.get(name)
    if text is None or text == "":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{name}: expected a number, got {text[:100]!r}")
    return value


def whole_number(request: Request, name: str, default: int, least: int = 0, most: int = 1 << 53) -> int:
    """A whole number from the query.

    Raises:
        UsageError: It is something else, or out of range.
    """
    text = request.query_params.get(name, "")
    try:
        value = int(text) if text else default
    except ValueError:
        raise UsageError(f"{name}: expected an integer, got {text[:100]!r}") from None
    if not least <= value <= most:
        raise UsageError(f"{name}: expected {least} to {most}, got {value}")
    return value


def word(request: Request, name: str, words: tuple[Any, ...]) -> Any:
    """One of several words from the path or the query, or None.

    Raises:
        UsageError: Another word.
    """
    text = request.path_params.get(name) or request.query_params.get(name) or None
    if text is not None and text not in words:
        raise UsageError(f"{name}: expected one of {', '.join(words)}, got {text[:100]!r}")
    return text


def json(noun: Any) -> bytes:
    """Encode as JSON. Config numbers that JSON cannot represent become {"number": "9007199254740993"}."""
    return msgspec.json.encode(noun, enc_hook=exact_numbers.tagged)


def tensors(arrays: Mapping[str, np.ndarray], reply: Any) -> bytes:
    """Encode arrays as safetensors, with `noun` as JSON in the metadata under `reply`."""
    return safetensors.encode(arrays, {"reply": msgspec.json.encode(reply).decode()})


async def answer(
    request: Request, depends_on: Any, make: Callable[[], bytes], media_type: str = JSON, asked: bytes = b""
) -> Response:
    """Reply with the result of `make`: 304 if the browser has it, from the cache if it was made before.

    Args:
        request: The question; its address is part of it, and so is `asked`.
        depends_on: Whatever changes when the reply changes: revisions.
        make: Gives the reply; called in a thread.
        media_type: What the bytes are.
        asked: Body of the request.
    """
    url, born = request.scope["path"], request.app.state.born  # revisions start over with every server process
    question = f"{born}\0{url}\0{request.url.query}\0{depends_on}\0".encode() + asked
    etag = f'W/"{hashlib.blake2b(question, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    cache: Cache[bytes] = request.app.state.cache
    packing = _packing(request, media_type)
    made = cache.get((etag, packing))
    if made is None:
        made = await in_thread(cache.make, (etag, packing), lambda: _packed(make(), packing))
    if packing and made[:4] in _PACKED:
        headers["Content-Encoding"] = packing
    return Response(made, headers=headers, media_type=media_type)


async def done(work: Callable[[], Any]) -> Response:
    """Run work that changes something and reply with its result as JSON, uncached."""
    return Response(json(await in_thread(work)), media_type=JSON, headers={"Cache-Control": "no-store"})


_PACKED = (
    b"\x28\xb5\x2f\xfd",
    b"\x1f\x8b\x08\x00",
)  # magic bytes of zstd and gzip; JSON and safetensors start differently


def _packing(request: Request, media_type: str) -> str:
    accepted = request.headers.get("accept-encoding", "")
    if "zstd" in accepted:
        return "zstd"
    # gzip takes five times as long as reading a curve and saves a tenth of its bytes.
    return "gzip" if "gzip" in accepted and media_type == JSON else ""


def _packed(plain: bytes, packing: str) -> bytes:
    if not packing or len(plain) < WORTH_PACKING:
        return plain
    return zstandard.ZstdCompressor(level=1).compress(plain) if packing == "zstd" else gzip.compress(plain, 1, mtime=0)


def problem(status: int, error: str) -> Response:
    """An error reply."""
    return Response(json(Problem(error)), status, media_type=JSON, headers={"Cache-Control": "no-store"})


async def refused(request: Request, error: Exception) -> Response:
    """Handle netscope's own exceptions: a `Problem` with their message."""
    return problem(next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500), str(error))


async def http_refused(request: Request, error: Exception) -> Response:
    """Handle Starlette's exceptions (not found, wrong method): a `Problem`."""
    if not isinstance(error, HTTPException):
        raise error
    said = {404: f"not found: {request.url.path[:200]}", 405: f"method not allowed: {request.method}"}
    reply = problem(error.status_code, said.get(error.status_code, error.detail))
    reply.headers.update(error.headers or {})
    return reply


async def failed(request: Request, error: Exception) -> Response:
    """Handle any other exception: the server logs the traceback, the page gets one line."""
    return problem(500, f"the server failed: {type(error).__name__}; its log has the details")


async def gone(request: Request, error: Exception) -> Response:
    """Handle a client that closed the connection before its body was complete: nobody receives this reply."""
    return problem(400, "the body is incomplete")


REFUSALS: Mapping[Any, Any] = {
    NetscopeError: refused,
    HTTPException: http_refused,
    ClientDisconnect: gone,
    Exception: failed,
}
