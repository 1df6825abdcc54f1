"""Tensors in PyTorch's pickles: what the functions that would rebuild them are given, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netscope.errors import FormatError
from netscope.models.readers.pickles import Global, Known, Record, Span

DTYPES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "QInt8Storage": "qint8", "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32", "UntypedStorage": "uint8",
}  # fmt: skip
_DTYPE_NAMES = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32", "short": "int16",
    "float8_e4m3fn": "float8_e4m3fn", "float8_e5m2": "float8_e5m2",
}  # fmt: skip
MOST_AXES = 64


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the elements of tensors are."""

    source: int
    """Which of the files that were read holds it."""
    key: str
    dtype: str
    n_elements: int
    start: int = 0
    """Where it begins in the stored elements of that key."""
    span: Span | None = None
    """Where its bytes are, if they stand in the pickle itself."""


@dataclass(frozen=True, slots=True)
class Array:
    """A tensor: a view of a storage."""

    storage: Storage | None
    """None on the meta device, or where the elements are made in another way."""
    dtype: str
    offset: int
    """In elements."""
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In elements."""
    is_parameter: bool = False

    @property
    def is_contiguous(self) -> bool:
        """Whether its elements lie one after the other."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size == 0:
                return True
            if size != 1 and stride != expected:
                return False
            expected *= size
        return True

    @property
    def extent(self) -> int:
        """Elements from its first to its last, in the storage."""
        if 0 in self.shape:
            return 0
        return 1 + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))


def _sizes(sizes: Any) -> tuple[int, ...]:
    """A shape or strides."""
    for _ in range(2):  # torch.Size; a list may contain itself
        if isinstance(sizes, (tuple, list)) and len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
            sizes = sizes[0]
    if not isinstance(sizes, (tuple, list)) or len(sizes) > MOST_AXES:
        raise FormatError("damaged pickle: a tensor without a shape")
    for size in sizes:
        if type(size) is not int or not 0 <= size < 1 << 62:
            raise FormatError("damaged pickle: a tensor whose shape or strides are not sizes")
    return tuple(sizes)


def storage_of(id: Any, source: int) -> Storage | None:
    """The storage that a persistent id names: ("storage", its class, key, device, number of elements, view)."""
    if not isinstance(id, tuple) or len(id) < 5:
        return None
    _, kind, key, _, n_elements, *view = id
    if type(n_elements) is not int or not 0 <= n_elements < 1 << 62 or not isinstance(key, (str, int)):
        raise FormatError("damaged pickle: a storage of no size")
    dtype = DTYPES.get(kind.name.rpartition(".")[2], "") if isinstance(kind, Global) else ""
    start = 0
    if view and isinstance(view[0], tuple) and len(view[0]) == 3:
        start = view[0][1]
        if type(start) is not int or not 0 <= start < 1 << 62:
            raise FormatError("damaged pickle: a view of a storage at no offset")
    return Storage(source, str(key), dtype, n_elements, start)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Array:
    """_rebuild_tensor, _rebuild_tensor_v2, _rebuild_tensor_v3."""
    found = storage if isinstance(storage, Storage) else None
    if type(offset) is not int or not 0 <= offset < 1 << 62:
        raise FormatError("damaged pickle: a tensor at no offset")
    dtype = dtype_name(rest[2]) if len(rest) > 2 and isinstance(rest[2], Global) else found.dtype if found else ""
    sizes, steps = _sizes(shape), _sizes(strides)
    if len(sizes) != len(steps):
        raise FormatError("damaged pickle: a tensor whose strides do not match its shape")
    return Array(found, dtype, offset, sizes, steps, bool(rest and rest[0] is True))


def dtype_name(dtype: Any) -> str:
    """`torch.float32` as NumPy spells it."""
    name = dtype.name if isinstance(dtype, Global) else ""
    return _DTYPE_NAMES.get(name, name)


def _parameter(data: Any, *_: Any) -> Any:
    """_rebuild_parameter, Parameter: the tensor itself."""
    if isinstance(data, Array):
        return Array(data.storage, data.dtype, data.offset, data.shape, data.strides, True)
    return data


def _buffer(data: Any = None, *_: Any) -> Any:
    return data


def _quantised(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Array:
    return _tensor(storage, offset, shape, strides)


def _meta(dtype: Any, shape: Any, strides: Any, *_: Any) -> Array:
    return Array(None, dtype_name(dtype), 0, _sizes(shape), _sizes(strides))


def _wrapped(function: Any, kind: Any, arguments: Any, *_: Any) -> Any:
    """_rebuild_from_type_v2: a subclass of Tensor."""
    act = KNOWN.get(function) if isinstance(function, Global) else None
    given = arguments if isinstance(arguments, tuple) else ()
    return Record(kind, given) if act in (None, _wrapped) else act(*given)


def numpy_array(record: Record) -> Array | None:
    """The NumPy array that a record stands for, if its elements are numbers."""
    state = record.state
    if record.class_name != "_reconstruct" or not isinstance(state, tuple) or len(state) != 5:
        return None
    _, shape, kind, is_fortran, data = state
    letters = kind.arguments[0] if isinstance(kind, Record) and kind.arguments else ""
    try:
        dtype = np.dtype(letters if isinstance(letters, str) else "O")
    except (TypeError, ValueError):
        return None
    order = kind.state[1] if isinstance(kind.state, tuple) and len(kind.state) > 1 else "<"
    if dtype.kind not in "biufc" or order == ">" or not isinstance(data, Span):
        return None
    sizes, strides, step = _sizes(shape), [], 1
    for size in sizes if is_fortran else reversed(sizes):
        strides.append(step)
        step *= size
    steps = tuple(strides if is_fortran else reversed(strides))
    return Array(Storage(data.source, "", dtype.name, step, 0, data), dtype.name, 0, sizes, steps)


KNOWN: Known = {
    **{
        Global("torch._utils", name): _tensor
        for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
    },
    Global("torch._utils", "_rebuild_parameter"): _parameter,
    Global("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    Global("torch.nn.parameter", "Parameter"): _parameter,
    Global("torch.nn.parameter", "Buffer"): _buffer,
    Global("torch._utils", "_rebuild_qtensor"): _quantised,
    Global("torch._utils", "_rebuild_meta_tensor_no_storage"): _meta,
    Global("torch._tensor", "_rebuild_from_type_v2"): _wrapped,
    Global("torch", "Size"): lambda *sizes: _sizes(sizes),
    Global("torch.jit._pickle", "build_intlist"): lambda items: items,
    Global("torch.jit._pickle", "build_doublelist"): lambda items: items,
    Global("torch.jit._pickle", "build_boollist"): lambda items: items,
    Global("torch.jit._pickle", "build_tensorlist"): lambda items: items,
    Global("torch.jit._pickle", "restore_type_tag"): lambda value, *_: value,
}
