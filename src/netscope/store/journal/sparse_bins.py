"""Encode the histograms of many keys as bytes, with only the bins that have counts. FORMAT.md, frame kind 9.

A layer's weights fill about 150 of the 2,048 bins, in two ranges far apart. Four bytes per filled bin are a seventh of
the dense range, and all keys together are packed in a few array operations.
"""

from __future__ import annotations

import numpy as np

from netscope.analyse.bins import N_BINS, Histograms

_LARGE = 65535


def encode(found: Histograms) -> bytes:
    """Histograms as bytes.

    >>> table = np.zeros((2, 2048), np.uint32)
    >>> table[1, [508, 1532]] = 3, 70_000
    >>> body = encode(Histograms.of(table))
    >>> decode(body, 2).dense().sum(axis=1).tolist()
    [0, 70003]
    """
    sizes, places, counts = found.sizes, found.places, found.counts
    return b"".join(
        (
            sizes.astype("<u2").tobytes(),
            places.astype("<u2", copy=False).tobytes(),
            np.minimum(counts, _LARGE).astype("<u2").tobytes(),
            counts[counts >= _LARGE].astype("<u4", copy=False).tobytes(),
        )
    )


def decode(body: bytes | memoryview, n_keys: int) -> Histograms:
    """The inverse of `encode`.

    Raises:
        ValueError: The body is cut short, or a bin number is out of range or not ascending.
    """
    sizes = np.frombuffer(body, "<u2", n_keys).astype(np.int64)
    n = int(sizes.sum())
    places = np.frombuffer(body, "<u2", n, 2 * n_keys).copy()
    counts = np.frombuffer(body, "<u2", n, 2 * (n_keys + n)).astype(np.uint32)
    is_large = counts == _LARGE
    counts[is_large] = np.frombuffer(body, "<u4", int(is_large.sum()), 2 * (n_keys + 2 * n))
    if n and int(places.max()) >= N_BINS:
        raise ValueError(f"bin {int(places.max())}; there are {N_BINS}")
    ascends = places[1:] > places[:-1]
    starts = np.cumsum(sizes)[:-1]
    ascends[starts[(0 < starts) & (starts < n)] - 1] = True  # where the next key begins
    if not ascends.all():
        raise ValueError("bins do not ascend")
    return Histograms(sizes, places, counts)
