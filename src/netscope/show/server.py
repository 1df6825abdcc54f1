"""Run the application: bind first, say where, serve until Ctrl-C, or in a thread beside a notebook.

uvicorn, not granian, although granian answers 8,200 requests a second where uvicorn answers 4,900: computing a chart
costs a hundred times more than either, uvicorn takes a socket that is already bound (so that "the next free port" is no
race) and runs in a thread of a notebook's kernel, and it has no processes of its own to tear down.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import ipaddress
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import uvicorn
from starlette.applications import Starlette

from netscope.errors import StorageError
from netscope.record import process
from netscope.show.app import application
from netscope.show.memory import share_arenas
from netscope.show.workspace import Workspace
from netscope.store.servers import Server, announced
from netscope.store.store import Store

PORT = 6060
TRIES = 100
GRACE_S = 2
TAKEN = {errno.EADDRINUSE} | ({errno.EACCES} if sys.platform == "win32" else set())


def bind(host: str, port: int) -> socket.socket:
    """A listening socket at the port, or at the next free one. Port 0: any.

    Raises:
        StorageError: The host is not an address of this machine, or no port is free.
    """
    try:
        family, kind, protocol, _, _ = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise StorageError(f"no such host: {host!r} ({error.strerror or error})") from error
    for candidate in range(port, min(port + TRIES, 65536)):
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, candidate))
            listening.listen(2048)  # only now is it ours: two may bind what nobody listens on
        except OSError as error:
            listening.close()
            if error.errno not in TAKEN:
                raise StorageError(f"cannot listen on {host}:{candidate}: {error.strerror or error}") from error
        else:
            listening.setblocking(False)
            return listening
    raise StorageError(f"no free port from {port} to {min(port + TRIES, 65536) - 1} on {host}")


def address(listening: socket.socket) -> str:
    """Where a browser on this machine finds it.

    >>> with bind("127.0.0.1", 0) as listening:
    ...     address(listening).startswith("http://127.0.0.1:")
    True
    """
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}/"


def addresses(listening: socket.socket) -> list[str]:
    """Where browsers on other machines find it; empty if only this machine can reach it.

    Of an address that means all of this machine's, these are the addresses of its interfaces but those that need the
    name of an interface beside them (IPv6 link-local).
    """
    host, port = listening.getsockname()[:2]
    if ipaddress.ip_address(host).is_loopback:
        return []
    if not ipaddress.ip_address(host).is_unspecified:
        return [address(listening)]
    has_ipv4 = listening.family == socket.AF_INET or not listening.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    families = [socket.AF_INET] * has_ipv4 + [socket.AF_INET6] * (listening.family == socket.AF_INET6)
    found = []
    for name, many in psutil.net_if_addrs().items():
        if psutil.net_if_stats()[name].isup:
            found += [(families.index(one.family), one.address) for one in many if one.family in families]
    reachable = [text for _, text in sorted(found) if _is_reachable(text)]
    return [f"http://[{text}]:{port}/" if ":" in text else f"http://{text}:{port}/" for text in reachable]


def _is_reachable(text: str) -> bool:
    found = ipaddress.ip_address(text)
    return not (found.is_loopback or found.is_link_local)


class _Server(uvicorn.Server):
    """A server that says when it stops: after SIGTERM nothing of ours runs once uvicorn has shut down."""

    def __init__(self, config: uvicorn.Config, at_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self.at_shutdown = at_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.at_shutdown()
        await super().shutdown(sockets)


def _server(app: Starlette, at_shutdown: Callable[[], None]) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=1 << 16,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,
    )
    return _Server(config, at_shutdown)


def _announce(workspace: Workspace, url: str) -> contextlib.ExitStack:
    """Leave word in each folder that it is shown here, until what is returned is closed."""
    stack = contextlib.ExitStack()
    for prefix, store in workspace.prefixes:
        server = Server(url, os.getpid(), process.started(), process.start_ticks(), prefix)
        stack.enter_context(announced(store.folder, server))
    return stack


def serve(
    folders: Sequence[str | Path],
    host: str = "127.0.0.1",
    port: int = PORT,
    *,
    index: str | None = None,
    allow_hosts: Sequence[str] = (),
    ready: Callable[[str, list[str]], None] = lambda url, others: None,
) -> None:
    """Show folders of runs until Ctrl-C.

    Args:
        folders: Of runs.
        host: Address to bind to.
        port: Port, or the first of those to try.
        index: Where the index lives, as an address for SQLAlchemy; in each folder unless given.
        allow_hosts: Further names under which browsers may reach it.
        ready: Called when it listens with the server's address on this machine, and those for other machines.

    Raises:
        StorageError: No port is free.
    """
    share_arenas()
    with (
        bind(host, port) as listening,
        Workspace.open(folders, index) as workspace,
        _announce(workspace, address(listening)) as word,
    ):
        ready(address(listening), addresses(listening))
        server = _server(application(workspace, host, allow_hosts), word.close)
        gc.collect()
        gc.freeze()  # modules live as long as the process; looking at them again and again takes 50 ms each time
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:  # uvicorn hands it on when it has shut down
            pass


class Serving:
    """A server in a thread of this process."""

    def __init__(
        self,
        folder: str | Path,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_hosts: Sequence[str] = (),
        *,
        framed_by: Sequence[str] = (),
    ) -> None:
        """Bind and start; requests are answered from the moment this returns.

        Raises:
            StorageError: No port is free.
            NotFoundError: No such folder.
        """
        self._socket = bind(host, port)
        self.url = address(self._socket)
        self.urls_for_others = addresses(self._socket)
        """Where browsers on other machines find it."""
        try:
            self.workspace = Workspace.open([folder])
        except BaseException:
            self._socket.close()
            raise
        word = _announce(self.workspace, self.url)
        self._server = _server(application(self.workspace, host, allow_hosts, framed_by=framed_by), word.close)
        self._thread = threading.Thread(target=self._run, name="netscope server", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)

    @property
    def store(self) -> Store:
        """The store that it shows."""
        return self.workspace.stores[0]

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Take no more connections, close the open ones, wait for the thread."""
        self._server.should_exit = True
        self._thread.join(GRACE_S + 3)
        self._socket.close()
        self.workspace.close()

    def __enter__(self) -> Serving:
        """For `with`: stopped at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()


def serve_in_thread(
    folder: str | Path,
    host: str = "127.0.0.1",
    port: int = 0,
    allow_hosts: Sequence[str] = (),
    *,
    framed_by: Sequence[str] = (),
) -> Serving:
    """Show a folder of runs from a thread of this process, beside training or a notebook."""
    return Serving(folder, host, port, allow_hosts, framed_by=framed_by)
