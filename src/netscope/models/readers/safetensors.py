"""Read safetensors files (https://huggingface.co/docs/safetensors): the header alone, of all parts of a split model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec

from netscope.errors import FormatError
from netscope.models.model import Model
from netscope.models.readers.weights import Weight, tree
from netscope.models.shapes import dtype_bytes, n_elements
from netscope.models.stored import Stored, size_of, within

LARGEST_HEADER_BYTES = 100_000_000  # as in the reference implementation
LARGEST_JSON_BYTES = 100_000_000  # of an index
LARGEST_CONFIG_BYTES = 1 << 20
MOST_TENSORS = 1_000_000
INDEX = ".safetensors.index.json"
DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "F6_E2M3": "float6_e2m3fn",
    "F6_E3M2": "float6_e3m2fn",
    "F4": "float4_e2m1fn",
}  # fmt: skip


class _Entry(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


class _Index(msgspec.Struct):
    weight_map: dict[str, str]
    metadata: dict[str, Any] = {}


def recognise(head: bytes, path: Path) -> bool:
    """Whether a file begins with the length of a JSON header and the header, or is the index of several files."""
    if path.name.lower().endswith(INDEX):
        return True
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= LARGEST_HEADER_BYTES


def read(path: Path) -> Model:
    """Read a model.

    Raises:
        FormatError: It is damaged or cut off.
    """
    is_index = path.name.lower().endswith(INDEX)
    weights, metadata, warnings = _parts(path) if is_index else (*_part(path), [])
    graph, stored = tree(weights)
    return Model(
        name=path.name,
        format="safetensors",
        graph=graph,
        producer=str(metadata.get("format", "")),
        metadata=metadata | _config(path),
        warnings=tuple(warnings),
        stored=stored,
    )


def _part(path: Path) -> tuple[list[Weight], dict[str, Any]]:
    """The arrays of one file, and what it says of itself."""
    with path.open("rb") as file:
        total = path.stat().st_size
        first = file.read(8)
        size = int.from_bytes(first, "little")
        if len(first) < 8 or size > min(total - 8, LARGEST_HEADER_BYTES):
            raise FormatError(f"{path.name!r} is not a safetensors file, or is cut off: its header runs past its end")
        header = file.read(size)
    if header.count(b"{") > MOST_TENSORS:
        raise FormatError(f"{path.name!r} has more than {MOST_TENSORS:,} tensors")
    try:
        entries = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(entries.pop("__metadata__", b"{}"), type=dict[str, Any])
        decoder = msgspec.json.Decoder(_Entry)
        found = {name: decoder.decode(entry) for name, entry in entries.items()}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FormatError(f"damaged safetensors header in {path.name!r}: {error}") from error
    room = total - 8 - size
    return [_weight(path, name, entry, 8 + size, room) for name, entry in found.items()], metadata


def _weight(path: Path, name: str, entry: _Entry, base: int, room: int) -> Weight:
    start, end = entry.data_offsets
    if not 0 <= start <= end:
        raise FormatError(f"damaged safetensors header in {path.name!r}: {name!r} lies at bytes {start} to {end}")
    if end > room:
        raise FormatError(f"{path.name!r} is cut off: {name!r} ends {end - room:,} bytes behind its end")
    if any(size < 0 for size in entry.shape):
        raise FormatError(f"damaged safetensors header in {path.name!r}: {name!r} has the shape {entry.shape}")
    dtype = DTYPES.get(entry.dtype, entry.dtype)
    needed = n_elements(entry.shape) * dtype_bytes(dtype)
    if not math.isnan(needed) and math.ceil(needed) != end - start:
        raise FormatError(
            f"damaged safetensors header in {path.name!r}: {name!r} has {end - start:,} bytes, "
            f"{entry.dtype} {entry.shape} needs {needed:,.0f}"
        )
    return Weight(name, dtype, tuple(entry.shape), end - start, Stored(str(path), base + start, end - start))


def _parts(path: Path) -> tuple[list[Weight], dict[str, Any], list[str]]:
    """The arrays of all files that an index names, in the index' order."""
    try:
        index = msgspec.json.decode(_small(path, LARGEST_JSON_BYTES), type=_Index)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FormatError(f"{path.name!r} is not an index of safetensors files: {error}") from error
    weights: dict[str, Weight] = {}
    metadata: dict[str, Any] = dict(index.metadata)
    warnings, missing = [], []
    for name in dict.fromkeys(index.weight_map.values()):
        part = within(path.parent, name)
        if part is None:
            warnings.append(f"the index names a file outside of its folder, which is not read: {name[:200]!r}")
        elif math.isnan(size_of(part)):
            missing.append(name)
        else:
            found, said = _part(part)
            weights.update((weight.name, weight) for weight in found)
            metadata |= said
    if missing:
        lost = set(missing)
        n_lost = sum(file in lost for file in index.weight_map.values())
        warnings.append(
            f"{len(missing)} of {len(set(index.weight_map.values()))} files are missing, with {n_lost} tensors: "
            f"{', '.join(missing[:3])}{'…' if len(missing) > 3 else ''}"
        )
    ordered = [weights.pop(name) for name in index.weight_map if name in weights]
    return ordered + list(weights.values()), metadata, warnings


def _config(path: Path) -> dict[str, Any]:
    """What config.json beside it says, as Hugging Face's models have it."""
    try:
        config = msgspec.json.decode(_small(path.with_name("config.json"), LARGEST_CONFIG_BYTES), type=dict[str, Any])
    except (OSError, FormatError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return {"config": config}


def _small(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise FormatError(f"{path.name!r} has more than {most:,} bytes")
    return found
