"""The kernels for GPUs, run on the CPU by Triton's interpreter, against NumPy: bins bit by bit, moments by value."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netscope.analyse import bins
from netscope.analyse.moments import moments
from netscope.record.watch import device_stats, torch_kernels
from netscope.record.watch.measurement import Measurement
from netscope.record.watch.rows import TensorKey

# Where the development extra installs Triton, these tests run; a missing Triton fails them.
pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64", reason="Triton is for Linux on x86-64"
    ),
    pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),
]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
NASTY = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, -3.4028235e38, 1.0]


def measured(tensors, before=(), quantity="value"):
    """Statistics by name, and the counts of the bins, of each tensor; all are measured together."""
    measurement = Measurement("triton")
    with measurement.batch():
        measurement.replace_all([TensorKey(str(i), "weight", quantity) for i in range(len(tensors))], tensors, before)
    measurement.seal()
    rows = measurement.rows()
    found = [{} for _ in tensors]
    for key, value in zip(rows.keys, rows.values.tolist(), strict=True):
        layer, _, _, stat = key.split("/")
        found[int(layer)][stat] = value
    return list(zip(found, rows.bins.dense(), strict=True))


@pytest.fixture(autouse=True)
def kernels_only(monkeypatch):
    """Forbid the torch operations that replace a failing kernel."""

    def never(*given):
        raise AssertionError("Triton's kernels were not used")

    monkeypatch.setattr(torch_kernels, "measure", never)


def check_moments(stats, values):
    want = moments(values)
    size = max(abs(want.min), abs(want.max)) if want.n_finite else 0.0
    assert stats["mean"] == pytest.approx(want.mean, rel=1e-12, abs=1e-14 * size, nan_ok=True)
    assert stats["std"] == pytest.approx(want.std, rel=1e-9, abs=4e-15 * size + 5e-324, nan_ok=True)
    assert stats["nonfinite"] == want.nonfinite
    assert stats["zeros"] == want.zeros / want.n
    if want.n_finite:
        assert (stats["min"], stats["max"]) == (want.min, want.max)


def check(found, tensor):
    stats, counts = found
    values = (tensor if tensor.dtype == torch.float64 else tensor.float()).numpy()
    check_moments(stats, values)
    assert np.array_equal(counts, bins.count(values))


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float32, st.integers(1, 300), elements=st.floats(width=32)))
def test_any_float32(values):
    check(*measured([torch.from_numpy(values)]), torch.from_numpy(values))


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(width=64)))
def test_any_float64(values):
    check(*measured([torch.from_numpy(values)]), torch.from_numpy(values))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_all_tensors_of_a_dtype_in_one_launch(dtype):
    rng = np.random.default_rng(0)
    tensors = []
    for size in (1, 2, 31, 2047, 2048, 2049, 8191, 20_001):
        values = rng.normal(size=size) * 10.0 ** rng.integers(-3, 3)
        values[rng.random(size) < 0.1] = 0
        values[: len(NASTY)] = NASTY[:size]
        tensors.append(torch.from_numpy(values).to(dtype))
    tensors.append(tensors[-1][3:9000])  # does not begin at a multiple of 16 bytes
    for found, tensor in zip(measured(tensors), tensors, strict=True):
        check(found, tensor)


@pytest.mark.parametrize("size", [100, 8192, 30_000])
def test_all_bit_patterns(size):
    """Values with uniformly distributed exponents, so that most lie outside a block's window."""
    words = np.random.default_rng(1).integers(0, 2**32, size, np.uint32)
    tensor = torch.from_numpy(words.view(np.float32))
    check(*measured([tensor]), tensor)


@pytest.mark.parametrize(
    "values",
    [[1e300, -1e300, 1e308], [1e-300, 3e-300, 0.0, 5e-324], [5e-324] * 3, [np.nan] * 9000, [np.inf], [-0.0] * 9],
)
def test_float64_with_squares_out_of_range_and_without_finite_values(values):
    tensor = torch.tensor(values, dtype=torch.float64)
    check(*measured([tensor]), tensor)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_difference_equals_that_of_torch(dtype):
    now = [torch.randn(n).to(dtype) for n in (5, 9000)]
    before = [(tensor.float() + 0.01 * torch.randn(len(tensor))).to(dtype) for tensor in now]
    want = [a - b for a, b in zip(now, before, strict=True)]
    for found, difference in zip(measured(now, before), want, strict=True):
        check(found, difference)


LAYOUTS = {
    "transposed": lambda: torch.randn(30, 50).T,
    "channels last": lambda: torch.randn(2, 8, 5, 5).to(memory_format=torch.channels_last),
    "every second": lambda: torch.randn(101)[::2],
    "columns": lambda: torch.randn(40, 9)[:, 2:5],
    "repeated": lambda: torch.randn(7, 1).expand(7, 100),
    "a number": lambda: torch.tensor(3.5),
    "negative": lambda: torch._neg_view(torch.randn(100)),
    "float8": lambda: torch.randn(100).to(torch.float8_e4m3fn),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout):
    tensor = LAYOUTS[layout]()
    check(*measured([tensor]), tensor.resolve_neg())


def test_complex_numbers_by_magnitude_and_empty_tensors():
    tensor = torch.randn(100, dtype=torch.complex64)
    check(*measured([tensor]), tensor.abs())
    assert measured([torch.empty(0, 5), torch.ones(3, dtype=torch.int64)][:0]) == []
    measurement = Measurement("triton")
    measurement.add(TensorKey("a", "b", "value"), torch.empty(0, 5))
    measurement.add(TensorKey("c", "d", "value"), torch.ones(3, dtype=torch.int64))
    measurement.seal()
    assert measurement.rows().keys == ()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_only_the_bins_of_a_large_activation_are_sampled(dtype):
    values = torch.randn(100_003)
    values[torch.arange(len(values)) % 3 == 1] = 0
    values[[1, 2, 3, 4, 6]] = torch.tensor([-77.0, 99.0, torch.nan, torch.inf, -torch.inf])
    values = values.to(dtype)
    ((stats, counts),) = measured([values], quantity="activation")
    check_moments(stats, values.float().numpy())
    want = bins.count(values.float().numpy())
    exact = np.flatnonzero(bins.NONFINITE)
    assert np.array_equal(counts[exact], want[exact])
    others = np.delete(counts.astype(np.int64), exact)
    assert (others % 8 == 0).all()
    assert others.sum() == pytest.approx(np.delete(want, exact).sum(), rel=0.02)
    assert np.abs(others - np.delete(want, exact).astype(np.int64)).sum() < 0.1 * len(values)


@pytest.mark.parametrize("columns", [8, 16, 64, 768])
def test_a_sample_covers_all_columns_evenly(columns):
    """A stride that divides the length of a row would cover only some columns."""
    magnitudes = 2.0 ** (torch.arange(columns) % 8)
    ((_, counts),) = measured([magnitudes.repeat(200_000 // columns)], quantity="activation")
    shares = counts[counts > 0] / counts.sum()
    assert shares == pytest.approx(np.full(8, 1 / 8), rel=0.05)


def test_a_layer_called_twice_adds_up():
    place = TensorKey("layer", "output", "activation")
    measurement = Measurement("triton")
    first, second = torch.randn(9000), torch.randn(500) + 3
    measurement.add(place, first)
    measurement.add(place, second)
    measurement.seal()
    rows = measurement.rows()
    stats = dict(zip((key.split("/")[3] for key in rows.keys), rows.values.tolist(), strict=True))
    check((stats, rows.bins.dense()[0]), torch.cat([first, second]))


def test_a_kernel_that_fails_is_replaced_by_torch_with_one_warning(monkeypatch):
    monkeypatch.undo()
    from netscope.record.watch import triton_kernels

    def fails(*given):
        raise RuntimeError("no kernel image is available for execution on the device")

    monkeypatch.setattr(device_stats, "_is_triton_broken", False)
    monkeypatch.setattr(triton_kernels, "measure", fails)
    tensors = [torch.randn(100), torch.randn(50), torch.randn(3).double()]
    with pytest.warns(UserWarning, match="Triton does not work here") as warned:
        found = measured(tensors)
    assert len(warned) == 1
    for one, tensor in zip(found, tensors, strict=True):
        check(one, tensor)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert device_stats._is_triton_broken


COMPILE = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from netscope.record.watch import triton_kernels as kernels

def build(kernel, types, constants, **options):
    signature = {**types, **dict.fromkeys(constants, "constexpr")}
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    compile(ASTSource(kernel, signature, places), target=GPUTarget("cuda", 90, 32), options=options)

block, warps, half, every = kernels.VARIANT
for dtype, is_one in zip(kernels._DTYPES.values(), (False, False, True, True)):
    given = f"*{dtype.name}" if is_one else "*i64"
    types = {"given": given, "n_given": "i32", "blocks": "*fp64", "counts": "*i32"}
    constants = {
        "DTYPE": dtype, "IS_ONE": is_one, "IS_DOUBLE": dtype.name == "fp64", "IS_DIFFERENCE": not is_one,
        "IS_ALIGNED": True, "BLOCK": block, "HALF": half, "EVERY": every if is_one else 1, "N_BINS": 2048,
    }
    build(kernels._measure, types, constants, num_warps=warps)
build(kernels._merge, {"table": "*i64", "n_tensors": "i32", "found": "*fp64"}, {"AT_ONCE": 512})
"""


def test_the_kernels_compile_for_a_gpu(tmp_path):
    """Compile for a GPU without one, because the interpreter accepts code that the compiler refuses."""
    file = tmp_path / "kernels.py"
    file.write_text(COMPILE)
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run([sys.executable, str(file)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
