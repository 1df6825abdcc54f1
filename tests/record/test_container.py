"""Limits of a container, from control groups as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from netscope.record.capture import environment, system
from netscope.record.capture.container import Container, MemoryLimit

HOST = 64 << 30
V2 = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
V1 = """32 31 0:29 {0} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 {0} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"""


@pytest.fixture
def container(tmp_path):
    """A machine with these mounts, this process in that group, and files of control groups."""

    def make(mounts: str, group: str, **files: str) -> Container:
        proc = tmp_path / "proc"
        proc.mkdir()
        (proc / "mountinfo").write_text(mounts + "\n")
        (proc / "cgroup").write_text(group + "\n")
        for name, text in files.items():
            path = tmp_path / "sys/fs/cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return Container(proc, tmp_path)

    return make


def files(*pairs: tuple[str, str]) -> dict[str, str]:
    return dict(pairs)


def test_cgroup_v2_seen_as_the_root(container):
    found = container(
        V2, "0::/",
        **files(("memory.max", str(600 << 20)), ("memory.current", str(500 << 20)),
                ("memory.stat", f"anon 1\ninactive_file {8 << 20}"), ("cpu.max", "50000 100000"),
                ("cpu.stat", "usage_usec 2500000")),
    )  # fmt: skip
    assert found.memory(HOST) == MemoryLimit(600 << 20, 492 << 20)
    assert (found.cpu_limit(), found.cpu_seconds()) == (0.5, 2.5)


def test_the_tightest_limit_of_nested_groups_applies(container):
    found = container(
        V2, "0::/pod/app",
        **files(("pod/memory.max", str(1 << 30)), ("pod/memory.current", str(700 << 20)),
                ("pod/app/memory.max", "max"), ("pod/app/memory.current", str(200 << 20)),
                ("pod/cpu.max", "max 100000"), ("pod/app/cpu.max", "150000 100000")),
    )  # fmt: skip
    assert found.memory(HOST) == MemoryLimit(1 << 30, 700 << 20)
    assert found.cpu_limit() == 1.5


def test_max_and_limits_above_the_host_are_no_limits(container):
    found = container(V2, "0::/a", **files(("a/memory.max", str(HOST)), ("a/cpu.max", "max 100000")))
    assert found.memory(HOST) is None
    assert found.cpu_limit() is None


def test_cgroup_v1_with_the_path_of_the_host(container):
    found = container(
        V1.format("/docker/abc"), "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc",
        **files(("memory/memory.limit_in_bytes", str(600 << 20)), ("memory/memory.usage_in_bytes", str(500 << 20)),
                ("memory/memory.stat", f"inactive_file 1\ntotal_inactive_file {8 << 20}"),
                ("cpu,cpuacct/cpu.cfs_quota_us", "200000"), ("cpu,cpuacct/cpu.cfs_period_us", "100000"),
                ("cpu,cpuacct/cpuacct.usage", "3000000000")),
    )  # fmt: skip
    assert found.memory(HOST) == MemoryLimit(600 << 20, 492 << 20)
    assert (found.cpu_limit(), found.cpu_seconds()) == (2.0, 3.0)


def test_cgroup_v1_without_limits(container):
    found = container(
        V1.format("/"), "4:memory:/\n2:cpu,cpuacct:/",
        **files(("memory/memory.limit_in_bytes", "9223372036854771712"), ("cpu,cpuacct/cpu.cfs_quota_us", "-1"),
                ("cpu,cpuacct/cpu.cfs_period_us", "100000")),
    )  # fmt: skip
    assert found.memory(HOST) is None
    assert found.cpu_limit() is None


def test_an_invisible_group_falls_back_to_the_visible_root(container):
    found = container(V2, "0::/../../outside", **files(("memory.max", "1000"), ("memory.current", "10")))
    assert found.memory(HOST) == MemoryLimit(1000, 10)


def test_without_proc_and_cgroups_there_are_no_limits(tmp_path):
    found = Container(tmp_path / "none", tmp_path)
    assert found.memory(HOST) is None
    assert found.cpu_limit() is None
    assert found.cpu_seconds() is None


class Half:
    """A container with half a CPU and 600 MB, of which 492 are used."""

    seconds = 0.0

    def memory(self, host_bytes: int) -> MemoryLimit:
        return MemoryLimit(600 << 20, 492 << 20)

    def cpu_limit(self) -> float:
        return 0.5

    def cpu_seconds(self) -> float:
        return self.seconds


def test_metrics_are_relative_to_the_containers_limits(monkeypatch):
    clock = iter([0.0, 0.0, 4.0])
    monkeypatch.setattr(system.time, "monotonic", lambda: next(clock))
    half = Half()
    sampled = system.System(half)
    half.seconds = 1.0
    found = sampled.sample()
    assert found["memory/percent"] == pytest.approx(82)
    assert found["cpu/percent"] == pytest.approx(50)


def test_only_usable_cpus_count(monkeypatch):
    monkeypatch.setattr(system, "cpus", lambda: [1])
    monkeypatch.setattr(psutil, "cpu_percent", lambda percpu: [10.0, 90.0, 20.0])
    assert system.System(Container(Path("/none"))).sample()["cpu/percent"] == 90.0


def test_the_environment_says_the_limits(monkeypatch):
    monkeypatch.setattr(environment, "Container", Half)
    found = environment.capture()
    assert (found.memory_bytes, found.memory_limit_bytes) == (600 << 20, 600 << 20)
    assert (found.cpu_count, found.cpu_limit) == (1, 0.5)
