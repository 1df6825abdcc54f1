"""Record system metrics every few seconds: processor, memory, disk, network and NVIDIA GPUs.

In a container, percentages refer to the container's memory limit and CPUs. If several processes write a run, one
process per machine records the machine's metrics as "cpu/percent@host", and each process records its own metrics as
"process/threads@rank 1".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import psutil

from netscope.record import guard
from netscope.record.capture.container import Container, cpus
from netscope.record.capture.gpus import MB, Gpus

if TYPE_CHECKING:
    from netscope.record.session import Session

EVERY_S = 3.5  # that is, at every second beat
FIRST_S = 0.1  # the interval that the first sample covers
HIDDEN = (psutil.Error, OSError, NotImplementedError)
"""Raised by psutil in sandboxes that hide system information; those metrics are left out without a warning."""


class System:
    """Samples the metrics of this machine and process."""

    def __init__(self, container: Container | None = None, *, is_of_machine: bool = True) -> None:
        """Take the first sample; without `is_of_machine`, of this process only."""
        self._container = container or Container()
        self._parts: dict[str, Callable[[float], dict[str, float]]] = {
            "processor": self._processor, "memory": self._memory, "process": self._process, "disk": self._disk,
            "network": self._network, "GPUs": self._gpus,
        }  # fmt: skip
        if not is_of_machine:
            self._parts = {"process": self._process}
        self._own: psutil.Process | None = None
        self._nvidia: Gpus | None = None
        self._before: dict[str, float] = {}
        self._at = time.monotonic()
        self.sample()

    def sample(self) -> dict[str, float]:
        """The metrics by key. Disk and network metrics are in MB per second since the last sample."""
        now = time.monotonic()
        seconds, self._at = max(now - self._at, 1e-3), now
        found: dict[str, float] = {}
        for name, part in self._parts.items():
            found |= guard.attempt(f"sampling the {name}", lambda part=part: _sample(part, seconds), {})  # type: ignore[misc]
        return found

    def _processor(self, seconds: float) -> dict[str, float]:
        mine = cpus()
        quota = self._container.cpu_limit()
        if quota is not None and quota < len(mine):
            total = self._container.cpu_seconds()
            used = None if total is None else self._per_second("cpu", total, seconds)
            return {} if used is None else {"cpu/percent": min(100.0, 100 * used / quota)}
        each = psutil.cpu_percent(percpu=True)
        allowed = [each[cpu] for cpu in mine if cpu < len(each)] or each
        return {"cpu/percent": sum(allowed) / len(allowed)}

    def _memory(self, seconds: float) -> dict[str, float]:
        whole = psutil.virtual_memory()
        limit = self._container.memory(whole.total)
        found = {"memory/percent": whole.percent if limit is None else 100 * limit.used / limit.limit}
        swap = psutil.swap_memory()
        if swap.total:
            found["memory/swap_percent"] = swap.percent
        return found

    def _process(self, seconds: float) -> dict[str, float]:
        self._own = own = self._own or psutil.Process()
        with own.oneshot():
            return {
                "process/cpu_percent": own.cpu_percent(),
                "process/memory_mb": own.memory_info().rss / MB,
                "process/threads": own.num_threads(),
            }

    def _disk(self, seconds: float) -> dict[str, float]:
        disk = psutil.disk_io_counters()
        return self._mb_s(
            {} if disk is None else {"disk/read": disk.read_bytes, "disk/written": disk.write_bytes}, seconds
        )

    def _network(self, seconds: float) -> dict[str, float]:
        net = psutil.net_io_counters()
        return self._mb_s(
            {} if net is None else {"network/received": net.bytes_recv, "network/sent": net.bytes_sent}, seconds
        )

    def _gpus(self, seconds: float) -> dict[str, float]:
        self._nvidia = self._nvidia or Gpus()
        return self._nvidia.sample()

    def _mb_s(self, counts: dict[str, int], seconds: float) -> dict[str, float]:
        rates = {key: self._per_second(key, count, seconds) for key, count in counts.items()}
        return {f"{key}_mb_s": rate / MB for key, rate in rates.items() if rate is not None}

    def _per_second(self, key: str, count: float, seconds: float) -> float | None:
        """The growth of a counter per second since the last sample; None at the first sample."""
        before, self._before[key] = self._before.get(key), count
        return None if before is None else max(0.0, count - before) / seconds


def _sample(part: Callable[[float], dict[str, float]], seconds: float) -> dict[str, float]:
    try:
        return part(seconds)
    except HIDDEN:
        return {}


class KeySuffixes(NamedTuple):
    """Suffixes that distinguish the keys of several machines and processes in one run."""

    machine: str | None = ""
    """None if another process records this machine."""
    process: str = ""

    def apply(self, key: str) -> str:
        """The key with its suffix."""
        return key + (self.process if key.startswith("process/") else self.machine or "")


def watch(session: Session, suffixes: KeySuffixes) -> None:
    """Sample at every second beat of the run; called on its background thread.

    The step of a row is its Unix time in milliseconds, so that rows of different attempts and processes sort by time.
    """
    system = System(is_of_machine=suffixes.machine is not None)
    state = {"next": time.monotonic()}

    def beat() -> None:
        if time.monotonic() < state["next"]:
            return
        state["next"] = time.monotonic() + EVERY_S
        found = system.sample()
        if found:
            now = time.time()
            session.put_row("system", tuple(map(suffixes.apply, found)), int(1e3 * now), list(found.values()), now)

    time.sleep(FIRST_S)
    beat()  # so that even a run of one second has a sample
    session.on_beat(beat)
