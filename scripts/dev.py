"""Work on netscope: a server that restarts when Python changes, and Vite with hot reload in front of it.

python scripts/dev.py [FOLDER]     Ctrl-C ends both
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src/netscope"
PORT = int(os.environ.get("NETSCOPE_PORT", "6060"))
LOOK_EVERY_S = 0.5


def server(folder: str) -> subprocess.Popen[bytes]:
    """`netscope show` in a process of its own."""
    command = [sys.executable, "-m", "netscope.cli", "show", folder, "--port", str(PORT), "--no-browser"]
    return subprocess.Popen(command)


def vite() -> subprocess.Popen[bytes]:
    """The page from its sources; what it asks of /api goes to the server."""
    command = [sys.executable, str(ROOT / "scripts/build_page.py"), "npm", "run", "dev"]
    return subprocess.Popen(command, env={**os.environ, "NETSCOPE_PORT": str(PORT)})


def changed() -> float:
    """When a Python file was last changed."""
    return max(path.stat().st_mtime for path in SOURCES.rglob("*.py"))


def main(folder: str) -> None:
    """Run both until Ctrl-C."""
    Path(folder).mkdir(exist_ok=True)
    page, running, seen = vite(), server(folder), changed()
    try:
        while page.poll() is None:
            time.sleep(LOOK_EVERY_S)
            now = changed()
            if now > seen:
                print("Python changed: the server starts again", flush=True)
                running.terminate()
                running.wait()
                running, seen = server(folder), now
    except KeyboardInterrupt:
        pass
    finally:
        for process in (page, running):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "runs")
