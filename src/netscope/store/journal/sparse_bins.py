"""Histograms of many keys as bytes: only bins with counts, all keys at once. FORMAT.md, frame kind 9.

A layer's weights fill some 150 of the 2,048 bins, in two stretches far apart: four bytes a filled bin are a seventh of
the stretch from the first to the last, and all keys together are packed in a few array operations.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netscope.analyse.bins import N_BINS, Histograms

_LARGE = 65535


def encode(found: Histograms) -> bytes:
    """Histograms as bytes.

    >>> table = np.zeros((2, 2048), np.uint32)
    >>> table[1, [508, 1532]] = 3, 70_000
    >>> body = encode(Histograms.of(table))
    >>> [found if found is None else (found[0], int(found[1].sum())) for found in decode(body, 2)]
    [None, (508, 70003)]
    """
    return b"".join(
        (
            found.sizes.astype("<u2").tobytes(),
            found.places.astype("<u2").tobytes(),
            np.minimum(found.counts, _LARGE).astype("<u2").tobytes(),
            found.counts[found.counts >= _LARGE].astype("<u4").tobytes(),
        )
    )


def decode(body: bytes | memoryview, n_keys: int) -> list[tuple[int, npt.NDArray[np.uint32]] | None]:
    """Per key the first bin and the counts from there to the last, or None where nothing was counted.

    Raises:
        ValueError: Cut short, or a bin that there is not.
    """
    sizes = np.frombuffer(body, "<u2", n_keys)
    n = int(sizes.sum(dtype=np.int64))
    places = np.frombuffer(body, "<u2", n, 2 * n_keys)
    counts = np.frombuffer(body, "<u2", n, 2 * (n_keys + n)).astype(np.uint32)
    is_large = counts == _LARGE
    counts[is_large] = np.frombuffer(body, "<u4", int(is_large.sum()), 2 * (n_keys + 2 * n))
    if n and int(places.max()) >= N_BINS:
        raise ValueError(f"bin {int(places.max())}; there are {N_BINS}")
    found: list[tuple[int, npt.NDArray[np.uint32]] | None] = []
    end = 0
    for size in sizes.tolist():
        begin, end = end, end + size
        if not size:
            found.append(None)
            continue
        some = places[begin:end]
        first = int(some[0])
        if (np.diff(some.astype(np.int64)) <= 0).any():
            raise ValueError("bins do not ascend")
        stretch = np.zeros(int(some[-1]) - first + 1, np.uint32)
        stretch[some - first] = counts[begin:end]
        found.append((first, stretch))
    return found
