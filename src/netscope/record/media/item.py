"""What every kind of media has: its bytes, and how arrays of any framework become NumPy's."""

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
    """Bytes that become a file of the run."""

    data: bytes
    suffix: str


class Encoded(NamedTuple):
    """The bytes of a blob and what the journal says of them."""

    data: bytes
    """b'' where `text` holds it all."""
    suffix: str
    text: str
    shape: list[int]
    markdown: bool = False
    inside: tuple[Blob, ...] = ()
    """Further files that the data name: pictures in the cells of a table."""


class Media:
    """What has bytes of its own."""

    kind: AssetKind
    encoded: Encoded | None
    """None if there is nothing to record; a warning has said why."""


def as_numpy(data: Any) -> npt.NDArray[Any]:
    """A NumPy array of anything that is one.

    Raises:
        UsageError: No numbers, or a tensor that holds none.
    """
    if is_tensor(data):
        return _from_torch(data)
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise UsageError("an array of which some values are masked; write .filled(value) or .compressed()")
    if isinstance(data, list | tuple):
        # NumPy asks each tensor for itself and is refused by those with gradients or on a device.
        data = [as_numpy(item) if is_tensor(item) or isinstance(item, list | tuple) else item for item in data]
    try:
        array = np.asarray(data)
    except (ValueError, TypeError) as error:
        raise UsageError(f"no array of numbers: {error}") from None
    if array.dtype.kind == "O":
        raise UsageError(f"no array of numbers, found {type(data).__name__} of objects")
    if array.dtype.kind == "V" and array.dtype.names is None and array.dtype.name.startswith(("bfloat", "float")):
        return array.astype(np.float32)  # JAX's short floats
    return array


def _from_torch(tensor: Any) -> npt.NDArray[Any]:
    tensor = tensor.detach()
    if tensor.is_meta:
        raise UsageError("a tensor on the meta device has no values")
    if tensor.layout is not sys.modules["torch"].strided:
        raise UsageError(f"a tensor of layout {tensor.layout} is no array; write .to_dense()")
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if str(tensor.dtype) == "torch.bfloat16" or "float8" in str(tensor.dtype):
        tensor = tensor.float()
    array: npt.NDArray[Any] = tensor.cpu().resolve_conj().resolve_neg().numpy()
    return array


def is_tensor(data: Any) -> bool:
    """Whether it is torch's; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(data, torch.Tensor)


def origin(value: Any) -> str:
    """The package that the type of `value` comes from: "pandas", "PIL"."""
    return type(value).__module__.partition(".")[0]


def warn(message: str) -> None:
    """Warn in the user's line."""
    warnings.warn(message, stacklevel=depth_of_caller())
