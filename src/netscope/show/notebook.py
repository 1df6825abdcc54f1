"""The page inside a notebook: a frame onto a server in the kernel, one a folder, gone when the kernel is.

The frame shows an address of the kernel's machine, so kernel and browser have to be on one machine, or the port
forwarded.
"""

from __future__ import annotations

import atexit
import html
import os
import threading
from pathlib import Path
from urllib.parse import quote

from netscope.show.server import Serving, serve_in_thread

HEIGHT_PX = 720
_servers: dict[tuple[int, Path], Serving] = {}
_lock = threading.Lock()


def frame(folder: str | os.PathLike[str], run_id: str | None = None, height_px: int = HEIGHT_PX) -> str:
    """HTML that shows a folder of runs, or one run of it, in the output of a cell."""
    url = server(Path(folder)).url
    if run_id is not None:
        name = quote(run_id, safe="")
        url += f"curves?run={name}#compare={name}"
    source = html.escape(url, quote=True)
    return (
        f'<iframe src="{source}" title="netscope" style="width:100%;height:{height_px}px;border:1px solid #8884;'
        f'border-radius:6px" allow="fullscreen; clipboard-write"></iframe>'
        f'<p style="font-size:smaller;opacity:.7"><a href="{source}" target="_blank" rel="noopener">{source}</a></p>'
    )


def server(folder: Path) -> Serving:
    """The server of a folder in this process; started by the first who asks."""
    key = (os.getpid(), folder.resolve())  # a forked child has the parent's table but not its threads
    with _lock:
        if key not in _servers:
            if not any(pid == key[0] for pid, _ in _servers):
                atexit.register(stop)
            _servers[key] = serve_in_thread(key[1], embedded=True)
        return _servers[key]


def stop() -> None:
    """Stop all servers of this process."""
    with _lock:
        for key in [key for key in _servers if key[0] == os.getpid()]:
            _servers.pop(key).stop()
