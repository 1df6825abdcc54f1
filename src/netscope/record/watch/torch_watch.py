"""Watch a torch module: measure the weights, gradients, updates and outputs of its layers.

A measurement spans one training step. Forward hooks are attached before it. At the optimiser's step, torch's global
hooks measure the gradients as they are applied (accumulated, unscaled, clipped) and the weights before and after. Then
all hooks except the step counter are removed until the next measurement is due.

A training step is over when optimisers have stepped all trainable weights. If some are not stepped, it is over at the
next `log`, or at the latest when a weight that was stepped in it is about to be stepped again.
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

from netscope.analyse.measure import load_kernels
from netscope.errors import UsageError
from netscope.frameworks.torch_modules import unwrap
from netscope.record.stacklevel import depth_of_caller
from netscope.record.watch import device_stats
from netscope.record.watch.forward_hooks import ForwardHooks, is_in_backward, is_recording_code
from netscope.record.watch.graph_capture import GraphCapture, PutGraph
from netscope.record.watch.hook import Guard
from netscope.record.watch.manual_steps import ManualSteps
from netscope.record.watch.measurement import Measurement, Path
from netscope.record.watch.module_tree import Pairs, Watched, in_order, layer_changes, read_module_tree
from netscope.record.watch.optimiser_steps import Step, steps
from netscope.record.watch.pending_rows import LogThread, MeasurementWriter
from netscope.record.watch.rows import Recorder, write_layers
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
    put_graph: PutGraph | None = None,
) -> Watch:
    """Watch a module until `remove` is called, the run ends, or the module is deleted.

    Measures mean, std, norm, min, max, fraction of zeros, count of NaN and infinities, and a histogram of every tensor.
    Updates also have `ratio`, their norm divided by that of the value before. Outputs of activations with flat parts
    have `saturated`, the fraction of inputs where the slope is below 1 % of the steepest; those of the ReLU family have
    `dead`, the fraction of channels (of a convolution's output; of features otherwise) that are never positive in the
    batch. For ReLU, `zeros` is the fraction of inactive units. A measurement is written at the step of the next `log`
    of the training thread.

    Activation functions, pooling, softmax and attention called in a `forward` (`torch.relu(x)`) are layers too. Layers
    may be replaced, added or removed while watching: see docs/watch.md. Activations of more than 65,536 values are
    sampled.

    With `torch.compile`, measured steps run uncompiled and nothing is recompiled; a compiled optimiser `step` is not
    detected. With FSDP, each rank measures its own part of the weights.

    Args:
        run: The session to write to.
        model: Plain or wrapped (DataParallel, DistributedDataParallel, torch.compile). If another run watches it, that
            watch ends.
        every: Training steps between measurements; "auto" measures as often as costs less than 1 % of the time.
        name: Prefix for the layers' names, to distinguish several models of a run. For a second model, defaults to its
            class name.
        quantities: The quantities to measure, of "value", "gradient", "update" and "activation".
        put_graph: Writes the model's graph to the run; without it, none is captured.

    Raises:
        UsageError: `model` is not a module or is watched already, or another argument is invalid.
    """
    given: object = model
    if isinstance(given, Optimizer):
        raise UsageError("watch takes the model, got its optimiser: run.watch(model)")
    if not isinstance(given, nn.Module):
        raise UsageError(
            f"watch takes a torch.nn.Module, got {type(given).__name__}; "
            "for other networks: run.watch_arrays({'layer1': {'weight': W, 'gradient': dW}})"
        )
    if isinstance(quantities, str) or not quantities:
        raise UsageError(f"quantities must be a list of some of {', '.join(QUANTITIES)}; got {quantities!r}")
    if unknown := [one for one in quantities if one not in QUANTITIES]:
        raise UsageError(f"no quantity {unknown[0]!r}; the quantities are: {', '.join(QUANTITIES)}")
    if not isinstance(name, str):
        raise UsageError(f"name must be a string (a prefix for the layers' names), got {name!r:.80}")
    name = str.__str__(name)
    root = unwrap(model)
    if isinstance(root, torch.jit.ScriptModule):
        raise UsageError("TorchScript modules cannot be watched; watch the module that was scripted")
    others = _watches.setdefault(run, [])
    if any(other.root is root for other in others):
        raise UsageError(f"this {type(root).__name__} is watched already; to change options, call run.unwatch() first")
    if not name and any(other.root is not None for other in others):
        name = type(root).__name__
    taken = {other.name for other in others}
    name = next(n for n in (name, *(f"{name}_{i}" for i in range(2, len(others) + 3))) if n not in taken or not others)
    schedule = Schedule(every)
    _end_watches_of_other_runs(run, root)
    made = Watch(run, root, schedule, name, tuple(quantities), put_graph)
    others.append(made)
    made.write_layers()
    made.arm()
    return made


def unwatch(run: Recorder) -> None:
    """End all watches of a run."""
    for one in _watches.get(run, [])[:]:
        one.remove()


def _end_watches_of_other_runs(run: Recorder, root: nn.Module) -> None:
    """Keep only the newest watch of a model, for example when a notebook cell runs again."""
    for other in [one for several in list(_watches.values()) for one in several if one.root is root]:
        other.remove()
        warnings.warn(
            f"run {run.name!r} watches this {type(root).__name__} from now on; run {other.run.name!r} no longer does",
            stacklevel=depth_of_caller(),
        )


class Watch:
    """The watch of one module; `remove` ends it, as does deleting the module, which is referenced weakly."""

    def __init__(
        self,
        run: Recorder,
        root: nn.Module,
        schedule: Schedule,
        name: str,
        quantities: tuple[Quantity, ...],
        put_graph: PutGraph | None = None,
        *,
        path: Path = "auto",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Use `watch`; `path` and `clock` are for tests."""
        load_kernels()
        self.name = name
        self.schedule = schedule
        self.count = 0
        """Number of training steps so far."""
        self.run = run
        self._root = weakref.ref(root, self._is_gone)
        self._type = type(root).__name__
        self._from_step = run.step
        self._path: Path = path
        self._clock = clock
        self._quantities = quantities
        self._tree = read_module_tree(root, name)
        self._changes: list[LayerChange] = []  # since the last measurement
        self._is_tree_checked = False  # whether changes of the model were checked for since the last step
        self._n_written = 0
        self._source = object()
        self._guard = Guard(f"this {self._type}", self._end_later)
        self._forward_hooks = ForwardHooks(self._guard, self.update_tree, clock)
        self._graph = GraphCapture(run, put_graph, name, f"this {self._type}")
        self._writer = MeasurementWriter(run, self._write_changes)
        self._log_thread = LogThread(run)
        self._waits_for_log = False
        self._open: Measurement | None = None  # of the coming step
        self._next: Measurement | None = None  # of the step after it, if its outputs already arrive
        self._running: list[Step] = []  # running optimiser steps, the outermost first
        self._stepped: frozenset[int] = frozenset()  # ids of the parameters stepped in this training step
        self._stepped_last: frozenset[int] = frozenset()
        self._seen: set[int] = set()  # ids of the parameters measured in this training step
        self._gradients: dict[int, _State] = {}  # the measured gradients, by parameter
        self._before: dict[int, torch.Tensor | None] = {}  # copies of the weights before the optimiser's step
        self._spare: dict[int, torch.Tensor | None] = {}  # copies to reuse if the next step is measured too
        self._owned: weakref.WeakKeyDictionary[Optimizer, _Owned] = weakref.WeakKeyDictionary()
        self._cost_s = 0.0
        self._last_step_at = clock()
        self._manual_steps: ManualSteps | None = ManualSteps(self, root, self._guard)
        steps.add(self)
        self._undo = [run.on_beat(self._beat), run.on_finish(self.remove)]

    @property
    def root(self) -> nn.Module | None:
        """The watched module, or None if it was deleted."""
        return self._root()

    @property
    def notes(self) -> list[str]:
        """Sentences about what is not measured, or shown under another name."""
        return [*self._tree.notes, *self._forward_hooks.notes]

    @property
    def parameters(self) -> list[Watched]:
        """The measured parameters."""
        return self._tree.parameters

    def arm(self) -> None:
        """Prepare to measure the coming step if it is due."""
        self._guard(self._arm)

    def remove(self) -> None:
        """Stop watching: remove all hooks and write pending measurements. Warns if no step was measured."""
        is_in_vain = self._undo and self._tree.ids and not self.count and self.run.step > self._from_step
        is_in_vain = is_in_vain and self.root is not None and not self._guard.is_over
        if self._stepped and not self._running:
            self._guard(self.finish_step)  # the last step, which no log has ended
        self._guard.end(self._writer.close)
        steps.remove(self)
        self._forward_hooks.detach()
        self._graph.remove()
        if self._manual_steps is not None:
            self._manual_steps.remove()
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
                f"watch measured nothing: no optimiser stepped parameters of this {self._type}, "
                "and its weights did not change; watch the model that is being trained",
                stacklevel=depth_of_caller(),
            )

    def _is_gone(self, root: weakref.ref[nn.Module]) -> None:
        self._guard(self._forward_hooks.detach)
        self._guard(self._graph.disarm)
        self._end_later()

    def _end_later(self) -> None:
        """End the watch at the next log, because hooks may be running now."""
        steps.mute(self)
        self.run.on_next_log(lambda step: self.remove())

    def _beat(self) -> None:
        self._guard(self._writer.resolve)

    # Layers ---------------------------------------------------------------------------------------------------------

    def write_layers(self, **more: Any) -> None:
        """Write the layers, as `in_order` orders them."""
        self._n_written = len(self._forward_hooks.order)
        write_layers(self.run, self._source, self._layers_in_order(), **more)

    def _write_changes(self, step: int, changes: list[LayerChange]) -> None:
        self.write_layers(step=step, changes=changes)

    def _layers_in_order(self) -> list[Layer]:
        functions = self._forward_hooks.functions
        layers = {**self._tree.layers}
        layers |= {path: Layer(layer=path, type=f"{name}()", parameters={}) for path, name in functions.items()}
        return [layers[path] for path in in_order(self._forward_hooks.order, layers)]

    def update_tree(self) -> None:
        """Read the model again if it has changed."""
        root = self.root
        self._is_tree_checked = True
        if root is None or self._tree.is_of(root):
            return
        old, self._tree = self._tree, read_module_tree(root, self.name)
        self._owned.clear()
        changes = layer_changes(old, self._tree)
        if any(change.change in ("added", "removed", "replaced") for change in changes):
            self._graph.expect()
        if self.count:
            self._changes += changes
        self.write_layers()
        if self._open is not None:
            if self._forward_hooks.is_attached:
                self._forward_hooks.hook_modules(root, self.name, self._tree)
            if self._manual_steps is not None:
                self._manual_steps.arm(self._open)

    # A training step ------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        root = self.root
        self._next, following = None, self._next
        self._is_tree_checked = False
        if root is None or not self.schedule.is_due(self.count):
            self._open, self._spare = None, {}
            self._forward_hooks.detach()
            return
        self._open = following if following is not None else Measurement(self._path)
        if "activation" in self._quantities:
            self._forward_hooks.attach(root, self.name, self._tree, self._open)
        self._graph.arm(root)
        if self._manual_steps is not None:
            self._manual_steps.arm(self._open)

    def before_step(self, optimizer: Optimizer, step: Step) -> None:
        """Called before an optimiser steps."""
        if not is_recording_code():
            self._guard(self._before_step, optimizer, step)

    def after_closure(self, optimizer: Optimizer) -> None:
        """Called after the step's closure has computed new gradients."""
        if self._open is not None and not is_recording_code():
            self._guard(self._measure_gradients_of, optimizer)

    def after_step(self, optimizer: Optimizer) -> None:
        """Called after an optimiser has stepped."""
        if not is_recording_code():
            self._guard(self._after_step, optimizer)

    def _owned_by(self, optimizer: Optimizer) -> _Owned:
        """The watched parameters that an optimiser steps."""
        sizes = [len(group["params"]) for group in optimizer.param_groups]
        known = self._owned.get(optimizer)
        if known is None or known.sizes != sizes:
            self.update_tree()
            own = self._tree.ids.intersection(id(p) for group in optimizer.param_groups for p in group["params"])
            known = self._owned[optimizer] = _Owned(sizes, own, self._tree.trained <= own)
        return known

    def _before_step(self, optimizer: Optimizer, step: Step) -> None:
        if self._open is not None and not self._is_tree_checked:
            self.update_tree()
        own = self._owned_by(optimizer).ids
        if not own:
            return
        if self._manual_steps is not None:
            self._manual_steps.remove()
            self._manual_steps = None
        while self._running and not step.is_inside(self._running[-1]):
            self._running.pop()  # that step raised
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
        # Parameters that were stepped last time will probably be stepped by an optimiser that comes later.
        now = own | (self._tree.ids - self._stepped_last) if is_first else own.difference(self._before)
        tensors = self._tensors(now)
        with measurement.batch():
            self.measure_values(measurement, tensors)
            if has_closure:  # it recomputes the gradients
                tensors = [(item, tensor) for item, tensor in tensors if id(tensor) not in own]
            used = [(item, tensor) for item, tensor in tensors if tensor.requires_grad or id(tensor) in own]
            self.measure_gradients(measurement, used, getattr(optimizer, "grad_scale", None))
            if is_first:
                self.measure_buffers(measurement)
        self._seen |= now
        if len(self._running) > 1:
            self._measure_gradients_of(optimizer)
        self._before |= self._copies(own.difference(self._before))
        self._cost_s += self._clock() - begin

    def _tensors(self, ids: Set[int]) -> Pairs:
        return [
            (item, tensor)
            for item in self._tree.parameters
            if (tensor := item.tensor()) is not None and id(tensor) in ids
        ]

    def _copies(self, ids: frozenset[int]) -> dict[int, torch.Tensor | None]:
        """Copies of the weights; None for each if updates are not measured."""
        if "update" not in self._quantities:
            return dict.fromkeys(ids)
        try:
            return {**device_stats.copies([tensor for _, tensor in self._tensors(ids)], self._spare)}
        except torch.OutOfMemoryError:
            device_stats.warn_full()
            return {}

    def _measure_gradients_of(self, optimizer: Optimizer) -> None:
        """Measure gradients that are computed or used during a step, before they may be cleared."""
        measurement = self._open
        if measurement is None or measurement.is_sealed or not self._running:
            return
        new = []
        for item, tensor in self._tensors(self._owned_by(optimizer).ids):
            known = self._gradients.get(id(tensor))
            if tensor.grad is not None and not (known is not None and known.is_of(tensor.grad)):
                new.append((item, tensor))
        with measurement.batch():
            self.measure_gradients(measurement, new, getattr(optimizer, "grad_scale", None))

    def _after_step(self, optimizer: Optimizer) -> None:
        inside = [i for i, step in enumerate(self._running) if step.optimizer_id == id(optimizer)]
        if not inside:
            return
        has_closure = self._running[inside[-1]].has_closure
        owned = self._owned_by(optimizer)
        self._stepped = self._stepped | owned.ids if self._stepped else owned.ids
        del self._running[inside[-1] :]
        if self._running:
            return  # the optimiser step that called this one is still running
        self._log_thread.trains(None if is_in_backward() else threading.get_ident())
        measurement = self._open
        if measurement is not None and self._before:
            begin = self._clock()
            tensors = self._tensors(self._before.keys())
            with measurement.batch():
                self.measure_updates(measurement, tensors, self._before)
                if has_closure:
                    unseen = [(item, tensor) for item, tensor in tensors if id(tensor) not in self._gradients]
                    self.measure_gradients(measurement, unseen, None)
            self._spare |= {key: copy for key, copy in self._before.items() if copy is not None and copy.is_cpu}
            self._before = {}
            self._cost_s += self._clock() - begin
        if owned.is_all or self._tree.trained <= self._stepped:
            self.finish_step()
        else:
            self._await_log()
            self._expect_more()

    def _expect_more(self) -> None:
        """Keep measuring outputs: other optimisers may follow in this training step, or the next step may begin."""
        root = self.root
        if self._next is None and self.schedule.is_due(self.count + 1):
            self._next = Measurement(self._path)
        if self._open is not None:
            self._forward_hooks.continue_in_next_step(self._next)
        elif self._next is not None and root is not None and "activation" in self._quantities:
            self._forward_hooks.attach(root, self.name, self._tree, self._next)

    def measure_buffers(self, measurement: Measurement) -> None:
        """Measure batch norm statistics, inside `batch`."""
        if "value" in self._quantities:
            there = [(item.value, tensor) for item in self._tree.buffers if (tensor := item.tensor()) is not None]
            measurement.replace_all([key for key, _ in there], [tensor for _, tensor in there])

    def measure_values(self, measurement: Measurement, tensors: Pairs) -> None:
        """Measure parameter values, inside `batch`."""
        if "value" in self._quantities:
            measurement.replace_all([item.value for item, _ in tensors], [tensor for _, tensor in tensors])

    def measure_gradients(self, measurement: Measurement, tensors: Pairs, scale: torch.Tensor | None) -> None:
        """Measure gradients, inside `batch`. Fused optimisers receive them still multiplied by the loss scale."""
        if "gradient" not in self._quantities:
            return
        keys, gradients = [], []
        for item, tensor in tensors:
            gradient = tensor.grad
            if gradient is not None:
                self._gradients[id(tensor)] = _State(gradient)
                keys.append(item.gradient)
                gradients.append(gradient if scale is None else gradient / scale.to(gradient.device))
        measurement.replace_all(keys, gradients)

    def measure_updates(
        self, measurement: Measurement, tensors: Pairs, before: Mapping[int, torch.Tensor | None]
    ) -> None:
        """Measure the changes of a step, inside `batch`; `before` may be overwritten."""
        if "update" not in self._quantities:
            return
        keys, now, then = [], [], []
        for item, tensor in tensors:
            old = before[id(tensor)]
            if old is not None and old.dtype is tensor.dtype and old.shape == tensor.shape:
                if old.device == tensor.device:
                    keys.append(item.update)
                    now.append(tensor)
                    then.append(old)
        measurement.replace_all(keys, now, then)

    def finish_step(self, *, at_log: bool = False) -> None:
        """End a training step: pass its measurement on and prepare for the next step."""
        measurement, self._open = self._open, None
        self._graph.finish_step()
        now = self._clock()
        if measurement is not None:
            self._measure_unstepped(measurement, at_log)
            measurement.steps_before, measurement.time = self.count, time.time()
            if len(self._forward_hooks.order) > self._n_written:
                self.write_layers()
            if measurement:
                self._writer.take(measurement, self._changes)
                self._changes = []
                self._await_log()
            cost_s = self._cost_s + self._forward_hooks.cost_s + self._clock() - now
            self.schedule.record_measurement(self.count, cost_s)
        elif self.schedule.is_auto:
            self.schedule.record_step(now - self._last_step_at)
        self.count += 1
        self._cost_s = self._forward_hooks.cost_s = 0.0
        self._stepped, self._stepped_last = frozenset(), self._stepped
        self._seen, self._gradients, self._before = set(), {}, {}
        if measurement is not None or self.schedule.is_due(self.count):
            self._arm()
        self._last_step_at = self._clock()

    def _measure_unstepped(self, measurement: Measurement, at_log: bool) -> None:
        """Measure the parameters that were not stepped. Their gradients may already belong to the next step."""
        if self._seen and not self._tree.ids <= self._seen:
            tensors = self._tensors(self._tree.ids - self._seen)
            with measurement.batch():
                self.measure_values(measurement, tensors)
                if at_log:  # what a frozen parameter still has in `grad` is from an earlier step
                    trained = [(item, tensor) for item, tensor in tensors if tensor.requires_grad]
                    self.measure_gradients(measurement, trained, None)

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
            self._waits_for_log = True  # prevents `finish_step` from waiting for another log
            self.finish_step(at_log=True)
            self._waits_for_log = False
        self.logged(step)

    def logged(self, step: int) -> None:
        """Assign a logged step to the pending measurements."""
        self._writer.logged(step, self.count)


class _State:
    """The identity and version of a tensor at some time."""

    __slots__ = ("_tensor", "_version")

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = weakref.ref(tensor)  # not its id, which may be reused
        self._version = -1 if tensor.is_inference() else tensor._version

    def is_of(self, tensor: torch.Tensor) -> bool:
        """Whether this is the same, unmodified tensor; always False for tensor subclasses, where this is unknown."""
        if type(tensor) is not torch.Tensor or tensor.is_inference():
            return False
        return self._tensor() is tensor and self._version == tensor._version


class _Owned(NamedTuple):
    """The parameters of a watched model that an optimiser steps."""

    sizes: list[int]
    """Sizes of its parameter groups, to detect changes."""
    ids: frozenset[int]
    is_all: bool
    """Whether they include all trainable parameters."""
