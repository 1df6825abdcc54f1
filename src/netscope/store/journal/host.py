"""Identity of this machine, its boot and its PID namespace; names of journals. Imports little: `record` needs it."""

from __future__ import annotations

import functools
import os
import platform
import re
import secrets
from pathlib import Path


@functools.cache
def host() -> str:
    """The machine's name."""
    return platform.node() or "unknown"


@functools.cache
def boot() -> str:
    """Identity of the machine's boot: process ids are only comparable within one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        import psutil  # noqa: PLC0415  # takes 20 ms, and Linux does not need it

        return str(int(psutil.boot_time()))


def pid_namespace() -> int:
    """Identity of this process's PID namespace, as containers have their own; 0 if the system has none."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def journal_name(attempt: int) -> str:
    """A new name for a journal of this process: attempt, host, process id, 4 random characters."""
    return f"{attempt}-{_short()}-{os.getpid()}-{secrets.token_hex(2)}.journal"


def has_journals(folder: Path) -> bool:
    """Whether any process has written to the run in `folder`."""
    return any(not path.name.startswith("0-") for path in folder.glob("*.journal"))


def has_written(folder: Path) -> bool:
    """Whether a process of this machine has written to the run in `folder`."""
    return any(not path.name.startswith("0-") for path in folder.glob(f"*-{_short()}-*.journal"))


def _short() -> str:
    """The machine's name, made safe for file names."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", host())[:40].strip("-.") or "host"
