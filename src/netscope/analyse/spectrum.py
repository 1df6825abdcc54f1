"""The singular values of a matrix, and what they say of its rank."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Shaped


class Spectrum(NamedTuple):
    """Singular values and measures of rank; all are NaN or empty if a value is NaN or infinite."""

    values: Float64[np.ndarray, " value"]
    """Descending."""
    effective_rank: float
    """exp of the entropy of the singular values, scaled to sum to 1 (Roy & Vetterli 2007)."""
    stable_rank: float
    """Squared Frobenius norm divided by the squared largest singular value (Rudelson & Vershynin 2007)."""
    condition: float
    """Largest divided by smallest singular value; infinite if the matrix is singular in float64."""
    rows: int
    columns: int
    rank: int
    """Singular values above rounding errors, with the tolerance of `numpy.linalg.matrix_rank`."""


def spectrum(matrix: Shaped[np.ndarray, "row column"]) -> Spectrum:
    """The spectrum of a matrix of real numbers, in float64.

    >>> found = spectrum(np.diag([2.0, 2.0, 0.0]))
    >>> found.values.tolist(), round(found.effective_rank, 6), found.stable_rank, found.rank
    ([2.0, 2.0, 0.0], 2.0, 2.0, 2)
    """
    whole = matrix.astype(np.float64)
    rows, columns = matrix.shape
    if not whole.size or not np.isfinite(whole).all():
        return Spectrum(np.zeros(0), math.nan, math.nan, math.nan, rows, columns, 0)
    # By a power of two, which is exact: the squares of 1e200 would be infinite.
    exponent = math.frexp(float(np.abs(whole).max()))[1]
    values: np.ndarray = np.linalg.svd(np.ldexp(whole, -exponent), compute_uv=False)
    largest = float(values[0])
    scaled = np.ldexp(values, exponent)
    if largest == 0:
        return Spectrum(scaled, 0.0, 0.0, math.nan, rows, columns, 0)
    shares = values[values > 0] / values.sum()
    effective = math.exp(float(-(shares * np.log(shares)).sum()))
    noise = largest * max(matrix.shape) * float(np.finfo(np.float64).eps)
    rank = int((values > noise).sum())
    condition = largest / float(values[-1]) if rank == len(values) else math.inf
    stable = float((values**2).sum()) / largest**2
    return Spectrum(scaled, effective, stable, condition, rows, columns, rank)
