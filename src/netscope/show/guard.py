"""Access control: accepted host names, trusted origins, and headers that isolate pages.

A page of another site can make a browser send requests here, and by giving its own name this machine's address (DNS
rebinding) even read the replies. So the `Host` must be a name of this server. An `Origin`, which browsers send with
every POST and WebSocket, must be the origin of this server or one that the user allowed: another port of this machine
is another program. Requests that change something also need a token that only this server's own pages can read
(`check_token`).
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from netscope.show.replies import problem

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::\d{1,5})?")
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Guard:
    """ASGI middleware that rejects unknown hosts and foreign origins."""

    def __init__(self, app: ASGIApp, bound: str = "127.0.0.1", allowed: Sequence[str] = ()) -> None:
        """Answer to `bound`, to names of this machine and to `allowed` (hosts, with or without a port; "*": any host).

        Bound to all addresses, any address in digits will do: rebinding needs a name.
        """
        self.app = app
        self.origins = {name.lower() for name in allowed if name != "*"}
        self.allowed = {host_name(name) or name.lower().strip("[]") for name in (bound, *allowed)}
        self.any_address = bound in ("0.0.0.0", "::", "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[:120]})
        elif refusal:
            await problem(403, refusal)(scope, receive, send)
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> str:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        name = host_name(host)
        if name is None or not self.is_known(name):
            return (
                f"this server does not accept the host name {host[:100]!r}; start it with --allow-host {name or 'NAME'}"
            )
        origin = headers.get(b"origin", b"").decode("latin-1")
        is_plain = scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS")
        netloc = urlsplit_netloc(origin)
        if not origin or is_plain or netloc == host.lower() or {netloc, host_name(netloc)} & self.origins:
            return ""
        return f"a page of {origin[:100]!r} may not do this; start the server with --allow-host if it should"

    def is_known(self, name: str) -> bool:
        """Whether the server accepts this host name."""
        return (
            "*" in self.allowed
            or name in self.allowed
            or is_loopback(name)
            or (self.any_address and _address(name) is not None)
        )


def check_token(request: Request) -> None:
    """Reject a request that lacks the token needed for changes.

    The token is in the reply of /api/about, which browsers do not show to pages of other origins.

    Raises:
        HTTPException: 403, the header X-Netscope-Token is missing or wrong.
    """
    given = request.headers.get("x-netscope-token", "")
    if not hmac.compare_digest(given.encode(), request.app.state.token.encode()):
        raise HTTPException(403, "changes need the header X-Netscope-Token: the `token` of GET /api/about")


def host_name(host: str) -> str | None:
    """A `Host` without its port, in lower case; None if malformed.

    >>> host_name("[::1]:6060"), host_name("LocalHost:80"), host_name("a@b")
    ('::1', 'localhost', None)
    """
    found = _HOST.fullmatch(host)
    return found[1].lower().strip("[]") if found else None


def urlsplit_netloc(origin: str) -> str:
    """Host and port of an origin; '' for `null` or a malformed one."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Whether a name always refers to this machine."""
    address = _address(name)
    return address.is_loopback if address else name == "localhost" or name.endswith(".localhost")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(pair for pair in HEADERS if pair[0] not in there)]
        await send(message)

    return sending
