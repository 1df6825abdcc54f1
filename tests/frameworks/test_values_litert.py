"""Values of TensorFlow Lite files, against the arithmetic that they describe."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tflite

import netscope
from netscope.errors import FormatError
from tests.models import tflite_files
from tests.models.tflite_files import model, operator, scaled, subgraph, tensor

BIAS = np.array([1, -2, 3, -4], np.float32)


def small() -> bytes:
    """x + bias, its absolute value and its logarithm, then quantised."""
    b = flatbuffers.Builder(1024)
    kinds, codes, options = tflite.TensorType, tflite.BuiltinOperator, tflite.BuiltinOptions
    tensors = [
        tensor(b, "x", [1, 4], kinds.FLOAT32, signature=[-1, 4]),
        tensor(b, "bias", [4], kinds.FLOAT32, 1),
        tensor(b, "sum", [1, 4], kinds.FLOAT32, signature=[-1, 4]),
        tensor(b, "log", [1, 4], kinds.FLOAT32, signature=[-1, 4]),
        tensor(b, "quantised", [1, 4], kinds.INT8, signature=[-1, 4], **scaled([0.5], [-3])),
    ]
    tflite.AddOptionsStart(b)
    add = tflite.AddOptionsEnd(b)
    operators = [
        operator(b, 0, [0, 1], [2], options.AddOptions, add),
        operator(b, 1, [2], [3]),
        operator(b, 2, [2], [4]),
    ]
    graph = subgraph(b, "main", tensors, operators, ([0], [3, 4]))
    return model(b, [codes.ADD, codes.LOG, codes.QUANTIZE], [graph], [BIAS])


def test_values_are_what_the_operators_compute(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(small())
    x = np.array([[0, 1, 2, 5], [1, 8, 2, 7]], np.float32)
    found = netscope.values(tmp_path / "net.tflite", x)
    np.testing.assert_allclose(found.read("sum"), x + BIAS)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found.read("log"), np.log(x + BIAS), rtol=1e-5)
    np.testing.assert_allclose(found.read("quantised"), x + BIAS, atol=0.25)
    assert found.first_nan is not None
    assert found.first_nan.op == "LOG"
    assert "bias" not in list(found)


def test_a_file_that_litert_refuses_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(tflite_files.quantised())
    with pytest.raises(FormatError, match=r"LiteRT .* cannot run 'net\.tflite'"):
        netscope.values(tmp_path / "net.tflite")
