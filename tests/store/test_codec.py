"""Chunks round-trip bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from netscope.store.index import codec
from netscope.store.journal.points import to_ms

STEPS = st.integers(-(2**63), 2**63 - 1)


@given(st.integers(1, 300), st.data())
def test_steps_times_and_values_come_back_bit_for_bit(n: int, data: st.DataObject) -> None:
    steps = data.draw(arrays.arrays(np.int64, n, elements=STEPS))
    times = data.draw(arrays.arrays(np.float64, n, elements=st.floats()))
    width = data.draw(st.sampled_from([32, 64]))
    values = data.draw(arrays.arrays(f"f{width // 8}", n, elements=st.floats(width=width))).astype(np.float64)
    back = codec.decode(codec.encode(codec.axis(steps, times), values))
    assert np.array_equal(back.steps, steps)
    assert back.times.tobytes() == times.tobytes()
    assert back.values.astype(np.float64).tobytes() == values.tobytes()


@pytest.mark.parametrize("stride", [0, 1, -3, 127, 128, -129, 40_000, 2**33, 2**62])
def test_small_and_large_strides_round_trip(stride: int) -> None:
    steps = np.cumsum(np.array([5, stride, stride, stride + 1], np.int64))
    back = codec.decode(codec.encode(codec.axis(steps, np.zeros(4)), np.zeros(4)))
    assert back.steps.tolist() == steps.tolist()


def test_a_signalling_nan_keeps_its_bits() -> None:
    values = np.array([0x7FF0000000000001, 0x7FF8000000000000, 0x8000000000000000], np.uint64).view(np.float64)
    back = codec.decode(codec.encode(codec.axis(np.arange(3), np.zeros(3)), values))
    assert back.values.astype(np.float64).tobytes() == values.tobytes()


def test_a_noisy_float32_curve_costs_under_five_bytes_a_point() -> None:
    random = np.random.default_rng(0)
    times = to_ms(1.7e9 + np.cumsum(random.normal(0.05, 0.003, 4096)))
    values = (np.exp(-np.arange(4096) / 1000) + random.normal(0, 0.05, 4096)).astype(np.float32).astype(np.float64)
    assert len(codec.encode(codec.axis(np.arange(4096), times), values)) < 5 * 4096


@given(st.floats())
def test_times_are_rounded_only_once(time: float) -> None:
    once = to_ms(np.array([time]))
    assert to_ms(once).tobytes() == once.tobytes()


@given(arrays.arrays(np.uint32, st.integers(0, 100)))
def test_counts_round_trip(counts: np.ndarray) -> None:
    assert codec.unpack_integers(codec.pack_integers(counts), "<u4").tolist() == counts.tolist()


@given(st.lists(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.booleans()), max_size=3), max_size=6))
def test_series_decoded_together_equal_those_decoded_alone(shapes: list[list[tuple[int, int, bool]]]) -> None:
    series, expected = [], []
    for number, shape in enumerate(shapes):
        blocks, at = [], 0
        for n, stride, is_short in shape:
            steps = at + stride * np.arange(n)
            values = np.random.default_rng((number, at)).normal(size=n)
            values = values.astype(np.float32).astype(np.float64) if is_short else values
            blocks.append(codec.encode(codec.axis(steps, steps / 8), values))
            expected.append((number, steps, values))
            at = int(steps[-1]) + stride
        series.append(blocks)
    for number, points in enumerate(codec.decode_all(series)):
        of_it = [(steps, values) for n, steps, values in expected if n == number]
        assert points.steps.tolist() == [s for steps, _ in of_it for s in steps]
        assert points.values.tolist() == [v for _, values in of_it for v in values]
        assert points.times.tolist() == [s / 8 for steps, _ in of_it for s in steps]


def test_series_share_equal_steps_read_only() -> None:
    blocks = [codec.encode(codec.axis(np.arange(4) * 3, np.zeros(4)), np.full(4, value)) for value in (1.0, 0.1)]
    one, other = codec.decode_all([[blocks[0]], [blocks[1]]])
    assert one.steps is other.steps
    assert not one.steps.flags.writeable
    assert not one.values.flags.writeable
