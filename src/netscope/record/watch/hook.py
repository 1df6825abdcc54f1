"""The boundary between a watch and the training: no hook raises there, and none stays behind in a copy of the model."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from netscope.record import beside
from netscope.record.stacklevel import depth_of_caller


class Guard:
    """Calls what a watch does beside a training. The first exception ends the watch, with a warning."""

    def __init__(self, subject: str, on_failure: Callable[[], None]) -> None:
        """`subject` is what is watched; `on_failure` is called once and must not remove hooks, which may be running."""
        self.is_over = False
        self._subject = subject
        self._on_failure = on_failure

    def __call__(self, call: Callable[..., Any], *given: Any) -> Any:
        """What `call` returns, or None where it failed or the watch is over."""
        if self.is_over:
            return None
        # All function modes are off: ours, and the user's (for instance a default device).
        with torch._C.DisableTorchFunction():
            return beside.call_or(self._fail, call, *given)

    def _fail(self, error: Exception) -> None:
        self.is_over = True
        self._on_failure()
        warnings.warn(
            f"watching {self._subject} failed and ends here; the training continues: {type(error).__name__}: {error}",
            stacklevel=depth_of_caller(),
        )

    def end(self, call: Callable[[], Any]) -> None:
        """Make the last call, even after a failure (which was warned of then)."""
        has_failed, self.is_over = self.is_over, False
        if has_failed:
            beside.call_or(lambda error: None, call)
        else:
            self(call)
        self.is_over = True


class Hook:
    """Calls a function through a guard, for this module only: in a copy (a checkpoint, a mean of weights) nothing.

    Without this, `copy.deepcopy(model)` and `torch.save(model)` would take the run, its locks and its files along.
    """

    __slots__ = ("_call", "_first", "_guard")

    def __init__(self, guard: Guard, call: Callable[..., Any], *first: Any) -> None:
        """Call `call` with `first` before what torch gives."""
        self._guard = guard
        self._call = call
        self._first = first

    def __call__(self, *given: Any) -> None:
        """What torch does; a compiler that traces the model sees nothing."""
        if not torch.compiler.is_compiling():
            self._guard(self._call, *self._first, *given)

    def __reduce__(self) -> tuple[Any, ...]:
        """Takes anything and returns None, and whoever opens the checkpoint need not have netscope."""
        return getattr, (nullcontext(), "__exit__")
