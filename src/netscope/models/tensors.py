"""Read a stored array, or some of its rows, from its file."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from netscope import optional
from netscope.errors import FormatError, NotFoundError, StorageError, UsageError
from netscope.models.elements import bits_of, decode
from netscope.models.shapes import Shape
from netscope.models.stored import Stored

LARGEST_BYTES = 4 << 30
LARGEST_UNPACKED_BYTES = 1 << 30


def read(stored: Stored | None, name: str, dtype: str, shape: Shape | None, rows: slice = slice(None)) -> np.ndarray:
    """The elements of a stored array; bfloat16 becomes float32.

    Args:
        stored: Where it lies.
        name: Its name, for messages.
        dtype: Type of its elements.
        shape: Its shape.
        rows: Of its first axis, all unless given; only their bytes are read.

    Raises:
        NotFoundError: It is not stored, or its file is gone.
        FormatError: The file does not hold as many bytes as the shape says.
        UsageError: There is no way to decode its type.
        StorageError: The file cannot be read.
    """
    if stored is None:
        raise NotFoundError(f"the numbers of {name!r} are not in the files of this model")
    if shape is None or not all(isinstance(size, int) for size in shape):
        raise UsageError(f"the shape of {name!r} is not known: {shape}")
    sizes = tuple(int(size) for size in shape if size is not None)
    try:
        if stored.encoding == "onnx":
            array = _onnx(_bytes(stored), name)
        elif stored.encoding == "numpy":
            array = _numpy_file(stored, name)
        elif stored.encoding == "gguf":
            return _gguf(stored, name, dtype, sizes, rows)
        elif stored.strides is not None:
            array = _strided(stored, stored.strides, name, dtype, sizes)
        elif stored.encoding == "raw":
            return _raw(stored, name, dtype, sizes, rows)
        else:
            raise UsageError(f"{name!r} is stored as {stored.encoding}, which netscope cannot decode")
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{stored.path!r} cannot be read: {error.strerror or error}") from error
    return array[rows] if array.ndim else array


def _raw(stored: Stored, name: str, dtype: str, shape: tuple[int, ...], rows: slice) -> np.ndarray:
    bits = bits_of(dtype, name)
    count = math.prod(shape)
    if (needed := -(-count * bits // 8)) != stored.n_bytes:
        raise FormatError(f"{name!r} has {stored.n_bytes} bytes; {dtype} {list(shape)} needs {needed}")
    if not shape:
        return decode(_bytes(stored), dtype, name)[:1].reshape(())
    start, stop, step = rows.indices(shape[0])
    if step <= 0:
        raise UsageError(f"rows: expected a step above 0, got {step}")
    n, per_row = max(0, stop - start), math.prod(shape[1:])
    first = start * per_row * bits // 8
    part = decode(_bytes(stored, first, -(-(start + n) * per_row * bits // 8) - first), dtype, name)
    before = start * per_row - first * 8 // bits  # elements of less than a byte may begin within one
    return part[before : before + n * per_row].reshape((n, *shape[1:]))[::step]


def _strided(stored: Stored, strides: tuple[int, ...], name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """A view whose elements do not lie one after the other."""
    bits = bits_of(dtype, name)
    if 0 in shape:
        return decode(b"", dtype, name).reshape(shape)
    extent = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if bits % 8 or extent * bits // 8 != stored.n_bytes:
        raise FormatError(
            f"{name!r} has {stored.n_bytes} bytes; {dtype} {list(shape)} with strides {list(strides)} does not"
        )
    if (n_bytes := math.prod(shape) * bits // 8) > LARGEST_BYTES:  # a stride of 0 repeats
        raise UsageError(f"{name!r} has {n_bytes:,} bytes (at most {LARGEST_BYTES >> 30} GiB are read)")
    flat = decode(_bytes(stored), dtype, name)
    steps = [stride * flat.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(flat, shape, steps, writeable=False).copy()


def _bytes(stored: Stored, start: int = 0, size: int | None = None) -> bytes:
    """Some of its bytes."""
    size = stored.n_bytes if size is None else size
    if size > LARGEST_BYTES:
        raise UsageError(f"{size:,} bytes at once; read fewer rows (at most {LARGEST_BYTES >> 30} GiB)")
    if not stored.path:
        return stored.inline[start : start + size]
    with Path(stored.path).open("rb") as file:
        file.seek(stored.offset + start)
        found = file.read(size)
    if len(found) != size:
        raise FormatError(f"{stored.path!r} ends before the array at byte {stored.offset + start}; is it cut off?")
    return found


def _numpy_file(stored: Stored, name: str) -> np.ndarray:
    """An array of an archive, or with its first axis together; objects are refused."""
    if stored.n_bytes > LARGEST_UNPACKED_BYTES:
        raise UsageError(f"{name!r} is packed and has {stored.n_bytes:,} bytes, too many to unpack at once")
    try:
        if not stored.member:
            return np.load(stored.path, allow_pickle=False)  # type: ignore[no-any-return]
        with zipfile.ZipFile(stored.path) as archive, archive.open(stored.member) as member:
            return np.lib.format.read_array(member, allow_pickle=False)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError, ValueError) as error:
        raise FormatError(f"the array {name!r} is damaged: {error}") from error


def _gguf(stored: Stored, name: str, dtype: str, shape: tuple[int, ...], rows: slice) -> np.ndarray:
    """Numbers in blocks that share a scale; blocks lie within a row."""
    gguf = optional.extra("decoding quantised arrays of GGUF files", "gguf", "gguf")
    kind = getattr(gguf.GGMLQuantizationType, dtype, None)
    if not shape or 0 in shape or stored.n_bytes % shape[0]:
        raise FormatError(f"{name!r} has {stored.n_bytes} bytes, which {dtype} {list(shape)} does not fill by rows")
    start, stop, step = rows.indices(shape[0])
    if step <= 0:
        raise UsageError(f"rows: expected a step above 0, got {step}")
    n, row_bytes = max(0, stop - start), stored.n_bytes // shape[0]
    if not n:
        return np.zeros((0, *shape[1:]), np.float32)
    try:
        packed = np.frombuffer(_bytes(stored, start * row_bytes, n * row_bytes), np.uint8)
        found: np.ndarray = gguf.quants.dequantize(packed.reshape((n, *shape[1:-1], -1)), kind)
    except (NotImplementedError, ValueError, KeyError) as error:
        raise UsageError(f"{name!r} is stored as {dtype}, which cannot be decoded: {error}") from error
    return found[::step]


def _onnx(data: bytes, name: str) -> np.ndarray:
    onnx = optional.extra("reading arrays of ONNX files", "onnx", "onnx")
    protobuf = optional.extra("reading arrays of ONNX files", "google.protobuf.message", "onnx")
    try:
        tensor = onnx.TensorProto.FromString(data)
        found: np.ndarray = np.asarray(onnx.numpy_helper.to_array(tensor))
    except (protobuf.DecodeError, ValueError, TypeError, RuntimeError) as error:
        raise FormatError(f"the array {name!r} is damaged: {error}") from error
    return found.astype(np.float32) if found.dtype.kind == "V" else found
