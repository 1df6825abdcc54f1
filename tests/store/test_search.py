"""Searching for the next frame in damaged bytes."""

from __future__ import annotations

from zlib import crc32 as checksum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netscope.store.journal import frames
from netscope.store.journal.frames import Damage, Frame
from tests.fuzzing import examples

FRAME = frames.row(3, 7, 1.5, [0.25])
pieces = st.one_of(
    st.just(FRAME),
    st.just(FRAME[:16]),
    st.just(bytes(8)),
    st.integers(1, 12).map(lambda n: bytes(8 * n)),
    st.binary(min_size=8, max_size=8),
    st.integers(0, 2**32 - 1).map(lambda n: n.to_bytes(8, "little")),
)


def one_by_one(buffer: bytes) -> list[int]:
    """Offsets of frames, found by trying every multiple of 8."""
    found, at = [], 0
    while at + 16 <= len(buffer):
        length, crc, prefix = (int.from_bytes(buffer[at + i : at + i + 4], "little") for i in (0, 4, 8))
        body = buffer[at + 8 : at + 8 + length]
        if length >= 8 and length % 8 == 0 and len(body) == length and prefix < 0x800 and checksum(body) == crc:
            found.append(at)
            at += 8 + length
        else:
            at += 8
    return found


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(pieces, max_size=40), st.integers(0, 7), st.sampled_from([1, 3, 1 << 16]))
def test_the_search_finds_the_same_frames_as_trying_every_offset(parts: list[bytes], odd: int, at_once: int) -> None:
    buffer = b"".join(parts) + bytes(odd)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "SEARCHED_AT_ONCE", at_once)
        found = [item.start for item in frames.scan(buffer) if isinstance(item, Frame)]
    assert found == one_by_one(buffer)


def test_megabytes_of_arbitrary_bytes_cost_few_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    junk = np.random.default_rng(0).bytes(8 << 20)
    summed: list[int] = []

    def crc32(part: memoryview) -> int:
        summed.append(len(part))
        return checksum(part)

    monkeypatch.setattr("netscope.store.journal.frames.zlib.crc32", crc32)
    assert list(frames.scan(junk)) == []
    assert sum(summed) < len(junk)


@pytest.mark.parametrize("gap", [bytes(1 << 20), np.random.default_rng(1).bytes(1 << 20)], ids=["zeros", "junk"])
def test_a_frame_after_a_megabyte_of_damage_is_found(gap: bytes) -> None:
    first, damage, last = frames.scan(FRAME + gap + FRAME)
    assert isinstance(first, Frame) and isinstance(last, Frame)
    assert damage == Damage(len(FRAME), len(FRAME) + len(gap))
