"""Tell listeners of every optimiser step in the process: when it begins, when its closure has run, when it is over."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle


class Step:
    """A call of `Optimizer.step`."""

    __slots__ = ("_frame_id", "has_closure", "optimizer_id")

    def __init__(self, optimizer: Optimizer, has_closure: bool) -> None:
        """Called by the hook that torch calls."""
        self.optimizer_id = id(optimizer)
        self.has_closure = has_closure
        self._frame_id = id(sys._getframe(2))

    def is_inside(self, other: Step) -> bool:
        """Whether the other step called this one. One that raised is over without a word, and called nothing."""
        frame = sys._getframe(1).f_back
        while frame is not None and id(frame) != other._frame_id:
            frame = frame.f_back
        return frame is not None and other._frame_id != self._frame_id


class StepListener(Protocol):
    """Called at each step; must not raise."""

    def before_step(self, optimizer: Optimizer, step: Step) -> None:
        """A step begins, maybe inside another one."""

    def after_closure(self, optimizer: Optimizer) -> None:
        """The closure that was given to the step has run."""

    def after_step(self, optimizer: Optimizer) -> None:
        """The step is over."""


class OptimiserSteps:
    """One pair of torch's global hooks for all listeners.

    The pair stays while listeners are being called, because torch iterates over its hooks then.
    """

    def __init__(self) -> None:
        """There are no listeners yet."""
        self._listeners: tuple[StepListener, ...] = ()
        self._handles: list[RemovableHandle] = []
        self._n_calling = 0

    def add(self, listener: StepListener) -> None:
        """Call a listener at all steps from now on."""
        self._listeners = (*self._listeners, listener)
        if not self._handles:
            before = register_optimizer_step_pre_hook(self._before)
            self._handles = [before, register_optimizer_step_post_hook(self._after)]

    def mute(self, listener: StepListener) -> None:
        """Call a listener no more; torch's hooks stay, so this may be called at any time, by a hook too."""
        self._listeners = tuple(other for other in self._listeners if other is not listener)

    def remove(self, listener: StepListener) -> None:
        """Call a listener no more, and remove torch's hooks if it was the last one."""
        self.mute(listener)
        if not self._listeners and not self._n_calling:
            for handle in self._handles:
                handle.remove()
            self._handles = []

    def _before(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        closure = args[1] if len(args) > 1 else kwargs.get("closure")  # the optimiser is the first argument
        step = Step(optimizer, closure is not None)
        self._n_calling += 1
        for listener in self._listeners:
            listener.before_step(optimizer, step)
        self._n_calling -= 1
        if closure is None or not self._listeners:
            return None
        wrapped = self._wrapped(optimizer, closure)
        return ((args[0], wrapped, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "closure": wrapped})

    def _wrapped(self, optimizer: Optimizer, closure: Callable[[], Any]) -> Callable[[], Any]:
        def with_gradients() -> Any:
            result = closure()
            for listener in self._listeners:
                listener.after_closure(optimizer)
            return result

        return with_gradients

    def _after(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._n_calling += 1
        for listener in self._listeners:
            listener.after_step(optimizer)
        self._n_calling -= 1


steps = OptimiserSteps()
