"""Walk the modules of a torch network, without wrappers, and compute a signature to detect changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)
_WRAPPER_PARTS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}


def unwrap(model: nn.Module) -> nn.Module:
    """The user's module inside DataParallel, DistributedDataParallel and torch.compile."""
    while True:
        if isinstance(model, WRAPPERS):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


def walk(root: nn.Module) -> Iterator[tuple[str, str, nn.Module]]:
    """Yield path, torch's own path, and module, for every module in the order of registration.

    A module that is registered twice is yielded twice. The path of the root is "".

    >>> [path for path, _, _ in walk(nn.Sequential(nn.DataParallel(nn.Linear(2, 1)), nn.ReLU()))]
    ['', '0', '0', '1']
    """
    for raw, module in root.named_modules(remove_duplicate=False):
        yield _path(root, raw), raw, module


def _path(root: nn.Module, raw: str) -> str:
    """Remove the parts that wrappers add: `encoder.module.conv` is `encoder.conv` in a DataParallel encoder."""
    parts: list[str] = []
    module = root
    for part in raw.split(".") if raw else []:
        is_wrapper = part in _WRAPPER_PARTS or (part == "module" and isinstance(module, WRAPPERS))
        inner = module._modules[part]
        assert inner is not None  # named_modules came this way
        module = inner
        if not is_wrapper:
            parts.append(key_part(part))
    return ".".join(parts)


def key_part(name: str) -> str:
    """Replace slashes in a name, because they separate layer, tensor and quantity in a key."""
    return name.replace("/", "\N{DIVISION SLASH}")


_SILENT = (
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.modules.dropout._DropoutNd,
    nn.modules.loss._Loss,
    nn.Sequential,
    nn.ModuleList,
    nn.ModuleDict,
)


def is_silent(module: nn.Module) -> bool:
    """Whether the output of a module adds no information, so that it is measured only if it has parameters."""
    return isinstance(module, _SILENT)


STATISTICS = ("running_mean", "running_var")
"""Buffers that are watched: batch norm statistics."""


def signature(root: nn.Module) -> list[Any]:
    """A value that changes if a module or tensor is replaced, added, removed, renamed, cast, reshaped or frozen.

    It contains ids, which may be reused: the caller must also check that the known objects are still alive.
    """
    # Runs at every measurement for all modules, so it calls only built-in functions.
    found: list[Any] = []
    modules: list[nn.Module | None] = [root]
    seen = set()
    for module in modules:  # grows as it is walked
        if module is None or module in seen:
            continue
        seen.add(module)
        for name, tensor in module._parameters.items():
            if tensor is not None:
                found += (name, id(tensor), tensor.requires_grad, tensor.dtype)
                if type(tensor).__name__ != "UninitializedParameter":  # is_lazy() would take longer than all the rest
                    found.append(tensor.shape)
        buffers = module._buffers
        for name in STATISTICS:
            if name in buffers:
                found.append(id(buffers[name]))
        parts = module._modules
        if parts:
            found += parts.keys()
            found += map(id, parts.values())
            modules += parts.values()
    return found
