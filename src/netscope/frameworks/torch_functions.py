"""Capture the functions that a module's `forward` calls (`torch.relu(x)`, `x.tanh()`), as parts of that module.

A `TorchFunctionMode` is active from the outermost `enter` of a thread to its `leave`; at other times there is no cost.
A call is named within the module that makes it: `relu`, and `relu_1` for the second one in the code. A location in the
code keeps its name. In a loop, calls are distinguished by the module called last before them, so that
`for layer in self.layers: x = torch.relu(layer(x))` has one `relu` per layer, while a loop over time has one in total.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_ACTIVATIONS = (
    "relu relu6 leaky_relu prelu rrelu threshold elu celu selu gelu silu mish hardswish hardsigmoid hardtanh sigmoid "
    "tanh softplus softsign logsigmoid tanhshrink softshrink hardshrink glu softmax softmin log_softmax gumbel_softmax"
).split()
_POOLS = [
    f"{name}{n}d" for name in ("max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool") for n in (1, 2, 3)
]
_DROPOUTS = ["dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"]
_ALIASES = {"log_sigmoid": "logsigmoid", "_threshold": "threshold", "expit": "sigmoid"} | {
    f"{pool}_with_indices": pool for pool in _POOLS if "max" in pool
}
NAMES = frozenset((*_ACTIVATIONS, *_POOLS, *_DROPOUTS, "scaled_dot_product_attention"))
"""The functions that are captured."""
_AXES = {"linear": -1, "embedding": -1, "layer_norm": -1, "conv1d": -2, "conv2d": -3, "conv3d": -4}
"""The axis of the units in the output of these functions."""


def _table() -> dict[Any, str | int]:
    """Map every variant of a function (in `torch`, `functional`, as a method, in place) to its name or its axis."""
    found: dict[Any, str | int] = {}
    named = {name: name for name in NAMES} | _ALIASES | _AXES
    for owner in (torch, functional, torch.Tensor, torch.special, torch._C._nn):
        for spelling, meant in named.items():
            for word in (spelling, f"{spelling}_"):
                if (function := getattr(owner, word, None)) is not None:
                    found[function] = meant
    return found


_TABLE = _table()
_CALL = nn.Module._call_impl.__code__
_MODULE_FILE = _CALL.co_filename


class FunctionCall(NamedTuple):
    """A captured call of a function."""

    path: str
    """The path of the module and the name in it: "block1.relu"."""
    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class FunctionListener(Protocol):
    """Notified of function calls; must not raise."""

    def before_function(self, call: FunctionCall) -> None:
        """Called before a function, which may work in place."""

    def after_function(self, call: FunctionCall, result: Any) -> None:
        """Called after a function."""

    def units_along(self, axis: int) -> None:
        """Called before a function whose units lie along an axis."""


class _RunningModule:
    """A module that is running."""

    __slots__ = ("frame_id", "last", "module", "path")

    def __init__(self, path: str, module: nn.Module, frame: FrameType | None) -> None:
        self.path = path
        self.module = module
        self.frame_id = id(frame)
        self.last = ""
        """The path of the module that it called last."""


class _Running(threading.local):
    """The modules running in a thread, the outermost first, and the active mode."""

    def __init__(self) -> None:
        self.calls: list[_RunningModule] = []
        self.mode: FunctionMode | None = None


_Site = tuple[tuple[CodeType, int], ...]


class FunctionCapture:
    """Names function calls; those between `enter` and `leave` of a module belong to it."""

    def __init__(
        self,
        new_mode: Callable[[FunctionCapture], FunctionMode],
        guard: Callable[..., Any],
        taken: Callable[[str], bool],
    ) -> None:
        """Start without functions.

        Args:
            new_mode: Creates the mode that is active while a module runs.
            guard: Calls a function with arguments.
            taken: Returns whether a path is in use otherwise.
        """
        self.guard = guard
        self.parts: set[int] = set()
        """The ids of all modules of the network."""
        self.types: dict[str, str] = {}
        """The functions captured so far: name by path."""
        self._new_mode = new_mode
        self._taken = taken
        self._paths: dict[tuple[str, str, str, _Site], str] = {}
        self._running = _Running()

    def enter(self, path: str, module: nn.Module) -> None:
        """Call from a hook when a module starts to run. `path` is "" for a root without a name."""
        running = self._running
        own = sys._getframe(1)
        while own.f_code is not _CALL and own.f_back is not None:
            own = own.f_back
        if running.calls and not _is_beneath(running.calls[-1], own.f_back):
            self.leave_all()  # an exception ended it without calling `leave`
        if not running.calls:
            running.mode = self._new_mode(self)
            running.mode.__enter__()  # type: ignore[no-untyped-call]
        running.calls.append(_RunningModule(path, module, own))

    def leave(self, path: str, module: nn.Module) -> None:
        """Call when a module has run or failed."""
        calls = self._running.calls
        if any(call.module is module for call in calls):
            while calls.pop().module is not module:
                pass
        if calls:
            calls[-1].last = path
        else:
            self.leave_all()

    def ran(self, path: str) -> None:
        """Call when a module that was not entered has run."""
        if self._running.calls:
            self._running.calls[-1].last = path

    def leave_all(self) -> None:
        """Stop capturing in this thread."""
        running = self._running
        running.calls.clear()
        mode, running.mode = running.mode, None
        if mode is not None:
            mode.is_on = False
            n = torch._C._len_torch_function_stack()
            if n and torch._C._get_function_stack_at(n - 1) is mode:
                mode.__exit__(None, None, None)

    def capture_call(self, name: str, frame: FrameType | None, *call: Any) -> FunctionCall | None:
        """The captured call of a function from a frame, or None if it is not to be captured."""
        if not self._running.calls:
            return None
        top = self._running.calls[-1]
        site = self._site(frame, top)
        if site is None:
            return None
        key = top.path, name, top.last, site
        path = self._paths.get(key)
        if path is None:
            path = self._paths[key] = self._new_path(top, name)
            self.types[path] = name
        return FunctionCall(path, name, *call)

    def _site(self, frame: FrameType | None, top: _RunningModule) -> _Site | None:
        """The location of a call in a module's code: all frames from there up to its `forward`.

        None if a torch module that was not entered makes the call: `nn.ReLU` calls `relu`, but is measured itself. A
        temporary module (`nn.ReLU()(x)`) is not part of the network, so its function is captured instead.
        """
        found: list[tuple[CodeType, int]] = []
        forward = frame
        while frame is not None and id(frame) != top.frame_id:
            if frame.f_code.co_filename != _MODULE_FILE:
                found.append((frame.f_code, frame.f_lasti))
                forward = frame
            elif frame.f_code is _CALL and forward is not None and self._is_measured_itself(forward):
                return None
            frame = frame.f_back
        return tuple(found) if frame is not None else None  # None: `top` was interrupted and no longer runs

    def _is_measured_itself(self, forward: FrameType) -> bool:
        """Whether this frame is the `forward` of a torch module that is part of the network."""
        if not str(forward.f_globals.get("__name__", "")).startswith("torch.nn.modules."):
            return False
        module = forward.f_locals.get("self")
        return id(module) in self.parts or getattr(module, "_is_replica", False) is True

    def _new_path(self, call: _RunningModule, name: str) -> str:
        n = 0
        while True:
            own = f"{name}_{n}" if n else name
            path = f"{call.path}.{own}" if call.path else own
            if own not in call.module._modules and path not in self.types and not self._taken(path):
                return path
            n += 1


class FunctionMode(TorchFunctionMode):
    """Sees the functions that are called in a thread."""

    def __init__(self, capture: FunctionCapture) -> None:
        super().__init__()
        self.capture = capture
        self.is_on = True
        """Whether it does anything: a mode that cannot be removed is switched off."""


class ListenerMode(FunctionMode):
    """Notifies a listener of the functions in `NAMES`."""

    def __init__(self, listener: FunctionListener, capture: FunctionCapture) -> None:
        """Notify `listener` of what `capture` names."""
        super().__init__(capture)
        self.listener = listener

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.is_on:
            return func(*args, **kwargs)
        meant = name_or_axis(func)
        if meant is None:
            return func(*args, **kwargs)
        capture, listener = self.capture, self.listener
        if isinstance(meant, int):
            listener.units_along(meant)
            return func(*args, **kwargs)
        call = capture.guard(capture.capture_call, meant, sys._getframe(1), func, args, kwargs)
        if call is None:
            return func(*args, **kwargs)
        capture.guard(listener.before_function, call)
        result = func(*args, **kwargs)
        capture.guard(listener.after_function, call, result)
        return result


def name_or_axis(function: Any) -> str | int | None:
    """The name of a function in `NAMES`, the axis of the units in the output of a layer, None for other functions."""
    try:
        return _TABLE.get(function)
    except TypeError:  # unhashable
        return None


def _is_beneath(call: _RunningModule, frame: FrameType | None) -> bool:
    """Whether a module is still running: its frame is this one or one of its callers."""
    while frame is not None:
        if id(frame) == call.frame_id:
            return True
        frame = frame.f_back
    return False
