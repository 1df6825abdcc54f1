"""Who this process is: when it began, and its rank among many."""

from __future__ import annotations

import os
from pathlib import Path

RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
"""Set by torchrun, SLURM, Open MPI and MPICH; the first that is there counts."""


def started() -> float:
    """When this process began, in Unix seconds, as `psutil.Process().create_time()` says it."""
    ticks = start_ticks()
    try:
        lines = Path("/proc/stat").read_bytes().splitlines()
        boot_time = next(float(line.split()[1]) for line in lines if line.startswith(b"btime"))
    except (OSError, StopIteration):
        import psutil  # noqa: PLC0415  # 20 ms that Linux need not pay

        return float(psutil.Process().create_time())
    return ticks / os.sysconf("SC_CLK_TCK") + boot_time


def start_ticks() -> int:
    """When this process began, in clock ticks since boot, which no correction of the clock moves; 0: not told."""
    try:
        return int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def rank() -> int | None:
    """This process's place among those that train together, or None where nothing tells."""
    for name in RANKS:
        text = os.environ.get(name, "")
        if text.isdecimal():
            return int(text)
    return None
