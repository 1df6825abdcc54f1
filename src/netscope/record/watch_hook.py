"""Hooks that stay behind where a watched module is copied or saved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any


class Hook:
    """Calls a function, for this module only: in a copy (a running mean of the weights, a checkpoint) it does nothing.

    Without this, `copy.deepcopy(model)` and `torch.save(model)` would take the run, its locks and its files along.
    """

    __slots__ = ("_call", "_first")

    def __init__(self, call: Callable[..., Any], *first: Any) -> None:
        """Call `call` with `first` before what torch gives."""
        self._call = call
        self._first = first

    def __call__(self, *given: Any) -> Any:
        """What torch does."""
        return self._call(*self._first, *given)

    def __reduce__(self) -> tuple[Any, ...]:
        """Takes anything and returns None, and whoever opens the checkpoint need not have netscope."""
        return getattr, (nullcontext(), "__exit__")
