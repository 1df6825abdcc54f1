"""Tensors of PyTorch as arrays, and what its operations raise."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch

ERRORS = (
    RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError, ArithmeticError, OSError,
)  # fmt: skip
"""What an operation, or loading a file, may raise because of the file or the input."""


def array_of(tensor: torch.Tensor) -> npt.NDArray[Any] | None:
    """A tensor as an array; bfloat16 and 8-bit floats become float32; None for sparse and nested tensors."""
    if tensor.is_meta or tensor.is_nested or tensor.layout is not torch.strided:
        return None
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    plain = tensor.detach().resolve_conj().resolve_neg().cpu()
    if plain.dtype.is_floating_point and plain.dtype not in (torch.float16, torch.float32, torch.float64):
        plain = plain.float()
    return plain.numpy()


def reason_of(error: Exception) -> str:
    """The first line that an error says, without C++ stack traces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (
        lines[-1 if lines and lines[0].startswith("The following operation failed") else 0][:500]
        if lines
        else type(error).__name__
    )
