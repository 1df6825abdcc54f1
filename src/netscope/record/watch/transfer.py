"""Copy numbers between the host and a device without waiting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from netscope.analyse.bins import N_BINS


def wide(device: torch.device) -> torch.dtype:
    """The widest float type of a device; Apple's MPS has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def upload(numbers: npt.NDArray[Any], device: torch.device) -> torch.Tensor:
    """Copy an array to a device without waiting."""
    tensor = torch.from_numpy(numbers)
    if device.type == "cuda":
        # Only pinned memory can be copied without waiting; torch keeps it until the copy is done.
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class HostTransfer:
    """An asynchronous copy of moments, numbers and histograms from one device to the host."""

    def __init__(
        self, moments: Sequence[torch.Tensor], numbers: Sequence[torch.Tensor], counts: Sequence[torch.Tensor]
    ) -> None:
        """Start copying tensors of any float or integer dtypes, all on one device."""
        device = (*moments, *numbers)[0].device
        self._dtype = wide(device)
        flat = torch.cat(
            [one.reshape(-1).to(self._dtype) for one in (*moments, *([torch.cat(list(numbers))] if numbers else ()))]
        )
        self._n = flat.numel()
        whole = torch.cat([flat.view(torch.int32), *(one.reshape(-1) for one in counts)])
        self._arrived: Any = None
        if device.type == "cuda":
            # Only pinned memory can be copied to without waiting.
            self._whole = torch.empty(whole.shape, dtype=whole.dtype, pin_memory=True)
            self._whole.copy_(whole, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record(torch.cuda.current_stream(device))
        else:
            self._whole = whole  # copied by `result`, on a thread that can wait

    def has_arrived(self) -> bool:
        """Whether `result` returns without waiting."""
        return self._arrived is None or bool(self._arrived.query())

    def result(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint32]]:
        """All moments and numbers in one array, and histograms [tensor, 2048]; waits if necessary."""
        if self._arrived is not None:
            self._arrived.synchronize()
        whole = self._whole.cpu().numpy()
        split = self._n * self._dtype.itemsize // 4
        numbers = whole[:split].view(np.float32 if self._dtype == torch.float32 else np.float64)
        return numbers.astype(np.float64), whole[split:].view(np.uint32).reshape(-1, N_BINS)
