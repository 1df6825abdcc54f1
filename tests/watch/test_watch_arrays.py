"""`watch_arrays`: names of quantities, and results."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

import netscope
from netscope.analyse import bins, measure
from netscope.errors import UsageError
from netscope.record.watch.arrays import watch_arrays
from tests.watch.recorder import Recorder


@pytest.fixture(autouse=True)
def kernels():
    measure.load_kernels(wait=True)


RNG = np.random.default_rng(0)
W, B, A = RNG.normal(size=(3, 2)), RNG.normal(size=3), np.maximum(RNG.normal(size=(8, 3)), 0)


def test_names_of_quantities_say_what_an_array_is():
    run = Recorder()
    layer = {"weight": W, "gradient": W, "update": W / 2, "bias": B, "bias.gradient": B, "activation": A}
    watch_arrays(run, {"layer1": layer}, step=4)
    assert run.steps == [4]
    assert set(run.bins[0][1]) == {
        "layer1/weight/value",
        "layer1/weight/gradient",
        "layer1/weight/update",
        "layer1/bias/value",
        "layer1/bias/gradient",
        "layer1/output/activation",
    }
    assert run.last["layer1/weight/value/std"] == pytest.approx(W.std())
    assert run.last["layer1/weight/update/ratio"] == pytest.approx(0.5)
    assert run.last["layer1/output/activation/zeros"] == np.mean(A == 0)
    assert np.array_equal(run.bins[0][1]["layer1/weight/value"], bins.count(W))


def test_without_a_step_arrays_get_that_of_the_next_log():
    run = Recorder()
    run.step = 17
    watch_arrays(run, {"layer1": {"weight": W}})
    assert run.steps == [17]
    assert run.step == 17


def test_new_layers_are_listed():
    run = Recorder()
    for _ in range(3):
        watch_arrays(run, {"b": {"weight": W}, "a": {"activation": A}})
    assert run.layers == ["b", "a"]
    assert run.events[0]["layers"][0]["parameters"] == {"weight": [3, 2]}
    watch_arrays(run, {"c": {"weight": W}})
    assert run.layers == ["b", "a", "c"]
    assert len(run.events) == 2


@pytest.mark.parametrize(
    "array",
    [W.tolist(), W.astype("f2"), torch.tensor(W, requires_grad=True), torch.tensor(W).bfloat16(), W * 1j, W[::-1].T],
    ids=["list", "float16", "torch", "bfloat16", "complex", "strided"],
)
def test_anything_that_numpy_can_read_is_accepted(array):
    run = Recorder()
    watch_arrays(run, {"layer": {"weight": array}})
    assert run.last["layer/weight/value/norm"] == pytest.approx(np.linalg.norm(W), rel=1e-2)


def test_integers_and_booleans_are_accepted():
    run = Recorder()
    watch_arrays(run, {"layer": {"weight": np.array([0, 3, 4], np.uint8), "activation": np.array([True, False])}})
    assert run.last["layer/weight/value/norm"] == pytest.approx(5)
    assert run.last["layer/output/activation/zeros"] == 0.5


def test_empty_arrays_write_nothing():
    run = Recorder()
    watch_arrays(run, {"layer": {"weight": np.zeros((0, 3))}})
    assert run.rows == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([W], "list"),
        ({"layer": W}, "'layer'"),
        ({1: {"weight": W}}, "1"),
        ({"layer": {"weight": "text"}}, "layer: weight"),
        ({"layer": {"weight": object()}}, "object"),
        ({"layer": {"weight": [[1], [1, 2]]}}, "layer: weight"),
        ({"layer": {"": W}}, "layer"),
        ({"layer": {"gradient": W, "weight.gradient": W}}, "two arrays"),
    ],
)
def test_a_value_that_is_not_an_array_is_named_and_nothing_is_written(wrong, says):
    run = Recorder()
    with pytest.raises(UsageError, match=says):
        watch_arrays(run, wrong)
    assert run.rows == run.events == []


@pytest.mark.parametrize("step", [1.5, "3", True, 2**54])
def test_a_step_is_an_integer(step):
    with pytest.raises(UsageError, match="step"):
        watch_arrays(Recorder(), {"layer": {"weight": W}}, step=step)


def test_arrays_need_no_torch(tmp_path):
    code = f"""
import sys, numpy, netscope
run = netscope.init(dir={str(tmp_path)!r}, watch_system=False, console=False)
run.watch_arrays({{"layer1": {{"weight": numpy.ones(3)}}}})
run.finish()
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_arrays_reach_the_journal(tmp_path):
    from netscope.store.journal import frames, sparse_bins

    with netscope.init(dir=tmp_path, watch_system=False, console=False) as run:
        run.log({"loss": 1.0})
        run.watch_arrays({"layer1": {"weight": W}})
    (path,) = run.folder.glob("*.journal")
    found = [f for f in frames.scan(path.read_bytes(), frames.HEADER_BYTES) if isinstance(f, frames.Frame)]
    (histogram,) = [frame for frame in found if frame.kind == frames.SPARSE_BINS]
    step, _ = frames.POINT.unpack_from(histogram.body)
    assert step == 1
    (counts,) = sparse_bins.decode(histogram.body[frames.POINT.size :], 1).dense()
    assert np.array_equal(counts, bins.count(W))
