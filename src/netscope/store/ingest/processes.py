"""Whether a process of this machine still exists."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

START_TOLERANCE_S = 2.0  # start times come from ticks since boot, and the wall clock may have been corrected since


def exists(pid: int, started: float, ticks: int) -> bool | None:
    """Whether the process with this id and start time still exists; a stopped process does, a zombie does not.

    Args:
        pid: In our PID namespace.
        started: Its start time in Unix seconds; 0: unknown.
        ticks: Its start time in clock ticks since boot; 0: unknown.

    Returns:
        None if a process has this id but its start time is unavailable (`hidepid`, or another namespace's /proc).
    """
    if not psutil.pid_exists(pid):
        return False
    if os.path.isdir("/proc/self"):
        try:
            if os.readlink("/proc/self") != str(os.getpid()):
                return None
            state, began = _stat(pid)
        except (OSError, ValueError, IndexError):
            return None if psutil.pid_exists(pid) else False
        if state in "ZX":
            return False
        if ticks and ticks == began:
            return True
    return _is_of(pid, started)


def has_open(pid: int, path: str) -> bool | None:
    """Whether a process has a file open; None if that is unavailable."""
    try:
        wanted = os.stat(path)
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return None
    for descriptor in descriptors:
        try:
            if os.path.samestat(os.stat(f"/proc/{pid}/fd/{descriptor}"), wanted):
                return True
        except OSError:
            continue  # closed in the meantime
    return False


def _stat(pid: int) -> tuple[str, int]:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _is_of(pid: int, started: float) -> bool | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return not started or abs(process.create_time() - started) < START_TOLERANCE_S
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return None
