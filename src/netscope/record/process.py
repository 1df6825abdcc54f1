"""Who this process is: when it began, and its rank among many."""

from __future__ import annotations

import os
import sys
from pathlib import Path

RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
"""Set by torchrun, SLURM, Open MPI and MPICH; the first that is there counts."""


LOCAL_RANKS = ("LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID")
"""The place among those of one machine."""


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
    """When this process began, in clock ticks since boot (not affected by clock corrections); 0 if unknown."""
    try:
        return int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def rank() -> int | None:
    """This process's place among those that train together, or None where nothing tells."""
    return _number(RANKS)


def local_rank() -> int | None:
    """This process's rank among those of this machine, or None if no variable says."""
    return _number(LOCAL_RANKS)


def _number(names: tuple[str, ...]) -> int | None:
    """What the first of these variables says."""
    for name in names:
        text = os.environ.get(name, "")
        if text.isdecimal():
            return int(text)
    return None


def is_importing_main() -> bool:
    """Whether this is a worker of multiprocessing, spawned, that imports the script now before its work begins."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    # What multiprocessing itself looks at to tell a script that it lacks `if __name__ == "__main__"`.
    return multiprocessing is not None and bool(getattr(multiprocessing.current_process(), "_inheriting", False))
