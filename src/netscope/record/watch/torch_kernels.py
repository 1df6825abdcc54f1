"""Measure many tensors at a time with torch operations, where Triton does not work.

Tensors of similar sizes become the rows of one matrix, so that a few operations measure all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from netscope.analyse.bins import N_BINS, SHIFT
from netscope.analyse.measure import stride
from netscope.record.watch.transfer import upload, wide

CHUNK = 1 << 24
"""Number of values that are processed together, which limits the memory use."""


def measure(
    tensors: Sequence[torch.Tensor], before: Sequence[torch.Tensor], is_sampled: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute counts [tensor, bin] and moments [tensor, field].

    Tensors of similar sizes (within a power of two) are the rows of one matrix, padded to the longest.
    """
    if before:
        tensors = torch._foreach_sub(list(tensors), list(before))
    flat = [tensor.reshape(-1) for tensor in tensors]
    groups: dict[int, list[int]] = {}
    for i, values in enumerate(flat):
        groups.setdefault(max(values.numel() - 1, 0).bit_length(), []).append(i)
    order: list[int] = []
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    for size, several in groups.items():
        at_once = max(1, CHUNK >> size)
        for start in range(0, len(several), at_once):
            some = several[start : start + at_once]
            order += some
            found.append(_measure_group([flat[i] for i in some], is_sampled))
    counts, moments = torch.cat([one for one, _ in found]), torch.cat([one for _, one in found])
    if order != sorted(order):
        index = upload(np.argsort(order), counts.device)
        counts, moments = counts[index], moments[index]
    return counts, moments


def _measure_group(several: Sequence[torch.Tensor], is_sampled: bool) -> tuple[torch.Tensor, torch.Tensor]:
    sizes = [values.numel() for values in several]
    every = stride(max(sizes)) if is_sampled else 1
    if len(several) == 1:
        chunks = [_measure_rows(chunk.unsqueeze(0), None, every) for chunk in torch.split(several[0], CHUNK)]
        return sum(counts for counts, _ in chunks), _merge_rows([moments for _, moments in chunks])  # type: ignore[return-value]
    flat, device = torch.cat(list(several)), several[0].device
    if len(set(sizes)) == 1:
        return _measure_rows(flat.view(len(sizes), -1), None, every)
    lengths = upload(np.array(sizes), device)
    column = torch.arange(max(sizes), device=device)
    is_there = column < lengths[:, None]
    index = (torch.cumsum(lengths, 0) - lengths)[:, None] + column
    return _measure_rows(flat[torch.where(is_there, index, 0)], is_there, every)


def _measure_rows(values: torch.Tensor, is_there: torch.Tensor | None, every: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute counts and moments of each row of a matrix.

    Zeros, extremes and nonfinite values are counted among all values; the mean, the standard deviation and the bins of
    finite values use every `every`-th value, with that weight.
    """
    dtype, n_rows = wide(values.device), len(values)
    single = values.float()
    wanted = torch.ones_like(single, dtype=torch.bool) if is_there is None else is_there
    looked_at, weights = (single, wanted) if every == 1 else (single[:, ::every], wanted[:, ::every])
    where = (looked_at.view(torch.int32) >> SHIFT) & (N_BINS - 1)
    where = where + N_BINS * torch.arange(n_rows, device=values.device, dtype=torch.int32).unsqueeze(1)
    if every > 1:
        weights = weights & torch.isfinite(looked_at)
    counts = torch.zeros(n_rows * N_BINS, dtype=torch.int32, device=values.device)
    counts.index_add_(0, where.reshape(-1), weights.reshape(-1).to(torch.int32) * every)
    counts = counts.view(n_rows, N_BINS)
    if every > 1:  # The bins of inf, -inf and NaN (FORMAT.md).
        counts[:, 1020] += ((single == torch.inf) & wanted).sum(1)
        counts[:, 2044] += ((single == -torch.inf) & wanted).sum(1)
        counts[:, 1022] += (single.isnan() & wanted).sum(1)
    if values.dtype != torch.float64:
        values = single
    sample, is_wanted = (values, wanted) if every == 1 else (values[:, ::every], wanted[:, ::every])
    is_finite = torch.isfinite(sample) & is_wanted
    kept = torch.where(is_finite, sample, 0).to(dtype)
    n_kept = is_finite.sum(1, dtype=dtype)
    mean = kept.sum(1) / n_kept
    std = (torch.where(is_finite, kept - mean.unsqueeze(1), 0).square().sum(1) / n_kept).sqrt()
    is_finite = torch.isfinite(values) & wanted
    n = wanted.sum(1, dtype=dtype)
    low = torch.where(is_finite, values, torch.inf).amin(1).to(dtype)
    high = torch.where(is_finite, values, -torch.inf).amax(1).to(dtype)
    zeros = ((values == 0) & wanted).sum(1, dtype=dtype)
    return counts, torch.stack([n, zeros, n - is_finite.sum(1, dtype=dtype), mean, std, low, high], dim=1)


def _merge_rows(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Combine the moments of the parts of one tensor."""
    if len(parts) == 1:
        return parts[0]
    n, zeros, nonfinite, mean, std, low, high = torch.cat(list(parts)).T
    kept = n - nonfinite
    n_kept = kept.sum()
    mean, std = torch.where(kept > 0, mean, 0), torch.where(kept > 0, std, 0)
    whole = (mean * kept).sum() / n_kept
    spread = (((std.square() + (mean - whole).square()) * kept).sum() / n_kept).sqrt()
    return torch.stack([n.sum(), zeros.sum(), nonfinite.sum(), whole, spread, low.amin(), high.amax()]).unsqueeze(0)
