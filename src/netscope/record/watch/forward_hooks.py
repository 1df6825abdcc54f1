"""Listen to what layers and functions return during the steps that are measured, and to nothing in between.

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
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils.hooks import RemovableHandle

from netscope.analyse.measure import stride
from netscope.frameworks.torch_functions import FunctionCapture, Seen
from netscope.frameworks.torch_modules import walk
from netscope.record.watch.hook import Guard, Hook
from netscope.record.watch.measurement import Measurement
from netscope.record.watch.module_tree import Plan
from netscope.record.watch.rows import Place, place_of

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
_SWITCH_FUNCTIONS = {kind.__name__.lower() for kind in _SWITCHES} - {"leakyrelu"} | {"leaky_relu"}
_BENT_FUNCTIONS = {kind.__name__.lower() for kind in _BENT}
_CONVOLUTIONS = nn.modules.conv._ConvNd
_POINTWISE = (nn.Linear, nn.Embedding, nn.LayerNorm, nn.RNNBase)
_HAS_CUDA = torch.backends.cuda.is_built()
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
    """The hooks of one watch; `attach` and `detach` in turn.

    What is returned belongs to the coming training step: to the measurement. After `go_on`, when an optimiser has
    stepped and others are to follow, a layer that is called again belongs to the step after that.
    """

    def __init__(self, guard: Guard, passes: Callable[[], None], clock: Callable[[], float]) -> None:
        """`passes` is called as a forward pass begins."""
        self.cost_s = 0.0
        """Seconds that measuring took so far."""
        self.order: dict[str, None] = {}
        """Paths in the order of their first call ever."""
        self.notes: list[str] = []
        """What is not seen, in sentences."""
        self._guard = guard
        self._on_pass = passes
        self._clock = clock
        self._handles: list[RemovableHandle] = []
        self._plan: Plan | None = None
        self._measurement: Measurement | None = None
        self._next: Measurement | None = None
        self._late: set[Place] | None = None  # first called after `go_on`
        self._unit_axis = -1
        self._passes = Passes()
        self._sees_functions = True
        self._functions = FunctionCapture(self, guard, self._is_layer)

    @property
    def functions(self) -> Mapping[str, str]:
        """The functions that were called so far: path to name."""
        return self._functions.types

    @property
    def is_attached(self) -> bool:
        """Whether there are hooks."""
        return bool(self._handles)

    def attach(self, root: nn.Module, prefix: str, plan: Plan, measurement: Measurement) -> None:
        """Listen from now on, to the modules of a plan and to the functions that they call."""
        self._measurement, self._next, self._late = measurement, None, None
        if not self._handles or self._plan is not plan:
            self.follow(root, prefix, plan)

    def follow(self, root: nn.Module, prefix: str, plan: Plan) -> None:
        """Listen to other modules: the network has changed."""
        self._remove_hooks()
        self._plan = plan
        self._functions.parts = {id(module) for module in root.modules()}
        self._handles.append(root.register_forward_pre_hook(self._hook(self._begin)))
        paths = {id(module): path for path, ref in plan.modules.items() if (module := ref()) is not None}
        is_seen = set()
        for inner, _, module in walk(root):
            if module in is_seen or isinstance(module, torch.jit.ScriptModule):
                continue
            is_seen.add(module)
            path = paths.get(id(module))
            calls_functions = _calls_functions(module)
            if calls_functions:
                own = ".".join(part for part in (prefix, inner) if part)
                self._handles.append(module.register_forward_pre_hook(self._hook(self._enter, own)))
                leave = self._hook(self._leave, own)
                self._handles.append(module.register_forward_hook(leave, prepend=True, always_call=True))
            if path is not None:
                is_switch = isinstance(module, _SWITCHES)
                if isinstance(module, _BENT):
                    self._handles.append(module.register_forward_pre_hook(self._hook(self._saturation, path)))
                hear = self._hook(self._hear, place_of(path, "output", "activation"), _unit_axis(module), is_switch)
                self._handles.append(module.register_forward_hook(hear))
        self._sees_functions = _Eager.enter()
        if not self._sees_functions and not self.notes:
            self.notes.append(
                "functions are not seen, because torch.compiler.set_stance is set: compiled code may run in steps that "
                "are measured"
            )

    def go_on(self, following: Measurement | None) -> None:
        """What was called so far and is called again belongs to the step after this one."""
        self._next = following
        if self._late is None:
            self._late = set()

    def detach(self) -> None:
        """Remove every hook."""
        self._measurement = self._next = self._late = None
        self._remove_hooks()

    def _hook(self, call: Callable[..., Any], *first: Any) -> Hook:
        return Hook(self._guard, call, *first)

    def _remove_hooks(self) -> None:
        if self._handles:
            _Eager.leave()
            self._functions.leave_all()
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._plan = None

    def _is_layer(self, path: str) -> bool:
        return self._plan is not None and path in self._plan.layers

    def _measures(self) -> bool:
        return self._measurement is not None and torch.is_grad_enabled() and not is_recording_code()

    def _of(self, place: Place) -> Measurement | None:
        """The measurement that a call belongs to."""
        if self._late is None or self._measurement is None:
            return self._measurement
        if place not in self._late and self._measurement.has(place):
            return self._next
        self._late.add(place)
        return self._measurement

    def _begin(self, module: nn.Module, args: Any) -> None:
        # A pass that is computed again during backward (checkpointing) is the same pass.
        if not self._measures() or is_in_backward() or not self._passes.is_new(module, args):
            return
        self._on_pass()
        measurement = self._measurement if self._late is None else self._next
        if measurement is not None:
            measurement.forget("activation")

    def _enter(self, path: str, module: nn.Module, args: Any) -> None:
        if self._sees_functions and self._measures():
            self._functions.enter(path, module)

    def _leave(self, path: str, module: nn.Module, args: Any, output: Any) -> None:
        self._functions.leave(path, module)

    def _saturation(self, path: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Before the call: the module may work in place."""
        if args and self._measures():
            self._see_saturation(place_of(path, "output", "activation"), args[0], lambda: flat_parts(module))

    def _hear(
        self, place: Place, unit_axis: int | None, is_switch: bool, module: nn.Module, args: Any, output: Any
    ) -> None:
        """After the call."""
        if not self._measures():
            return
        if unit_axis is not None:
            self._unit_axis = unit_axis
        self._functions.ran(place.layer)
        self._see_output(place, output, is_switch)

    def before_function(self, seen: Seen) -> None:
        """A function is about to be called."""
        if seen.name in _BENT_FUNCTIONS and self._measures():
            args = seen.args or (seen.kwargs.get("input"),)
            place = place_of(seen.path, "output", "activation")
            self._see_saturation(place, args[0], lambda: flat_parts_of_function(seen))

    def after_function(self, seen: Seen, result: Any) -> None:
        """It was called."""
        if self._measures():
            self._see_output(place_of(seen.path, "output", "activation"), result, seen.name in _SWITCH_FUNCTIONS)

    def units_along(self, axis: int) -> None:
        """A convolution or another layer was called as a function."""
        self._unit_axis = axis

    def _see_saturation(self, place: Place, given: Any, flat: Callable[[], tuple[Interval, ...]]) -> None:
        measurement = self._of(place)
        if measurement is None or not _measurable(given) or (is_in_backward() and measurement.has(place)):
            return
        begin = self._clock()
        values = given.detach().reshape(-1)
        values = values[:: stride(values.numel())]
        hits = functools.reduce(torch.add, (((values >= low) & (values <= high)).sum() for low, high in flat()))
        measurement.share(place, "saturated", hits, values.numel())
        self.cost_s += self._clock() - begin

    def _see_output(self, place: Place, output: Any, is_switch: bool) -> None:
        begin = self._clock()
        self.order.setdefault(place.layer)
        measurement = self._measurement if self._late is None else self._of(place)
        tensor = output if _measurable(output) else first_tensor(output)
        if measurement is not None and tensor is not None and not (measurement.has(place) and is_in_backward()):
            if is_switch and tensor.dim() >= -self._unit_axis:
                measurement.units(place, tensor, self._unit_axis)
            measurement.add(place, tensor)  # last: a large tensor pushes all code out of the processor's cache
        self.cost_s += self._clock() - begin


def _unit_axis(module: nn.Module) -> int | None:
    """Where the units are in what a layer returns; None: where they were before it."""
    if isinstance(module, _CONVOLUTIONS):
        return -1 - len(module.kernel_size)
    return -1 if isinstance(module, _POINTWISE) else None


def _calls_functions(module: nn.Module) -> bool:
    """Whether functions that it calls are of interest: those of `nn.ReLU` are not, it is seen as a whole.

    What counts is whose `forward` it runs: a class of the user's that only fills an `nn.Sequential` calls none.
    """
    is_torchs = getattr(module.forward, "__module__", "").startswith("torch.nn.modules.")
    return not (
        is_torchs and (not module._modules or isinstance(module, (nn.Sequential, nn.ModuleList, nn.ModuleDict)))
    )


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
        and not tensor.is_meta
        and not isinstance(tensor, FakeTensor)
    )


def is_recording_code() -> bool:
    """Whether calls are being recorded (by a compiler, a tracer, a CUDA graph) rather than made: no numbers then."""
    if torch.compiler.is_compiling() or torch._C._is_tracing() or torch.fx._symbolic_trace.is_fx_symbolic_tracing():
        return True
    return _HAS_CUDA and torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def is_in_backward() -> bool:
    """Whether autograd computes gradients in this thread."""
    return torch._C._current_graph_task_id() != -1


def flat_parts(module: nn.Module) -> tuple[Interval, ...]:
    """Inputs for which |f'| < 0.01 max |f'|, as closed intervals, for a module that works element by element.

    >>> [[round(x, 2) for x in part] for part in flat_parts(nn.Tanh())]
    [[-inf, -2.99], [2.99, inf]]
    """
    alone = copy.copy(module)  # it has no parameters
    # `forward` and not a call: hooks of the user's are not for us.
    return _flat_parts(f"{type(module).__module__}.{type(module).__qualname__} {module!r}", alone.forward)


def flat_parts_of_function(seen: Seen) -> tuple[Interval, ...]:
    """The same of a function, with the settings that it is called with."""
    args = seen.args[1:]
    kwargs = {name: value for name, value in seen.kwargs.items() if name not in ("input", "out")}
    return _flat_parts(f"{seen.name} {args} {kwargs}", lambda x: seen.function(x, *args, **kwargs))


_known_flat_parts: dict[str, tuple[Interval, ...]] = {}
"""By kind and settings of the activation: few, and alike for all models."""


def _flat_parts(setting: str, function: Callable[[torch.Tensor], torch.Tensor]) -> tuple[Interval, ...]:
    if setting not in _known_flat_parts:
        _known_flat_parts[setting] = _measure_flat_parts(function)
    return _known_flat_parts[setting]


def _measure_flat_parts(function: Callable[[torch.Tensor], torch.Tensor]) -> tuple[Interval, ...]:
    def slope(x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            x = x.detach().requires_grad_()
            (grad,) = torch.autograd.grad(function(x * 1).sum(), x)  # `* 1`: it may work in place
            return grad.abs()

    with torch.no_grad(), torch._C.DisableTorchFunction():
        x = torch.linspace(-20, 20, 40_001, dtype=torch.float64, device="cpu")
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
    def enter(cls) -> bool:
        """Whether everything runs uncompiled now."""
        cls.n_listening += 1
        frames = sys.modules.get("torch._dynamo.eval_frame")  # not loaded: nothing is compiled
        if frames is not None and frames._stance.stance == "default" and not torch.compiler.is_compiling():
            torch.compiler.set_stance("force_eager")
            cls.is_set = True
        return frames is None or frames._stance.stance == "force_eager"

    @classmethod
    def leave(cls) -> None:
        cls.n_listening -= 1
        if cls.is_set and not cls.n_listening:
            torch.compiler.set_stance("default")
            cls.is_set = False
