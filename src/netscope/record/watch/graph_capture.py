"""Capture the graph of a watched model in the training's own forward pass, and write it to the run.

Hooks and a function mode see one pass; they note what is called and keep no tensor. The graph is made of these notes
on the background thread. It is captured at the first measured step, and again after layers were added, removed or
replaced.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import nn

from netscope.frameworks.torch_trace import Trace
from netscope.frameworks.torch_trace_model import model_of
from netscope.models.model import Model
from netscope.record import guard
from netscope.record.stacklevel import depth_of_caller
from netscope.record.watch.forward_hooks import EagerStance, is_in_backward, is_recording_code
from netscope.record.watch.hook import Guard, Hook
from netscope.record.watch.rows import Recorder

PATIENCE = 3
"""Measured steps without a forward pass, after which no graph is expected."""


class PutGraph(Protocol):
    """Writes a graph to the run."""

    def __call__(self, model: Model, step: int, name: str) -> None:
        """`name` is that of the watch."""


class GraphCapture:
    """The graph of one watched model."""

    def __init__(self, run: Recorder, put: PutGraph | None, name: str, subject: str) -> None:
        """Without `put`, nothing is captured."""
        self._run = run
        self._put = put
        self._name = name
        self._subject = subject
        self._guard = Guard(f"the graph of {subject}", lambda: None)
        self._is_due = put is not None
        self._has_changed = False  # since the hooks were attached
        self._n_tries = 0
        self._trace: Trace | None = None
        self._captured: tuple[Trace, int] | None = None
        self._written: Model | None = None
        self._lock = threading.Lock()
        self._undo = run.on_beat(self.write) if put is not None else lambda: None

    def expect(self) -> None:
        """Capture again at the next measured step, because the model has changed."""
        self._is_due = self._put is not None
        self._has_changed = True
        self._n_tries = 0

    def arm(self, root: nn.Module) -> None:
        """Attach hooks for the coming step if a graph is due."""
        if self._is_due and self._trace is None:
            self._guard(self._attach, root)

    def _attach(self, root: nn.Module) -> None:
        self._has_changed = False
        self._trace = Trace(root, self._name, guard=self._guard, may_begin=_is_training)
        EagerStance.enter()
        self._trace.attach(root, self._hook)

    def _hook(self, call: Callable[..., Any], *first: Any) -> Hook:
        return Hook(self._guard, call, *first)

    def finish_step(self) -> None:
        """Take what the step has shown, and remove the hooks."""
        if self._trace is not None:
            self._guard(self._take)
            self.disarm()  # if that failed

    def _take(self) -> None:
        trace = self._trace
        assert trace is not None  # `finish_step` looked
        self.disarm()
        self._n_tries += 1
        if trace.calls and not trace.has_failed:
            self._is_due = self._has_changed
            with self._lock:
                self._captured = trace, self._run.step
        elif self._n_tries >= PATIENCE:
            self._is_due = False
            warnings.warn(
                f"the graph of {self._subject} is not in the run: no forward pass was seen in {PATIENCE} measured "
                "steps (where torch.compiler.set_stance is set, compiled code is not seen); to capture it apart from "
                "the training: run.graph(model, x)",
                stacklevel=depth_of_caller(),
            )

    def disarm(self) -> None:
        """Remove the hooks."""
        trace, self._trace = self._trace, None
        if trace is not None:
            guard.attempt("removing hooks", trace.detach, None)
            EagerStance.leave()

    def write(self) -> None:
        """Write the graph that was captured, if there is one; called at every beat, and at the end."""
        with self._lock:
            captured, self._captured = self._captured, None
            if captured is not None:
                self._guard(self._write, *captured)

    def _write(self, trace: Trace, step: int) -> None:
        assert self._put is not None  # else nothing was captured
        model = model_of(trace, name=trace.root_type.__name__, metadata={"captured": "in training"})
        if model != self._written:
            self._written = model
            self._put(model, step, self._name)

    def remove(self) -> None:
        """End: write what is pending."""
        self._undo()
        self.disarm()
        self.write()


def _is_training() -> bool:
    """Whether a forward pass that begins now is one of the training."""
    return torch.is_grad_enabled() and not is_recording_code() and not is_in_backward()
