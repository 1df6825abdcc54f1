"""List the layers and tensors of a module that can be watched, and how they changed since last time.

Modules and tensors are referenced weakly.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import nn

from netscope.frameworks.torch_modules import STATISTICS, is_silent, key_part, signature, walk
from netscope.record.watch.rows import TensorKey
from netscope.schema.layer import Layer, LayerChange
from netscope.store.journal.layer_changes import layer_summary


class Watched:
    """A watched tensor: a parameter or a batch norm statistic."""

    __slots__ = ("dtype", "gradient", "is_trained", "layer", "name", "tensor", "update", "value")

    def __init__(self, layer: str, name: str, tensor: torch.Tensor) -> None:
        """Keep a weak reference to `tensor`; call `self.tensor()` to get it."""
        self.layer = layer
        self.name = name
        self.tensor: weakref.ref[torch.Tensor] = weakref.ref(tensor)
        self.dtype = str(tensor.dtype).removeprefix("torch.")
        self.is_trained = tensor.requires_grad
        self.value = TensorKey(layer, name, "value")
        self.gradient = TensorKey(layer, name, "gradient")
        self.update = TensorKey(layer, name, "update")


Pairs = list[tuple[Watched, torch.Tensor]]
"""Watched tensors, each with its current tensor object."""


class ModuleTree(NamedTuple):
    """The layers and tensors of a module."""

    modules: dict[str, weakref.ref[nn.Module]]
    """The modules whose output is measured, by path, in the order of registration."""
    layers: dict[str, Layer]
    parameters: list[Watched]
    """Each parameter once, under its first owner."""
    buffers: list[Watched]
    ids: frozenset[int]
    """The ids of all parameters, including lazy ones and those that are not measured."""
    trained: frozenset[int]
    """The ids of the parameters that require a gradient."""
    notes: list[str]
    """Sentences about tensors and modules that are not measured, or shown under another name."""
    lazy: set[str]
    """Lazy layers that have not seen their first input."""
    signature: list[Any]

    def is_of(self, root: nn.Module) -> bool:
        """Whether the module has not changed since it was read."""
        return not (
            self.signature != signature(root)
            or any(item.tensor() is None for item in self.parameters)
            or any(module() is None for module in self.modules.values())
        )


def read_module_tree(model: nn.Module, prefix: str = "") -> ModuleTree:
    """Read an unwrapped module. Paths are those of `named_modules` without the parts that wrappers add."""
    every = list(model.parameters())
    ids = frozenset(map(id, every))
    trained = frozenset(id(tensor) for tensor in every if tensor.requires_grad)
    found = ModuleTree({}, {}, [], [], ids, trained, [], set(), signature(model))
    owners: dict[int, str] = {}
    seen: dict[int, str] = {}
    for inner, raw, module in walk(model):
        path = _prefixed(prefix, inner) or type(model).__name__
        if id(module) in seen:
            if path != seen[id(module)] and not module._modules:
                found.notes.append(f"{path} is the same module as {seen[id(module)]}, and is shown there")
            continue
        seen[id(module)] = path
        direct = {name: tensor for name, tensor in module._parameters.items() if tensor is not None}
        here = [name for name in STATISTICS if name in module._buffers]  # a scripted module's have no `get`
        buffers = {name: tensor for name in here if (tensor := module._buffers[name]) is not None}
        is_leaf = not module._modules and not is_silent(module)
        if not direct and not buffers and not is_leaf:
            continue
        if "parametrizations" not in raw.split("."):
            if not isinstance(module, torch.jit.ScriptModule):  # which takes no hooks
                found.modules[path] = weakref.ref(module)
        elif not direct:
            continue
        shapes: dict[str, list[int]] = {}
        for name, tensor in direct.items():
            name = key_part(name)
            if nn.parameter.is_lazy(tensor):
                found.lazy.add(path)  # type: ignore[unreachable]  # torch types lazy parameters as none at all
                continue
            shapes[name] = list(tensor.shape)
            where = f"{path}.{name}"
            if id(tensor) in owners:
                found.notes.append(f"{where} is the same tensor as {owners[id(tensor)]}, and is shown there")
                continue
            owners[id(tensor)] = where
            if reason := unfit(tensor):
                found.notes.append(f"{where} is not measured: {reason}")
                continue
            if hasattr(tensor, "to_local"):
                found.notes.append(f"{where} is spread over ranks: each rank measures its own part")
            found.parameters.append(Watched(path, name, tensor))
        for name, buffer in buffers.items():
            if not nn.parameter.is_lazy(buffer) and not unfit(buffer):
                found.buffers.append(Watched(path, name, buffer))
        found.layers[path] = Layer(layer=path, type=type(module).__name__, parameters=shapes)
    return found


def in_order(called: Iterable[str], registered: Iterable[str]) -> list[str]:
    """The registered layers in the order of their first call.

    A layer that is not called follows the one that was registered before it: the projection at the end of
    `MultiheadAttention`, whose weight is used without a call, belongs to its block and not behind the head.

    >>> in_order(["embed", "attention", "head"], ["embed", "attention", "attention.out_proj", "head"])
    ['embed', 'attention', 'attention.out_proj', 'head']
    """
    registered = list(registered)
    there = set(registered)
    calls = [path for path in called if path in there]
    is_called = set(calls)
    following: dict[str | None, list[str]] = {}
    last: str | None = None
    for path in registered:
        if path in is_called:
            last = path
        else:
            following.setdefault(last, []).append(path)
    return [*following.get(None, []), *(path for call in calls for path in (call, *following.get(call, [])))]


def unfit(tensor: torch.Tensor) -> str:
    """The reason why a tensor cannot be measured, or ''."""
    if tensor.is_meta:
        return "it has no data (meta device)"
    if tensor.is_quantized or not (tensor.is_floating_point() or tensor.is_complex()):
        return f"its numbers are {str(tensor.dtype).removeprefix('torch.')}, not floats"
    if tensor.is_nested:
        return "it is a nested tensor"
    return ""


def _prefixed(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if prefix and path else prefix or path


def layer_changes(before: ModuleTree, now: ModuleTree) -> list[LayerChange]:
    """The changes of layers from one reading of a model to the next."""
    found = [LayerChange(layer=path, change="removed") for path in before.layers if path not in now.layers]
    old, new = _by_layer(before), _by_layer(now)
    for path, layer in now.layers.items():
        if path in before.lazy:
            continue
        if path not in before.layers:
            found.append(LayerChange(layer=path, change="added", detail=layer_summary(layer)))
        elif _module(before, path) is not _module(now, path):
            detail = f"{layer_summary(before.layers[path])} → {layer_summary(layer)}"
            found.append(LayerChange(layer=path, change="replaced", detail=detail))
        else:
            found += _changed_tensors(path, old.get(path, {}), new.get(path, {}))
    return found


def _by_layer(of: ModuleTree) -> dict[str, dict[str, Watched]]:
    found: dict[str, dict[str, Watched]] = {}
    for item in of.parameters:
        found.setdefault(item.layer, {})[item.name] = item
    return found


def _module(of: ModuleTree, path: str) -> nn.Module | None:
    return of.modules[path]() if path in of.modules else None


def _changed_tensors(path: str, old: dict[str, Watched], new: dict[str, Watched]) -> list[LayerChange]:
    """The changes of the parameters of one module."""
    if old.keys() != new.keys():
        gone, come = (", ".join(a.keys() - b.keys()) or "–" for a, b in ((old, new), (new, old)))
        return [LayerChange(layer=path, change="parameters", detail=f"{gone} → {come}")]
    exchanged = [name for name in new if new[name].tensor() is not old[name].tensor()]
    found = [LayerChange(layer=path, change="parameters", detail=", ".join(exchanged))] if exchanged else []
    for was, now in sorted({(old[n].dtype, new[n].dtype) for n in new if old[n].dtype != new[n].dtype}):
        found.append(LayerChange(layer=path, change="parameters", detail=f"{was} → {now}"))
    for change, is_trained in (("unfrozen", True), ("frozen", False)):
        turned = [n for n in new if new[n].is_trained is is_trained and old[n].is_trained is not is_trained]
        if turned:
            detail = "" if len(turned) == len(new) else ", ".join(turned)
            found.append(LayerChange(layer=path, change=change, detail=detail))  # type: ignore[arg-type]
    return found
