"""What counts as a training step: each step of each optimiser is seen once."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from netscope.record.watch.torch_watch import watch
from tests.watch.recorder import Recorder


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def backward(model: nn.Module, n: int = 6) -> None:
    model(torch.randn(n, 4)).square().mean().backward()


def steps_of(run: Recorder, key: str) -> list[int]:
    return [step for step, row in run.rows if key in row]


class Sam(torch.optim.Optimizer):
    """Two gradients per step, the second at a perturbed point; both are cleared inside the step."""

    def __init__(self, params, inner):
        super().__init__(params, {"rho": 0.05})
        self.inner = inner(self.param_groups)
        self.param_groups = self.inner.param_groups

    @torch.no_grad()
    def step(self, closure):
        every = [p for group in self.param_groups for p in group["params"]]
        norm = torch.stack([p.grad.norm() for p in every]).norm()
        old = [p.clone() for p in every]
        for p in every:
            p += 0.05 * p.grad / norm
        self.zero_grad()
        torch.enable_grad()(closure)()
        for p, value in zip(every, old, strict=True):
            p.copy_(value)
        self.applied = every[0].grad.norm().item()
        self.inner.step()
        self.zero_grad()


class Lookahead(torch.optim.Optimizer):
    """Steps another optimiser, and owns the same parameters."""

    def __init__(self, inner):
        super().__init__(inner.param_groups, {})
        self.inner = inner

    def step(self, closure=None):
        return self.inner.step(closure)


class Decaying(torch.optim.SGD):
    """Calls the step that it overrides."""

    def step(self, closure=None):
        return super().step(closure)


class Clearing(torch.optim.SGD):
    """Computes gradients, steps, and clears them."""

    def step(self, closure):
        with torch.enable_grad():
            loss = closure()
        self.applied = self.param_groups[0]["params"][0].grad.norm().item()
        super().step()
        self.zero_grad()
        return loss


@pytest.mark.parametrize("make", [Sam, Clearing])
def test_gradients_that_are_cleared_inside_a_step_are_seen_as_applied(make):
    model, run = network(), Recorder()
    watch(run, model, every=1)
    args = (lambda groups: torch.optim.SGD(groups, lr=0.1),) if make is Sam else ()
    optimizer = make(model.parameters(), *args)
    for step in range(4):
        x = torch.randn(6, 4)

        def closure(x=x):
            loss = model(x).square().mean()
            loss.backward()
            return loss

        closure()
        before = model[0].weight.detach().clone()
        optimizer.step(closure)
        run.log(step)
        update = (model[0].weight - before).norm().item()
        assert run.last["0/weight/update/norm"] == pytest.approx(update, rel=1e-4)
        assert run.last["0/weight/gradient/norm"] == pytest.approx(optimizer.applied, rel=1e-4)
    assert steps_of(run, "0/weight/gradient/norm") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "make", [lambda p: Lookahead(torch.optim.SGD(p, lr=0.1)), lambda p: Decaying(p, lr=0.1)], ids=["other", "own"]
)
def test_a_step_inside_a_step_counts_once(make):
    model, run = network(), Recorder()
    watching = watch(run, model, every=1)
    optimizer = make(model.parameters())
    for step in range(3):
        optimizer.zero_grad()
        backward(model)
        gradient = model[0].weight.grad.norm().item()
        optimizer.step()
        run.log(step)
        assert run.last["0/weight/gradient/norm"] == pytest.approx(gradient, rel=1e-5)
        assert run.last["0/weight/update/norm"] == pytest.approx(0.1 * gradient, rel=1e-3)
    assert watching.count == 3
    assert run.steps == [0, 1, 2]


def test_a_rare_first_optimiser_does_not_affect_the_other():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    first, second = (torch.optim.SGD(model[i].parameters(), lr=0.1) for i in (0, 2))
    for step in range(12):
        model.zero_grad()
        backward(model)
        if step % 4 == 0:
            first.step()
        second.step()
        run.log(step)
    assert steps_of(run, "2/weight/update/norm") == steps_of(run, "0/weight/value/norm") == list(range(12))
    assert steps_of(run, "0/weight/update/norm") == [0, 4, 8]


def test_without_logs_a_rare_optimiser_does_not_affect_step_counts():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    often, seldom = (torch.optim.SGD(model[i].parameters(), lr=0.1) for i in (2, 0))
    for step in range(8):
        model.zero_grad()
        backward(model, n=step + 1)
        often.step()
        if step % 4 == 0:
            seldom.step()
    run.finish()
    assert steps_of(run, "2/weight/update/norm") == list(range(8))
    assert steps_of(run, "0/weight/update/norm") == [0, 4]
    n_outputs = [row["2/output/activation"].sum() for _, row in run.bins]
    assert n_outputs == list(range(1, 9))


def test_every_tenth_step_is_measured_completely_with_a_rare_optimiser():
    model, run = network(), Recorder()
    watch(run, model, every=10)
    often, seldom = (torch.optim.SGD(model[i].parameters(), lr=0.1) for i in (2, 0))
    for step in range(21):
        model.zero_grad()
        backward(model, n=step + 1)
        if step % 4 == 0:
            seldom.step()
        often.step()
    run.finish()
    assert run.steps == [0, 10, 20]
    assert [row["2/output/activation"].sum() for _, row in run.bins] == [1, 11, 21]


def test_an_optimiser_that_takes_over_is_followed():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    kept = []
    for number, make in enumerate((torch.optim.Adam, torch.optim.SGD)):
        kept.append(make(model.parameters(), lr=0.1))
        for step in range(3):
            kept[-1].zero_grad()
            backward(model)
            kept[-1].step()
            run.log(3 * number + step)
    assert steps_of(run, "0/weight/update/norm") == list(range(6))


def test_one_optimiser_per_parameter_within_backward():
    model, run = network(), Recorder()
    watching = watch(run, model, every=1)
    optimizers = {p: torch.optim.SGD([p], lr=0.1) for p in model.parameters()}
    applied = {}

    def step_at_once(p):
        applied[p] = p.grad.norm().item()
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(step_at_once)
    for step in range(4):
        backward(model)
        run.log(step)
        for name, p in model.named_parameters():
            key = name.replace(".", "/")
            assert run.last[f"{key}/gradient/norm"] == pytest.approx(applied[p], rel=1e-5)
            assert run.last[f"{key}/update/norm"] == pytest.approx(0.1 * applied[p], rel=1e-3)
    assert watching.count == 4


def test_a_generator_and_its_critic_in_one_model():
    model, run = nn.ModuleDict({"g": nn.Linear(4, 4), "d": nn.Linear(4, 1)}), Recorder()
    watch(run, model, every=1)
    optimizers = {name: torch.optim.SGD(model[name].parameters(), lr=0.1) for name in ("d", "g")}
    for step in range(3):
        for name, optimizer in optimizers.items():
            with torch.set_grad_enabled(name == "g"):
                fake = model["g"](torch.randn(3 + step, 4))
            model["d"](fake).mean().backward()
            optimizer.step()
            model.zero_grad()
        run.log(step)
    assert run.steps == [0, 1, 2]
    assert steps_of(run, "d/weight/update/norm") == steps_of(run, "g/weight/update/norm") == [0, 1, 2]
    assert [row["g/output/activation"].sum() for _, row in run.bins] == [4 * n for n in (3, 4, 5)]


@pytest.mark.parametrize("options", [{"foreach": True}, {"fused": True}, {"foreach": False}])
def test_every_implementation_of_a_step_is_seen(options):
    model, run = network(), Recorder()
    watch(run, model, every=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, **options)
    for step in range(2):
        before = model[0].weight.detach().clone()
        optimizer.zero_grad(set_to_none=bool(step))
        backward(model)
        optimizer.step()
        run.log(step)
        update = (model[0].weight - before).norm().item()
        assert run.last["0/weight/update/norm"] == pytest.approx(update, rel=1e-4)


def test_a_step_that_raises_does_not_hide_the_next():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def fail():
        raise ValueError("no loss")

    with pytest.raises(ValueError, match="no loss"):
        optimizer.step(fail)
    for step in range(2):
        backward(model)
        optimizer.step()
        run.log(step)
    assert steps_of(run, "0/weight/update/norm") == [0, 1]


def test_parameters_without_an_optimiser_do_not_delay_the_others():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
    for step in range(3):
        optimizer.zero_grad()
        backward(model, n=step + 1)
        optimizer.step()
    run.finish()
    assert run.steps == [0, 1, 2]
    assert [row["0/output/activation"].sum() for _, row in run.bins] == [8, 16, 24]


class TestThreads:
    def test_ending_a_watch_does_not_affect_a_step_in_another_thread(self):
        """torch iterates over its hooks then, and one that is taken away ends the training with a RuntimeError."""
        model, run = nn.Linear(2, 1), Recorder()
        watching = watch(run, model, every=1)
        in_step, is_removed, failed = threading.Event(), threading.Event(), []

        def wait(*given):
            in_step.set()
            is_removed.wait(100)

        handle = register_optimizer_step_pre_hook(wait)

        def work():
            try:
                model(torch.ones(1, 2)).sum().backward()
                torch.optim.SGD(model.parameters(), lr=0.1).step()
            except RuntimeError as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert in_step.wait(100)
        watching.remove()
        is_removed.set()
        thread.join()
        handle.remove()
        assert failed == []

    """A measurement gets the step of the next log of the training thread."""

    def test_two_threads_that_train_and_log_keep_their_steps(self):
        run, gate = Recorder(), threading.Barrier(2)
        lock = threading.Lock()

        def job(base: int) -> None:
            model = nn.Linear(2, 1)
            with lock:
                watch(run, model, every=1, name=f"m{base}")
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for i in range(6):
                optimizer.zero_grad()
                model(torch.ones(4, 2)).sum().backward()
                optimizer.step()
                gate.wait()
                with lock:
                    run.log(base + i)
                gate.wait()

        threads = [threading.Thread(target=job, args=(base,)) for base in (0, 1000)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert steps_of(run, "m0/weight/value/norm") == list(range(6))
        assert steps_of(run, "m1000/weight/value/norm") == [1000 + i for i in range(6)]

    def test_another_thread_may_log_for_the_training_thread(self):
        model, run = nn.Linear(2, 1), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def work() -> None:
            model(torch.ones(4, 2)).sum().backward()
            optimizer.step()

        for step in range(5):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            run.log(step)
        run.finish()
        assert len(run.rows) == 5
        assert run.steps[1:] == [1, 2, 3, 4]
