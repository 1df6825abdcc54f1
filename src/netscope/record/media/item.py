"""What all kinds of media share: their encoded bytes, and the conversion of arrays of any framework to NumPy."""

from __future__ import annotations

import sys
import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from netscope.errors import UsageError
from netscope.record.stacklevel import depth_of_caller
from netscope.schema.media import AssetKind


class Blob(NamedTuple):
    """The bytes of a file in the run's folder."""

    data: bytes
    suffix: str


class Encoded(NamedTuple):
    """The bytes of a blob and their description in the journal."""

    data: bytes
    """b'' if `text` holds everything."""
    suffix: str
    text: str
    shape: list[int]
    markdown: bool = False
    inside: tuple[Blob, ...] = ()
    """Further files that the data refer to, such as images in table cells."""


class Media:
    """A value that is encoded as bytes."""

    kind: AssetKind
    encoded: Encoded | None
    """None if there is nothing to record; a warning has explained why."""


def as_numpy(data: Any) -> npt.NDArray[Any]:
    """Convert an array-like value to a NumPy array.

    Raises:
        UsageError: `data` is not an array of numbers, or is a tensor without values.
    """
    if is_tensor(data):
        return _from_torch(data)
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise UsageError("the array has masked values; write .filled(value) or .compressed()")
    if isinstance(data, list | tuple):
        # np.asarray fails for tensors with gradients or on a device.
        data = [as_numpy(item) if is_tensor(item) or isinstance(item, list | tuple) else item for item in data]
    try:
        array = np.asarray(data)
    except (ValueError, TypeError) as error:
        raise UsageError(f"not an array of numbers: {error}") from None
    if array.dtype.kind == "O":
        raise UsageError(f"expected an array of numbers, got {type(data).__name__} of objects")
    if array.dtype.kind == "V" and array.dtype.names is None and array.dtype.name.startswith(("bfloat", "float")):
        return array.astype(np.float32)  # JAX's bfloat16 and 8-bit floats
    return array


def _from_torch(tensor: Any) -> npt.NDArray[Any]:
    tensor = tensor.detach()
    if tensor.is_meta:
        raise UsageError("a tensor on the meta device has no values")
    if tensor.layout is not sys.modules["torch"].strided:
        raise UsageError(f"a tensor of layout {tensor.layout} is not a dense array; write .to_dense()")
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if str(tensor.dtype) == "torch.bfloat16" or "float8" in str(tensor.dtype):
        tensor = tensor.float()
    array: npt.NDArray[Any] = tensor.cpu().resolve_conj().resolve_neg().numpy()
    return array


def is_tensor(data: Any) -> bool:
    """Whether the value is a torch tensor; does not import torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(data, torch.Tensor)


def package_of(value: Any) -> str:
    """The top-level package that defines the type of `value`: "pandas", "PIL"."""
    return type(value).__module__.partition(".")[0]


def warn(message: str) -> None:
    """Warn at the user's line of code."""
    warnings.warn(message, stacklevel=depth_of_caller())
