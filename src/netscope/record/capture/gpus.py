"""Names and metrics of NVIDIA GPUs, through nvidia-ml-py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MB = 1 << 20
DEVICES = [Path("/dev/nvidiactl"), Path("/dev/dxg")]
"""One of these exists if Linux has the NVIDIA driver; the second is that of WSL."""


class Gpus:
    """The NVIDIA GPUs; none if the driver or nvidia-ml-py is missing."""

    def __init__(self) -> None:
        """Find the GPUs."""
        self._nvml: Any = None
        self._handles: list[Any] = []
        if sys.platform == "linux" and not any(device.exists() for device in DEVICES):
            return  # importing pynvml to find out would take 20 ms
        try:
            import pynvml  # noqa: PLC0415  # optional
        except ImportError:
            return
        try:
            pynvml.nvmlInit()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError:
            return
        self._nvml = pynvml

    def names(self) -> list[str]:
        """The names of the GPUs."""
        names = [self._nvml.nvmlDeviceGetName(handle) for handle in self._handles] if self._nvml else []
        return [name.decode() if isinstance(name, bytes) else str(name) for name in names]

    def sample(self) -> dict[str, float]:
        """The metrics that each GPU supports, by key."""
        found: dict[str, float] = {}
        if self._nvml is None:
            return found
        nvml: Any = self._nvml
        for i, handle in enumerate(self._handles):
            asked: dict[str, Callable[[Any], float]] = {
                "percent": lambda gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
                "memory_mb": lambda gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).used / MB,
                "memory_percent": lambda gpu: 100 * (had := nvml.nvmlDeviceGetMemoryInfo(gpu)).used / had.total,
                "temperature_c": lambda gpu: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU),
                "power_w": lambda gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000,
            }
            for key, ask in asked.items():
                try:
                    found[f"gpu.{i}/{key}"] = float(ask(handle))
                except nvml.NVMLError:
                    continue  # not supported by this model
        return found
