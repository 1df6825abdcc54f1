"""Know the tensors of a pass by their identity, without keeping them: which value of the graph each of them is.

A tensor that is written in place becomes another value, and so do all views of the same memory when they are read next.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from netscope.frameworks.torch_calls import Opaque, TensorArgument

_DEEPEST = 5
_PLAIN = (
    bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.layout, torch.memory_format,
)  # fmt: skip


class ValueRecord(NamedTuple):
    """A value that was seen."""

    name: str
    """'' if it is the result of a call."""
    shape: tuple[int, ...] | None
    dtype: torch.dtype
    tensor: int = -1
    """Which parameter or buffer it is."""


class StoredTensor(NamedTuple):
    """A parameter or buffer of the model."""

    name: str
    shape: tuple[int, ...] | None
    dtype: torch.dtype
    n_bytes: int
    is_trained: bool | None
    """None for a buffer."""


class _Known(NamedTuple):
    """A living tensor: which value it is, and since when."""

    ref: Any
    value: int
    since: int


class _Write(NamedTuple):
    """The last write to some memory."""

    time: int
    outputs: list[int]
    """Those of the call that wrote."""


class Values:
    """The values seen so far.

    Attributes:
        records: One for each value.
        stored: Parameters and buffers.
        on_add: Called with each new value that is not stored, and the tensor that it is.
    """

    def __init__(self) -> None:
        """Start without values."""
        self.records: list[ValueRecord] = []
        self.stored: list[StoredTensor] = []
        self.on_add: Callable[[int, torch.Tensor], None] | None = None
        self._stored_ids: dict[int, int] = {}
        self._stored_names: dict[str, int] = {}
        self._known: dict[int, _Known] = {}
        self._writes: dict[int, _Write] = {}  # by storage
        self._clock = itertools.count(1)

    def forget(self) -> None:
        """Forget which tensors there are; the records stay."""
        self._known, self._writes = {}, {}

    def is_known(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor was seen, or belongs to the model."""
        return id(tensor) in self._known or id(tensor) in self._stored_ids

    def add(self, tensor: torch.Tensor, name: str = "", *, since: int = 0, stored: int = -1) -> int:
        """A new value, which this tensor is from now on."""
        self.records.append(ValueRecord(name, shape_of(tensor), tensor.dtype, stored))
        key, known, value = id(tensor), self._known, len(self.records) - 1
        ref = known[key].ref if key in known else weakref.ref(tensor, lambda _: known.pop(key, None))
        known[key] = _Known(ref, value, since)
        if self.on_add is not None and stored < 0:
            self.on_add(value, tensor)
        return value

    def add_results(self, results: list[torch.Tensor], written: list[torch.Tensor], outputs: list[int]) -> None:
        """Add the results of a call, and the tensors that it wrote in place, as new values to its `outputs`."""
        now = next(self._clock)
        for tensor in written:
            if storage := _storage(tensor):
                self._writes[storage] = _Write(now, outputs)
        for tensor in {id(tensor): tensor for tensor in (*results, *written)}.values():
            outputs.append(self.add(tensor, since=now))

    def of(self, tensor: torch.Tensor, modules: list[tuple[str, nn.Module]]) -> int:
        """Which value a tensor is.

        Args:
            tensor: Any tensor.
            modules: The modules that are running, with their names: a tensor that no call made may be theirs.
        """
        known = self._known.get(id(tensor))
        if known is None:
            return self._outside(tensor, modules)
        write = self._writes.get(_storage(tensor)) if self._writes else None
        if write is not None and write.time > known.since:
            write.outputs.append(self.add(tensor, since=write.time))
            return write.outputs[-1]
        return known.value

    def _outside(self, tensor: torch.Tensor, modules: list[tuple[str, nn.Module]]) -> int:
        """The value of a tensor that no recorded call made: a weight, or a constant."""
        stored = self._stored_ids.get(id(tensor), -1)
        if stored >= 0:
            return self.add(tensor, self.stored[stored].name, stored=stored)
        for path, module in reversed(modules):
            for name, held in vars(module).items():
                if held is tensor:
                    return self.add(tensor, f"{path}.{name}" if path else name)
        return self.add(tensor, "constant")

    def tree(self, given: Any, modules: list[tuple[str, nn.Module]] | None, depth: int = 0) -> Any:
        """Arguments with a `TensorArgument` for each tensor; without `modules`, the values they are is not asked."""
        if isinstance(given, torch.Tensor):
            return TensorArgument(-1 if modules is None else self.of(given, modules), shape_of(given), given.dtype)
        if given is None or given is Ellipsis or isinstance(given, _PLAIN):
            return given
        if depth >= _DEEPEST:
            return Opaque(type(given).__name__)
        if isinstance(given, slice):
            return slice(*(self.tree(end, modules, depth + 1) for end in (given.start, given.stop, given.step)))
        if modules is not None and ((isinstance(given, tuple) and hasattr(given, "_fields")) or _has_parts(given)):
            given = dict(_parts(given))
        if isinstance(given, Mapping):
            return {str(name): self.tree(one, modules, depth + 1) for name, one in given.items()}
        if isinstance(given, list | tuple):
            parts = [self.tree(one, modules, depth + 1) for one in given]
            return parts if isinstance(given, list) else tuple(parts)
        return Opaque(type(given).__name__)

    def store_tensors_of(self, module: nn.Module, path: str) -> None:
        """Note the parameters and buffers of a module."""
        for name, tensor in _own_tensors(module):
            if id(tensor) in self._stored_ids or nn.parameter.is_lazy(tensor):
                continue
            full = f"{path}.{name}" if path else name
            if (number := self._stored_names.get(full)) is None:
                is_trained = tensor.requires_grad if name not in module._buffers else None
                n_bytes = tensor.numel() * tensor.element_size()
                number = self._stored_names[full] = len(self.stored)
                self.stored.append(StoredTensor(full, shape_of(tensor), tensor.dtype, n_bytes, is_trained))
            self._stored_ids[id(tensor)] = number

    def weights_of(self, module: nn.Module) -> list[tuple[str, int]]:
        """The weights and statistics that a module works with, with their names in it; not its counters."""
        found = []
        for path, inner in module.named_modules():
            for name, tensor in _own_tensors(inner):
                if tensor.is_floating_point() or tensor.is_complex() or name in inner._parameters:
                    found.append((f"{path}.{name}" if path else name, self.of(tensor, [])))
        return found


def _own_tensors(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """The parameters and buffers of a module itself. Those of a DataParallel replica are plain attributes."""
    parameters = getattr(module, "_former_parameters", None) or module._parameters
    return [(name, one) for name, one in (*parameters.items(), *module._buffers.items()) if one is not None]


def named_tensors(given: Any, name: str = "", depth: int = 0) -> list[tuple[str, torch.Tensor]]:
    """The tensors in a value, each with its path in it: tuples, dicts, and objects with attributes.

    >>> [name for name, _ in named_tensors({"logits": torch.zeros(2), "states": [torch.zeros(1), torch.zeros(1)]})]
    ['logits', 'states.0', 'states.1']
    """
    if isinstance(given, torch.Tensor):
        return [(name, given)]
    if depth >= _DEEPEST:
        return []
    return [
        found
        for key, part in _parts(given)
        for found in named_tensors(part, f"{name}.{key}" if name else str(key), depth + 1)
    ]


def tensors_in(given: Any) -> list[torch.Tensor]:
    """The tensors in a value."""
    return [tensor for _, tensor in named_tensors(given)]


def _parts(given: Any) -> list[tuple[Any, Any]]:
    """What is in a value, with keys."""
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, tuple) and hasattr(given, "_fields"):
        return list(zip(given._fields, given, strict=True))
    if isinstance(given, list | tuple):
        return list(enumerate(given))
    return list(vars(given).items()) if _has_parts(given) else []


def _has_parts(given: Any) -> bool:
    """Whether a value is an object that holds others, such as the output of a model as a dataclass."""
    is_other = isinstance(given, nn.Module | type | torch.Tensor | Mapping | list | tuple) or callable(given)
    return hasattr(given, "__dict__") and not is_other


def shape_of(tensor: torch.Tensor) -> tuple[int, ...] | None:
    """The shape of a tensor, None if it has none (nested tensors, lazy parameters)."""
    return None if nn.parameter.is_lazy(tensor) or tensor.is_nested else tuple(map(int, tensor.shape))


def versions(given: Any) -> list[tuple[torch.Tensor, int]]:
    """The tensors in a value, each with what changes when it, or another view of it, is written; -1 if unknown."""
    return [
        (tensor, -1 if tensor.is_inference() or tensor.is_nested else tensor._version) for tensor in tensors_in(given)
    ]


def written_since(before: list[tuple[torch.Tensor, int]]) -> list[torch.Tensor]:
    """Those tensors that were written since `versions` looked at them."""
    return [tensor for tensor, version in before if version >= 0 and tensor._version != version]


def _storage(tensor: torch.Tensor) -> int:
    """Which memory a tensor is a view of; 0 if it has none."""
    is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    if tensor.layout is not torch.strided or tensor.is_nested or is_wrapped:
        return 0
    return int(tensor.untyped_storage()._cdata)
