"""The page inside a notebook: an iframe on a server in the kernel process, one per folder.

The frame shows an address of the kernel's machine, so kernel and browser have to be on one machine, or the port
forwarded. Below it lies a still picture, which is seen wherever the frame does not answer: in a notebook that was saved
and opened later, or converted.
"""

from __future__ import annotations

import atexit
import html
import json
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import netscope
from netscope.show.picture import picture
from netscope.show.server import Serving, serve_in_thread

HEIGHT_PX = 720
LOCAL = ("http://localhost:*", "http://127.0.0.1:*", "https://localhost:*", "https://127.0.0.1:*", "vscode-webview:")
"""Origins of notebooks on this machine."""
_SCRIPT = """
for (const output of document.querySelectorAll('[data-netscope="%(name)s"]')) {
  if (output.dataset.asked) continue;
  output.dataset.asked = "yes";
  const frame = document.createElement("iframe");
  frame.src = output.dataset.page;
  frame.title = "netscope";
  frame.allow = "fullscreen; clipboard-write";
  frame.style.cssText = "width:100%%;height:0;border:0;display:block";
  const answered = (event) => {
    if (event.source !== frame.contentWindow || event.data !== "netscope: here") return;
    window.removeEventListener("message", answered);
    output.firstElementChild.style.display = "none";
    frame.style.cssText = "width:100%%;height:%(height)dpx;border:1px solid #8884;border-radius:6px";
    const link = document.createElement("a");
    link.href = link.textContent = frame.src;
    link.target = "_blank";
    link.rel = "noopener";
    link.style.cssText = "font-size:smaller;opacity:.7";
    output.append(link);
  };
  window.addEventListener("message", answered);
  output.append(frame);
}
"""
_servers: dict[tuple[int, Path], Serving] = {}
_lock = threading.Lock()


def frame(folder: str | os.PathLike[str], run_id: str | None = None, height_px: int = HEIGHT_PX) -> str:
    """HTML that shows a folder of runs, or one run of it, in the output of a cell."""
    return _framed(server(Path(folder)), run_id, height_px)


def _framed(serving: Serving, run_id: str | None, height_px: int = HEIGHT_PX) -> str:
    url = serving.url
    if run_id is not None:
        name = quote(run_id, safe="")
        url += f"curves?run={name}#show={name}"
    still = picture(serving.store, None if run_id is None else [run_id])
    name = secrets.token_hex(4)
    script = _SCRIPT % {"name": name, "height": height_px}
    return (
        f'<div data-netscope="{name}" data-page="{html.escape(url, quote=True)}"><div>{still}</div></div>'
        f"<script>{{{script}}}</script>"
    )


def show_run(folder: Path, run_id: str, text: str) -> Callable[[], None]:
    """Put a run that is being recorded into the output of this cell; call what comes back when it has ended.

    The picture is then made again: the one of the beginning has no curves yet. Where the server was stopped meanwhile,
    as it is when the kernel ends, the picture is all there is. A terminal shows the text only.
    """
    from IPython import get_ipython  # noqa: PLC0415  (who displays something has it)
    from IPython.display import display  # noqa: PLC0415

    if not hasattr(get_ipython(), "kernel"):
        display({"text/plain": text}, raw=True)
        return lambda: None

    def output(page: str) -> dict[str, Any]:
        return {"text/html": page, "text/plain": text}

    def show_end() -> None:
        serving = _servers.get(_key(folder))
        handle.update(output(_framed(serving, run_id) if serving else _still(folder, run_id)), raw=True)

    handle = display(output(frame(folder, run_id)), raw=True, display_id=True)
    return show_end


def _still(folder: Path, run_id: str) -> str:
    with netscope.open(folder) as store:
        return picture(store, [run_id])


def server(folder: Path) -> Serving:
    """The server of a folder in this process; started by the first who asks."""
    key = _key(folder)
    with _lock:
        if key not in _servers:
            if not any(pid == key[0] for pid, _ in _servers):
                atexit.register(stop)
            _servers[key] = serve_in_thread(key[1], framed_by=(*LOCAL, *notebook_origins()))
        return _servers[key]


def _key(folder: Path) -> tuple[int, Path]:
    return os.getpid(), folder.resolve()  # a forked child has the parent's table but not its threads


def notebook_origins() -> list[str]:
    """The address of the Jupyter server that started this kernel, where it says so in its runtime folder."""
    try:
        from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415  (a kernel of Jupyter has it)

        runtime = Path(jupyter_runtime_dir())
        found = json.loads((runtime / f"jpserver-{os.environ['JPY_PARENT_PID']}.json").read_text("utf-8"))
        parts = urlsplit(found["url"])
    except (ImportError, KeyError, OSError, TypeError, ValueError):
        return []
    return [f"{parts.scheme}://{parts.netloc}"] if parts.scheme in ("http", "https") and parts.netloc else []


def stop() -> None:
    """Stop all servers of this process."""
    with _lock:
        for key in [key for key in _servers if key[0] == os.getpid()]:
            _servers.pop(key).stop()
