"""Measure the outputs of layers and functions, with forward hooks that exist only during measured steps.

Only calls with gradients enabled are measured, so validation between training steps is ignored. If a layer is called
several times in a forward pass, the results are merged; the next pass (micro-batch) replaces them.
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
from netscope.frameworks.torch_functions import FunctionCall, FunctionCapture, ListenerMode
from netscope.frameworks.torch_modules import walk
from netscope.record.watch.hook import Guard, Hook
from netscope.record.watch.measurement import Measurement
from netscope.record.watch.module_tree import ModuleTree
from netscope.record.watch.rows import TensorKey, tensor_key

FLAT_SLOPE = 0.01
"""An activation is saturated where its slope is below this fraction of its steepest slope."""
_SMOOTH_RECTIFIERS = (nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish)
_RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.Threshold, *_SMOOTH_RECTIFIERS)
"""Activations whose units can be dead, that is, never positive."""
_SATURATING = (
    nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.ReLU6, nn.Hardsigmoid, nn.Softsign, nn.Softplus, nn.LogSigmoid,
    *_SMOOTH_RECTIFIERS, nn.Tanhshrink, nn.Softshrink, nn.Hardshrink,
)  # fmt: skip
"""Activations with flat parts, except ReLU and similar, for which `zeros` is the same."""
_RECTIFIER_FUNCTIONS = {kind.__name__.lower() for kind in _RECTIFIERS} - {"leakyrelu"} | {"leaky_relu"}
_SATURATING_FUNCTIONS = {kind.__name__.lower() for kind in _SATURATING}
_CONVOLUTIONS = nn.modules.conv._ConvNd
_POINTWISE = (nn.Linear, nn.Embedding, nn.LayerNorm, nn.RNNBase)
_HAS_CUDA = torch.backends.cuda.is_built()
Interval = tuple[float, float]


class ForwardPasses:
    """Distinguishes a new forward pass of a model from another replica's part of the same pass."""

    def __init__(self) -> None:
        """Start before the first pass."""
        self._devices: set[torch.device | None] = set()

    def is_new(self, module: nn.Module, args: Any) -> bool:
        """Whether this call of the root module begins a pass. DataParallel has one replica per device."""
        if not getattr(module, "_is_replica", False):
            return True
        tensor = first_tensor(args)
        device = tensor.device if tensor is not None else None
        is_new = not self._devices or device in self._devices
        self._devices = {device} if is_new else self._devices | {device}
        return is_new


class ForwardHooks:
    """The hooks of one watch. Call `attach` and `detach` in turn.

    Outputs belong to the measurement of the coming training step. After `continue_in_next_step` (an optimiser has
    stepped, and others may follow), a layer that is called again belongs to the step after that.
    """

    def __init__(self, guard: Guard, on_pass: Callable[[], None], clock: Callable[[], float]) -> None:
        """`on_pass` is called at the start of each forward pass."""
        self.cost_s = 0.0
        """Seconds spent measuring so far."""
        self.order: dict[str, None] = {}
        """Paths in the order of their first call."""
        self.notes: list[str] = []
        """Sentences about what is not measured."""
        self._guard = guard
        self._on_pass = on_pass
        self._clock = clock
        self._handles: list[RemovableHandle] = []
        self._tree: ModuleTree | None = None
        self._measurement: Measurement | None = None
        self._next: Measurement | None = None
        self._first_called_later: set[TensorKey] | None = None  # first called after `continue_in_next_step`
        self._unit_axis = -1
        self._passes = ForwardPasses()
        self._sees_functions = True
        self._functions = FunctionCapture(functools.partial(ListenerMode, self), guard, self._is_layer)

    @property
    def functions(self) -> Mapping[str, str]:
        """The functions called so far: name by path."""
        return self._functions.types

    @property
    def is_attached(self) -> bool:
        """Whether hooks are attached."""
        return bool(self._handles)

    def attach(self, root: nn.Module, prefix: str, tree: ModuleTree, measurement: Measurement) -> None:
        """Measure the outputs of the modules of a tree, and of the functions that they call, from now on."""
        self._measurement, self._next, self._first_called_later = measurement, None, None
        if not self._handles or self._tree is not tree:
            self.hook_modules(root, prefix, tree)

    def hook_modules(self, root: nn.Module, prefix: str, tree: ModuleTree) -> None:
        """Replace the hooks by hooks on the modules of `tree`."""
        self._remove_hooks()
        self._tree = tree
        self._functions.parts = {id(module) for module in root.modules()}
        self._handles.append(root.register_forward_pre_hook(self._hook(self._begin_pass)))
        paths = {id(module): path for path, ref in tree.modules.items() if (module := ref()) is not None}
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
                can_be_dead = isinstance(module, _RECTIFIERS)
                if isinstance(module, _SATURATING):
                    self._handles.append(module.register_forward_pre_hook(self._hook(self._before_call, path)))
                after_call = self._hook(
                    self._after_call, tensor_key(path, "output", "activation"), _unit_axis(module), can_be_dead
                )
                self._handles.append(module.register_forward_hook(after_call))
        self._sees_functions = EagerStance.enter()
        if not self._sees_functions and not self.notes:
            self.notes.append(
                "functions are not measured, because torch.compiler.set_stance is set: compiled code may run in "
                "measured steps"
            )

    def continue_in_next_step(self, following: Measurement | None) -> None:
        """From now on, assign repeated calls to the step after this one, measured by `following`."""
        self._next = following
        if self._first_called_later is None:
            self._first_called_later = set()

    def detach(self) -> None:
        """Remove every hook."""
        self._measurement = self._next = self._first_called_later = None
        self._remove_hooks()

    def _hook(self, call: Callable[..., Any], *first: Any) -> Hook:
        return Hook(self._guard, call, *first)

    def _remove_hooks(self) -> None:
        if self._handles:
            EagerStance.leave()
            self._functions.leave_all()
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._tree = None

    def _is_layer(self, path: str) -> bool:
        return self._tree is not None and path in self._tree.layers

    def _measures(self) -> bool:
        return self._measurement is not None and torch.is_grad_enabled() and not is_recording_code()

    def _measurement_of(self, key: TensorKey) -> Measurement | None:
        """The measurement that a call belongs to."""
        if self._first_called_later is None or self._measurement is None:
            return self._measurement
        if key not in self._first_called_later and self._measurement.has(key):
            return self._next
        self._first_called_later.add(key)
        return self._measurement

    def _begin_pass(self, module: nn.Module, args: Any) -> None:
        # Recomputation during backward (checkpointing) is not a new pass.
        if not self._measures() or is_in_backward() or not self._passes.is_new(module, args):
            return
        self._on_pass()
        measurement = self._measurement if self._first_called_later is None else self._next
        if measurement is not None:
            measurement.forget("activation")

    def _enter(self, path: str, module: nn.Module, args: Any) -> None:
        if self._sees_functions and self._measures():
            self._functions.enter(path, module)

    def _leave(self, path: str, module: nn.Module, args: Any, output: Any) -> None:
        self._functions.leave(path, module)

    def _before_call(self, path: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Before the call: the module may work in key."""
        if args and self._measures():
            self._measure_saturation(tensor_key(path, "output", "activation"), args[0], lambda: flat_parts(module))

    def _after_call(
        self, key: TensorKey, unit_axis: int | None, can_be_dead: bool, module: nn.Module, args: Any, output: Any
    ) -> None:
        """Measure the output."""
        if not self._measures():
            return
        if unit_axis is not None:
            self._unit_axis = unit_axis
        self._functions.ran(key.layer)
        self._measure_output(key, output, can_be_dead)

    def before_function(self, call: FunctionCall) -> None:
        """Measure saturation before a function call."""
        if call.name in _SATURATING_FUNCTIONS and self._measures():
            args = call.args or (call.kwargs.get("input"),)
            key = tensor_key(call.path, "output", "activation")
            self._measure_saturation(key, args[0], lambda: flat_parts_of_function(call))

    def after_function(self, call: FunctionCall, result: Any) -> None:
        """Measure the result of a function call."""
        if self._measures():
            self._measure_output(
                tensor_key(call.path, "output", "activation"), result, call.name in _RECTIFIER_FUNCTIONS
            )

    def units_along(self, axis: int) -> None:
        """Note the axis of the units, after a convolution or another layer was called as a function."""
        self._unit_axis = axis

    def _measure_saturation(self, key: TensorKey, given: Any, flat: Callable[[], tuple[Interval, ...]]) -> None:
        measurement = self._measurement_of(key)
        if measurement is None or not _measurable(given) or (is_in_backward() and measurement.has(key)):
            return
        begin = self._clock()
        values = given.detach().reshape(-1)
        values = values[:: stride(values.numel())]
        hits = functools.reduce(torch.add, (((values >= low) & (values <= high)).sum() for low, high in flat()))
        measurement.share(key, "saturated", hits, values.numel())
        self.cost_s += self._clock() - begin

    def _measure_output(self, key: TensorKey, output: Any, can_be_dead: bool) -> None:
        begin = self._clock()
        self.order.setdefault(key.layer)
        measurement = self._measurement if self._first_called_later is None else self._measurement_of(key)
        tensor = output if _measurable(output) else first_tensor(output)
        if measurement is not None and tensor is not None and not (measurement.has(key) and is_in_backward()):
            if can_be_dead and tensor.dim() >= -self._unit_axis:
                measurement.units(key, tensor, self._unit_axis)
            measurement.add(key, tensor)  # last, because a large tensor evicts everything from the processor's cache
        self.cost_s += self._clock() - begin


def _unit_axis(module: nn.Module) -> int | None:
    """The axis of the units in the output of a layer; None if the layer does not change it."""
    if isinstance(module, _CONVOLUTIONS):
        return -1 - len(module.kernel_size)
    return -1 if isinstance(module, _POINTWISE) else None


def _calls_functions(module: nn.Module) -> bool:
    """Whether to capture the functions that a module calls. Not for `nn.ReLU`, for example, which is itself measured.

    What counts is the origin of its `forward`: a user's subclass that only fills an `nn.Sequential` calls no functions.
    """
    is_torchs = getattr(module.forward, "__module__", "").startswith("torch.nn.modules.")
    return not (
        is_torchs and (not module._modules or isinstance(module, (nn.Sequential, nn.ModuleList, nn.ModuleDict)))
    )


def first_tensor(output: Any, depth: int = 4) -> torch.Tensor | None:
    """The first float tensor in the output of a module: a tensor, tuple, dict, or object with attributes.

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
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # inside vmap or grad: has no values
        and not tensor.is_meta
        and not isinstance(tensor, FakeTensor)
    )


def is_recording_code() -> bool:
    """Whether calls are being recorded (by a compiler, a tracer, a CUDA graph), so that tensors have no values."""
    if torch.compiler.is_compiling() or torch._C._is_tracing() or torch.fx._symbolic_trace.is_fx_symbolic_tracing():
        return True
    return _HAS_CUDA and torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def is_in_backward() -> bool:
    """Whether this thread is computing gradients."""
    return torch._C._current_graph_task_id() != -1


def flat_parts(module: nn.Module) -> tuple[Interval, ...]:
    """The inputs of an elementwise module for which |f'| < 0.01 max |f'|, as closed intervals.

    >>> [[round(x, 2) for x in part] for part in flat_parts(nn.Tanh())]
    [[-inf, -2.99], [2.99, inf]]
    """
    alone = copy.copy(module)  # it has no parameters
    # `forward`, not a call, to skip the user's hooks.
    return _flat_parts(f"{type(module).__module__}.{type(module).__qualname__} {module!r}", alone.forward)


def flat_parts_of_function(call: FunctionCall) -> tuple[Interval, ...]:
    """`flat_parts` of a function, with the settings of the call."""
    args = call.args[1:]
    kwargs = {name: value for name, value in call.kwargs.items() if name not in ("input", "out")}
    return _flat_parts(f"{call.name} {args} {kwargs}", lambda x: call.function(x, *args, **kwargs))


_known_flat_parts: dict[str, tuple[Interval, ...]] = {}
"""Cached by type and settings of the activation."""


def _flat_parts(setting: str, function: Callable[[torch.Tensor], torch.Tensor]) -> tuple[Interval, ...]:
    if setting not in _known_flat_parts:
        _known_flat_parts[setting] = _measure_flat_parts(function)
    return _known_flat_parts[setting]


def _measure_flat_parts(function: Callable[[torch.Tensor], torch.Tensor]) -> tuple[Interval, ...]:
    def slope(x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            x = x.detach().requires_grad_()
            (grad,) = torch.autograd.grad(function(x * 1).sum(), x)  # `* 1`: it may work in key
            return grad.abs()

    with torch.no_grad(), torch._C.DisableTorchFunction():
        x = torch.linspace(-20, 20, 40_001, dtype=torch.float64, device="cpu")
        slopes = slope(x)
        limit = FLAT_SLOPE * slopes.max()
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


class EagerStance:
    """Runs measured steps uncompiled: compiled modules ignore hooks that are added later, or recompile for them.

    `torch.compiler.set_stance("force_eager")` keeps the compiled code for later steps.
    """

    n_listening = 0
    is_set = False

    @classmethod
    def enter(cls) -> bool:
        """Switch to eager mode; return whether everything runs uncompiled now."""
        cls.n_listening += 1
        frames = sys.modules.get("torch._dynamo.eval_frame")  # None if nothing is compiled
        if frames is not None and frames._stance.stance == "default" and not torch.compiler.is_compiling():
            torch.compiler.set_stance("force_eager")
            cls.is_set = True
        return frames is None or frames._stance.stance == "force_eager"

    @classmethod
    def leave(cls) -> None:
        """Undo one `enter`."""
        cls.n_listening -= 1
        if cls.is_set and not cls.n_listening:
            torch.compiler.set_stance("default")
            cls.is_set = False
