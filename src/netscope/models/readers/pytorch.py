"""Read what `torch.save` wrote: state dicts, checkpoints and whole modules, in one file or in shards.

Nothing of them is executed (`pickles`), and the numbers stay in the file. A state dict has no graph: its scopes come
from the names of the tensors. A whole module also says the classes of its modules. The state of an optimiser stands in
a scope of its own, of kind "optimizer".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.graph import OPTIMIZER
from netscope.models.model import Model
from netscope.models.readers import archive, pt2, torchscript
from netscope.models.readers.pickles import Record
from netscope.models.readers.pytorch_arrays import Array, numpy_array
from netscope.models.readers.pytorch_files import LEGACY_HEAD, WEIGHTS, Files
from netscope.models.stored import Stored, size_of, within

_SUFFIXES = (*WEIGHTS, ".pt2", ".pkl", ".pickle", ".jit", ".ptl", ".mar", ".tar")
_OTHERS = (b"sklearn.", b"lightgbm.", b"xgboost.", b"catboost.")
"""Packages whose pickles hold no tensors of PyTorch."""
_WRAPPERS = {
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "policy",
}
"""Keys of a checkpoint that say nothing, if they hold all of the weights."""
DEEPEST = 256
MOST_METADATA = 1000
LARGEST_INDEX = 100_000_000


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file is one of PyTorch's."""
    if head.startswith(archive.MAGIC):
        names = archive.members(path)
        parts = [name.rpartition("/")[2] for name in names]
        if "configuration.json" in parts and "coefficients.bin" in parts:
            return False  # of Deeplearning4j
        return "data.pkl" in parts or pt2.is_exported(names) or any(name.endswith(WEIGHTS) for name in names)
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        is_other = any(name in head for name in _OTHERS)
        return head.startswith(LEGACY_HEAD) or (path.suffix.lower() in _SUFFIXES and not is_other)
    return path.name.endswith(".index.json") and any(suffix.encode() in head for suffix in (".bin", ".pt", ".pth"))


def read(path: Path) -> Model:
    """Read a file of PyTorch's.

    Raises:
        FormatError: It is damaged, or was written by something else.
    """
    with path.open("rb") as file:
        head = file.read(len(archive.MAGIC))
    if head.startswith(b"{"):
        return _read_shards(path)
    if not head.startswith(archive.MAGIC):
        files = Files()
        return _model(path, files.read(path), files)
    with archive.opened(path) as zipped:
        names = zipped.names()
        if pt2.is_exported(names):
            return pt2.read(zipped, path)
        if torchscript.is_script(names):
            return torchscript.read(zipped, path)
        files = Files()
        if not any(name.rpartition("/")[2] == "data.pkl" for name in names):
            return _read_members(zipped, path, files)
        return _model(path, files.read_zip(zipped, path), files)


def _read_members(zipped: archive.Archive, path: Path, files: Files) -> Model:
    """An archive that holds files of PyTorch's, as Stable-Baselines3 writes it."""
    found: dict[str, Any] = {}
    for name in zipped.names():
        if name.endswith(WEIGHTS):
            file, base = zipped.open(name)
            found[Path(name).stem] = files.read_from(file, name, path, base)
    if "data" in zipped:
        found |= _settings(zipped.read("data"))
    return _model(path, found, files, "Stable-Baselines3" if "_stable_baselines3_version" in zipped else "")


def _settings(data: bytes) -> dict[str, Any]:
    """The plain settings of an agent; those that are pickled are not looked at."""
    try:
        found = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, (str, int, float))}


def _read_shards(path: Path) -> Model:
    """All files that an index names: {"weight_map": {tensor: file}}."""
    if size_of(path) > LARGEST_INDEX:
        raise FormatError(f"{path.name!r} has more than {LARGEST_INDEX:,} bytes, too many for an index of shards")
    try:
        index = msgspec.json.decode(path.read_bytes(), type=_Index)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"{path.name!r} is not an index of shards: {error}") from error
    files, found = Files(), dict[str, Any]()
    for name in dict.fromkeys(index.weight_map.values()):
        shard = within(path.parent, name)
        if shard is None or not shard.is_file():
            files.warnings.append(f"The shard {name!r} is not beside {path.name!r}.")
            continue
        part = files.read(shard)
        if not isinstance(part, Mapping):
            raise FormatError(f"the shard {name!r} holds no tensors by name")
        found |= part
    if missing := len(index.weight_map.keys() - found.keys()):
        files.warnings.append(f"{missing} of the {len(index.weight_map)} tensors that {path.name!r} names are missing.")
    return _model(path, found, files)


class _Index(msgspec.Struct):
    """An index of shards."""

    weight_map: dict[str, str]


@dataclass
class _Found:
    """What was found on a walk through the data of a pickle."""

    arrays: list[tuple[tuple[str, ...], Array]] = field(default_factory=list)
    kinds: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Class of each module."""
    optimizers: list[tuple[str, ...]] = field(default_factory=list)


def _model(path: Path, root: Any, files: Files, producer: str = "") -> Model:
    found = _walk(root)
    if not found.arrays and not found.kinds:
        raise FormatError(f"{path.name!r} holds no tensors and no module")
    wrapper = _wrapper(found)
    builder, stored = GraphBuilder(), []
    for at, kind in found.kinds.items():
        builder.scope(".".join(_unwrapped(at, wrapper)), kind)
    for optimizer in found.optimizers:
        builder.scope(".".join(optimizer) or OPTIMIZER, OPTIMIZER)
    for at, array in found.arrays:
        stored.append(add_array(builder, ".".join(_unwrapped(at, wrapper)), array, files))
    return Model(
        name=path.name,
        format="PyTorch",
        format_version=files.version,
        producer=producer,
        graph=builder.build(),
        metadata=metadata(root),
        warnings=(*dict.fromkeys(files.warnings),),
        stored=tuple(stored),
    )


def add_array(builder: GraphBuilder, name: str, array: Array, files: Files) -> Stored | None:
    """Add a tensor in the scope of its name; where it lies."""
    place = files.stored(array)
    n_bytes = place.n_bytes if place else float("nan")
    builder.add_tensor(name, array.dtype, array.shape, n_bytes, scope=builder.scope(name.rpartition(".")[0]))
    return place


def _unwrapped(at: tuple[str, ...], wrapper: tuple[str, ...]) -> tuple[str, ...]:
    return at[len(wrapper) :] if at[: len(wrapper)] == wrapper else at


def _wrapper(found: _Found) -> tuple[str, ...]:
    """The keys around all weights that are not an optimiser's, as far as they say nothing."""
    paths = [
        at
        for at in (*(at for at, _ in found.arrays), *found.kinds)
        if not any(at[: len(one)] == one for one in found.optimizers)
    ]
    n = 0
    while paths and all(len(at) > n and at[n] == paths[0][n] for at in paths) and paths[0][n] in _WRAPPERS:
        if all(len(at) == n + 1 for at in paths) and not found.kinds:
            break
        n += 1
    return paths[0][:n] if paths else ()


def _walk(root: Any) -> _Found:
    """All tensors and modules, each container once."""
    found, seen = _Found(), set[int]()
    waiting: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while waiting:
        at, value = waiting.pop()
        if isinstance(value, Array):
            found.arrays.append((at, value))
            continue
        if not isinstance(value, (dict, list, tuple, Record)) or id(value) in seen or len(at) > DEEPEST:
            continue
        seen.add(id(value))
        if isinstance(value, Record):
            array = numpy_array(value)
            if array is not None:
                found.arrays.append((at, array))
                continue
            if is_module(value):
                found.kinds[at] = value.class_name
        elif isinstance(value, dict) and "param_groups" in value and "state" in value:
            found.optimizers.append(at)
        waiting += [((*at, name), inner) for name, inner in reversed([*_inside(value)])]
    return found


def is_module(record: Record) -> bool:
    """Whether a record is a torch.nn.Module."""
    return isinstance(record.state, dict) and "_modules" in record.state and "_parameters" in record.state


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    """What a container holds, by name."""
    if isinstance(value, dict):
        yield from ((str(key), inner) for key, inner in value.items() if isinstance(key, (str, int)))
    elif isinstance(value, (list, tuple)):
        yield from ((str(index), inner) for index, inner in enumerate(value))
    elif not isinstance(value, Record):
        return
    elif is_module(value):
        for kind in ("_parameters", "_buffers", "_modules"):
            yield from _inside(value.state.get(kind) or {})
    else:
        yield from _inside(value.state)
        yield from _inside(value.entries)
        yield from _inside(value.items)


def metadata(root: Any) -> dict[str, Any]:
    """The numbers and texts of a checkpoint that are not in tensors, as far as they are few."""
    left = [MOST_METADATA]
    found = _said(root, left, 0) if isinstance(root, dict) else {}
    return found if isinstance(found, dict) else {}


def _said(value: Any, left: list[int], depth: int) -> Any:
    """A value without its tensors; None if nothing is left of it."""
    left[0] -= 1
    if left[0] < 0 or depth > 6:
        return None
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Record):
        return _said(value.state, left, depth) or _said(value.entries, left, depth) if not is_module(value) else None
    if isinstance(value, dict):
        is_optimizer = "param_groups" in value and "state" in value
        inner = {
            str(key): _said(one, left, depth + 1)
            for key, one in value.items()
            if isinstance(key, (str, int)) and not (is_optimizer and key == "state") and key != "params"
        }
        return {key: one for key, one in inner.items() if one is not None} or None
    if isinstance(value, (list, tuple)) and len(value) <= 64:
        return [one for one in (_said(one, left, depth + 1) for one in value) if one is not None] or None
    return None
