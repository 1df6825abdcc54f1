"""The boundary between a watch and the training: hooks never raise, and copies of the model have no hooks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from netscope.record import guard
from netscope.record.stacklevel import depth_of_caller


class Guard:
    """Calls the functions of a watch. The first exception ends the watch, with a warning."""

    def __init__(self, subject: str, on_failure: Callable[[], None]) -> None:
        """`subject` names what is watched. `on_failure` is called once and must not remove hooks that may be active."""
        self.is_over = False
        self._subject = subject
        self._on_failure = on_failure

    def __call__(self, call: Callable[..., Any], *given: Any) -> Any:
        """Return the result of `call`, or None if it fails or the watch is over."""
        if self.is_over:
            return None
        # Turns off all torch function modes: ours, and the user's (such as a default device).
        with torch._C.DisableTorchFunction():
            return guard.call_or(self._fail, call, *given)

    def _fail(self, error: Exception) -> None:
        self.is_over = True
        self._on_failure()
        warnings.warn(
            f"watching {self._subject} failed and ends here; the training continues: {type(error).__name__}: {error}",
            stacklevel=depth_of_caller(),
        )

    def end(self, call: Callable[[], Any]) -> None:
        """Make the last call, even after a failure (about which a warning was shown)."""
        has_failed, self.is_over = self.is_over, False
        if has_failed:
            guard.call_or(lambda error: None, call)
        else:
            self(call)
        self.is_over = True


class Hook:
    """A hook that calls a function through a guard. A copy of it (in a checkpoint or an averaged model) does nothing.

    Otherwise `copy.deepcopy(model)` and `torch.save(model)` would include the run with its locks and files.
    """

    __slots__ = ("_call", "_first", "_guard")

    def __init__(self, guard: Guard, call: Callable[..., Any], *first: Any) -> None:
        """Call `call` with the arguments `first`, followed by those that torch passes."""
        self._guard = guard
        self._call = call
        self._first = first

    def __call__(self, *given: Any) -> None:
        """Called by torch; does nothing while a compiler traces the model."""
        if not torch.compiler.is_compiling():
            self._guard(self._call, *self._first, *given)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a function that returns None, so that checkpoints load without netscope."""
        return getattr, (nullcontext(), "__exit__")
