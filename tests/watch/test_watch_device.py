"""The measurement path for devices, with CPU tensors and with tensors that only pretend to be on a GPU."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from netscope.analyse import bins
from netscope.analyse.measure import stride
from netscope.analyse.moments import moments
from netscope.record.watch import torch_kernels, transfer
from netscope.record.watch.measurement import Measurement
from netscope.record.watch.rows import TensorKey
from netscope.record.watch.schedule import Schedule
from netscope.record.watch.torch_watch import Watch
from tests.fuzzing import examples
from tests.watch.recorder import Recorder
from tests.watch.test_watch import images, network

PLACE = TensorKey("layer", "weight", "value")


@settings(max_examples=examples(100), deadline=None)
@given(hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(width=32)))
def test_results_equal_those_of_the_cpu(values):
    measurement = Measurement("device")
    measurement.add(PLACE, torch.from_numpy(values))
    measurement.seal()
    rows = measurement.rows()
    want = moments(values)
    found = dict(zip((key.split("/")[3] for key in rows.keys), rows.values, strict=True))
    size = max(abs(want.min), abs(want.max)) if want.n_finite else 0.0
    assert found["mean"] == pytest.approx(want.mean, rel=1e-12, abs=1e-14 * size, nan_ok=True)
    assert found["std"] == pytest.approx(want.std, rel=1e-9, abs=1e-14 * size, nan_ok=True)
    assert (found["zeros"], found["nonfinite"]) == (want.zeros / want.n, want.nonfinite)
    if want.n_finite:
        assert (found["min"], found["max"]) == (want.min, want.max)
    assert np.array_equal(rows.bins.dense()[0], bins.count(values))


def test_a_huge_tensor_is_measured_in_chunks(monkeypatch):
    monkeypatch.setattr(torch_kernels, "CHUNK", 100)
    values = torch.randn(1050) + 5
    values[3] = torch.nan
    values[200:300] = torch.inf
    measurement = Measurement("device")
    measurement.add(PLACE, values)
    measurement.seal()
    rows = measurement.rows()
    want = moments(values.numpy())
    found = dict(zip((key.split("/")[3] for key in rows.keys), rows.values, strict=True))
    assert found["std"] == pytest.approx(want.std, rel=1e-9)
    assert (found["min"], found["max"], found["nonfinite"]) == (want.min, want.max, want.nonfinite)
    assert np.array_equal(rows.bins.dense()[0], bins.count(values.numpy()))


def test_a_large_activation_is_sampled_but_all_nonfinite_values_are_counted():
    values = torch.randn(100_000)
    values[torch.arange(100_000) % 3 == 1] = 0
    values[[1, 2, 3, 4, 6]] = torch.tensor([-77.0, 99.0, torch.nan, torch.inf, -torch.inf])
    place = TensorKey("layer", "output", "activation")
    measurement = Measurement("device")
    measurement.add(place, values)
    measurement.seal()
    rows = measurement.rows()
    found = dict(zip((key.split("/")[3] for key in rows.keys), rows.values, strict=True))
    every = stride(100_000)
    looked_at = moments(values[::every].numpy())
    assert found["nonfinite"] == 3
    assert found["zeros"] == (values == 0).double().mean()
    assert (found["min"], found["max"]) == (-77, 99)
    assert (found["mean"], found["std"]) == (pytest.approx(looked_at.mean), pytest.approx(looked_at.std))
    want = bins.count(values[::every].numpy()) * every
    assert not want[bins.NONFINITE].any(), "none of the three is in the sample"
    want[[1020, 1022, 2044]] = 1
    assert np.array_equal(rows.bins.dense()[0], want)


def test_both_paths_write_the_same():
    runs = []
    for path in ("auto", "device"):
        torch.manual_seed(1)
        model, run = network(), Recorder()
        watching = Watch(run, model, Schedule(1), "", ("value", "gradient", "update", "activation"), path=path)
        watching.arm()
        step(model)
        run.log(0)
        run.finish()
        runs.append(run)
    (one, other) = (run.last for run in runs)
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert other[key] == pytest.approx(value, rel=1e-6, abs=1e-12), key
    (one_bins, other_bins) = (run.bins[0][1] for run in runs)
    assert all(np.array_equal(one_bins[key], other_bins[key]) for key in one_bins)


def step(model: nn.Module) -> None:
    model.zero_grad()
    model(images()).square().mean().backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()


class Counting(TorchDispatchMode):
    """Counts operations that would wait for a device."""

    def __init__(self) -> None:
        super().__init__()
        self.n_items = 0
        self.n_copies = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            self.n_items += 1
        if func is torch.ops.aten._to_copy.default and kwargs.get("device") is not None:
            self.n_copies += 1
        return func(*args, **kwargs)


def test_a_measurement_reads_no_single_value_from_the_device():
    model, run = network(), Recorder()
    watching = Watch(run, model, Schedule(1), "", ("value", "gradient", "update", "activation"), path="device")
    watching.arm()
    step(model)  # measures where the activations are flat, once
    watching._manual_steps = None
    with Counting() as counted:
        step(model)
        run.log(1)
    assert (counted.n_items, counted.n_copies) == (0, 0)
    assert len(run.rows) == 2  # both in one run: the first log came late


class Crossings(TorchDispatchMode):
    """Notes every operation between two devices, and every one that would need a number."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        devices = {t.device.type for t in tree_leaves((args, kwargs, out)) if isinstance(t, torch.Tensor)}
        if len(devices) > 1 or func is torch.ops.aten._local_scalar_dense.default:
            self.found.append(str(func))
        return out


def test_a_measurement_on_a_device_is_one_copy(monkeypatch):
    class Event:
        def record(self, stream):
            self.stream = stream

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    with FakeTensorMode(), Crossings() as crossings:
        values = [torch.randn(5, 7, device="cuda"), torch.randn(3, device="cuda", dtype=torch.bfloat16)]
        measurement = Measurement()
        for number, tensor in enumerate(values):
            measurement.add(PLACE._replace(layer=str(number)), tensor)
        measurement.units(PLACE, values[0], -1)
        measurement.share(PLACE, "saturated", (values[0] > 1).sum(), 35)
        assert crossings.found == []
        measurement.seal()
    assert crossings.found == ["aten.copy_.default"]


def test_rows_wait_until_their_device_is_done(monkeypatch):
    done = [False]
    monkeypatch.setattr(transfer.HostTransfer, "has_arrived", lambda self: done[0])
    model, run = network(), Recorder()
    watching = Watch(run, model, Schedule(1), "", ("value",), path="device")
    watching.arm()
    step(model)
    run.log(7)
    assert run.rows == []
    done[0] = True
    for call in run.beats:
        call()
    assert run.steps == [7]
    done[0] = False
    step(model)
    run.log(8)
    run.finish()
    assert run.steps == [7, 8]


def test_without_float64_results_are_still_accurate(monkeypatch):
    """Apple's GPUs have no float64."""
    for module in (torch_kernels, transfer):
        monkeypatch.setattr(module, "wide", lambda device: torch.float32)
    values = torch.randn(1000) + 3
    values[3] = math.nan
    measurement = Measurement("device")
    measurement.add(PLACE, values)
    measurement.share(PLACE, "saturated", (values > 3).sum(), values.numel())
    measurement.seal()
    rows = measurement.rows()
    found = dict(zip((key.split("/")[3] for key in rows.keys), rows.values, strict=True))
    assert found["std"] == pytest.approx(moments(values.numpy()).std, rel=1e-5)
    assert found["nonfinite"] == 1
    assert found["saturated"] == (values > 3).sum().item() / 1000


def test_a_full_device_loses_the_measurement_but_not_the_training(monkeypatch):
    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model, run = network(), Recorder()
    watching = Watch(run, model, Schedule(1), "", ("gradient", "update"), path="device")
    watching.arm()
    step(model)
    run.log(0)
    before = model[0].weight.detach().clone()
    monkeypatch.setattr(torch_kernels, "measure", full)
    with pytest.warns(UserWarning, match="the device has too little free memory"):
        step(model)
    run.log(1)
    run.finish()
    assert not torch.equal(before, model[0].weight)
    assert run.steps == [0]
