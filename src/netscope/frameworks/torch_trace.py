"""Record what runs in a forward pass: the modules and functions that are called, and the tensors between them.

Nothing is computed and no tensor is kept. `torch_trace_model` makes a graph of a trace, later and in any thread.

A module of torch without modules inside (`nn.Linear`) is one call; so is a function, in the module that calls it.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from netscope.frameworks.torch_calls import (
    CONVERSIONS,
    VALUES_READ,
    Operation,
    operation,
    parameter_names,
)
from netscope.frameworks.torch_functions import FunctionCapture, FunctionMode, name_or_axis
from netscope.frameworks.torch_modules import is_silent, walk
from netscope.frameworks.torch_values import Values, named_tensors, tensors_in, versions, written_since

MOST_CALLS = 200_000
"""A trace ends there; what ran until then is kept."""
Versions = list[tuple[torch.Tensor, int]]
"""Tensors, each with its version before a call."""
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass(slots=True)
class CallRecord:
    """A call of a function, or of a module that is one node."""

    op: Operation
    name: str
    scope: str
    function: Callable[..., Any] | None
    """None for a module."""
    args: tuple[Any, ...]
    """With a `TensorArgument` for each tensor; for a module, its settings are among `kwargs`."""
    kwargs: dict[str, Any]
    outputs: list[int] = field(default_factory=list)
    weights: list[tuple[str, int]] = field(default_factory=list)
    """Name and value of a module's own parameters and buffers."""
    inner: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    """The functions that the module called."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Attributes of the module."""
    argument_names: list[str] = field(default_factory=list)
    """What the module's `forward` calls `args`."""
    seconds: float = math.nan
    """How long it took, if the trace has a clock."""


class _Running:
    """A module that is running."""

    __slots__ = ("before", "begun", "call", "module", "n_functions", "name", "path")

    def __init__(self, module: nn.Module, path: str, name: str, call: CallRecord | None) -> None:
        self.module = module
        self.path = path
        self.name = name
        self.call = call
        self.before: Versions = []
        self.begun = math.nan
        self.n_functions: dict[str, int] = {}


class Trace:
    """The record of one pass. `attach` before it; it is complete when `is_complete`.

    Attributes:
        calls: In the order in which they ended.
        values: The tensors that were seen, and those of the model.
        scopes: Names of the modules that ran, in the order in which they began.
        kinds: The class of each module, by its path.
        inputs: Values that came from outside.
        outputs: Values that are the result, with their names.
        values_read: Functions that read numbers of tensors into Python, each with where that was.
        clock: Seconds that have passed; calls are timed if it is set before the pass.
    """

    def __init__(
        self,
        root: nn.Module,
        prefix: str = "",
        *,
        guard: Callable[..., Any],
        may_begin: Callable[[], bool] = lambda: True,
        is_own: bool = False,
    ) -> None:
        """Prepare to record calls of `root`.

        Args:
            root: A module without wrappers.
            prefix: Put before every path.
            guard: Calls a function with arguments, whatever it may raise.
            may_begin: Whether a module that is called from outside now is to be recorded.
            is_own: Whether results may be replaced by other views of them, so that a module that returns its input
                itself is told apart from it.
        """
        self.calls: list[CallRecord] = []
        self.values = Values()
        self.scopes: dict[str, None] = {}
        self.kinds: dict[str, str] = {}
        self.inputs: list[int] = []
        self.outputs: list[tuple[str, int]] = []
        self.values_read: dict[str, None] = {}
        self.clock: Callable[[], float] | None = None
        self.root_type = type(root)
        self.is_training = root.training
        self.prefix = prefix
        self.is_complete = False
        self.is_cut = False
        """Whether more ran than a trace holds."""
        self.has_failed = False
        """Whether the pass ended with an exception."""
        self._may_begin = may_begin
        self._is_own = is_own
        self._names: dict[str, int] = {}
        self._running: list[_Running] = []
        self._outer: set[int] = set()  # modules that were called from outside
        self._thread: int | None = None
        self._handles: list[RemovableHandle] = []
        self._functions = FunctionCapture(self._new_mode, guard, lambda path: path in self.kinds)
        self._functions.parts = {id(module) for module in root.modules()}
        for inner, _, module in walk(root):
            path = ".".join(part for part in (prefix, inner) if part)
            self.kinds.setdefault(path, type(module).__name__)
            self.values.store_tensors_of(module, path)

    # Hooks ----------------------------------------------------------------------------------------------------------

    def attach(self, root: nn.Module, hook: Callable[..., Any]) -> None:
        """Attach hooks to all modules; `hook(function, *first)` makes a hook of a function."""
        seen = set()
        for inner, _, module in walk(root):
            if module in seen or isinstance(module, torch.jit.ScriptModule):
                continue
            seen.add(module)
            path = ".".join(part for part in (self.prefix, inner) if part)
            before = module.register_forward_pre_hook(
                hook(self._enter, path, _is_one_node(module)), prepend=True, with_kwargs=True
            )
            after = module.register_forward_hook(hook(self._leave, path), always_call=True)
            self._handles += [before, after]

    def detach(self) -> None:
        """Remove every hook, and record nothing more."""
        self.complete()
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _new_mode(self, capture: FunctionCapture) -> FunctionMode:
        return _TraceMode(self, capture)

    def _is_recording(self) -> bool:
        return not (self.is_complete or self.is_cut) and self._thread == threading.get_ident()

    def _enter(self, path: str, is_one: bool, module: nn.Module, args: Any, kwargs: Any) -> None:
        if self.is_complete or not (self._running or self._may_begin()):
            return
        if self._thread is None:
            self._thread = threading.get_ident()
        if not self._is_recording() or (self._running and self._running[-1].call is not None):
            return
        if self._running and self._running[0].module is module:  # an interrupt ended the pass before
            self.has_failed = True
            self.complete()
            return
        if not self._running:
            if id(module) in self._outer:  # the next pass
                self.complete()
                return
            self._outer.add(id(module))
            self._add_inputs(module, args, kwargs)
        place = self._display(path)
        name = self._unique(place or (type(module).__name__ if is_one else ""))
        call = None
        if is_one:
            given, named = self._tree(args), self._tree(kwargs)
            call = CallRecord(Operation(type(module).__name__), name, place.rpartition(".")[0], None, given, named)
            call.argument_names = _argument_names(module, len(args))
        else:
            self.scopes[name] = None
        running = _Running(module, path, name, call)
        running.before = versions((args, kwargs)) if is_one else []
        if is_one and self.clock is not None:
            running.begun = self.clock()
        is_outermost = not self._running
        self._running.append(running)
        if not is_one or is_outermost:
            self._functions.enter(path, module)

    def _leave(self, path: str, module: nn.Module, args: Any, output: Any) -> Any:
        if self._thread != threading.get_ident() or not any(one.module is module for one in self._running):
            return None
        ended = math.nan if self.clock is None else self.clock()
        while (running := self._running.pop()).module is not module:
            pass
        if running.call is None or not self._running:
            self._functions.leave(path, module)
        elif not is_silent(module):
            self._functions.ran(path)
        has_failed = output is None and sys.exc_info()[1] is not None
        replaced = None
        if running.call is not None and not (has_failed or self.is_cut):
            self.values.store_tensors_of(module, path)  # those of a lazy module, or of a replica
            running.call.op = Operation(type(module).__name__)  # a lazy module has another class now
            running.call.settings = _settings(module)
            running.call.weights = self.values.weights_of(module)
            running.call.seconds = ended - running.begun
            replaced = self._add_call(running.call, running.before, output)
        if not self._running:
            self.has_failed = self.has_failed or has_failed
            found = [] if self.is_cut else named_tensors(output if replaced is None else replaced)
            self.outputs += [(name or "output", self.values.of(tensor, [])) for name, tensor in found]
            if not path or path == self.prefix:
                self.complete()
        return replaced

    def complete(self) -> None:
        """Record nothing more."""
        self.is_complete = True
        self.values.forget()
        self._running = []
        self._functions.leave_all()

    # Functions ------------------------------------------------------------------------------------------------------

    def before_function(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType | None
    ) -> tuple[CallRecord, Versions] | None:
        """Describe a call that is about to be made; None if it is not recorded."""
        if not self._running or not self._is_recording() or not isinstance(function, Hashable):
            return None
        done = operation(function)
        if not isinstance(done, Operation):
            if done in VALUES_READ and tensors_in((args, kwargs)):
                self.values_read.setdefault(f"{done.strip('_')} in {self._running[-1].name or self.root_type.__name__}")
            return None
        running = self._running[-1]
        if running.call is not None:
            running.call.inner.append((function, self.values.tree(args, None), self.values.tree(kwargs, None)))
            return None
        if len(self.calls) >= MOST_CALLS:
            self.is_cut = True
            return None
        named = name_or_axis(function)
        captured = (
            self._functions.capture_call(named, frame, function, args, kwargs) if isinstance(named, str) else None
        )
        if captured is not None:
            own = captured.path[len(running.path) + 1 if running.path else 0 :]
        else:
            own = self._function_name(running, done.name)
        name = self._unique(f"{running.name}.{own}" if running.name else own)
        before = versions((args, kwargs))
        return CallRecord(done, name, running.name, function, self._tree(args), self._tree(kwargs)), before

    def after_function(self, call: CallRecord, before: Versions, result: Any) -> Any:
        """Record the results of a call; return what to replace the result by, or None."""
        if not self._is_recording():
            return None
        if call.op.name == "unbind" and not isinstance(result, tuple | list | torch.Tensor):  # `for row in tensor`
            result = tuple(result)
            self._add_call(call, before, result)
            return iter(result)
        return self._add_call(call, before, result)

    def _function_name(self, running: _Running, name: str) -> str:
        while True:
            n = running.n_functions.get(name, 0)
            running.n_functions[name] = n + 1
            own = f"{name}_{n}" if n else name
            if own not in running.module._modules:
                return own

    # Calls ----------------------------------------------------------------------------------------------------------

    def _add_call(self, call: CallRecord, before: Versions, result: Any) -> Any:
        """Record a call that was made. `before` are its tensors with the versions they had."""
        found, written = tensors_in(result), written_since(before)
        given = {id(tensor) for tensor, _ in before}
        is_itself = bool(found) and not written and all(id(tensor) in given for tensor in found)
        if not (found or written) or (is_itself and call.function is not None and call.op.name in CONVERSIONS):
            return None
        replaced = None
        if is_itself and self._is_own and isinstance(result, torch.Tensor):
            replaced = result.view_as(result)
            found = [replaced]
        self.calls.append(call)
        self.values.add_results(found, written, call.outputs)
        return replaced

    def _add_inputs(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        named = dict(zip(_argument_names(module, len(args)), args, strict=True)) | kwargs
        for name, tensor in named_tensors(named):
            if not self.values.is_known(tensor):
                self.inputs.append(self.values.add(tensor, name))

    def _tree(self, given: Any) -> Any:
        return self.values.tree(given, self._modules())

    def _modules(self) -> list[tuple[str, nn.Module]]:
        return [(running.name, running.module) for running in self._running]

    # Names ----------------------------------------------------------------------------------------------------------

    def _unique(self, name: str) -> str:
        n = self._names[name] = self._names.get(name, 0) + 1
        return name if n == 1 else f"{name} (call {n})"

    def _display(self, path: str) -> str:
        """The path of a module within the call of the module around it that is running."""
        for running in reversed(self._running):
            if not running.path or path.startswith(f"{running.path}."):
                return f"{running.name}{path[len(running.path) :]}" if running.path else path
        return path


class _TraceMode(FunctionMode):
    """Hands every function that is called to a trace."""

    def __init__(self, trace: Trace, capture: FunctionCapture) -> None:
        super().__init__(capture)
        self.trace = trace

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.is_on:
            return func(*args, **kwargs)
        trace, guard = self.trace, self.capture.guard
        found = guard(trace.before_function, func, args, kwargs, sys._getframe(1))
        if found is None:
            return func(*args, **kwargs)
        begun = None if trace.clock is None else trace.clock()
        result = func(*args, **kwargs)
        if begun is not None and trace.clock is not None:
            found[0].seconds = trace.clock() - begun
        replaced = guard(trace.after_function, *found, result)
        return result if replaced is None else replaced


def _is_one_node(module: nn.Module) -> bool:
    """Whether a module is drawn as one node: one of torch's own that calls no other module."""
    origin = getattr(module.forward, "__module__", "") or ""
    is_torchs = origin.startswith(("torch.nn.", "torch.ao.nn."))
    if isinstance(module, _CONTAINERS) or not is_torchs:
        return False
    return not module._modules or isinstance(module, nn.MultiheadAttention)


def _settings(module: nn.Module) -> dict[str, Any]:
    """The plain attributes of a module: sizes, strides, whether there is a bias."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and name != "training" and value is not None and _is_setting(value)
    }


def _is_setting(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) < 64 and all(_is_setting(one) for one in value)
    return value is None or isinstance(value, bool | int | float | str)


def _argument_names(module: nn.Module, n: int) -> list[str]:
    names, rest = parameter_names(type(module).forward)
    return names[:n] + [f"{rest}.{i}" if rest else str(i) for i in range(n - len(names))]
