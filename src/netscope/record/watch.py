"""Watch a torch module learn: per layer and step, what its weights, gradients, updates and outputs look like.

A measurement spans one optimiser step. Before it, forward hooks are attached; at the step, torch's global optimiser
hooks see the gradients as they are applied (accumulated, unscaled, clipped), the weights before and the weights after.
Then all hooks but the counter are gone until the next measurement is due.
"""

from __future__ import annotations

import time
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from netscope.analyse.measure import warm
from netscope.errors import UsageError
from netscope.record import watch_device
from netscope.record.caller import depth_of_caller
from netscope.record.watch_activations import Listener, is_recording_code
from netscope.record.watch_layers import Watched, plan, unwrap
from netscope.record.watch_manual import ByHand
from netscope.record.watch_measure import Measurement, Path
from netscope.record.watch_rows import Recorder, place_of, tell_layers
from netscope.record.watch_schedule import Every, Schedule
from netscope.record.watch_write import Writing
from netscope.schema import Layer, Quantity

QUANTITIES: tuple[Quantity, ...] = ("value", "gradient", "update", "activation")
_watches: weakref.WeakKeyDictionary[Recorder, list[Watch]] = weakref.WeakKeyDictionary()


def watch(
    run: Recorder,
    model: nn.Module,
    every: Every = 100,
    *,
    name: str = "",
    quantities: Sequence[Quantity] = QUANTITIES,
) -> Watch:
    """Watch a module until `remove`, or until the run ends.

    Of every layer and tensor: mean, std, norm, min, max, share of zeros, count of NaN and infinities, and a histogram.
    Updates also have `ratio`, their norm over that of the value before. Outputs of activations with flat parts also
    have `saturated`: the share of inputs where the slope is below 1 % of the steepest; those of the ReLU family have
    `dead`: the share of channels (of a convolution's output; of features otherwise) that are never positive in the
    batch. For ReLU itself `zeros` is the share switched off. The measurement of a step is written under the step of
    the next `log`.

    Modules are seen when they are called; functions (`F.relu`, `torch.relu`) are not: write `nn.ReLU()` to see one, and
    whether its units are dead. Activations of more than 65,536 values are sampled, see docs/watch.md.

    With `torch.compile`, the steps that are
    measured run uncompiled, and nothing is compiled anew; an optimiser's `step` that is itself compiled is not seen.
    FSDP's weights are measured part by part, by each rank.

    Args:
        run: Where to write.
        model: Wrapped (DataParallel, DistributedDataParallel, torch.compile) or plain.
        every: Optimiser steps from one measurement to the next; "auto": as often as costs less than 1 % of the time.
        name: Goes before the layers' names, to tell several models of a run apart. A second model's default: its class.
        quantities: What to measure of "value", "gradient", "update" and "activation".

    Raises:
        UsageError: Not a module, watched already, or a meaningless `every`.
    """
    given: object = model
    if isinstance(given, Optimizer):
        raise UsageError("watch wants the model, found its optimiser: run.watch(model)")
    if not isinstance(given, nn.Module):
        raise UsageError(
            f"watch wants a torch.nn.Module, found {type(given).__name__}; "
            "for other networks: run.watch_arrays({'layer1': {'weight': W, 'gradient': dW}})"
        )
    if isinstance(quantities, str) or not quantities:
        raise UsageError(f"quantities is a list of some of {', '.join(QUANTITIES)}; found {quantities!r}")
    if unknown := [one for one in quantities if one not in QUANTITIES]:
        raise UsageError(f"no quantity {unknown[0]!r}; there is: {', '.join(QUANTITIES)}")
    if not isinstance(name, str):
        raise UsageError(f"name is a text that goes before the layers' names, found {name!r:.80}")
    name = str.__str__(name)
    root = unwrap(model)
    if isinstance(root, torch.jit.ScriptModule):
        raise UsageError("TorchScript lets nobody look into a module; watch the module that it was made from")
    others = _watches.setdefault(run, [])
    if any(other.root is root for other in others):
        raise UsageError(f"this {type(root).__name__} is watched already; to change how, run.unwatch() first")
    if not name and others:
        name = type(root).__name__
    taken = {other.name for other in others}
    name = next(n for n in (name, *(f"{name}_{i}" for i in range(2, len(others) + 3))) if n not in taken or not others)
    made = Watch(run, root, Schedule(every), name, tuple(quantities))
    others.append(made)
    made.tell_layers()
    made.arm()
    return made


def unwatch(run: Recorder) -> None:
    """End all watches of a run."""
    for one in _watches.get(run, [])[:]:
        one.remove()


class Watch:
    """One watched module; `remove` ends it."""

    def __init__(
        self,
        run: Recorder,
        root: nn.Module,
        schedule: Schedule,
        name: str,
        quantities: tuple[Quantity, ...],
        *,
        path: Path = "auto",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Use `watch`; `path` and `clock` are for tests."""
        warm()
        self.root = root
        self.name = name
        self.schedule = schedule
        self.count = 0
        """Optimiser steps so far."""
        self.run = run
        self._from_step = run.step
        self._path: Path = path
        self._clock = clock
        self._quantities = quantities
        self._plan = plan(root, name)
        self._parameter_ids = {id(p) for p in root.parameters()}  # of lazy ones, too: they keep theirs
        self._told: list[str] = []
        self._source = object()
        self._listener = Listener(self._spend, clock)
        self._writing = Writing(run)
        self._open: Measurement | None = None  # of the coming step
        self._late: Measurement | None = None  # of the last one: a model's second optimiser may still add to it
        self._before: dict[int, torch.Tensor | None] = {}  # weights before the step, by id of the parameter
        self._owned: weakref.WeakKeyDictionary[Optimizer, tuple[int, bool]] = weakref.WeakKeyDictionary()
        self._lead: Callable[[], Optimizer | None] | None = None
        self._cost_s = 0.0
        self._last_step_at = clock()
        self._handles = [
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        self._by_hand: ByHand | None = ByHand(self)
        run.every_beat.append(self._writing.resolve)
        run.at_finish.append(self.remove)

    @property
    def notes(self) -> list[str]:
        """What is not measured, or shown elsewhere, in sentences."""
        return self._plan.notes

    @property
    def parameters(self) -> list[Watched]:
        """The parameters that are measured."""
        return self._plan.parameters

    def tell_layers(self) -> None:
        """Write the layers, those that were called in the order of their first call."""
        self._told = list(self._listener.order)
        tell_layers(self.run, self._source, self._layers_in_order())

    def _layers_in_order(self) -> list[Layer]:
        layers = self._plan.layers
        order = dict.fromkeys(path for path in self._listener.order if path in layers)
        return [layers[path] for path in (*order, *(path for path in layers if path not in order))]

    def remove(self) -> None:
        """Stop watching: every hook is removed, what was measured is written. Warns if there was never a step."""
        is_in_vain = self._handles and self._parameter_ids and not self.count and self.run.step > self._from_step
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._listener.detach()
        if self._by_hand is not None:
            self._by_hand.remove()
        self._open = self._late = None
        self._before = {}
        self._writing.close()
        for hooks, hook in (
            (self.run.every_beat, self._writing.resolve),
            (self.run.at_finish, self.remove),
        ):
            if hook in hooks:
                hooks.remove(hook)
        others = _watches.get(self.run, [])
        if self in others:
            others.remove(self)
        if is_in_vain:
            warnings.warn(
                f"watch measured nothing: no optimiser made a step with parameters of this {type(self.root).__name__}, "
                "and its weights did not change; watch the model that is trained",
                stacklevel=depth_of_caller(),
            )

    def arm(self) -> None:
        """Prepare for measuring the coming step if it is due."""
        if not self.schedule.is_due(self.count):
            self._open = None
            self._listener.detach()
            return
        self._open = Measurement(self._path)
        if "activation" in self._quantities:
            self._listener.attach(self.root, self._plan.modules, self._open)
        if self._by_hand is not None:
            self._by_hand.arm(self._open)

    def _spend(self, seconds: float) -> None:
        self._cost_s += seconds

    def _owns(self, optimizer: Optimizer) -> bool:
        n_groups = len(optimizer.param_groups)
        known = self._owned.get(optimizer)
        if known is None or known[0] != n_groups:
            ids = self._parameter_ids
            owns = any(id(p) in ids for group in optimizer.param_groups for p in group["params"])
            known = self._owned[optimizer] = n_groups, owns
        return known[1]

    def _is_lead(self, optimizer: Optimizer) -> bool:
        """The first optimiser seen counts the steps; others of the same model only add to the measurement."""
        lead = self._lead() if self._lead is not None else None
        if lead is None:
            self._lead = weakref.ref(optimizer)
            return True
        return lead is optimizer

    def _before_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._open is None and self._late is None:
            return
        if is_recording_code() or not self._owns(optimizer):
            return
        begin = self._clock()
        is_lead = self._is_lead(optimizer)
        measurement = self._open if is_lead else self._late
        if is_lead:
            self._late = None
        if measurement is not None and not measurement.is_sealed:
            own = {id(p) for group in optimizer.param_groups for p in group["params"]}
            if not self._plan.is_complete:
                self._look_again()
            with measurement.together():
                for item in self.parameters:
                    if is_lead or id(item.tensor) in own:
                        self.see_value(measurement, item)
                        if not _closure(args, kwargs):
                            self.see_gradient(measurement, item, getattr(optimizer, "grad_scale", None))
                if is_lead:
                    self.see_buffers(measurement)
            self._before = self._weights(own) if "update" in self._quantities else dict.fromkeys(own)
        self._spend(self._clock() - begin)

    def _weights(self, own: set[int]) -> dict[int, torch.Tensor | None]:
        try:
            items = [item.tensor for item in self.parameters if id(item.tensor) in own]
            return dict(zip(map(id, items), watch_device.copies(items), strict=True))
        except torch.OutOfMemoryError:
            watch_device.warn_full()
            return {}

    def _after_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if is_recording_code() or not self._owns(optimizer):
            return
        if self._by_hand is not None:
            self._by_hand.remove()
            self._by_hand = None
        is_lead = self._is_lead(optimizer)
        measurement = self._open if is_lead else self._late
        if measurement is not None and self._before:
            begin = self._clock()
            with measurement.together():
                for item in self.parameters:
                    if id(item.tensor) in self._before:
                        before = self._before[id(item.tensor)]
                        if before is not None:
                            self.see_update(measurement, item, before)
                        if _closure(args, kwargs):
                            self.see_gradient(measurement, item, None)
            self._before = {}
            self._spend(self._clock() - begin)
        if is_lead:
            self.finish_step()

    def see_buffers(self, measurement: Measurement) -> None:
        """Measure the statistics of batch norms."""
        if "value" in self._quantities:
            for item in self._plan.buffers:
                measurement.replace(place_of(item.layer, item.name, "value"), item.tensor)

    def see_value(self, measurement: Measurement, item: Watched) -> None:
        """Measure a parameter as it is."""
        if "value" in self._quantities:
            measurement.replace(place_of(item.layer, item.name, "value"), item.tensor)

    def see_gradient(self, measurement: Measurement, item: Watched, scale: torch.Tensor | None) -> None:
        """Measure a gradient; fused optimisers get it still multiplied by the scale of mixed precision."""
        gradient = item.tensor.grad
        if gradient is not None and "gradient" in self._quantities:
            if scale is not None:
                gradient = gradient / scale.to(gradient.device)
            measurement.replace(place_of(item.layer, item.name, "gradient"), gradient)

    def see_update(self, measurement: Measurement, item: Watched, before: torch.Tensor) -> None:
        """Measure what a step changed; `before` may be overwritten."""
        if "update" in self._quantities:
            measurement.replace(place_of(item.layer, item.name, "update"), item.tensor, before)

    def finish_step(self) -> None:
        """A step is over: hand on its measurement, prepare for the next."""
        measurement, self._open = self._open, None
        now = self._clock()
        if measurement is not None:
            measurement.steps_before, measurement.time = self.count, time.time()
            if self._listener.order[len(self._told) :]:
                self.tell_layers()
            self._late = measurement if measurement else None
            if measurement:
                self._writing.take(measurement)
            self.schedule.measured(self.count, self._cost_s + self._clock() - now)
        elif self.schedule.is_auto:
            self.schedule.stepped(now - self._last_step_at)
        self.count += 1
        self._cost_s = 0.0
        if measurement is not None or self.schedule.is_due(self.count):
            self.arm()
        self._last_step_at = self._clock()

    def logged(self, step: int) -> None:
        """A log came that closed the step itself."""
        self._writing.logged(step)

    def _look_again(self) -> None:
        """Lazy modules have their shapes now."""
        self._plan = plan(self.root, self.name)
        self._parameter_ids = {id(p) for p in self.root.parameters()}
        self._owned.clear()
        self.tell_layers()


def _closure(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the gradients come only during the step. The optimiser itself is the first argument."""
    return (len(args) > 1 and args[1] is not None) or kwargs.get("closure") is not None
