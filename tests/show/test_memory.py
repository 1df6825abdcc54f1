"""Returning memory to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
import psutil
from netscope.show.memory import give_back, share_arenas
share_arenas()
small = [bytes(2000) for _ in range(50_000)]
keep = bytes(2000)  # above them on the heap
held = psutil.Process().memory_info().rss
del small
before = psutil.Process().memory_info().rss
give_back()
after = psutil.Process().memory_info().rss
print(held - after)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is of Linux")
def test_free_memory_is_returned_to_the_system():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=100, check=True)
    assert int(done.stdout) > 50 << 20
