"""Resource limits of this process: its control groups (Linux, versions 1 and 2) and CPU affinity.

A container is a control group with limits. The lowest limit among a group and its ancestors applies, and usage is that
of the group with this limit.
Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HUGE = 1 << 60
"""Version 1 reports a value above this if there is no limit."""


class MemoryLimit(NamedTuple):
    """Limit and usage of the group with the lowest limit, in bytes."""

    limit: int
    used: int
    """Without the inactive page cache, which can be dropped at once."""


class ControlGroup(NamedTuple):
    """One control group of this process for one controller."""

    folder: Path
    version: int


class Container:
    """The control groups of this process."""

    def __init__(self, proc: Path = Path("/proc/self"), root: Path = Path("/")) -> None:
        """Find the groups; mount points in `proc` are relative to `root`."""
        self._groups = _groups(proc, root)

    def memory(self, host_bytes: int) -> MemoryLimit | None:
        """The memory limit, or None if there is none below the host's memory."""
        limits = [
            (limit, group)
            for group in self._upwards("memory")
            if (limit := _number(group, "memory.max", "memory.limit_in_bytes")) is not None and limit < host_bytes
        ]
        if not limits:
            return None
        limit, group = min(limits, key=lambda one: one[0])
        used = _number(group, "memory.current", "memory.usage_in_bytes") or 0
        cache = _fields(group.folder / "memory.stat").get(
            "inactive_file" if group.version == 2 else "total_inactive_file", 0
        )
        return MemoryLimit(limit, max(0, used - cache))

    def cpu_limit(self) -> float | None:
        """The CPU quota in CPUs (0.5 for half a CPU); None without a limit."""
        lowest = self._lowest_quota()
        return None if lowest is None else lowest[0]

    def cpu_seconds(self) -> float | None:
        """CPU time used by the group with the lowest quota since it was created, in seconds."""
        lowest = self._lowest_quota()
        if lowest is None:
            return None
        group = lowest[1]
        if group.version == 2:
            micro = _fields(group.folder / "cpu.stat").get("usage_usec")
            return None if micro is None else micro / 1e6
        for folder in (group.folder, *(one.folder for one in self._upwards("cpuacct"))):
            nano = _whole(folder / "cpuacct.usage")
            if nano is not None:
                return nano / 1e9
        return None

    def _lowest_quota(self) -> tuple[float, ControlGroup] | None:
        limited = [(quota, group) for group in self._upwards("cpu") if (quota := _quota(group)) is not None]
        return min(limited, key=lambda one: one[0], default=None)

    def _upwards(self, controller: str) -> Iterator[ControlGroup]:
        """The group of this process and its visible ancestors."""
        found = self._groups.get(controller) or self._groups.get("")
        if found is not None:
            top, inner, version = found
            for folder in (inner, *inner.parents):
                yield ControlGroup(folder, version)
                if folder == top:
                    return


def cpus() -> list[int]:
    """The CPUs that this process may run on: its affinity mask, which also reflects cpusets."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _groups(proc: Path, root: Path) -> dict[str, tuple[Path, Path, int]]:
    """The topmost visible folder, the group's folder and the version, by controller ("" for version 2)."""
    try:
        mounts = (proc / "mountinfo").read_text("utf-8", "surrogateescape").splitlines()
        lines = (proc / "cgroup").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return {}
    tops: dict[str, tuple[str, Path, int]] = {}
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        top = root / _unescaped(fields[4]).lstrip("/")
        names = [""] if kind[0] == "cgroup2" else kind[2].split(",")
        tops |= {name: (_unescaped(fields[3]), top, 2 if kind[0] == "cgroup2" else 1) for name in names}
    found = {}
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for name in controllers.split(","):
            if name in tops:
                mounted, top, version = tops[name]
                inner = top / os.path.relpath(path, mounted)
                # If the path is not visible, the container shows its own group at the top.
                is_seen = ".." not in inner.parts and inner.is_dir()
                found[name] = (top, inner if is_seen else top, version)
    return found


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def _quota(group: ControlGroup) -> float | None:
    if group.version == 2:
        quota, _, period = _text(group.folder / "cpu.max").partition(" ")
    else:
        quota, period = (_text(group.folder / f"cpu.cfs_{what}_us") for what in ("quota", "period"))
    if not (quota.isdecimal() and period.isdecimal() and int(quota) and int(period)):  # "max", "-1" or missing
        return None
    return int(quota) / int(period)


def _number(group: ControlGroup, second: str, first: str) -> int | None:
    """The number in the file of the group's version; None for "max", huge values and missing files."""
    number = _whole(group.folder / (second if group.version == 2 else first))
    return number if number is not None and number < HUGE else None


def _fields(path: Path) -> dict[str, int]:
    pairs = (line.split(" ") for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _whole(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
