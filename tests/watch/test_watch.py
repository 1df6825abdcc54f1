"""The results of `watch`, compared with slow, obvious computations."""

from __future__ import annotations

import gc
import math
import warnings
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from netscope.analyse import bins, measure
from netscope.errors import UsageError
from netscope.record.watch.schedule import Schedule
from netscope.record.watch.torch_watch import Watch, watch
from tests.fuzzing import examples
from tests.watch.recorder import Recorder


@pytest.fixture(autouse=True)
def kernels():
    measure.load_kernels(wait=True)
    torch.manual_seed(0)


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(4 * 36, 10),
        nn.Tanh(),
    )


def images(n: int = 8) -> torch.Tensor:
    return torch.randn(n, 3, 8, 8)


def hooks_of(model: nn.Module) -> int:
    return sum(
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()
    ) + sum(len(p._post_accumulate_grad_hooks or ()) for p in model.parameters())


def expected(tensor: torch.Tensor) -> dict[str, float]:
    values = tensor.detach().double().numpy().ravel()
    return {
        "mean": values.mean(),
        "std": values.std(),
        "norm": np.sqrt((values**2).sum()),
        "min": values.min(),
        "max": values.max(),
        "zeros": np.mean(values == 0),
        "nonfinite": np.sum(~np.isfinite(values)),
    }


def test_every_number_of_a_training_step_is_right():
    model, run = network(), Recorder()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.1)
    watch(run, model, every=1)
    for step in range(2):
        seen: dict[str, torch.Tensor] = {}
        handles = [
            m.register_forward_hook(lambda m, i, out, name=name, seen=seen: seen.update({name: out.clone()}))
            for name, m in model.named_children()
        ]
        optimizer.zero_grad()
        model(images()).square().mean().backward()
        want: dict[str, torch.Tensor] = {}
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        want |= {f"{k.replace('.', '/')}/value": v for k, v in before.items()}
        want |= {f"{k.replace('.', '/')}/gradient": p.grad.clone() for k, p in model.named_parameters()}
        want |= {f"1/{k}/value": getattr(model[1], k).clone() for k in ("running_mean", "running_var")}
        want |= {f"{k}/output/activation": v for k, v in seen.items() if k != "3"}
        optimizer.step()
        want |= {f"{k.replace('.', '/')}/update": p - before[k] for k, p in model.named_parameters()}
        run.log(step)
        for handle in handles:
            handle.remove()
        stats = {f"{key}/{stat}": value for key, tensor in want.items() for stat, value in expected(tensor).items()}
        for name, p in model.named_parameters():
            key = name.replace(".", "/")
            stats[f"{key}/update/ratio"] = float(
                (p.detach() - before[name]).double().norm() / before[name].double().norm()
            )
        stats["2/output/activation/dead"] = float((seen["2"].amax((0, 2, 3)) <= 0).double().mean())
        slope = 1 - seen["5"].double() ** 2
        stats["5/output/activation/saturated"] = float((slope < 0.01).double().mean())
        assert run.last.keys() == stats.keys()
        for key, value in stats.items():
            assert run.last[key] == pytest.approx(value, rel=1e-6, abs=1e-9), key
        histograms = run.bins[-1][1]
        assert histograms.keys() == want.keys()
        for key, tensor in want.items():
            assert np.array_equal(histograms[key], bins.count(tensor.detach().numpy())), key
    assert run.steps == [0, 1]


@pytest.mark.parametrize(("every", "measured"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4]), (5, [0, 5]), (100, [0])])
def test_the_interval_counts_optimiser_steps(every, measured):
    model, run = network(), Recorder()
    watch(run, model, every=every)
    train(model, run, 6)
    assert run.steps == measured


def train(model: nn.Module, run: Recorder, n: int, make_input=images) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(n):
        optimizer.zero_grad()
        model(make_input()).square().mean().backward()
        optimizer.step()
        run.log(step)


def test_between_measurements_the_model_has_no_hooks():
    model, run = network(), Recorder()
    watch(run, model, every=3)
    assert hooks_of(model) > 0
    train(model, run, 1)
    assert hooks_of(model) == 0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        model(images()).sum().backward()
        optimizer.step()
    assert hooks_of(model) > 0


@pytest.mark.parametrize("end", ["remove", "finish"])
def test_ending_removes_every_hook(end):
    from torch.optim import optimizer as torch_optimizer

    def n_global() -> int:
        return len(torch_optimizer._global_optimizer_pre_hooks) + len(torch_optimizer._global_optimizer_post_hooks)

    model, run = network(), Recorder()
    gc.collect()
    watch(run, network()).remove()  # with the last watch go the hooks: one pair for all
    assert n_global() == 0
    watching = watch(run, model, every=1)
    assert n_global() == 2
    train(model, run, 2)
    watching.remove() if end == "remove" else run.finish()
    assert hooks_of(model) == 0
    assert n_global() == 0
    assert run.beats == run.ends == []
    n_rows = len(run.rows)
    train(model, run, 2)
    assert len(run.rows) == n_rows
    watch(run, model).remove()


class TestWhichStep:
    """The step of a measurement."""

    def test_the_next_log_gives_the_step(self):
        model, run = network(), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in (100, 250, 700):
            model(images()).sum().backward()
            optimizer.step()
            run.log(step)
        assert run.steps == [100, 250, 700]

    def test_without_logs_steps_are_optimiser_steps(self):
        model, run = network(), Recorder()
        watch(run, model, every=2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(7):
            model(images()).sum().backward()
            optimizer.step()
        run.finish()
        assert run.steps == [0, 2, 4, 6]

    def test_measurements_without_logs_are_limited(self):
        model, run = nn.Linear(1, 1), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(30):
            model(torch.ones(1, 1)).sum().backward()
            optimizer.step()
        assert len(run.rows) > 10
        run.finish()
        assert run.steps == list(range(30))

    def test_between_rare_logs_steps_are_counted(self):
        model, run = nn.Linear(1, 1), Recorder()
        watch(run, model, every=2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(12):
            model(torch.ones(1, 1)).sum().backward()
            optimizer.step()
            if step % 4 == 0:
                run.log(step)
        run.finish()
        assert run.steps == [0, 2, 4, 6, 8, 10]

    def test_with_epochs_as_steps_only_the_newest_measurement_is_kept_with_one_warning(self, recwarn):
        model, run = nn.Linear(1, 1), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(3):
            for _ in range(4):
                model(torch.ones(1, 1)).sum().backward()
                optimizer.step()
            last = model.weight.item()
            run.log(epoch)
        (told,) = recwarn
        assert "only the last of several" in str(told.message)
        assert run.steps == [0, 1, 2]
        assert run.last["Linear/weight/value/mean"] == pytest.approx(last - run.last["Linear/weight/update/mean"])


class TestOrdinaryTrainings:
    """Common training techniques."""

    def test_accumulated_gradients_are_those_of_all_micro_batches(self):
        model, run = nn.Linear(2, 1), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        batches = [torch.randn(4, 2) for _ in range(3)]
        for batch in batches:
            out = model(batch)
            (out.sum() / 3).backward()
        gradient = model.weight.grad.clone()
        optimizer.step()
        run.log(0)
        assert len(run.rows) == 1
        assert run.last["Linear/weight/gradient/norm"] == pytest.approx(gradient.norm().item(), rel=1e-6)
        assert run.last["Linear/output/activation/mean"] == pytest.approx(out.mean().item(), rel=1e-6)
        assert run.bins[0][1]["Linear/output/activation"].sum() == 4

    def test_clipped_gradients_are_shown_as_applied(self):
        model, run = nn.Linear(2, 1, bias=False), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        (model(torch.ones(1, 2)) * 1000).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        run.log(0)
        assert run.last["Linear/weight/gradient/norm"] == pytest.approx(1, rel=1e-5)
        assert run.last["Linear/weight/update/norm"] == pytest.approx(0.1, rel=1e-5)

    def test_a_validation_between_steps_is_not_measured(self):
        model, run = nn.Linear(2, 1), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(torch.zeros(4, 2)).sum().backward()
        with torch.no_grad():
            model(torch.full((9, 2), 1e6))
        with torch.inference_mode():
            model(torch.full((9, 2), 1e6))
        optimizer.step()
        run.log(0)
        assert run.bins[0][1]["Linear/output/activation"].sum() == 4

    def test_mixed_precision_gradients_are_unscaled_and_skipped_steps_do_not_count(self):
        model, run = nn.Linear(2, 1, bias=False), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        factors = [1.0, math.inf, 3.0]
        for step, factor in enumerate(factors):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = (model(torch.ones(1, 2)) * factor).sum()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            run.log(step)
        assert run.steps == [0, 2]
        norms = [row["Linear/weight/gradient/norm"] for _, row in run.rows]
        assert norms == pytest.approx([math.sqrt(2), 3 * math.sqrt(2)], rel=1e-2)
        assert all(row["Linear/weight/gradient/nonfinite"] == 0 for _, row in run.rows)

    def test_fused_optimisers_unscale_gradients_themselves(self):
        model, run = nn.Linear(2, 1, bias=False), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=True)
        assert optimizer._step_supports_amp_scaling
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        scaler.scale(model(torch.ones(1, 2)).sum()).backward()
        scaler.step(optimizer)
        run.log(0)
        assert run.last["Linear/weight/gradient/norm"] == pytest.approx(math.sqrt(2), rel=1e-6)
        assert run.last["Linear/weight/update/norm"] == pytest.approx(0.1 * math.sqrt(2), rel=1e-5)

    def test_a_closure_gives_gradients_during_the_step(self):
        model, run = nn.Linear(2, 1, bias=False), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

        def closure():
            optimizer.zero_grad()
            loss = (model(torch.ones(1, 2)) - 1).square().sum()
            loss.backward()
            return loss

        before = model.weight.detach().clone()
        optimizer.step(closure)
        run.log(0)
        assert run.last["Linear/weight/gradient/norm"] == pytest.approx(model.weight.grad.norm().item(), abs=1e-6)
        assert run.last["Linear/weight/update/norm"] == pytest.approx((model.weight - before).norm().item(), rel=1e-5)

    def test_two_optimisers_of_one_model_make_one_measurement(self):
        model, run = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)), Recorder()
        watch(run, model, every=2)
        first = torch.optim.SGD(model[0].parameters(), lr=0.1)
        second = torch.optim.SGD(model[1].parameters(), lr=0.01)
        for step in range(4):
            first.zero_grad()
            second.zero_grad()
            model(torch.ones(3, 2)).sum().backward()
            first.step()
            second.step()
            gradients = [model[0].weight.grad.norm().item(), model[1].weight.grad.norm().item()]
            run.log(step)
            if step == 2:
                assert run.last["0/weight/update/norm"] == pytest.approx(0.1 * gradients[0], rel=1e-4)
                assert run.last["1/weight/update/norm"] == pytest.approx(0.01 * gradients[1], rel=1e-4)
        assert run.steps == [0, 2]

    def test_an_optimiser_of_another_model_counts_nothing(self):
        model, other, run = nn.Linear(1, 1), nn.Linear(1, 1), Recorder()
        watch(run, model, every=1)
        train(other, run, 3, lambda: torch.ones(1, 1))
        assert run.rows == []

    def test_weights_updated_by_hand_are_seen(self):
        model, run = nn.Linear(2, 1), Recorder()
        watch(run, model, every=2)
        updates = []
        for step in range(6):
            model.zero_grad()
            model(torch.randn(4, 2)).square().mean().backward()
            with torch.no_grad():
                updates.append(0.1 * model.weight.grad.norm().item())
                for p in model.parameters():
                    p -= 0.1 * p.grad
            run.log(step)
        assert run.steps == [0, 2, 4]
        found = [row["Linear/weight/update/norm"] for _, row in run.rows]
        assert found == pytest.approx([updates[0], updates[2], updates[4]], rel=1e-4)
        assert all("Linear/weight/gradient/norm" in row for _, row in run.rows)
        assert all("Linear/output/activation/mean" in row for _, row in run.rows)

    def test_with_manual_updates_a_log_waits_for_the_update(self):
        model, run = nn.Linear(2, 1), Recorder()
        watch(run, model, every=1)
        for step in range(3):
            model.zero_grad()
            model(torch.randn(4, 2)).square().mean().backward()
            run.log(step)
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad
        assert run.steps == [1, 2]
        assert all(row["Linear/weight/update/norm"] > 0 for _, row in run.rows)

    def test_training_is_the_same_with_and_without_watch(self):
        weights = []
        for watched in (False, True):
            torch.manual_seed(3)
            model, run = network(), Recorder()
            if watched:
                watch(run, model, every=1)
            train(model, run, 4)
            weights.append([p.detach().clone() for p in model.parameters()])
        assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))

    def test_a_nonfinite_gradient_is_counted(self):
        model, run = nn.Linear(2, 1, bias=False), Recorder()
        watch(run, model, every=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(torch.tensor([[math.inf, 2.0]])).sum().backward()
        optimizer.step()
        run.log(0)
        assert run.last["Linear/weight/gradient/nonfinite"] == 1
        assert run.last["Linear/weight/gradient/mean"] == 2
        assert run.bins[0][1]["Linear/weight/gradient"][1020] == 1


class TestWrongUse:
    """Meaningless arguments raise at the user's line."""

    @pytest.mark.parametrize("wrong", [None, "model", [nn.Linear(1, 1)], torch.zeros(1)])
    def test_a_value_that_is_not_a_module_is_named(self, wrong):
        with pytest.raises(UsageError, match=type(wrong).__name__):
            watch(Recorder(), wrong)

    def test_an_optimiser_is_recognised(self):
        with pytest.raises(UsageError, match="optimiser"):
            watch(Recorder(), torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1))

    @pytest.mark.parametrize("every", [0, -1, 1.5, True, "often", None])
    def test_a_meaningless_interval_is_refused(self, every):
        with pytest.raises(UsageError, match="every"):
            watch(Recorder(), nn.Linear(1, 1), every=every)

    def test_a_module_is_watched_once(self):
        model, run = network(), Recorder()
        watching = watch(run, model)
        with pytest.raises(UsageError, match="watched already"):
            watch(run, nn.DataParallel(model))
        watching.remove()
        watch(run, model)

    def test_an_unknown_quantity_is_named(self):
        with pytest.raises(UsageError, match="'weights'"):
            watch(Recorder(), network(), quantities=["weights"])

    @pytest.mark.parametrize("quantities", ["gradient", [], None])
    def test_quantities_are_a_nonempty_list(self, quantities):
        with pytest.raises(UsageError, match="quantities must be a list"):
            watch(Recorder(), network(), quantities=quantities)

    @pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
    def test_a_scripted_module_is_refused_with_advice(self):
        with pytest.raises(UsageError, match="the module that was scripted"):
            watch(Recorder(), torch.jit.script(network()))

    def test_a_refused_watch_leaves_nothing_behind(self):
        model, run = network(), Recorder()
        with pytest.raises(UsageError):
            watch(run, model, every=0)
        assert hooks_of(model) == 0
        assert run.beats == run.ends == []


def test_only_requested_quantities_are_measured():
    model, run = network(), Recorder()
    watch(run, model, every=1, quantities=["gradient"])
    train(model, run, 1)
    assert {key.split("/")[2] for key in run.last} == {"gradient"}


def test_an_unwatched_model_is_released():
    model, run = network(), Recorder()
    watching = watch(run, model, every=1)
    train(model, run, 2)
    watching.remove()
    gone = weakref.ref(model)
    del model, watching
    gc.collect()
    assert gone() is None


def test_a_layer_that_is_used_without_a_call_is_listed_in_its_block():
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model, run = nn.Sequential(block, nn.Linear(8, 1)), Recorder()
    watch(run, model, every=1)
    train(model, run, 2, lambda: torch.ones(1, 4, 8))
    assert run.layers[:3] == ["0.self_attn", "0.self_attn.out_proj", "0.norm1"]
    assert run.layers[-1] == "1"


def test_a_model_that_is_watched_again_has_its_layers_once():
    model, run = network(), Recorder()
    watch(run, model).remove()
    watch(run, model)
    assert len(run.layers) == len(set(run.layers)) > 0


def test_layers_are_listed_in_forward_order():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(2, 1)
            self.unused = nn.Linear(2, 1)
            self.first = nn.Linear(2, 2)

        def forward(self, x):
            return self.last(self.first(x))

    model, run = Backwards(), Recorder()
    watch(run, model, every=1)
    assert run.layers == ["last", "unused", "first"]
    train(model, run, 2, lambda: torch.ones(1, 2))
    assert run.layers == ["first", "last", "unused"]
    assert run.events[-1]["layers"][0] == {
        "layer": "first",
        "type": "Linear",
        "parameters": {"weight": [2, 2], "bias": [2]},
    }
    assert len(run.events) == 2
    assert "unused/weight/value/mean" in run.last
    assert "unused/output/activation/mean" not in run.last
    assert "unused/weight/gradient/mean" not in run.last


def test_two_models_of_a_run_are_separate():
    first, second, run = nn.Sequential(nn.Linear(1, 1)), nn.Sequential(nn.Linear(1, 1)), Recorder()
    watch(run, first, every=1, name="generator")
    watch(run, second, every=1)
    assert run.layers == ["generator.0", "Sequential.0"]
    train(second, run, 1, lambda: torch.ones(1, 1))
    assert all(key.startswith("Sequential.0/") for key in run.last)


def test_auto_measures_as_often_as_one_percent_of_the_time_allows():
    now = [0.0]
    model, run = nn.Linear(1, 1), Recorder()
    watching = Watch(run, model, Schedule("auto"), "", ("value",), clock=lambda: now[0])
    watching.arm()
    measure_values = watching.measure_values

    def costly(*args):
        now[0] += 0.09
        measure_values(*args)

    watching.measure_values = costly
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5000):
        model(torch.ones(1, 1)).sum().backward()
        now[0] += 0.1
        optimizer.step()
    run.finish()
    gaps = np.diff(run.steps)
    assert gaps[0] == 10
    assert set(gaps[1:].tolist()) == {100}
    cost = 0.09 * len(run.rows)
    assert cost / (5000 * 0.1) < 0.0125


def test_a_compiled_optimiser_step_continues_to_train():
    model, run = network(), Recorder()
    watch(run, model, every=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    compiled = torch.compile(optimizer.step, backend="eager", fullgraph=False)
    before = model[0].weight.detach().clone()
    for step in range(3):
        model(images()).square().mean().backward()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled()
        run.log(step)
    run.finish()
    assert not torch.equal(before, model[0].weight)
    assert run.steps[0] == 0


@given(
    st.lists(st.tuples(st.floats(0.001, 10), st.floats(0.001, 10)), min_size=1, max_size=20),
)
@settings(max_examples=examples(50), deadline=None)
def test_auto_is_always_a_round_number_within_its_bounds(times):
    schedule = Schedule("auto")
    count = 0
    for cost, step in times:
        assert schedule.is_due(count)
        for _ in range(3):
            schedule.record_step(step)
        schedule.record_measurement(count, cost)
        assert 1 <= schedule.every <= 10_000
        assert str(schedule.every).rstrip("0") in ("1", "2", "5")
        assert not any(
            schedule.is_due(c) for c in (count + 1, count + schedule.every - 1) if c < count + schedule.every
        )
        count += schedule.every


@pytest.mark.parametrize(("first", "dead"), [([1.0, 1.0], 0.0), ([1.0, -1.0], 0.0), ([-1.0, -1.0], 0.5)])
def test_a_unit_is_dead_if_no_sample_activates_it(first, dead):
    model, run = nn.Sequential(nn.ReLU(), nn.Linear(2, 1)), Recorder()
    watch(run, model, every=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.tensor([first, [-1.0, 2.0]])).sum().backward()
    optimizer.step()
    run.log(0)
    assert run.last["0/output/activation/dead"] == dead
