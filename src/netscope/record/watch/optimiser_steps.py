"""Notify listeners of every optimiser step in the process: before it, after its closure, and after it."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle


class Step:
    """A call of `Optimizer.step`."""

    __slots__ = ("_frame_id", "has_closure", "optimizer_id")

    def __init__(self, optimizer: Optimizer, has_closure: bool) -> None:
        """Create a step; must be called directly from torch's hook."""
        self.optimizer_id = id(optimizer)
        self.has_closure = has_closure
        self._frame_id = id(sys._getframe(2))

    def is_inside(self, other: Step) -> bool:
        """Whether the other step (possibly one that raised and is no longer running) called this one."""
        frame = sys._getframe(1).f_back
        while frame is not None and id(frame) != other._frame_id:
            frame = frame.f_back
        return frame is not None and other._frame_id != self._frame_id


class StepListener(Protocol):
    """Called at each step; must not raise."""

    def before_step(self, optimizer: Optimizer, step: Step) -> None:
        """A step begins, possibly inside another one."""

    def after_closure(self, optimizer: Optimizer) -> None:
        """The step's closure has run."""

    def after_step(self, optimizer: Optimizer) -> None:
        """The step is over."""


class OptimiserSteps:
    """One pair of torch's global hooks for all listeners.

    torch iterates over its hooks at every step, and they must not change meanwhile. So the pair is removed with the
    last listener only if no step is running in this thread and no other live thread has made one; otherwise it stays.
    """

    def __init__(self) -> None:
        """Start without listeners."""
        self._listeners: tuple[StepListener, ...] = ()
        self._handles: list[RemovableHandle] = []
        self._threads: dict[int, weakref.ref[threading.Thread]] = {}  # those that made a step
        self._running = threading.local()
        self._lock = threading.RLock()

    def add(self, listener: StepListener) -> None:
        """Notify a listener of all steps from now on."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
            if not self._handles:
                before = register_optimizer_step_pre_hook(self._before)
                self._handles = [before, register_optimizer_step_post_hook(self._after)]

    def mute(self, listener: StepListener) -> None:
        """Stop notifying a listener. torch's hooks stay, so this may be called at any time, even from a hook."""
        with self._lock:
            self._listeners = tuple(other for other in self._listeners if other is not listener)

    def remove(self, listener: StepListener) -> None:
        """Stop notifying a listener, and remove torch's hooks if it was the last one and they can be removed."""
        with self._lock:
            self.mute(listener)
            if not self._listeners and not self._is_calling() and not self._is_stepped_elsewhere():
                for handle in self._handles:
                    handle.remove()
                self._handles = []

    def _is_stepped_elsewhere(self) -> bool:
        """Whether another live thread has made a step. A new thread may have the ident of one that has ended."""
        threads = [thread() for thread in self._threads.copy().values()]
        return any(thread.is_alive() for thread in threads if thread not in (None, threading.current_thread()))

    def _is_calling(self) -> bool:
        """Whether this thread is notifying a listener."""
        return getattr(self._running, "n", 0) > 0

    @contextmanager
    def _calling(self) -> Iterator[None]:
        self._threads[threading.get_ident()] = weakref.ref(threading.current_thread())
        self._running.n = getattr(self._running, "n", 0) + 1
        try:
            yield
        finally:
            self._running.n -= 1

    def _before(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        closure = args[1] if len(args) > 1 else kwargs.get("closure")  # args[0] is the optimiser
        step = Step(optimizer, closure is not None)
        with self._calling():
            for listener in self._listeners:
                listener.before_step(optimizer, step)
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
        with self._calling():
            for listener in self._listeners:
                listener.after_step(optimizer)


steps = OptimiserSteps()
