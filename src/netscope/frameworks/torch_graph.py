"""Capture the graph of a torch module by running a copy of it on tensors without values.

The copy's parameters, buffers and inputs are fake tensors, which have a type and a shape and no memory: nothing is
computed, a model of any size is captured on any machine, and the module stays as it is. Where a forward pass needs the
numbers (`if x.sum() > 0`), the copy runs on real ones.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.export
from torch import nn
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode

from netscope.errors import UsageError
from netscope.frameworks.torch_modules import unwrap
from netscope.frameworks.torch_trace import Trace
from netscope.frameworks.torch_trace_model import model_of
from netscope.models.model import Model
from netscope.models.open import open_model

_FAILURES = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError, ArithmeticError)
"""What a module or its copy may raise because its tensors have no values."""


def capture(module: nn.Module, inputs: tuple[Any, ...] = (), named: dict[str, Any] | None = None) -> Model:
    """The graph of what runs in `module(*inputs, **named)`.

    The module's parameters, buffers, gradients, mode and attributes stay as they are, as does the state of the random
    number generators. Its forward hooks are called.

    Args:
        module: Plain or wrapped (DataParallel, DistributedDataParallel, torch.compile), on any device or without
            memory (the meta device).
        inputs: The arguments of a call. Tensors may be on the meta device.
        named: Its named arguments.

    Raises:
        UsageError: The module cannot be copied, is TorchScript, or needs the numbers of tensors that have none.
        Exception: What the module itself raises for these inputs.
    """
    root = unwrap(module)
    named = named or {}
    if isinstance(root, torch.jit.ScriptModule):
        raise UsageError("TorchScript modules cannot be captured; capture the module that was scripted")
    has_values = not any(tensor.is_meta for tensor in (*root.parameters(), *root.buffers()))
    try:
        return _run(root, inputs, named, _fake, {})
    except _FAILURES as error:
        if not has_values:
            raise _unable(root, error) from error
    try:
        return _run(root, inputs, named, real_copies, {"captured": "with the values of this input"})
    except _FAILURES as error:
        error.add_note(f"raised by this {type(root).__name__} while netscope.graph called it with the inputs given")
        raise


def of_exported(program: torch.export.ExportedProgram) -> Model:
    """The graph of an exported program, read as if it had been saved."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.pt2"
        torch.export.save(program, path)
        model = open_model(path)
    return dataclasses.replace(model, name=type(program).__name__, stored=())


def _unable(root: nn.Module, error: Exception) -> UsageError:
    return UsageError(
        f"this {type(root).__name__} has no memory (meta device), and its forward pass fails without the numbers: "
        f"{type(error).__name__}: {error}"
    )


_Copied = tuple[nn.Module, tuple[Any, ...], dict[str, Any]]


def _run(
    root: nn.Module,
    inputs: tuple[Any, ...],
    named: dict[str, Any],
    copies: Callable[..., contextlib.AbstractContextManager[_Copied]],
    metadata: dict[str, Any],
) -> Model:
    with copies(root, inputs, named) as (copied, args, kwargs):
        trace = Trace(copied, guard=call_outside, is_own=True)
        trace.attach(copied, Hook)
        try:
            copied(*args, **kwargs)
        finally:
            trace.detach()
    return model_of(trace, metadata=metadata)


@contextlib.contextmanager
def _fake(root: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> Iterator[_Copied]:
    """Copies on fake tensors."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    parameters = next(root.parameters(), None)
    is_meta = parameters is not None and parameters.is_meta

    def without_values(tensor: torch.Tensor) -> torch.Tensor:
        return mode.from_tensor(tensor.to("meta") if is_meta else tensor, static_shapes=True)

    with FakeCopyMode(mode):
        copied = _copy(root, {})
    args, kwargs = _mapped(inputs, without_values), _mapped(named, without_values)
    with mode:
        yield copied, args, kwargs


@contextlib.contextmanager
def real_copies(root: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> Iterator[_Copied]:
    """Copies that share the parameters, which a forward pass does not change, unless it initialises lazy ones."""
    copied = _copy(root, {id(one): one for one in root.parameters() if not nn.parameter.is_lazy(one)})
    args, kwargs = _mapped(inputs, _clone), _mapped(named, _clone)
    devices = {one.device for one in root.parameters() if one.is_cuda}
    with torch.random.fork_rng(devices=list(devices)), torch.no_grad():
        yield copied, args, kwargs


def _copy(root: nn.Module, memo: dict[int, Any]) -> nn.Module:
    try:
        return copy.deepcopy(root, memo)
    except (TypeError, NotImplementedError) as error:
        raise UsageError(
            f"this {type(root).__name__} cannot be copied ({error}), and netscope.graph runs a copy, so that the model "
            "stays as it is; remove the attribute, or define __deepcopy__"
        ) from error


def _clone(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone()


def _mapped(given: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """A copy of inputs with each tensor changed."""
    if isinstance(given, torch.Tensor):
        return change(given)
    if isinstance(given, tuple) and hasattr(given, "_fields"):
        return type(given)(*(_mapped(one, change) for one in given))
    if type(given) in (list, tuple):
        return type(given)(_mapped(one, change) for one in given)
    if isinstance(given, dict):
        copied = copy.copy(given)
        copied.update({name: _mapped(one, change) for name, one in given.items()})
        return copied
    return given


class Hook:
    """A hook of a trace."""

    def __init__(self, function: Callable[..., Any], *first: Any) -> None:
        """Call `function(*first, ...)` with what the module hands over."""
        self._function = function
        self._first = first

    def __call__(self, *given: Any) -> Any:
        """Call it."""
        return call_outside(self._function, *self._first, *given)


def call_outside(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function outside of all function modes."""
    with torch._C.DisableTorchFunction():
        return function(*given)
