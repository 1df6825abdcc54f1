"""When this process started, and its rank in distributed training."""

from __future__ import annotations

import os
import sys
from pathlib import Path

RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
"""Set by torchrun, SLURM, Open MPI and MPICH; the first one that is set counts."""


LOCAL_RANKS = ("LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID")
"""The rank within one machine."""


def started() -> float:
    """When this process started, in Unix seconds, equal to `psutil.Process().create_time()`."""
    ticks = start_ticks()
    try:
        lines = Path("/proc/stat").read_bytes().splitlines()
        boot_time = next(float(line.split()[1]) for line in lines if line.startswith(b"btime"))
    except (OSError, StopIteration):
        import psutil  # noqa: PLC0415  # takes 20 ms, not needed on Linux

        return float(psutil.Process().create_time())
    return ticks / os.sysconf("SC_CLK_TCK") + boot_time


def start_ticks() -> int:
    """When this process started, in clock ticks since boot (unaffected by clock corrections); 0 if unknown."""
    try:
        return int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def rank() -> int | None:
    """This process's global rank, or None if no launcher set one."""
    return _number(RANKS)


def local_rank() -> int | None:
    """This process's rank on its machine, or None if no launcher set one."""
    return _number(LOCAL_RANKS)


def _number(names: tuple[str, ...]) -> int | None:
    """The value of the first of these variables that is a number."""
    for name in names:
        text = os.environ.get(name, "")
        if text.isdecimal():
            return int(text)
    return None


def is_importing_main() -> bool:
    """Whether this is a spawned multiprocessing worker that is importing the main script before its work begins."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    # The flag that multiprocessing itself checks to detect a missing `if __name__ == "__main__"`.
    return multiprocessing is not None and bool(getattr(multiprocessing.current_process(), "_inheriting", False))
