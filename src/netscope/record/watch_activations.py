"""Listen to the outputs of layers during the steps that are measured, and to nothing in between.

Hooks are attached before such a step and removed after it. Only calls with gradients enabled count: a validation
between two training steps is not training. A layer that is called several times in a forward pass adds up; the next
pass (the next micro-batch) replaces what the last one left.
"""

from __future__ import annotations

import copy
import functools
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from netscope.analyse.measure import stride
from netscope.record.watch_hook import Hook
from netscope.record.watch_measure import Measurement
from netscope.record.watch_rows import place_of

FLAT = 0.01
"""An activation is saturated where its slope is below this share of its steepest slope."""
_SWITCHES = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.RReLU,
    nn.Threshold,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Hardswish,
)
"""Activations whose units can be dead: never positive."""
_BENT = (
    nn.Sigmoid,
    nn.Tanh,
    nn.Hardtanh,
    nn.ReLU6,
    nn.Hardsigmoid,
    nn.Softsign,
    nn.Softplus,
    nn.LogSigmoid,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Hardswish,
    nn.Tanhshrink,
    nn.Softshrink,
    nn.Hardshrink,
)
"""Activations with flat parts; of the plain ReLU family `zeros` tells that already."""
_CONVOLUTIONS = nn.modules.conv._ConvNd
_POINTWISE = (nn.Linear, nn.Embedding, nn.LayerNorm, nn.RNNBase)
Interval = tuple[float, float]


class Passes:
    """Tells a new forward pass of a model from another replica's part of the same one."""

    def __init__(self) -> None:
        """No pass yet."""
        self._devices: set[torch.device | None] = set()

    def is_new(self, module: nn.Module, args: Any) -> bool:
        """Whether this call of the root begins a pass. DataParallel has one replica on a device."""
        if not getattr(module, "_is_replica", False):
            return True
        tensor = first_tensor(args)
        device = tensor.device if tensor is not None else None
        is_new = not self._devices or device in self._devices
        self._devices = {device} if is_new else self._devices | {device}
        return is_new


class Listener:
    """The hooks of one watch; `attach` and `detach` in turn."""

    def __init__(self, spent: Callable[[float], None], clock: Callable[[], float]) -> None:
        """`spent` is told how many seconds each hook took."""
        self.order: list[str] = []
        """Paths in the order of their first call ever."""
        self._known: set[str] = set()
        self._handles: list[RemovableHandle] = []
        self._measurement: Measurement | None = None
        self._unit_axis = -1
        self._passes = Passes()
        self._spent = spent
        self._clock = clock

    def attach(self, root: nn.Module, modules: Mapping[str, nn.Module], measurement: Measurement) -> None:
        """Listen to these modules from now on; goes on with a new measurement if it listens already."""
        self._measurement = measurement
        if self._handles:
            return
        self._handles.append(root.register_forward_pre_hook(Hook(self._begin)))
        for path, module in modules.items():
            if isinstance(module, _BENT):
                self._handles.append(module.register_forward_pre_hook(Hook(self._saturation, path)))
            self._handles.append(module.register_forward_hook(Hook(self._hear, path)))
        _Eager.enter()

    def detach(self) -> None:
        """Remove every hook."""
        if self._handles:
            _Eager.leave()
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._measurement = None

    def _is_deaf(self) -> bool:
        return self._measurement is None or not torch.is_grad_enabled() or is_recording_code()

    def _begin(self, module: nn.Module, args: Any) -> None:
        # A pass that is computed again during backward (checkpointing) is the same pass.
        if self._is_deaf() or self._measurement is None or _in_backward():
            return
        if self._passes.is_new(module, args):
            self._measurement.forget("activation")

    def _saturation(self, path: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Before the call: the module may work in place."""
        if self._is_deaf() or self._measurement is None or not args or not _measurable(args[0]):
            return
        begin = self._clock()
        place = place_of(path, "output", "activation")
        if not (_in_backward() and self._measurement.has(place)):
            values = args[0].detach().reshape(-1)
            values = values[:: stride(values.numel())]
            hits = functools.reduce(
                torch.add, (((values >= low) & (values <= high)).sum() for low, high in flat_parts(module))
            )
            self._measurement.share(place, "saturated", hits, values.numel())
        self._spent(self._clock() - begin)

    def _hear(self, path: str, module: nn.Module, args: Any, output: Any) -> None:
        """After the call."""
        if self._is_deaf() or self._measurement is None:
            return
        begin = self._clock()
        if path not in self._known:
            self._known.add(path)
            self.order.append(path)
        if isinstance(module, _CONVOLUTIONS):
            self._unit_axis = 1 - module.weight.dim()
        elif isinstance(module, _POINTWISE):
            self._unit_axis = -1
        place = place_of(path, "output", "activation")
        tensor = first_tensor(output)
        if tensor is not None and not (_in_backward() and self._measurement.has(place)):
            tensor = tensor.detach()
            self._measurement.add(place, tensor)
            if isinstance(module, _SWITCHES) and tensor.dim() >= -self._unit_axis:
                self._measurement.units(place, tensor, self._unit_axis)
        self._spent(self._clock() - begin)


def first_tensor(output: Any, depth: int = 4) -> torch.Tensor | None:
    """The first float tensor in what a module returned: a tensor, tuple, dict, or an object with attributes.

    >>> first_tensor({"ids": torch.tensor([1]), "logits": (torch.tensor([0.5]),)})
    tensor([0.5000])
    """
    if isinstance(output, torch.Tensor):
        return output if _measurable(output) else None
    if depth == 0:
        return None
    parts: Any = ()
    if isinstance(output, Mapping):
        parts = output.values()
    elif isinstance(output, (tuple, list)):
        parts = output
    elif hasattr(output, "__dict__") and not isinstance(output, nn.Module):
        parts = vars(output).values()
    return next((found for part in parts if (found := first_tensor(part, depth - 1)) is not None), None)


def _measurable(tensor: Any) -> bool:
    return (
        isinstance(tensor, torch.Tensor)
        and (tensor.is_floating_point() or tensor.is_complex())
        and tensor.numel() > 0
        and not tensor.is_nested
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # inside vmap or grad: no numbers yet
    )


def is_recording_code() -> bool:
    """Whether calls are being recorded (by a compiler, a tracer, a CUDA graph) rather than made: no numbers then."""
    if torch.compiler.is_compiling() or torch._C._is_tracing():
        return True
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def _in_backward() -> bool:
    return torch._C._current_graph_task_id() != -1


def flat_parts(module: nn.Module) -> tuple[Interval, ...]:
    """Inputs for which |f'| < 0.01 max |f'|, as closed intervals, for a module that works element by element.

    >>> [[round(x, 2) for x in part] for part in flat_parts(nn.Tanh())]
    [[-inf, -2.99], [2.99, inf]]
    """
    setting = f"{type(module).__module__}.{type(module).__qualname__} {module!r}"
    if setting not in _flat_parts:
        _flat_parts[setting] = _measure_flat_parts(module)
    return _flat_parts[setting]


_flat_parts: dict[str, tuple[Interval, ...]] = {}
"""By kind and settings of the module: few, and alike for all models."""


def _measure_flat_parts(module: nn.Module) -> tuple[Interval, ...]:
    module = copy.copy(module)  # it has no parameters

    def slope(x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            x = x.detach().requires_grad_()
            # `forward` and not a call: hooks of the user's are not for us. `* 1`: it may work in place.
            (grad,) = torch.autograd.grad(module.forward(x * 1).sum(), x)
            return grad.abs()

    with torch.no_grad():
        x = torch.linspace(-20, 20, 40_001, dtype=torch.float64)
        slopes = slope(x)
        limit = FLAT * slopes.max()
        is_flat = slopes < limit
        turns = torch.nonzero(is_flat[1:] != is_flat[:-1]).flatten()
        inside, outside = x[turns], x[turns + 1]
        starts_flat = is_flat[turns]
        for _ in range(60):
            middle = (inside + outside) / 2
            same = (slope(middle) < limit) == starts_flat
            inside, outside = torch.where(same, middle, inside), torch.where(same, outside, middle)
        edges = ((inside + outside) / 2).tolist()
    if is_flat[0]:
        edges.insert(0, -math.inf)
    if is_flat[-1]:
        edges.append(math.inf)
    return tuple(zip(edges[::2], edges[1::2], strict=True))


class _Eager:
    """Compiled modules would not call hooks that came later, or compile anew for them: run those steps uncompiled.

    `torch.compiler.set_stance("force_eager")` keeps what is compiled for the steps after.
    """

    n_listening = 0
    is_set = False

    @classmethod
    def enter(cls) -> None:
        cls.n_listening += 1
        frames = sys.modules.get("torch._dynamo.eval_frame")  # not loaded: nothing is compiled
        if frames is not None and frames._stance.stance == "default" and not torch.compiler.is_compiling():
            torch.compiler.set_stance("force_eager")
            cls.is_set = True

    @classmethod
    def leave(cls) -> None:
        cls.n_listening -= 1
        if cls.is_set and not cls.n_listening:
            torch.compiler.set_stance("default")
            cls.is_set = False
