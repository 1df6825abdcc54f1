"""A watch ends with its model or with a newer watch of it, and never stops the training."""

from __future__ import annotations

import copy
import gc
import warnings
import weakref

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import netscope
from netscope.record.watch.measurement import Measurement
from netscope.record.watch.torch_watch import watch
from tests.watch.recorder import Recorder
from tests.watch.test_watch import hooks_of


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    optimizer.step()


def train(model: nn.Module, run: Recorder, n: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(n):
        step(model, optimizer)
        run.log(run.step)


@pytest.mark.parametrize("every", [1, 2, 100])
def test_a_deleted_model_is_freed_and_its_watch_ends(every):
    run = Recorder()
    freed = []
    for fold in range(3):
        model = network()
        watch(run, model, every=every, name=f"fold{fold}")
        train(model, run, 3)
        freed.append(weakref.ref(model))
        del model
        gc.collect()
    assert [ref() for ref in freed] == [None, None, None]
    assert run.rows[-1][1].keys() == {key.replace("fold0", "fold2") for key in run.rows[0][1]}
    run.log(run.step)
    assert len(run.ends) == 0


def test_a_model_that_was_never_stepped_is_freed_too():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    model(torch.ones(1, 4)).sum().backward()
    freed = weakref.ref(model)
    del model
    gc.collect()
    assert freed() is None


def test_the_last_measurement_of_a_deleted_model_is_written():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    step(model, torch.optim.SGD(model.parameters(), lr=0.1))
    del model
    gc.collect()
    run.log(7)
    assert run.steps == [7]


def test_a_model_watched_by_a_new_run_is_no_longer_watched_by_the_old_one():
    model, old, new = network(), Recorder(), Recorder()
    old.name, new.name = "old", "new"
    watch(old, model, every=1)
    train(model, old, 2)
    with pytest.warns(UserWarning, match="run 'new' watches this Sequential from now on; run 'old' no longer does"):
        watch(new, model, every=1)
    train(model, new, 3)
    assert (len(old.rows), len(new.rows)) == (2, 3)
    new.finish()
    assert hooks_of(model) == 0


class TestSacred:
    """A watch never stops the training."""

    @pytest.mark.parametrize("where", ["add", "replace_all", "share", "seal", "rows", "forget"])
    def test_a_failure_inside_ends_the_watch_with_one_warning(self, where, monkeypatch):
        model, run = network(), Recorder()
        watch(run, model, every=1)
        train(model, run, 1)

        def fail(*args, **kwargs):
            raise RuntimeError("out of luck")

        monkeypatch.setattr(Measurement, where, fail)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            train(model, run, 4)
        (warned,) = [str(one.message) for one in told if issubclass(one.category, UserWarning)]
        assert "ends here; the training continues: RuntimeError: out of luck" in warned
        assert hooks_of(model) == 0
        assert run.steps == [0]

    def test_a_different_default_device_does_not_matter(self):
        model, run = network(), Recorder()
        model[1] = nn.Softsign()  # measured nowhere before: where it is flat must be looked for
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x = torch.randn(3, 4)
        torch.set_default_device("meta")
        try:
            model(x).square().mean().backward()
            optimizer.step()
            run.log(0)
        finally:
            torch.set_default_device(None)
        assert "1/output/activation/saturated" in run.last

    @pytest.mark.parametrize("n_steps", [0, 1])
    def test_a_watched_model_is_exported_traced_and_mapped(self, n_steps):
        model, run = network(), Recorder()
        watching = watch(run, model, every=1)
        train(model, run, n_steps)
        x = torch.ones(1, 4)
        expected = model(x)
        assert torch.equal(torch.export.export(model, (x,)).module()(x), expected)
        assert torch.equal(torch.fx.symbolic_trace(model)(x), expected)
        assert torch.allclose(torch.func.vmap(model)(x[None])[0], expected)
        grads = torch.func.grad(lambda p: torch.func.functional_call(model, p, (x,)).sum())(
            dict(model.named_parameters())
        )
        assert len(grads) == 4
        from torch._subclasses.fake_tensor import FakeTensorMode

        with FakeTensorMode(allow_non_fake_inputs=True):
            assert copy.deepcopy(model)(torch.empty(2, 4)).shape == (2, 1)
        train(model, run, 2)
        assert watching.root is model
        assert len(run.rows) == n_steps + 2

    def test_an_interrupted_forward_leaves_no_function_mode_active(self):
        class Interrupted(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(4, 4)
                self.error = None

            def forward(self, x):
                if self.error is not None:
                    raise self.error
                return torch.relu(self.inner(x))

        model, run = Interrupted(), Recorder()
        watch(run, model, every=1)
        for error in (KeyboardInterrupt(), ValueError()):
            model.error = error
            with pytest.raises(type(error)):
                model(torch.ones(1, 4))
            torch.relu(torch.ones(1))  # between, and nobody's
            model.error = None
            train(model, run, 1)
            assert torch._C._len_torch_function_stack() == 0
            assert "relu/output/activation/dead" in run.last
        assert [key for key in run.last if "relu_1" in key] == []

    def test_a_users_own_function_mode_sees_all_it_saw_before(self):
        class Counting(TorchFunctionMode):
            n = 0

            def __torch_function__(self, func, types, args=(), kwargs=None):
                Counting.n += func is torch.relu
                return func(*args, **(kwargs or {}))

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(4, 4)

            def forward(self, x):
                with Counting():
                    return torch.relu(self.inner(x))

        model, run = Net(), Recorder()
        watch(run, model, every=1)
        train(model, run, 2)
        assert Counting.n == 2
        assert "relu/output/activation/dead" in run.last


def test_measurements_lost_between_epoch_logs_are_reported(tmp_path):
    model = network()
    with netscope.init(dir=tmp_path, watch_system=False, console=False) as run:
        run.watch(model, every=5)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with pytest.warns(UserWarning, match="only the last of several") as told:
            for epoch in range(3):
                for _ in range(20):
                    step(model, optimizer)
                run.log({"loss": 1.0}, step=epoch)
        assert len(told) == 1
        assert told[0].filename == __file__


@pytest.mark.parametrize(("first", "n_epoch"), [(0, 20), (1000, 20)])
def test_logs_that_count_optimiser_steps_give_every_measurement_its_step(first, n_epoch):
    """`first`: a training that was resumed goes on counting."""
    model, run = network(), Recorder()
    watch(run, model, every=5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    n = first
    for _ in range(3):
        for _ in range(n_epoch):
            step(model, optimizer)
            n += 1
        run.log(n)
    run.finish()
    assert run.steps == [first + 1 + 5 * i for i in range(12)]
