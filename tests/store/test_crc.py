"""Checksums of overlapping slices equal those of zlib."""

from __future__ import annotations

import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netscope.store.journal import crc, frames


@given(st.binary(max_size=400), st.data())
def test_the_checksum_of_any_slice_equals_zlib(data: bytes, draw: st.DataObject) -> None:
    n = len(data) // 8
    cuts = draw.draw(st.lists(st.tuples(st.integers(0, n), st.integers(0, n)).map(sorted)))
    pairs = np.array(cuts, np.int64).reshape(-1, 2) * 8
    found = crc.of_ranges(memoryview(data), pairs[:, 0], pairs[:, 1] - pairs[:, 0])
    assert found.tolist() == [zlib.crc32(data[start:stop]) for start, stop in pairs.tolist()]


def test_a_slice_may_be_as_long_as_the_largest_frame() -> None:
    data = memoryview(np.random.default_rng(0).bytes(frames.LARGEST_BODY + 8))
    starts, lengths = np.array([8, 0, 8]), np.array([frames.LARGEST_BODY, frames.LARGEST_BODY, 8])
    expected = [zlib.crc32(data[start : start + n]) for start, n in zip(starts.tolist(), lengths.tolist(), strict=True)]
    assert crc.of_ranges(data, starts, lengths).tolist() == expected
