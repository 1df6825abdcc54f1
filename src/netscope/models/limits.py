"""How much time and memory the reading of a file may take, in a process of its own.

A hostile file of a few bytes can ask for any amount of both. Where the system has such limits (Linux, in part macOS),
the kernel enforces them; pages of a mapped file do not count, so a file of 10 GB needs no more than its header does.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import NamedTuple

from netscope.models.stored import size_of

if sys.platform != "win32":
    import resource

LEAST_CPU_S = 20
MOST_CPU_S = 280
BYTES_PER_CPU_S = 2 << 20
LEAST_DATA_BYTES = 1 << 30
MOST_DATA_BYTES = 16 << 30
DATA_BYTES_PER_BYTE = 16  # a graph as Python objects takes about ten times its bytes in a file


class Limits(NamedTuple):
    """What one process may use."""

    cpu_s: int
    data_bytes: int
    """Of memory that belongs to the process alone."""

    def __str__(self) -> str:
        """Both, for a message."""
        return f"{self.cpu_s} s of processor time and {self.data_bytes / 2**30:.3g} GiB of memory"


def limits_of(path: Path, least_cpu_s: int = LEAST_CPU_S) -> Limits:
    """What reading a file may use: more for a larger one.

    Args:
        path: The file.
        least_cpu_s: Processor time for a small one.

    >>> limits_of(Path("no such file"))
    Limits(cpu_s=20, data_bytes=1073741824)
    """
    size = size_of(path)
    size = int(size) if size == size else 0
    return Limits(
        min(MOST_CPU_S, least_cpu_s + size // BYTES_PER_CPU_S),
        min(MOST_DATA_BYTES, LEAST_DATA_BYTES + DATA_BYTES_PER_BYTE * size),
    )


def limit(limits: Limits, pid: int = 0) -> None:
    """Limit a process, as far as the system can.

    Args:
        limits: What it may use.
        pid: A child of this process (Linux only); 0 is this process.
    """
    if sys.platform == "win32" or (pid and sys.platform != "linux"):
        return
    for kind, most in ((resource.RLIMIT_CPU, limits.cpu_s), (resource.RLIMIT_DATA, limits.data_bytes)):
        with contextlib.suppress(OSError, ValueError):  # the process has ended, or is limited further by its system
            if sys.platform == "linux":
                resource.prlimit(pid, kind, (most, resource.prlimit(pid, kind)[1]))
            else:
                resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
