"""Measure tensors on their device and copy all results to the host at once.

On a GPU, one launch of a Triton kernel (`triton_kernels`) measures all tensors of a dtype. Where Triton does not work
(Apple and Intel devices, old GPUs, Windows), torch operations measure many tensors at a time (`torch_kernels`).

Nothing here waits for the device: there is no `.item()` and no copy per tensor. All results are put into one buffer,
copied asynchronously, and read once it has arrived.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from netscope.analyse.bins import N_BINS, Histograms
from netscope.analyse.measure import Measured
from netscope.record import guard
from netscope.record.stacklevel import depth_of_caller
from netscope.record.watch import torch_kernels
from netscope.record.watch.transfer import HostTransfer, upload

if TYPE_CHECKING:
    from netscope.record.watch.triton_kernels import Partial

MADE_AT_ONCE = 64
"""Number of empty histograms to allocate together, for tensors that are measured one by one."""
_is_triton_broken = False


def warn_full() -> None:
    """Warn that not everything could be measured. The training itself may still fit into the memory."""
    warnings.warn("the device has too little free memory to measure everything that is watched", stacklevel=2)


class Batch(NamedTuple):
    """The results of tensors that were measured together."""

    first: int
    """The row of the first tensor."""
    counts: torch.Tensor
    """[tensor, bin], int32"""
    moments: torch.Tensor | Partial
    """[tensor, field of `Moments`], or the input of `triton_kernels.merge`."""


class DeviceTable:
    """The results of one measurement on one device: a row per tensor, and single numbers."""

    def __init__(self, device: torch.device, use_triton: bool | None = None) -> None:
        """`use_triton` is for tests, to use Triton for CPU tensors."""
        self.device = device
        self._use_triton = device.type == "cuda" and not _is_triton_broken if use_triton is None else use_triton
        self._batches: list[Batch] = []
        self._n = 0
        self._spare: torch.Tensor | None = None
        self._numbers: list[torch.Tensor] = []
        self._n_numbers = 0
        self._transfer: HostTransfer | None = None
        self._rows: npt.NDArray[np.int64] = np.arange(0)

    def measure(self, tensors: Sequence[torch.Tensor], before: Sequence[torch.Tensor], is_sampled: bool) -> int:
        """Measure contiguous tensors of one dtype or, with `before`, the difference of each to its earlier value.

        For large activations (`is_sampled`), the bins are computed from a sample of the values; without Triton, so are
        the mean and standard deviation.

        Returns:
            The row of the first; the others follow.
        """
        batch = self._launch(tensors, before, is_sampled) if self._use_triton else None
        if batch is None:
            batch = Batch(self._n, *torch_kernels.measure(tensors, before, is_sampled))
        self._batches.append(batch)
        self._n += len(tensors)
        return batch.first

    def _launch(
        self, tensors: Sequence[torch.Tensor], before: Sequence[torch.Tensor], is_sampled: bool
    ) -> Batch | None:
        """Measure with Triton; returns None if it fails, which disables Triton in this process."""
        if not all(type(tensor) in (torch.Tensor, torch.nn.Parameter) for tensor in tensors):
            return None  # the data pointer of other subclasses may not point to the values

        def launch() -> Batch:
            from netscope.record.watch import triton_kernels  # noqa: PLC0415  # importing Triton takes half a second

            counts = self._new_counts(len(tensors))
            return Batch(self._n, counts, triton_kernels.measure(tensors, before, counts, is_sampled))

        return guard.call_or(self._give_up_triton, launch)

    def _give_up_triton(self, reason: Exception) -> None:
        """Disable Triton: its compiler, the driver or the device failed."""
        global _is_triton_broken
        if isinstance(reason, torch.OutOfMemoryError):
            raise reason
        self._use_triton, _is_triton_broken = False, True
        if not isinstance(reason, ImportError):  # ImportError: not available on this system
            warnings.warn(
                f"watching is slower than possible: Triton does not work here ({reason!s:.300})",
                stacklevel=depth_of_caller(),
            )

    def _new_counts(self, n: int) -> torch.Tensor:
        """`n` empty histograms; for single tensors, taken from a larger allocation."""
        if n > 1:
            return torch.zeros((n, N_BINS), dtype=torch.int32, device=self.device)
        if self._spare is None or not len(self._spare):
            self._spare = torch.zeros((MADE_AT_ONCE, N_BINS), dtype=torch.int32, device=self.device)
        counts, self._spare = self._spare[:1], self._spare[1:]
        return counts

    def number(self, numbers: torch.Tensor) -> int:
        """Add one or several numbers of any dtype.

        Returns:
            The index of the first.
        """
        first = self._n_numbers
        self._numbers.append(numbers.reshape(-1))
        self._n_numbers += numbers.numel()
        return first

    def send(self, live: npt.NDArray[np.int64]) -> None:
        """Start copying the rows in `live` and all numbers to the host; nothing may be measured after this."""
        is_live = np.zeros(self._n + 1, bool)
        is_live[live] = True
        batches = [one for one in self._batches if is_live[one.first : one.first + len(one.counts)].any()]
        self._rows = np.concatenate([np.arange(0), *(one.first + np.arange(len(one.counts)) for one in batches)])
        self._batches = []
        moments = _merged([batch.moments for batch in batches])
        if moments or self._numbers:
            self._transfer = HostTransfer(moments, self._numbers, [batch.counts for batch in batches])

    def has_arrived(self) -> bool:
        """Whether `result` returns without waiting."""
        return self._transfer is None or self._transfer.has_arrived()

    def result(self) -> tuple[Measured, list[float]]:
        """All rows, as numbered by `measure`, and all single numbers; waits if necessary."""
        moments = np.full((self._n, 7), np.nan)
        if self._transfer is None:
            return Measured(moments, Histograms.of(np.zeros((self._n, N_BINS), np.uint32))), []
        numbers, counts = self._transfer.result()
        split = 7 * len(self._rows)
        moments[self._rows] = numbers[:split].reshape(-1, 7)
        found = Histograms.of(counts)
        sizes = np.zeros(self._n, np.int64)
        sizes[self._rows] = found.sizes
        return Measured(moments, Histograms(sizes, found.places, found.counts)), numbers[split:].tolist()


def _merged(several: Sequence[torch.Tensor | Partial]) -> list[torch.Tensor]:
    """All moments in order; consecutive partial results of Triton kernels are merged by one launch."""
    found: list[torch.Tensor] = []
    some: Any
    for is_tensor, some in itertools.groupby(several, lambda one: isinstance(one, torch.Tensor)):
        if is_tensor:
            found += some
        else:
            from netscope.record.watch import triton_kernels  # noqa: PLC0415  # it is loaded: the partial numbers are its

            found.append(triton_kernels.merge(list(some)))
    return found


def copies(tensors: Sequence[torch.Tensor], spare: dict[int, torch.Tensor | None]) -> dict[int, torch.Tensor]:
    """Copy many tensors, in one operation where they are alike; returns the copies by the ids of the tensors.

    Copies in `spare` (by the same ids) are reused: freshly allocated host memory causes a page fault per page.
    """
    plain = (torch.Tensor, torch.nn.Parameter)
    made: dict[int, torch.Tensor] = {}
    with torch.no_grad():
        if not all(type(tensor) in plain and tensor.layout is torch.strided for tensor in tensors):
            return {id(tensor): tensor.detach().clone() for tensor in tensors}
        for tensor in tensors:
            old = spare.pop(id(tensor), None)
            is_alike = (
                old is not None
                and old.dtype is tensor.dtype
                and old.stride() == tensor.stride()
                and old.shape == tensor.shape
                and old.device == tensor.device
            )
            made[id(tensor)] = old if is_alike and old is not None else torch.empty_like(tensor)
        if made:
            torch._foreach_copy_(list(made.values()), list(tensors))
        return made


def n_false(several: Sequence[torch.Tensor]) -> torch.Tensor:
    """The number of false elements of each boolean tensor; all must be on one device."""
    if len(several) == 1:
        return torch.logical_not(several[0]).sum().reshape(1)
    so_far = torch.cumsum(torch.logical_not(torch.cat(list(several))), 0)
    ends = np.cumsum([one.numel() for one in several]) - 1
    sums = so_far[upload(ends, several[0].device)]
    return torch.diff(sums, prepend=sums.new_zeros(1))
