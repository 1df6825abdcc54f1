"""Detect training steps that update the weights manually, without a torch optimiser.

Until the first optimiser step, gradients are measured as they are computed. A step is over when the weights have
changed, which is checked at the next `log` and at the next call of the model. The first optimiser step ends this mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from netscope.record.watch.forward_hooks import ForwardPasses, is_recording_code
from netscope.record.watch.hook import Guard, Hook
from netscope.record.watch.measurement import Measurement
from netscope.record.watch.module_tree import Pairs, Watched
from netscope.record.watch.rows import Recorder


class Watching(Protocol):
    """The part of a `Watch` that is needed here."""

    run: Recorder

    @property
    def parameters(self) -> list[Watched]:
        """The parameters that are measured."""

    def measure_values(self, measurement: Measurement, tensors: Pairs) -> None:
        """Measure parameters, inside `batch`."""

    def measure_gradients(self, measurement: Measurement, tensors: Pairs, scale: torch.Tensor | None) -> None:
        """Measure gradients, inside `batch`."""

    def measure_updates(
        self, measurement: Measurement, tensors: Pairs, before: Mapping[int, torch.Tensor | None]
    ) -> None:
        """Measure changes of parameters, inside `batch`."""

    def measure_buffers(self, measurement: Measurement) -> None:
        """Measure batch norm statistics, inside `batch`."""

    def finish_step(self) -> None:
        """End a training step."""

    def logged(self, step: int) -> None:
        """Assign a logged step to the pending measurements."""


class ManualSteps:
    """Replaces the optimiser's hooks."""

    def __init__(self, watch: Watching, root: nn.Module, guard: Guard) -> None:
        """Start detecting steps."""
        self._watch = watch
        self._guard = guard
        self._passes = ForwardPasses()
        self._root_handle = root.register_forward_pre_hook(Hook(guard, self._begin_pass))
        self._handles: list[RemovableHandle] = []
        self._measurement: Measurement | None = None
        self._before: dict[int, torch.Tensor] = {}
        self._asked = False
        self._is_counted = True  # the first pass ends no step

    def arm(self, measurement: Measurement) -> None:
        """Measure gradients from now on."""
        self.disarm()
        self._measurement = measurement
        for item in self._watch.parameters:
            tensor = item.tensor()
            if tensor is not None and tensor.requires_grad and tensor.is_leaf:
                register: Any = tensor.register_post_accumulate_grad_hook
                self._handles.append(register(Hook(self._guard, self._gradient, item)))

    def disarm(self) -> None:
        """Stop measuring gradients."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._measurement = None
        self._before = {}

    def remove(self) -> None:
        """Remove every hook."""
        self.disarm()
        self._root_handle.remove()

    def _gradient(self, item: Watched, parameter: torch.Tensor) -> None:
        if self._measurement is None or is_recording_code():
            return
        with self._measurement.batch():
            self._watch.measure_gradients(self._measurement, [(item, parameter)], None)
            if id(parameter) not in self._before:
                self._watch.measure_values(self._measurement, [(item, parameter)])
                self._before[id(parameter)] = parameter.detach().clone()
        if not self._asked:
            self._asked = True
            self._watch.run.on_next_log(self._logged)

    def _logged(self, step: int) -> None:
        self._asked = False
        self._guard(self._complete_at, step)

    def _complete_at(self, step: int) -> None:
        if self._has_changed():
            self._complete()
            self._is_counted = True
            self._watch.logged(step)

    def _begin_pass(self, module: nn.Module, args: Any) -> None:
        if is_recording_code() or not torch.is_grad_enabled() or not self._passes.is_new(module, args):
            return
        if self._measurement is not None:
            if self._has_changed():
                self._complete()
        elif not self._is_counted:
            self._watch.finish_step()
        self._is_counted = False

    def _tensors(self) -> Pairs:
        pairs = ((item, item.tensor()) for item in self._watch.parameters)
        return [(item, tensor) for item, tensor in pairs if tensor is not None]

    def _has_changed(self) -> bool:
        return any(
            not torch.equal(tensor.detach(), self._before[id(tensor)])
            for _, tensor in self._tensors()
            if id(tensor) in self._before
        )

    def _complete(self) -> None:
        assert self._measurement is not None  # `_has_changed` was true
        with self._measurement.batch():
            tensors = self._tensors()
            changed = [(item, tensor) for item, tensor in tensors if id(tensor) in self._before]
            self._watch.measure_updates(self._measurement, changed, self._before)
            unseen = [(item, tensor) for item, tensor in tensors if id(tensor) not in self._before]
            self._watch.measure_values(self._measurement, unseen)
            self._watch.measure_buffers(self._measurement)
        self.disarm()
        self._watch.finish_step()
