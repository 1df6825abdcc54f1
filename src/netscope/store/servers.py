"""Find the servers of this machine that show a folder of runs: each leaves a small file there while it runs.

`netscope.init` prints the address from that file. No network request is made: a server runs if its process exists, so
only servers of this machine and container are found.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from netscope.store.folder import FOLDER
from netscope.store.journal import host as machine
from netscope.store.journal.regular_files import open_regular

PREFIX, SUFFIX = "server-", ".json"
LARGEST_BYTES = 10_000


class Server(msgspec.Struct):
    """A server, as its file describes it."""

    url: str
    """Address for a browser on this machine; ends in "/"."""
    pid: int
    started: float
    """Start of the process in Unix seconds."""
    ticks: int = 0
    """Start of the process in clock ticks since boot; 0: unknown."""
    run_prefix: str = ""
    """Prefix of the ids of this folder's runs, if the server shows several folders."""
    host: str = msgspec.field(default_factory=machine.host)
    boot: str = msgspec.field(default_factory=machine.boot)
    pid_ns: int = msgspec.field(default_factory=machine.pid_namespace)

    @property
    def is_local(self) -> bool:
        """Whether its process can be checked from here."""
        return (self.host, self.boot, self.pid_ns) == (machine.host(), machine.boot(), machine.pid_namespace())

    @property
    def is_alive(self) -> bool:
        """Whether its process exists."""
        from netscope.store.ingest import processes  # noqa: PLC0415  (loads psutil)

        return self.is_local and processes.exists(self.pid, self.started, self.ticks) is True


@contextlib.contextmanager
def announced(folder: Path, server: Server) -> Iterator[None]:
    """Keep the file of a server in a folder of runs; if it cannot be written, the server is not found."""
    path = folder / FOLDER / f"{PREFIX}{server.pid}-{secrets.token_hex(2)}{SUFFIX}"
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        for other, known in _files(folder):
            if known is None or (known.is_local and not known.is_alive):
                other.unlink(missing_ok=True)
        draft = path.with_suffix(".tmp")
        draft.write_bytes(msgspec.json.encode(server))
        draft.replace(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def running(folder: Path) -> Server | None:
    """A running server of this machine that shows a folder, if any."""
    return next((server for _, server in _files(folder) if server is not None and server.is_alive), None)


def _files(folder: Path) -> list[tuple[Path, Server | None]]:
    """The server files in a folder and their content; None if a file is invalid."""
    found: list[tuple[Path, Server | None]] = []
    try:
        names = sorted(os.listdir(folder / FOLDER))
    except OSError:
        return found
    for name in names:
        if name.startswith(PREFIX) and name.endswith(SUFFIX):
            path = folder / FOLDER / name
            try:
                with open_regular(path) as file:
                    found.append((path, msgspec.json.decode(file.read(LARGEST_BYTES), type=Server)))
            except (OSError, msgspec.MsgspecError):
                found.append((path, None))
    return found
