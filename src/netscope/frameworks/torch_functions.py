"""See the functions that a module's `forward` calls (`torch.relu(x)`, `x.tanh()`), as parts of that module.

A `TorchFunctionMode` is on from the outermost `enter` of a thread to its `leave`, and off otherwise: then nothing is
paid. A call has a name in the module that makes it: `relu`, and `relu_1` for the second one in the code. The same
place in the code keeps its name; in a loop, calls are told apart by the module called last before them, so that
`for layer in self.layers: x = torch.relu(layer(x))` has one `relu` a layer, while a loop over time has one for all.
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
"""The functions that are seen."""
_AXES = {"linear": -1, "embedding": -1, "layer_norm": -1, "conv1d": -2, "conv2d": -3, "conv3d": -4}
"""Where the units are in what these return."""


def _table() -> dict[Any, str | int]:
    """Every spelling of a function (of `torch`, of `functional`, a method, in place) to its name, or its axis."""
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
    """A call of a function, before it is made."""

    path: str
    """Of the module, and the name in it: "block1.relu"."""
    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class FunctionListener(Protocol):
    """Called at each call of a function; must not raise."""

    def before_function(self, call: FunctionCall) -> None:
        """A function is about to be called; it may work in place."""

    def after_function(self, call: FunctionCall, result: Any) -> None:
        """It was called."""

    def units_along(self, axis: int) -> None:
        """A function was called whose units lie along an axis."""


class _Call:
    """A module that is running."""

    __slots__ = ("frame_id", "last", "module", "path")

    def __init__(self, path: str, module: nn.Module, frame: FrameType | None) -> None:
        self.path = path
        self.module = module
        self.frame_id = id(frame)
        self.last = ""
        """The module called last in it."""


class _Running(threading.local):
    """The modules that run in a thread, the outermost first, and the mode that is on then."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []
        self.mode: _Mode | None = None


_Site = tuple[tuple[CodeType, int], ...]


class FunctionCapture:
    """Names the calls of functions; between `enter` and `leave` of a module they are its own."""

    def __init__(self, listener: FunctionListener, guard: Callable[..., Any], taken: Callable[[str], bool]) -> None:
        """`guard` is called with a function and its arguments; `taken` says whether something else has a path."""
        self.listener = listener
        self.guard = guard
        self.parts: set[int] = set()
        """The addresses of all modules of the network."""
        self.types: dict[str, str] = {}
        """The functions seen so far: path to name."""
        self._taken = taken
        self._paths: dict[tuple[str, str, str, _Site], str] = {}
        self._running = _Running()

    def enter(self, path: str, module: nn.Module) -> None:
        """A module begins to run: called by a hook of its own. `path` is "" for a root that has no name."""
        running = self._running
        own = sys._getframe(1)
        while own.f_code is not _CALL and own.f_back is not None:
            own = own.f_back
        if running.calls and not _is_beneath(running.calls[-1], own.f_back):
            self.leave_all()  # an interrupt ended it without a word
        if not running.calls:
            running.mode = _Mode(self)
            running.mode.__enter__()  # type: ignore[no-untyped-call]
        running.calls.append(_Call(path, module, own))

    def leave(self, path: str, module: nn.Module) -> None:
        """It has run, or failed."""
        calls = self._running.calls
        if any(call.module is module for call in calls):
            while calls.pop().module is not module:
                pass
        if calls:
            calls[-1].last = path
        else:
            self.leave_all()

    def ran(self, path: str) -> None:
        """A module that was not entered has run."""
        if self._running.calls:
            self._running.calls[-1].last = path

    def leave_all(self) -> None:
        """Whatever runs in this thread is not looked at any longer."""
        running = self._running
        running.calls.clear()
        mode, running.mode = running.mode, None
        if mode is not None:
            mode.is_on = False
            n = torch._C._len_torch_function_stack()
            if n and torch._C._get_function_stack_at(n - 1) is mode:
                mode.__exit__(None, None, None)

    def see(self, name: str, frame: FrameType | None, *call: Any) -> FunctionCall | None:
        """A function is called from a frame; None where it is not for us."""
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

    def _site(self, frame: FrameType | None, top: _Call) -> _Site | None:
        """Where in the code of a module a function is called: all frames from there up to its `forward`.

        None where a torch module that was not entered calls it: `nn.ReLU` calls `relu`, and is seen itself. One that
        is made on the spot (`nn.ReLU()(x)`) is nobody's part and is not seen itself: its function is.
        """
        found: list[tuple[CodeType, int]] = []
        forward = frame
        while frame is not None and id(frame) != top.frame_id:
            if frame.f_code.co_filename != _MODULE_FILE:
                found.append((frame.f_code, frame.f_lasti))
                forward = frame
            elif frame.f_code is _CALL and forward is not None and self._is_seen_itself(forward):
                return None
            frame = frame.f_back
        return tuple(found) if frame is not None else None  # else `top` was interrupted, and no longer runs

    def _is_seen_itself(self, forward: FrameType) -> bool:
        """Whether this frame is the `forward` of a torch module that is a part of the network."""
        if not str(forward.f_globals.get("__name__", "")).startswith("torch.nn.modules."):
            return False
        module = forward.f_locals.get("self")
        return id(module) in self.parts or getattr(module, "_is_replica", False) is True

    def _new_path(self, call: _Call, name: str) -> str:
        n = 0
        while True:
            own = f"{name}_{n}" if n else name
            path = f"{call.path}.{own}" if call.path else own
            if own not in call.module._modules and path not in self.types and not self._taken(path):
                return path
            n += 1


class _Mode(TorchFunctionMode):
    """On while watched modules run in a thread."""

    def __init__(self, capture: FunctionCapture) -> None:
        super().__init__()
        self.capture = capture
        self.is_on = True

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.is_on:
            return func(*args, **kwargs)
        try:
            meant = _TABLE.get(func)
        except TypeError:  # somebody's function that has no hash
            meant = None
        if meant is None:
            return func(*args, **kwargs)
        capture = self.capture
        if isinstance(meant, int):
            capture.listener.units_along(meant)
            return func(*args, **kwargs)
        seen = capture.guard(capture.see, meant, sys._getframe(1), func, args, kwargs)
        if seen is None:
            return func(*args, **kwargs)
        capture.guard(capture.listener.before_function, seen)
        result = func(*args, **kwargs)
        capture.guard(capture.listener.after_function, seen, result)
        return result


def _is_beneath(call: _Call, frame: FrameType | None) -> bool:
    """Whether a module still runs: its frame is this one or one that led to it."""
    while frame is not None:
        if id(frame) == call.frame_id:
            return True
        frame = frame.f_back
    return False
