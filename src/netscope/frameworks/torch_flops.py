"""Count the floating-point operations of a call by repeating it on tensors without values (the meta device).

A multiplication with an addition is two operations: matrix products, convolutions and attention are counted as
`torch.utils.flop_counter` counts them (importing it takes seconds and loads Triton, so the formulas are here),
recurrent layers likewise, and what else such a call does (a bias, a softmax inside attention) is left out, as there. In
other calls, elementwise operations count one per element of their result,
reductions one per element that they read, softmax and normalisation five. Moving data counts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from netscope.frameworks.torch_calls import Opaque, TensorArgument

_COPIES = {"clone", "positive", "where", "masked_fill", "copy_", "fill_", "zero_"}
_PER_ELEMENT = {
    "_softmax": 5, "_log_softmax": 5, "native_layer_norm": 5, "native_batch_norm": 5, "native_group_norm": 5,
    "_native_batch_norm_legit": 5, "_native_batch_norm_legit_no_training": 5, "_fused_rms_norm": 5, "cumsum": 1,
    "cumprod": 1, "_batch_norm_with_update": 5, "_safe_softmax": 5, "native_dropout": 1,
}  # fmt: skip
_POOLS = {"avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices", "_adaptive_avg_pool2d"}
_FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError, Warning)
"""What a function may raise because its tensors have no values, or because it is not made for the meta device."""
_RECURRENT = {torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu}


class Flops:
    """Counts calls; a call with arguments of the same types and shapes is counted once."""

    def __init__(self) -> None:
        """Start without counts."""
        self._known: dict[tuple[Any, str], float] = {}

    def of(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> float:
        """The operations of a call, NaN if it cannot be repeated.

        Args:
            function: What was called.
            args: Its arguments, with a `TensorArgument` for each tensor.
            kwargs: Its named arguments, likewise.
        """
        if function in _RECURRENT:
            return _recurrent(args)
        if not _reads_floats((args, kwargs)):
            return 0.0
        key = function, repr((args, kwargs))
        if key not in self._known:
            self._known[key] = _repeated(function, args, kwargs)
        return self._known[key]


def _repeated(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> float:
    counter = _Counter()
    try:
        given, named = _without_values(list(args)), _without_values(dict(kwargs))
        named.pop("out", None)
        if "device" in named:
            named["device"] = "meta"
        with torch.no_grad(), counter:
            function(*given, **named)
    except _FAILURES:
        return math.nan
    return float(counter.products or counter.others)


def _reads_floats(given: Any) -> bool:
    if isinstance(given, TensorArgument):
        return given.dtype.is_floating_point or given.dtype.is_complex
    parts = given.values() if isinstance(given, Mapping) else given if isinstance(given, list | tuple) else ()
    return any(_reads_floats(one) for one in parts)


def _without_values(given: Any) -> Any:
    """Arguments with tensors on the meta device."""
    if isinstance(given, TensorArgument):
        if given.shape is None:
            raise ValueError("a nested tensor")
        return torch.empty(given.shape, dtype=given.dtype, device="meta")
    if isinstance(given, Opaque):
        raise ValueError(f"an object of type {given.type}")
    if isinstance(given, slice):
        return slice(*(_without_values(end) for end in (given.start, given.stop, given.step)))
    if isinstance(given, list | tuple):
        return type(given)(_without_values(one) for one in given)
    if isinstance(given, dict):
        return {name: _without_values(one) for name, one in given.items()}
    return torch.device("meta") if isinstance(given, torch.device) else given


class _Counter(TorchDispatchMode):
    """Adds up the operations of what torch computes while it is active."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products = 0.0
        self.others = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._overloadpacket.__name__
        if name not in _PRODUCTS:
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        if name in _PRODUCTS:
            self.products += _PRODUCTS[name](args, result)
        else:
            self.others += _operations(func, name, args, result)
        return result


def _operations(func: Any, name: str, args: Any, result: Any) -> float:
    """The operations of what is no product."""
    if name in _PER_ELEMENT:
        return _PER_ELEMENT[name] * _n_elements(args[:1])
    if name in _POOLS or _is_reduction(func):
        return _n_elements(args[:1])
    return _n_elements((result,)) if torch.Tag.pointwise in func.tags and name not in _COPIES else 0.0


def _product(first: torch.Tensor, second: torch.Tensor) -> float:
    """The operations of a matrix product, of many, or of a matrix and a vector."""
    return 2.0 * first.numel() * (second.shape[-1] if second.dim() > 1 else 1)


def _convolution(args: Any, result: torch.Tensor) -> float:
    """Each number of the output (of the input, if transposed) meets one filter."""
    given, weight, is_transposed = args[0], args[1], args[6]
    return float(2 * (given if is_transposed else result).numel() * weight.numel() / max(weight.shape[0], 1))


def _attention(args: Any, result: Any) -> float:
    query, key, value = args[:3]
    n_queries = query.numel() // max(query.shape[-1], 1)
    return float(2 * n_queries * key.shape[-2] * (query.shape[-1] + value.shape[-1]))


_PRODUCTS: dict[str, Callable[[Any, Any], float]] = {
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "_int_mm", "_scaled_mm"), lambda args, _: _product(args[0], args[1])),
    **dict.fromkeys(("addmm", "baddbmm", "addmv"), lambda args, _: _product(args[1], args[2])),
    "convolution": _convolution,
    **dict.fromkeys(
        (
            *("_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_for_cpu"),
            *("_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention"),
        ),
        _attention,
    ),
}
"""The operations of products, from their arguments and results."""


def _is_reduction(func: Any) -> bool:
    tag = getattr(torch.Tag, "reduction", None)  # since PyTorch 2.9
    return tag in func.tags if tag is not None else func._overloadpacket.__name__ in _REDUCTIONS


_REDUCTIONS = {
    "sum", "mean", "amax", "amin", "max", "min", "prod", "var", "std", "var_mean", "std_mean", "norm", "logsumexp",
    "argmax", "argmin", "any", "all", "linalg_vector_norm",
}  # fmt: skip


def _n_elements(tensors: Sequence[Any]) -> float:
    return float(sum(one.numel() for one in tensors if isinstance(one, torch.Tensor) and _is_number(one)))


def _is_number(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _recurrent(args: Sequence[Any]) -> float:
    """A recurrent layer multiplies each input with every weight of its matrices once."""
    first = args[0].shape
    *_, weights = (arg for arg in args if isinstance(arg, list | tuple) and not isinstance(arg, TensorArgument))
    matrices = [one.shape for one in weights if one.shape is not None and len(one.shape) == 2]
    return float(2 * math.prod(first[:-1]) * sum(map(math.prod, matrices)))
