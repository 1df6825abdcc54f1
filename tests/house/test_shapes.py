"""The tests themselves check shapes: `netscope.analyse` is imported through jaxtyping and beartype."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from netscope.analyse.bins_view import merge_bins


def test_a_correct_shape_passes() -> None:
    assert merge_bins(np.zeros((3, 2048), int)).counts.shape[0] == 3


@pytest.mark.parametrize("shape", [(2048,), (3, 2047), (1, 3, 2048)])
def test_a_wrong_shape_is_found_at_the_call(shape: tuple[int, ...]) -> None:
    with pytest.raises(TypeCheckError):
        merge_bins(np.zeros(shape, int))
