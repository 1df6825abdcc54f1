"""Measure tensors where they lie and bring all results over in one copy.

On a GPU one launch of a Triton kernel (`watch_triton`) measures all tensors of a dtype. Where Triton does not work
(Apple's and Intel's devices, old GPUs, Windows), torch operations measure many tensors at a time (`watch_batched`).

Nothing here waits for the device: no `.item()`, no copy to the host for a tensor. All results become one buffer, copied
when the device gets to it, and read when it has arrived.
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
from netscope.record import beside
from netscope.record.stacklevel import depth_of_caller
from netscope.record.watch import torch_kernels
from netscope.record.watch.transfer import Parcel, upload

if TYPE_CHECKING:
    from netscope.record.watch.triton_kernels import Partial

MADE_AT_ONCE = 64
"""Empty histograms, for tensors that come one by one."""
_is_triton_broken = False


def warn_full() -> None:
    """Say, once, that not everything could be measured. The training fits, if barely: it goes on."""
    warnings.warn("the device has no memory left to measure everything that is watched", stacklevel=2)


class Batch(NamedTuple):
    """What was found of tensors that were measured together."""

    first: int
    """Row of the first of them."""
    counts: torch.Tensor
    """[tensor, bin], int32"""
    moments: torch.Tensor | Partial
    """[tensor, field of `Moments`], or what `watch_triton.merge` makes them of."""


class DeviceTable:
    """All that one measurement finds on one device: a row for each tensor, and single numbers."""

    def __init__(self, device: torch.device, use_triton: bool | None = None) -> None:
        """`use_triton` is for tests: whether to use it for tensors of the CPU."""
        self.device = device
        self._use_triton = device.type == "cuda" and not _is_triton_broken if use_triton is None else use_triton
        self._batches: list[Batch] = []
        self._n = 0
        self._spare: torch.Tensor | None = None
        self._numbers: list[torch.Tensor] = []
        self._n_numbers = 0
        self._parcel: Parcel | None = None
        self._rows: npt.NDArray[np.int64] = np.arange(0)

    def measure(self, tensors: Sequence[torch.Tensor], before: Sequence[torch.Tensor], is_sampled: bool) -> int:
        """Measure contiguous tensors of one dtype, or, where there is a `before` of each, what changed since.

        Of large activations (`is_sampled`) the bins are of a part of the values; without Triton, so are mean and
        deviation.

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
        """By Triton; None where it fails, which ends its use in this process."""
        if not all(type(tensor) in (torch.Tensor, torch.nn.Parameter) for tensor in tensors):
            return None  # of a subclass nobody knows where its values are

        def launch() -> Batch:
            from netscope.record.watch import triton_kernels  # noqa: PLC0415  # importing Triton takes half a second

            counts = self._new_counts(len(tensors))
            return Batch(self._n, counts, triton_kernels.measure(tensors, before, counts, is_sampled))

        return beside.call_or(self._give_up_triton, launch)

    def _give_up_triton(self, reason: Exception) -> None:
        """A compiler, a driver and a device are in it, and each may fail; the training goes on without Triton."""
        global _is_triton_broken
        if isinstance(reason, torch.OutOfMemoryError):
            raise reason
        self._use_triton, _is_triton_broken = False, True
        if not isinstance(reason, ImportError):  # else there is none on this system
            warnings.warn(
                f"watching is slower than it could be: Triton does not work here ({reason!s:.300})",
                stacklevel=depth_of_caller(),
            )

    def _new_counts(self, n: int) -> torch.Tensor:
        """Empty histograms; for tensors that come one by one, many are made at once."""
        if n > 1:
            return torch.zeros((n, N_BINS), dtype=torch.int32, device=self.device)
        if self._spare is None or not len(self._spare):
            self._spare = torch.zeros((MADE_AT_ONCE, N_BINS), dtype=torch.int32, device=self.device)
        counts, self._spare = self._spare[:1], self._spare[1:]
        return counts

    def number(self, numbers: torch.Tensor) -> int:
        """Take a single number, or several in a row, of any dtype.

        Returns:
            The place of the first.
        """
        first = self._n_numbers
        self._numbers.append(numbers.reshape(-1))
        self._n_numbers += numbers.numel()
        return first

    def send(self, live: npt.NDArray[np.int64]) -> None:
        """Start the copy of the rows in `live` and of all numbers to the host; nothing is measured after this."""
        is_live = np.zeros(self._n + 1, bool)
        is_live[live] = True
        batches = [one for one in self._batches if is_live[one.first : one.first + len(one.counts)].any()]
        self._rows = np.concatenate([np.arange(0), *(one.first + np.arange(len(one.counts)) for one in batches)])
        self._batches = []
        moments = _merged([batch.moments for batch in batches])
        if moments or self._numbers:
            self._parcel = Parcel(moments, self._numbers, [batch.counts for batch in batches])

    def is_here(self) -> bool:
        """Whether `open` would not wait long."""
        return self._parcel is None or self._parcel.is_here()

    def open(self) -> tuple[Measured, list[float]]:
        """What was found, in rows as `measure` gave them, and all single numbers; waits if need be."""
        moments = np.full((self._n, 7), np.nan)
        if self._parcel is None:
            return Measured(moments, Histograms.of(np.zeros((self._n, N_BINS), np.uint32))), []
        numbers, counts = self._parcel.open()
        split = 7 * len(self._rows)
        moments[self._rows] = numbers[:split].reshape(-1, 7)
        found = Histograms.of(counts)
        sizes = np.zeros(self._n, np.int64)
        sizes[self._rows] = found.sizes
        return Measured(moments, Histograms(sizes, found.places, found.counts)), numbers[split:].tolist()


def _merged(several: Sequence[torch.Tensor | Partial]) -> list[torch.Tensor]:
    """All moments in order; those of kernels are merged by one launch."""
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
    """Copies of many tensors by their ids, all in one operation where they are alike.

    Copies that are not needed any longer (`spare`, by the same ids) are taken and overwritten: a host's memory that is
    given back at every step comes back page by page.
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
    """How many elements of each tensor of booleans are false; all are on one device."""
    if len(several) == 1:
        return torch.logical_not(several[0]).sum().reshape(1)
    so_far = torch.cumsum(torch.logical_not(torch.cat(list(several))), 0)
    ends = np.cumsum([one.numel() for one in several]) - 1
    sums = so_far[upload(ends, several[0].device)]
    return torch.diff(sums, prepend=sums.new_zeros(1))
