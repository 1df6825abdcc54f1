from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy as oracle
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from netscope.errors import FormatError, UsageError
from netscope.formats import safetensors

TYPES = [np.bool_, np.uint8, np.int16, np.int32, np.int64, np.float16, np.float32, np.float64]


@given(st.sampled_from(TYPES).flatmap(lambda t: npst.arrays(t, npst.array_shapes(min_dims=0, max_dims=3, min_side=0))))
def test_the_reference_implementation_reads_what_we_write(array):
    read = oracle.load(safetensors.encode({"odd": np.ones(3, np.uint8), "it": array}, {"reply": "{}"}))
    np.testing.assert_array_equal(read["it"], array)
    assert read["it"].dtype == array.dtype


@given(st.sampled_from(TYPES).flatmap(lambda t: npst.arrays(t, npst.array_shapes(max_dims=3))))
def test_we_read_what_the_reference_implementation_writes(array):
    read, metadata = safetensors.decode(oracle.save({"it": array, "odd": np.ones(3, np.uint8)}, {"a": "b"}))
    np.testing.assert_array_equal(read["it"], array)
    assert metadata == {"a": "b"}


def test_bfloat16_is_read_as_the_equal_float32():
    raw = safetensors.Raw("BF16", (2,), np.array([0x3FC0, 0x7F80], "<u2").tobytes())
    read, _ = safetensors.decode(safetensors.encode({"a": raw}))
    assert read["a"].tolist() == [1.5, float("inf")]


def test_objects_are_refused_with_their_name():
    with pytest.raises(UsageError, match="'a' is of type object"):
        safetensors.encode({"a": np.array([{}])})


@pytest.mark.parametrize("cut", [0, 7, 8, 20, 60])
def test_a_cut_file_is_a_format_error(cut):
    whole = safetensors.encode({"a": np.arange(4.0)})
    with pytest.raises(FormatError):
        safetensors.decode(whole[:cut])


def test_offsets_beyond_the_file_are_a_format_error():
    whole = safetensors.encode({"a": np.arange(4.0)})
    with pytest.raises(FormatError, match="0 to 32 of 24"):
        safetensors.decode(whole[:-8])
