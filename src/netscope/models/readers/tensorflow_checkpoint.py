"""Read the index of a TensorFlow checkpoint: which variables it has, and where they lie in its data files.

The index is a table of sorted keys (tensorflow/core/lib/io/table_format.txt, as in LevelDB), each value a
BundleEntryProto (tensorflow/core/protobuf/tensor_bundle.proto).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.readers.tensorflow_nodes import DTYPES
from netscope.models.readers.wire import Message, varint
from netscope.models.stored import Stored, size_of

MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER_BYTES = 48
LARGEST_INDEX = 256 << 20
MOST_VARIABLES = 500_000
LONGEST_KEY = 1 << 16
_ATTRIBUTE = "/.ATTRIBUTES/VARIABLE_VALUE"


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file is the index of a checkpoint."""
    if path.suffix.lower() != ".index" or not head:
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(MAGIC)))
        return file.read() == MAGIC


def read(path: Path) -> Model:
    """Read an index.

    Raises:
        FormatError: It is damaged.
    """
    builder, warnings = GraphBuilder(), list[str]()
    stored = add_tensors(path, builder, warnings)
    return Model(path.name, "TensorFlow checkpoint", builder.build(), warnings=tuple(warnings), stored=tuple(stored))


def add_tensors(path: Path, builder: GraphBuilder, warnings: list[str]) -> list[Stored | None]:
    """Add the variables of a checkpoint; where they lie."""
    stored: list[Stored | None] = []
    n_shards, missing = 1, set[str]()
    for key, value in _entries(path):
        if not key:
            n_shards = Message(memoryview(value)).integer(1, 1)
            continue
        entry = Message(memoryview(value))
        dtype, name = DTYPES.get(entry.integer(1), ""), key.decode("utf-8", "replace").removesuffix(_ATTRIBUTE)
        if name == "_CHECKPOINTABLE_OBJECT_GRAPH":
            continue
        shape = tuple(max(0, one.integer(1)) for one in entry.message(2).messages(2))
        shard, offset, size = entry.integer(3), entry.integer(4), entry.integer(5)
        data = path.parent / f"{path.stem}.data-{shard:05}-of-{n_shards:05}"
        is_there = offset >= 0 and size >= 0 and size_of(data) >= offset + size
        if not is_there:
            missing.add(data.name)
        scope = builder.scope(name.rpartition("/")[0], separator="/") if name.count("/") <= 100 else 0
        builder.add_tensor(name, dtype, shape, max(0, size), scope=scope)
        is_raw = is_there and dtype not in ("string", "resource", "variant", "")
        stored.append(Stored(str(data), offset, size) if is_raw else None)
        if len(stored) > MOST_VARIABLES:
            raise FormatError(f"{path.name!r} has more than {MOST_VARIABLES:,} variables")
    if missing:
        warnings.append(f"The file {sorted(missing)[0]!r} with weights is not there, or is cut off.")
    return stored


def _entries(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of the table."""
    if size_of(path) > LARGEST_INDEX:
        raise FormatError(f"{path.name!r} is larger than any index of a checkpoint")
    data = path.read_bytes()
    if len(data) < _FOOTER_BYTES or not data.endswith(MAGIC):
        raise FormatError(f"{path.name!r} is not the index of a checkpoint, or is cut off")
    view = memoryview(data)
    at = len(data) - _FOOTER_BYTES
    _, at = varint(view, at, len(data))
    _, at = varint(view, at, len(data))
    n = 0
    for _, handle in _block(view, at, path):
        for entry in _block(memoryview(handle), 0, path, view):
            n += 1
            if n > MOST_VARIABLES:
                raise FormatError(f"{path.name!r} has more than {MOST_VARIABLES:,} variables")
            yield entry


def _block(handle: memoryview, at: int, path: Path, data: memoryview | None = None) -> Iterator[tuple[bytes, bytes]]:
    """The entries of the block that a handle (offset, size) leads to."""
    view = handle if data is None else data
    offset, at = varint(handle, at, len(handle))
    size, _ = varint(handle, at, len(handle))
    if offset + size + 1 > len(view) or size < 4:
        raise FormatError(f"{path.name!r}: a block at byte {offset} runs past its end")
    if view[offset + size] != 0:
        raise FormatError(f"{path.name!r} is compressed, which no checkpoint is")
    n_restarts = int.from_bytes(view[offset + size - 4 : offset + size], "little")
    end, at, key = offset + size - 4 - 4 * n_restarts, offset, b""
    while at < end:
        shared, at = varint(view, at, end)
        own, at = varint(view, at, end)
        length, at = varint(view, at, end)
        if shared > len(key) or at + own + length > end or shared + own > LONGEST_KEY:
            raise FormatError(
                f"{path.name!r}: the entry at byte {at} runs past its block, or its key is longer than "
                f"{LONGEST_KEY:,} bytes"
            )
        key = key[:shared] + bytes(view[at : at + own])
        yield key, bytes(view[at + own : at + own + length])
        at += own + length
