"""Watch a torch module learn: per layer and step, what its weights, gradients, updates and outputs look like.

A measurement spans one training step. Before it, forward hooks are attached; at the optimiser's step, torch's global
hooks see the gradients as they are applied (accumulated, unscaled, clipped), the weights before and the weights after.
Then all hooks but the counter are gone until the next measurement is due.

A training step is over when optimisers have stepped all weights that are trained. Where some are not stepped, it is
over at the next `log`, or at the latest when a weight that was stepped in it is about to be stepped again.
"""

from __future__ import annotations

import threading
import time
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer

from netscope.analyse.measure import warm
from netscope.errors import UsageError
from netscope.frameworks.torch_modules import unwrap
from netscope.record.stacklevel import depth_of_caller
from netscope.record.watch import device_stats
from netscope.record.watch.forward_hooks import Listener, is_in_backward, is_recording_code
from netscope.record.watch.hook import Guard
from netscope.record.watch.manual_steps import ByHand
from netscope.record.watch.measurement import Measurement, Path
from netscope.record.watch.module_tree import Pairs, Watched, changes, plan
from netscope.record.watch.optimiser_steps import Step, steps
from netscope.record.watch.pending_rows import LogThread, Writing
from netscope.record.watch.rows import Recorder, tell_layers
from netscope.record.watch.schedule import Every, Schedule
from netscope.schema.layer import Layer, LayerChange, Quantity

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
    """Watch a module until `remove`, until the run ends, or until the module is deleted.

    Of every layer and tensor: mean, std, norm, min, max, share of zeros, count of NaN and infinities, and a histogram.
    Updates also have `ratio`, their norm over that of the value before. Outputs of activations with flat parts also
    have `saturated`: the share of inputs where the slope is below 1 % of the steepest; those of the ReLU family have
    `dead`: the share of channels (of a convolution's output; of features otherwise) that are never positive in the
    batch. For ReLU itself `zeros` is the share switched off. The measurement of a step is written under the step of
    the next `log` of the thread that trains.

    Activation functions, pooling, softmax and attention that a `forward` calls (`torch.relu(x)`) are layers too.
    Layers that are replaced, added or removed are followed: see docs/watch.md. Activations of more than 65,536 values
    are sampled.

    With `torch.compile`, the steps that are measured run uncompiled, and nothing is compiled anew; an optimiser's
    `step` that is itself compiled is not seen. FSDP's weights are measured part by part, by each rank.

    Args:
        run: Where to write.
        model: Wrapped (DataParallel, DistributedDataParallel, torch.compile) or plain. Another run's watch of it ends.
        every: Training steps from one measurement to the next; "auto": as often as costs less than 1 % of the time.
        name: Goes before the layers' names, to tell several models of a run apart. A second model's default: its class.
        quantities: What to measure of "value", "gradient", "update" and "activation".

    Raises:
        UsageError: Not a module, watched already, or a meaningless `every`.
    """
    given: object = model
    if isinstance(given, Optimizer):
        raise UsageError("watch takes the model, found its optimiser: run.watch(model)")
    if not isinstance(given, nn.Module):
        raise UsageError(
            f"watch takes a torch.nn.Module, found {type(given).__name__}; "
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
    if not name and any(other.root is not None for other in others):
        name = type(root).__name__
    taken = {other.name for other in others}
    name = next(n for n in (name, *(f"{name}_{i}" for i in range(2, len(others) + 3))) if n not in taken or not others)
    schedule = Schedule(every)
    _end_watches_of_other_runs(run, root)
    made = Watch(run, root, schedule, name, tuple(quantities))
    others.append(made)
    made.tell_layers()
    made.arm()
    return made


def unwatch(run: Recorder) -> None:
    """End all watches of a run."""
    for one in _watches.get(run, [])[:]:
        one.remove()


def _end_watches_of_other_runs(run: Recorder, root: nn.Module) -> None:
    """A model has one watch: the newest, as where a notebook's cell is run again."""
    for other in [one for several in list(_watches.values()) for one in several if one.root is root]:
        other.remove()
        warnings.warn(
            f"run {run.name!r} watches this {type(root).__name__} from now on; run {other.run.name!r} does no longer",
            stacklevel=depth_of_caller(),
        )


class Watch:
    """One watched module; `remove` ends it. The module is held weakly: once it is deleted, its watch ends too."""

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
        self.name = name
        self.schedule = schedule
        self.count = 0
        """Training steps so far."""
        self.run = run
        self._root = weakref.ref(root, self._is_gone)
        self._type = type(root).__name__
        self._from_step = run.step
        self._path: Path = path
        self._clock = clock
        self._quantities = quantities
        self._plan = plan(root, name)
        self._changes: list[LayerChange] = []  # since the last measurement
        self._has_looked = False  # whether the model has changed, since the last step
        self._n_told = 0
        self._source = object()
        self._guard = Guard(f"this {self._type}", self._end_later)
        self._listener = Listener(self._guard, self.look_again, clock)
        self._writing = Writing(run, self._tell_changes)
        self._log_thread = LogThread(run)
        self._waits_for_log = False
        self._open: Measurement | None = None  # of the coming step
        self._next: Measurement | None = None  # of the one after it, where outputs of it come already
        self._running: list[Step] = []  # optimiser steps, the outermost first
        self._stepped: frozenset[int] = frozenset()  # parameters stepped in this training step
        self._stepped_last: frozenset[int] = frozenset()
        self._seen: set[int] = set()  # parameters measured in this training step
        self._gradients: dict[int, _State] = {}  # which were measured, by parameter
        self._before: dict[int, torch.Tensor | None] = {}  # weights before the optimiser's step
        self._spare: dict[int, torch.Tensor | None] = {}  # copies of the last step, if the next one is measured too
        self._owned: weakref.WeakKeyDictionary[Optimizer, _Owned] = weakref.WeakKeyDictionary()
        self._cost_s = 0.0
        self._last_step_at = clock()
        self._by_hand: ByHand | None = ByHand(self, root, self._guard)
        steps.add(self)
        self._undo = [run.on_beat(self._beat), run.on_finish(self.remove)]

    @property
    def root(self) -> nn.Module | None:
        """The watched module, if it is still there."""
        return self._root()

    @property
    def notes(self) -> list[str]:
        """What is not measured, or shown elsewhere, in sentences."""
        return [*self._plan.notes, *self._listener.notes]

    @property
    def parameters(self) -> list[Watched]:
        """The parameters that are measured."""
        return self._plan.parameters

    def arm(self) -> None:
        """Prepare for measuring the coming step if it is due."""
        self._guard(self._arm)

    def remove(self) -> None:
        """Stop watching: every hook is removed, what was measured is written. Warns if there was never a step."""
        is_in_vain = self._undo and self._plan.ids and not self.count and self.run.step > self._from_step
        is_in_vain = is_in_vain and self.root is not None and not self._guard.is_over
        if self._stepped and not self._running:
            self._guard(self.finish_step)  # the last one, which no log closed
        self._guard.end(self._writing.close)
        steps.remove(self)
        self._listener.detach()
        if self._by_hand is not None:
            self._by_hand.remove()
        self._open = self._next = None
        self._before, self._spare = {}, {}
        for undo in self._undo:
            undo()
        self._undo = []
        others = _watches.get(self.run, [])
        if self in others:
            others.remove(self)
        if is_in_vain:
            warnings.warn(
                f"watch measured nothing: no optimiser made a step with parameters of this {self._type}, "
                "and its weights did not change; watch the model that is trained",
                stacklevel=depth_of_caller(),
            )

    def _is_gone(self, root: weakref.ref[nn.Module]) -> None:
        self._guard(self._listener.detach)
        self._end_later()

    def _end_later(self) -> None:
        """The model is gone, or something failed: hooks may be running now, so the watch ends at the next log."""
        steps.mute(self)
        self.run.on_next_log(lambda step: self.remove())

    def _beat(self) -> None:
        self._guard(self._writing.resolve)

    # Layers ---------------------------------------------------------------------------------------------------------

    def tell_layers(self, **more: Any) -> None:
        """Write the layers, those that were called in the order of their first call."""
        self._n_told = len(self._listener.order)
        tell_layers(self.run, self._source, self._layers_in_order(), **more)

    def _tell_changes(self, step: int, changes: list[LayerChange]) -> None:
        self.tell_layers(step=step, changes=changes)

    def _layers_in_order(self) -> list[Layer]:
        functions = self._listener.functions
        layers = {**self._plan.layers}
        layers |= {path: Layer(layer=path, type=f"{name}()", parameters={}) for path, name in functions.items()}
        return [layers[path] for path in dict.fromkeys([*self._listener.order, *layers]) if path in layers]

    def look_again(self) -> None:
        """Update the plan if the model has changed since it was last looked at."""
        root = self.root
        self._has_looked = True
        if root is None or self._plan.is_of(root):
            return
        old, self._plan = self._plan, plan(root, self.name)
        self._owned.clear()
        if self.count:
            self._changes += changes(old, self._plan)
        self.tell_layers()
        if self._open is not None:
            if self._listener.is_attached:
                self._listener.follow(root, self.name, self._plan)
            if self._by_hand is not None:
                self._by_hand.arm(self._open)

    # A training step ------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        root = self.root
        self._next, following = None, self._next
        self._has_looked = False
        if root is None or not self.schedule.is_due(self.count):
            self._open, self._spare = None, {}
            self._listener.detach()
            return
        self._open = following if following is not None else Measurement(self._path)
        if "activation" in self._quantities:
            self._listener.attach(root, self.name, self._plan, self._open)
        if self._by_hand is not None:
            self._by_hand.arm(self._open)

    def before_step(self, optimizer: Optimizer, step: Step) -> None:
        """An optimiser is about to step."""
        if not is_recording_code():
            self._guard(self._before_step, optimizer, step)

    def after_closure(self, optimizer: Optimizer) -> None:
        """The closure has computed new gradients."""
        if self._open is not None and not is_recording_code():
            self._guard(self._see_gradients_of, optimizer)

    def after_step(self, optimizer: Optimizer) -> None:
        """An optimiser has stepped."""
        if not is_recording_code():
            self._guard(self._after_step, optimizer)

    def _owned_by(self, optimizer: Optimizer) -> _Owned:
        """Which of the parameters an optimiser steps."""
        sizes = [len(group["params"]) for group in optimizer.param_groups]
        known = self._owned.get(optimizer)
        if known is None or known.sizes != sizes:
            self.look_again()
            own = self._plan.ids.intersection(id(p) for group in optimizer.param_groups for p in group["params"])
            known = self._owned[optimizer] = _Owned(sizes, own, self._plan.trained <= own)
        return known

    def _before_step(self, optimizer: Optimizer, step: Step) -> None:
        if self._open is not None and not self._has_looked:
            self.look_again()
        own = self._owned_by(optimizer).ids
        if not own:
            return
        if self._by_hand is not None:
            self._by_hand.remove()
            self._by_hand = None
        while self._running and not step.is_inside(self._running[-1]):
            self._running.pop()  # it raised
        if not self._running:
            self._before = {}
            if not self._stepped.isdisjoint(own):
                self.finish_step()
        self._running.append(step)
        measurement = self._open
        if measurement is None or measurement.is_sealed:
            return
        begin = self._clock()
        has_closure = any(one.has_closure for one in self._running)
        is_first = not self._seen
        # Those of an optimiser that stepped last time will probably come later.
        now = own | (self._plan.ids - self._stepped_last) if is_first else own.difference(self._before)
        tensors = self._tensors(now)
        with measurement.together():
            self.see_values(measurement, tensors)
            if has_closure:  # it computes them anew
                tensors = [(item, tensor) for item, tensor in tensors if id(tensor) not in own]
            self.see_gradients(measurement, tensors, getattr(optimizer, "grad_scale", None))
            if is_first:
                self.see_buffers(measurement)
        self._seen |= now
        if len(self._running) > 1:
            self._see_gradients_of(optimizer)
        self._before |= self._copies(own.difference(self._before))
        self._cost_s += self._clock() - begin

    def _tensors(self, ids: Set[int]) -> Pairs:
        return [
            (item, tensor)
            for item in self._plan.parameters
            if (tensor := item.tensor()) is not None and id(tensor) in ids
        ]

    def _copies(self, ids: frozenset[int]) -> dict[int, torch.Tensor | None]:
        """The weights as they are; None where only the place is needed."""
        if "update" not in self._quantities:
            return dict.fromkeys(ids)
        try:
            return {**device_stats.copies([tensor for _, tensor in self._tensors(ids)], self._spare)}
        except torch.OutOfMemoryError:
            device_stats.warn_full()
            return {}

    def _see_gradients_of(self, optimizer: Optimizer) -> None:
        """Gradients that are computed, or used by another optimiser, during a step; they may be cleared in it."""
        measurement = self._open
        if measurement is None or measurement.is_sealed or not self._running:
            return
        new = []
        for item, tensor in self._tensors(self._owned_by(optimizer).ids):
            known = self._gradients.get(id(tensor))
            if tensor.grad is not None and not (known is not None and known.is_of(tensor.grad)):
                new.append((item, tensor))
        with measurement.together():
            self.see_gradients(measurement, new, getattr(optimizer, "grad_scale", None))

    def _after_step(self, optimizer: Optimizer) -> None:
        inside = [i for i, step in enumerate(self._running) if step.optimizer_id == id(optimizer)]
        if not inside:
            return
        has_closure = self._running[inside[-1]].has_closure
        owned = self._owned_by(optimizer)
        self._stepped = self._stepped | owned.ids if self._stepped else owned.ids
        del self._running[inside[-1] :]
        if self._running:
            return  # the optimiser that called it comes
        self._log_thread.trains(None if is_in_backward() else threading.get_ident())
        measurement = self._open
        if measurement is not None and self._before:
            begin = self._clock()
            tensors = self._tensors(self._before.keys())
            with measurement.together():
                self.see_updates(measurement, tensors, self._before)
                if has_closure:
                    unseen = [(item, tensor) for item, tensor in tensors if id(tensor) not in self._gradients]
                    self.see_gradients(measurement, unseen, None)
            self._spare |= {key: copy for key, copy in self._before.items() if copy is not None and copy.is_cpu}
            self._before = {}
            self._cost_s += self._clock() - begin
        if owned.is_all or self._plan.trained <= self._stepped:
            self.finish_step()
        else:
            self._await_log()
            self._expect_more()

    def _expect_more(self) -> None:
        """Listen on: other optimisers may follow in this training step, or the next one may begin."""
        root = self.root
        if self._next is None and self.schedule.is_due(self.count + 1):
            self._next = Measurement(self._path)
        if self._open is not None:
            self._listener.go_on(self._next)
        elif self._next is not None and root is not None and "activation" in self._quantities:
            self._listener.attach(root, self.name, self._plan, self._next)

    def see_buffers(self, measurement: Measurement) -> None:
        """Measure the statistics of batch norms, inside `together`."""
        if "value" in self._quantities:
            there = [(item.value, tensor) for item in self._plan.buffers if (tensor := item.tensor()) is not None]
            measurement.replace_all([place for place, _ in there], [tensor for _, tensor in there])

    def see_values(self, measurement: Measurement, tensors: Pairs) -> None:
        """Measure parameters as they are, inside `together`."""
        if "value" in self._quantities:
            measurement.replace_all([item.value for item, _ in tensors], [tensor for _, tensor in tensors])

    def see_gradients(self, measurement: Measurement, tensors: Pairs, scale: torch.Tensor | None) -> None:
        """Measure gradients, inside `together`; fused optimisers get them still multiplied by the scale of mixed
        precision.
        """
        if "gradient" not in self._quantities:
            return
        places, gradients = [], []
        for item, tensor in tensors:
            gradient = tensor.grad
            if gradient is not None:
                self._gradients[id(tensor)] = _State(gradient)
                places.append(item.gradient)
                gradients.append(gradient if scale is None else gradient / scale.to(gradient.device))
        measurement.replace_all(places, gradients)

    def see_updates(self, measurement: Measurement, tensors: Pairs, before: Mapping[int, torch.Tensor | None]) -> None:
        """Measure what a step changed, inside `together`; `before` may be overwritten."""
        if "update" not in self._quantities:
            return
        places, now, then = [], [], []
        for item, tensor in tensors:
            old = before[id(tensor)]
            if old is not None and old.dtype is tensor.dtype and old.shape == tensor.shape:
                if old.device == tensor.device:
                    places.append(item.update)
                    now.append(tensor)
                    then.append(old)
        measurement.replace_all(places, now, then)

    def finish_step(self, *, at_log: bool = False) -> None:
        """A training step is over: hand on its measurement, prepare for the next."""
        measurement, self._open = self._open, None
        now = self._clock()
        if measurement is not None:
            self._see_the_rest(measurement, at_log)
            measurement.steps_before, measurement.time = self.count, time.time()
            if len(self._listener.order) > self._n_told:
                self.tell_layers()
            if measurement:
                self._writing.take(measurement, self._changes)
                self._changes = []
                self._await_log()
            cost_s = self._cost_s + self._listener.cost_s + self._clock() - now
            self.schedule.measured(self.count, cost_s)
        elif self.schedule.is_auto:
            self.schedule.stepped(now - self._last_step_at)
        self.count += 1
        self._cost_s = self._listener.cost_s = 0.0
        self._stepped, self._stepped_last = frozenset(), self._stepped
        self._seen, self._gradients, self._before = set(), {}, {}
        if measurement is not None or self.schedule.is_due(self.count):
            self._arm()
        self._last_step_at = self._clock()

    def _see_the_rest(self, measurement: Measurement, at_log: bool) -> None:
        """Parameters whose optimiser did not step this time. Gradients of the next step may be there already."""
        if self._seen and not self._plan.ids <= self._seen:
            tensors = self._tensors(self._plan.ids - self._seen)
            with measurement.together():
                self.see_values(measurement, tensors)
                if at_log:
                    self.see_gradients(measurement, tensors, None)

    def _await_log(self) -> None:
        if not self._waits_for_log:
            self._waits_for_log = True
            self.run.on_next_log(self._logged)

    def _logged(self, step: int) -> None:
        self._waits_for_log = False
        self._guard(self._take_log, step)

    def _take_log(self, step: int) -> None:
        if not self._log_thread.is_mine():
            self._await_log()
            return
        if self._stepped and not self._running:
            self._waits_for_log = True  # it is here
            self.finish_step(at_log=True)
            self._waits_for_log = False
        self.logged(step)

    def logged(self, step: int) -> None:
        """A log came for what was measured."""
        self._writing.logged(step, self.count)


class _State:
    """A tensor at a moment."""

    __slots__ = ("_tensor", "_version")

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = weakref.ref(tensor)  # an address is used again
        self._version = -1 if tensor.is_inference() else tensor._version

    def is_of(self, tensor: torch.Tensor) -> bool:
        """Whether it is that one and was not written to since; of tensors that are not plain this cannot be told."""
        if type(tensor) is not torch.Tensor or tensor.is_inference():
            return False
        return self._tensor() is tensor and self._version == tensor._version


class _Owned(NamedTuple):
    """What an optimiser steps of a watched model."""

    sizes: list[int]
    """Of its groups of parameters, to notice when they change."""
    ids: frozenset[int]
    is_all: bool
    """Whether they are all that is trained."""
