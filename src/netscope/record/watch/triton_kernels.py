"""Measure all tensors of a dtype in one launch: one program per block of values, with moments and bins in registers.

The 2,048 bins of FORMAT.md are too many to count quickly: every value would cost an atomic, or every thread 64
registers. But the values of a block lie within a few octaves. So each block counts in a *window* of `HALF` bins below
its largest magnitude, for each sign; zeros, infinities and NaN are counted separately. The few values below the window
(one in 10,000 of a normal distribution lies 15 octaves below the largest) cost an atomic each. The counts are exact for
all values; only the time depends on them.

Each block stores its moments in float64; `merge` combines them per tensor, by Chan's formula.

The kernels run on a CPU under Triton's interpreter (`TRITON_INTERPRET=1`), where tests compare them with NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import triton
import triton.language as tl

from netscope.analyse.bins import N_BINS
from netscope.record.watch.transfer import upload


class Variant(NamedTuple):
    """Tuning parameters of the kernel; `benchmarks/watch_gpu.py --variants` compares them."""

    block: int = 2048
    """Values per program, at most 16,384, because two counts of a block are packed into 32 bits. Smaller blocks need
    fewer registers per thread, so that more programs run concurrently."""
    warps: int = 4
    half: int = 64
    """Slots of the window for each sign, including one for zeros and one for values outside."""
    every: int = 8
    """For large activations, one value in `every` is counted in the bins."""


VARIANT = Variant()
FIELDS = 7
_DTYPES = {
    torch.float32: tl.float32,
    torch.float64: tl.float64,
    torch.float16: tl.float16,
    torch.bfloat16: tl.bfloat16,
}


class Partial(NamedTuple):
    """Moments of the blocks of several tensors."""

    blocks: torch.Tensor
    """[block, field of `Moments`], float64"""
    n_blocks: npt.NDArray[np.int64]
    """Of each tensor."""


def measure(
    tensors: Sequence[torch.Tensor],
    before: Sequence[torch.Tensor],
    counts: torch.Tensor,
    is_sampled: bool,
    variant: Variant | None = None,
) -> Partial:
    """Start measuring contiguous tensors of one dtype and device, without waiting.

    Args:
        tensors: Non-empty tensors.
        before: Empty, or an earlier value of each tensor: then the difference is measured.
        counts: [tensor, bin], int32; the bins are added to it.
        is_sampled: Whether to count only one value in `Variant.every`, with that weight.
        variant: For benchmarks.
    """
    variant = variant or VARIANT
    device = tensors[0].device
    n_blocks = np.array([-(-tensor.numel() // variant.block) for tensor in tensors], np.int64)
    is_one = len(tensors) == 1 and not before
    if is_one:  # as for each activation: no table has to be sent
        given, size, is_aligned = tensors[0], tensors[0].numel(), tensors[0].data_ptr() % 16 == 0
    else:
        given, is_aligned = _table(tensors, before or tensors, n_blocks)
        size = len(tensors)
    blocks = torch.empty((int(n_blocks.sum()), FIELDS), dtype=torch.float64, device=device)
    with _on(device):
        _measure[(len(blocks),)](
            given,
            size,
            blocks,
            counts,
            DTYPE=_DTYPES[tensors[0].dtype],
            IS_ONE=is_one,
            IS_DOUBLE=tensors[0].dtype == torch.float64,
            IS_DIFFERENCE=bool(before),
            IS_ALIGNED=is_aligned,
            BLOCK=variant.block,
            HALF=variant.half,
            EVERY=variant.every if is_sampled else 1,
            N_BINS=N_BINS,
            num_warps=variant.warps,
        )
    return Partial(blocks, n_blocks)


def _table(
    tensors: Sequence[torch.Tensor], before: Sequence[torch.Tensor], n_blocks: npt.NDArray[np.int64]
) -> tuple[torch.Tensor, bool]:
    """The kernel's table of tensors, on the device, and whether all tensors are aligned to 16 bytes."""
    table = np.array(
        [
            [tensor.data_ptr() for tensor in tensors],
            [tensor.data_ptr() for tensor in before],
            [tensor.numel() for tensor in tensors],
        ],
        np.int64,
    )
    first_blocks = np.cumsum(n_blocks) - n_blocks
    owners = np.repeat(np.arange(len(tensors)), n_blocks)
    sent = upload(np.concatenate([table.ravel(), first_blocks, owners]), tensors[0].device)
    return sent, bool((table[:2] % 16 == 0).all())


def merge(partial: Sequence[Partial]) -> torch.Tensor:
    """Combine the moments of blocks to moments [tensor, field]."""
    device = partial[0].blocks.device
    n_blocks = np.concatenate([one.n_blocks for one in partial])
    addresses = np.concatenate(
        [one.blocks.data_ptr() + 8 * FIELDS * (np.cumsum(one.n_blocks) - one.n_blocks) for one in partial]
    )
    found = torch.empty((len(n_blocks), FIELDS), dtype=torch.float64, device=device)
    table = upload(np.concatenate([addresses, n_blocks]), device)
    with _on(device):
        _merge[(len(n_blocks),)](table, len(n_blocks), found, AT_ONCE=512)
    return found


def _on(device: torch.device) -> Any:
    return torch.cuda.device(device if device.type == "cuda" else -1)


@triton.jit
def _load(pointer, start, size, IS_ALIGNED: tl.constexpr, BLOCK: tl.constexpr):
    """Load a block of values, padded with zeros."""
    lane = tl.arange(0, BLOCK)
    pointers = pointer + (start + lane)
    if IS_ALIGNED:
        pointers = tl.multiple_of(pointers, 16)  # bytes
    # A thread loads 16 bytes at once only without a mask.
    if start + BLOCK <= size:
        values = tl.load(pointers)
    else:
        values = tl.load(pointers, mask=lane < size - start, other=0.0)
    return values


@triton.jit
def _size_of(bits):
    """The bits of a float32 without its sign, which order by magnitude."""
    return bits & 0x7FFFFFFF


@triton.jit(do_not_specialize=["n_given"])
def _measure(
    given,  # the tensor (IS_ONE), or a table: [address, what was before, size, first block][tensor], [tensor][block]
    n_given,  # values, or tensors
    blocks,
    counts,
    DTYPE: tl.constexpr,
    IS_ONE: tl.constexpr,
    IS_DOUBLE: tl.constexpr,
    IS_DIFFERENCE: tl.constexpr,
    IS_ALIGNED: tl.constexpr,
    BLOCK: tl.constexpr,
    HALF: tl.constexpr,
    EVERY: tl.constexpr,
    N_BINS: tl.constexpr,
):
    block = tl.program_id(0)
    if IS_ONE:
        size = n_given.to(tl.int64)
        start = block.to(tl.int64) * BLOCK
        own = counts
        values = _load(given, start, size, IS_ALIGNED, BLOCK)
    else:
        tensor = tl.load(given + 4 * n_given + block)
        size = tl.load(given + 2 * n_given + tensor)
        start = (block - tl.load(given + 3 * n_given + tensor)) * BLOCK
        own = counts + tensor * N_BINS
        values = _load(tl.load(given + tensor).to(tl.pointer_type(DTYPE)), start, size, IS_ALIGNED, BLOCK)
    if IS_DIFFERENCE:
        address = tl.load(given + n_given + tensor)
        before = _load(address.to(tl.pointer_type(DTYPE)), start, size, IS_ALIGNED, BLOCK)
        if IS_DOUBLE:
            values = values - before
        else:
            values = (values.to(tl.float32) - before.to(tl.float32)).to(DTYPE)
    single = values.to(tl.float32)
    bits = single.to(tl.int32, bitcast=True)
    n = tl.minimum(size - start, BLOCK).to(tl.int32)
    is_there = tl.arange(0, BLOCK) < n

    # Moments. If squares may be out of range, values are scaled by a power of two, which is exact.
    wide = values.to(tl.float64)
    if IS_DOUBLE:
        is_finite = is_there & (tl.abs(wide) < float("inf"))
        low = tl.min(tl.where(is_finite, wide, float("inf")), 0)
        high = tl.max(tl.where(is_finite, wide, -float("inf")), 0)
        is_zero = is_there & (wide == 0)
        scale = _scale(low, high)
    else:
        is_finite = is_there & (_size_of(bits) < 0x7F800000)
        low = tl.min(tl.where(is_finite, single, float("inf")), 0).to(tl.float64)
        high = tl.max(tl.where(is_finite, single, -float("inf")), 0).to(tl.float64)
        is_zero = is_there & (_size_of(bits) == 0)
        scale = 1.0
    wide = tl.where(is_finite, wide * scale, 0.0)
    packed = tl.sum(is_finite.to(tl.int32) + (is_zero.to(tl.int32) << 16), 0)
    n_finite = packed & 0xFFFF
    n_zero = packed >> 16
    divisor = tl.maximum(n_finite, 1).to(tl.float64)
    mean = tl.sum(wide, 0) / divisor
    apart = tl.where(is_finite, wide - mean, 0.0)
    std = tl.sqrt(tl.sum(apart * apart, 0) / divisor)
    row = blocks + block.to(tl.int64) * 7
    tl.store(row, n.to(tl.float64))
    tl.store(row + 1, n_zero.to(tl.float64))
    tl.store(row + 2, (n - n_finite).to(tl.float64))
    tl.store(row + 3, mean / scale)
    tl.store(row + 4, std / scale)
    tl.store(row + 5, low)
    tl.store(row + 6, high)

    # Bins. Infinities and NaN are counted among all values, finite values only one in `EVERY`.
    is_odd = is_there & (_size_of(bits) >= 0x7F800000)
    n_odd = n - n_finite
    if IS_DOUBLE:
        n_odd = tl.sum(is_odd.to(tl.int32), 0)
    if n_odd > 0:
        # Bins 1020 to 1023 and, with the sign, 2044 to 2047.
        odd = tl.histogram(tl.where(is_odd, ((bits >> 21) & 3) + tl.where(bits < 0, 4, 0), 63), 64)
        number = tl.arange(0, 64)
        target = own + 1020 + (number & 3) + (number >> 2) * (N_BINS // 2)
        tl.atomic_add(target, odd, mask=(number < 8) & (odd > 0), sem="relaxed")
    bits = tl.where(is_there, bits, 0x7FFFFFFF)
    if EVERY > 1:
        # One of each group of neighbours, at varying positions: a fixed stride could see the same columns only.
        group = tl.arange(0, BLOCK // EVERY)
        picked = (group * 5 + (group >> 5) + block * 3) & (EVERY - 1)
        is_picked = tl.arange(0, EVERY)[None, :] == picked[:, None]
        bits = tl.sum(tl.where(is_picked, tl.reshape(bits, (BLOCK // EVERY, EVERY)), 0), 1)
    # The last slot of each sign is for zeros; the one before is for values below the window or already counted.
    is_nonzero = (_size_of(bits) < 0x7F800000) & (_size_of(bits) != 0)
    magnitude = _size_of(bits) >> 21
    top = tl.max(tl.where(is_nonzero, magnitude, 0), 0)
    is_inside = is_nonzero & (top - magnitude < HALF - 2)
    slot = tl.where(is_inside, top - magnitude, tl.where(_size_of(bits) == 0, HALF - 1, HALF - 2))
    sign = tl.where(bits < 0, 1, 0)
    found = tl.histogram(slot + sign * HALF, 2 * HALF)
    slots = tl.arange(0, 2 * HALF)
    below = slots & (HALF - 1)
    target = own + tl.where(below == HALF - 1, 0, top - below) + tl.where(slots >= HALF, N_BINS // 2, 0)
    tl.atomic_add(target, found * EVERY, mask=(below != HALF - 2) & (found > 0), sem="relaxed")
    is_outside = is_nonzero & (top - magnitude >= HALF - 2)
    if tl.sum(is_outside.to(tl.int32), 0) > 0:
        ones = tl.full(magnitude.shape, EVERY, tl.int32)
        tl.atomic_add(own + magnitude + sign * (N_BINS // 2), ones, mask=is_outside, sem="relaxed")


@triton.jit
def _scale(low, high):
    """A power of two that scales the larger of two float64 magnitudes to about 1, limited to 2^±1000."""
    largest = tl.maximum(tl.abs(low), tl.abs(high))
    largest = tl.where(largest < float("inf"), largest, 1.0)  # infinite if there is no finite value
    exponent = (largest.to(tl.int64, bitcast=True) >> 52) - 1023
    exponent = tl.minimum(tl.maximum(exponent, -1000), 1000)
    return ((1023 - exponent) << 52).to(tl.float64, bitcast=True)


@triton.jit(do_not_specialize=["n_tensors"])
def _merge(table, n_tensors, found, AT_ONCE: tl.constexpr):
    """Combine the moments of the blocks of a tensor; one program per tensor."""
    tensor = tl.program_id(0)
    source = tl.load(table + tensor).to(tl.pointer_type(tl.float64))
    n_blocks = tl.load(table + n_tensors + tensor)
    lane = tl.arange(0, AT_ONCE)
    low = tl.full((AT_ONCE,), float("inf"), tl.float64)
    high = tl.full((AT_ONCE,), -float("inf"), tl.float64)
    n = tl.zeros((AT_ONCE,), tl.float64)
    zeros = tl.zeros((AT_ONCE,), tl.float64)
    nonfinite = tl.zeros((AT_ONCE,), tl.float64)
    start = n_blocks * 0
    while start < n_blocks:
        row = source + (start + lane) * 7
        is_there = start + lane < n_blocks
        n += tl.load(row, mask=is_there, other=0.0)
        zeros += tl.load(row + 1, mask=is_there, other=0.0)
        nonfinite += tl.load(row + 2, mask=is_there, other=0.0)
        low = tl.minimum(low, tl.load(row + 5, mask=is_there, other=float("inf")))
        high = tl.maximum(high, tl.load(row + 6, mask=is_there, other=-float("inf")))
        start += AT_ONCE
    lowest = tl.min(low, 0)
    highest = tl.max(high, 0)
    scale = _scale(lowest, highest)
    n_whole = tl.sum(n, 0)
    n_odd = tl.sum(nonfinite, 0)
    divisor = tl.maximum(n_whole - n_odd, 1.0)
    total = tl.zeros((AT_ONCE,), tl.float64)
    start = n_blocks * 0
    while start < n_blocks:
        row = source + (start + lane) * 7
        is_there = start + lane < n_blocks
        n_finite = tl.load(row, mask=is_there, other=0.0) - tl.load(row + 2, mask=is_there, other=0.0)
        total += n_finite * (tl.load(row + 3, mask=is_there, other=0.0) * scale)
        start += AT_ONCE
    mean = tl.sum(total, 0) / divisor
    squares = tl.zeros((AT_ONCE,), tl.float64)
    start = n_blocks * 0
    while start < n_blocks:
        row = source + (start + lane) * 7
        is_there = start + lane < n_blocks
        n_finite = tl.load(row, mask=is_there, other=0.0) - tl.load(row + 2, mask=is_there, other=0.0)
        apart = tl.load(row + 3, mask=is_there, other=0.0) * scale - mean
        std = tl.load(row + 4, mask=is_there, other=0.0) * scale
        squares += n_finite * (std * std + apart * apart)
        start += AT_ONCE
    std = tl.sqrt(tl.sum(squares, 0) / divisor)
    has_any = n_whole > n_odd
    row = found + tensor.to(tl.int64) * 7
    tl.store(row, n_whole)
    tl.store(row + 1, tl.sum(zeros, 0))
    tl.store(row + 2, n_odd)
    tl.store(row + 3, tl.where(has_any, mean / scale, float("nan")))
    tl.store(row + 4, tl.where(has_any, std / scale, float("nan")))
    tl.store(row + 5, lowest)
    tl.store(row + 6, highest)
