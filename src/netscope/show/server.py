"""Run the application until Ctrl-C, or in a thread of a notebook or training.

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
    """Listen on the port, or on the next free one. Port 0 picks any free port.

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
            listening.listen(2048)  # two processes may bind a port until one of them listens
        except OSError as error:
            listening.close()
            if error.errno not in TAKEN:
                raise StorageError(f"cannot listen on {host}:{candidate}: {error.strerror or error}") from error
        else:
            listening.setblocking(False)
            return listening
    raise StorageError(f"no free port from {port} to {min(port + TRIES, 65536) - 1} on {host}")


def address(listening: socket.socket) -> str:
    """The address for browsers on this machine.

    >>> with bind("127.0.0.1", 0) as listening:
    ...     address(listening).startswith("http://127.0.0.1:")
    True
    """
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}/"


def addresses(listening: socket.socket) -> list[str]:
    """The addresses for browsers on other machines; empty if only this machine can connect.

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
    """A uvicorn server with a callback on shutdown: after SIGTERM no code of ours runs later than that."""

    def __init__(self, config: uvicorn.Config, at_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self.at_shutdown = at_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.at_shutdown()
        await super().shutdown(sockets)


def _server(app: Starlette, at_shutdown: Callable[[], None]) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_config=None,  # configuring logging would close the handlers of the training beside it
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
    """Announce this server in each folder until the result is closed."""
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
    models: Sequence[Path] = (),
    node_data: Path | None = None,
    ready: Callable[[str, list[str], list[str]], None] = lambda url, others, models: None,
) -> None:
    """Show folders of runs, and models, until Ctrl-C.

    Args:
        folders: Of runs.
        host: Address to bind to.
        port: Port, or the first of those to try.
        index: Where the index lives, as an address for SQLAlchemy; in each folder unless given.
        allow_hosts: Further names under which browsers may reach it.
        models: Files of models.
        node_data: A file of values for the nodes of those models.
        ready: Called when it listens with the server's address on this machine, those for other machines, and the ids
            of the models.

    Raises:
        StorageError: No port is free.
        NotFoundError: A folder or a file is not there.
    """
    share_arenas()
    with (
        bind(host, port) as listening,
        Workspace.open(folders, index) as workspace,
        _announce(workspace, address(listening)) as word,
    ):
        ready(address(listening), addresses(listening), [workspace.models.add(path, data=node_data) for path in models])
        server = _server(application(workspace, host, allow_hosts), word.close)
        gc.collect()
        gc.freeze()  # imported modules live as long as the process; each collection would take 50 ms longer
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:  # uvicorn raises it again after shutting down
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
        """Bind and start. Requests are answered as soon as this returns.

        Raises:
            StorageError: No port is free.
            NotFoundError: No such folder.
        """
        self._socket = bind(host, port)
        self.url = address(self._socket)
        self.urls_for_others = addresses(self._socket)
        """The addresses for browsers on other machines."""
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
        """The store of its first folder."""
        return self.workspace.stores[0]

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Stop accepting connections, close the open ones and wait for the thread."""
        self._server.should_exit = True
        self._thread.join(GRACE_S + 3)
        self._socket.close()
        self.workspace.close()

    def __enter__(self) -> Serving:
        """Use it in a `with`: it stops at the end."""
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
