"""`import netscope` is light: it loads no framework, no server, no compiler and no database."""

import subprocess
import sys

HEAVY = {"torch", "starlette", "uvicorn", "numba", "sqlalchemy", "pandas", "matplotlib", "pyarrow", "keras", "cyclopts"}


def test_import_netscope_loads_nothing_heavy() -> None:
    code = "import sys, netscope; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "netscope" in loaded
    assert HEAVY.isdisjoint(loaded)
