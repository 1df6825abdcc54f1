"""Walk the modules of a torch network: their paths without what wrappers add, and a signature that tells of changes."""

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
    """Every place of every module, in the order of registration: path, path as torch has it, module.

    A module in two places comes twice. The path of the root is "".

    >>> [path for path, _, _ in walk(nn.Sequential(nn.DataParallel(nn.Linear(2, 1)), nn.ReLU()))]
    ['', '0', '0', '1']
    """
    for raw, module in root.named_modules(remove_duplicate=False):
        yield _path(root, raw), raw, module


def _path(root: nn.Module, raw: str) -> str:
    """Leave out the parts that wrappers add: `encoder.module.conv` is `encoder.conv` in a DataParallel encoder."""
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
    """A name without slashes, which separate layer, tensor and quantity in a key."""
    return name.replace("/", "\N{DIVISION SLASH}")


STATISTICS = ("running_mean", "running_var")
"""Buffers that are worth a look: the statistics of batch norms."""


def signature(root: nn.Module) -> list[Any]:
    """Differs from the last one if a module or tensor was exchanged, added, removed, renamed, cast, reshaped or frozen.

    It holds addresses, and an address may be used again: the caller also looks whether what it knew is still alive.
    """
    # Done at every measurement, for all modules: no function but Python's own is called for each.
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
                if type(tensor).__name__ != "UninitializedParameter":  # is_lazy takes longer than all the rest
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
