"""What a call of a torch function is: the name of its operation, and the names of its arguments.

Python functions have a signature; for those written in C++ the schemas of the operator of the same name say what the
arguments are called.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

Named = list[tuple[str, Any]]
"""Arguments with their names; '' where the name is not known."""


class TensorArgument(NamedTuple):
    """A tensor among the arguments of a call."""

    value: int
    """Which value of the graph it is, -1 if that was not asked."""
    shape: tuple[int, ...] | None
    """None if it has no single shape (nested tensors)."""
    dtype: torch.dtype


class Opaque(NamedTuple):
    """An object among the arguments of a call that is neither a tensor nor plain."""

    type: str


class Operation(NamedTuple):
    """What a function does."""

    name: str
    """"conv2d", "add"; the same for `torch.add(a, b)`, `a.add_(b)` and `a + b`."""
    is_in_place: bool = False
    is_reversed: bool = False
    """Whether the first argument is the second operand: `2 - x` is `x.__rsub__(2)`."""


_ARITHMETIC = (
    "add sub mul matmul div truediv floordiv mod pow lshift rshift and or xor neg pos abs invert eq ne lt le gt ge"
).split()
_SPELLED = {
    "truediv": "div", "floordiv": "floor_divide", "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor", "invert": "bitwise_not", "pos": "positive", "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift", "getitem": "getitem", "setitem": "setitem", "iter": "unbind",
}  # fmt: skip
_ALIASES = {
    "_pad": "pad", "_threshold": "threshold", "max_pool1d_with_indices": "max_pool1d",
    "max_pool2d_with_indices": "max_pool2d", "max_pool3d_with_indices": "max_pool3d",
    "adaptive_max_pool1d_with_indices": "adaptive_max_pool1d",
    "adaptive_max_pool2d_with_indices": "adaptive_max_pool2d",
    "adaptive_max_pool3d_with_indices": "adaptive_max_pool3d", "concat": "cat", "concatenate": "cat",
    "multiply": "mul", "subtract": "sub", "divide": "div", "true_divide": "div", "negative": "neg", "absolute": "abs",
}  # fmt: skip
_VIEWED = ("T", "mT", "H", "mH", "data", "real", "imag")
"""The properties of a tensor that are tensors."""
VALUES_READ = {
    "__bool__", "__int__", "__float__", "__index__", "__complex__", "__contains__", "__array__", "item", "tolist",
    "numpy", "is_nonzero", "equal", "allclose",
}  # fmt: skip
"""Functions through which Python sees the numbers in a tensor, and may decide what to do next."""
_NO_OPERATION = {
    "__len__", "__hash__", "__repr__", "__format__", "__reduce_ex__", "__deepcopy__", "__setstate__", "__dlpack__",
    "__dlpack_device__", "size", "dim", "ndimension", "nelement", "numel", "stride", "storage_offset", "element_size",
    "is_floating_point", "is_complex", "is_contiguous", "is_signed", "is_inference", "is_conj", "is_neg", "is_tensor",
    "is_same_size", "data_ptr", "untyped_storage", "get_device", "requires_grad_", "retain_grad", "register_hook",
    "result_type", "promote_types", "can_cast", "broadcast_shapes", "is_grad_enabled", "set_grad_enabled", "type",
    "register_post_accumulate_grad_hook", "backward", "share_memory_", "is_pinned", "is_shared", "has_names", "device",
    "seed", "manual_seed", "initial_seed", "get_default_dtype", "finfo", "iinfo", "_is_view", "names", "_assert",
}  # fmt: skip
CONVERSIONS = {
    "contiguous", "to", "type_as", "float", "double", "half", "bfloat16", "int", "long", "bool", "cpu", "cuda",
    "detach", "expand", "expand_as", "view_as", "reshape", "view", "resolve_conj", "resolve_neg", "data",
}  # fmt: skip
"""Operations that return their input itself where there is nothing to do; they are left out then."""


def operation(function: Any) -> Operation | str | None:
    """What a function does; a text from `VALUES_READ`, or None, for one that computes no tensor.

    >>> operation(torch.Tensor.__iadd__), operation(torch.nn.functional.relu).name, operation(torch.Tensor.size)
    (Operation(name='add', is_in_place=True, is_reversed=False), 'relu', None)
    """
    try:
        return _operation(function)
    except TypeError:  # unhashable
        return Operation(type(function).__name__)


@functools.lru_cache(maxsize=4096)
def _operation(function: Any) -> Operation | str | None:
    name = getattr(function, "__name__", None) or type(function).__name__
    if name in ("__get__", "__set__", "__delete__"):
        owner = getattr(getattr(function, "__self__", None), "__name__", "")
        return Operation(owner) if name == "__get__" and owner in _VIEWED else None
    if isinstance(function, torch._ops.OpOverload):
        name = name.partition(".")[0]
    if name in VALUES_READ:
        return str(name)
    if name in _NO_OPERATION or inspect.isclass(function):
        return None
    if name.startswith("__") and name.endswith("__"):
        inner = name[2:-2]
        if inner in _SPELLED or inner in _ARITHMETIC:
            return Operation(_SPELLED.get(inner, inner), inner == "setitem")
        if inner[1:] in _ARITHMETIC and inner[0] in "ri":
            return Operation(_SPELLED.get(inner[1:], inner[1:]), inner[0] == "i", inner[0] == "r")
        return None
    is_in_place = name.endswith("_")
    name = name.removesuffix("_")
    return Operation(_ALIASES.get(name, name), is_in_place)


def bind(function: Any, done: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Named:
    """The arguments of a call with their names, in the order of the definition.

    >>> bind(torch.Tensor.view, Operation("view"), (TensorArgument(0, (4,), torch.float32), 2, 2), {})[1:]
    [('shape', (2, 2))]
    """
    names = None
    if done.name in ("getitem", "setitem"):
        names = ["input", "index", "value"][: len(args)]
    elif done.name == "einsum" and len(args) > 1:
        names, args = ["equation", "operands"], [args[0], tuple(args[1:])]
    elif done.is_reversed:
        names = ["other", "input"]
    elif inspect.isfunction(function):
        names, args = _python_names(function, args)
    if names is None:
        names, args = _operator_names(done.name, args)
    return [*zip(names, args, strict=True), *kwargs.items()]


def _python_names(function: Callable[..., Any], args: Sequence[Any]) -> tuple[list[str] | None, Sequence[Any]]:
    found = _signature(function)
    if found is None or (len(args) > len(found[0]) and not found[1]):
        return None, args
    names, rest = found
    if rest and not names:  # it only chooses between others
        return None, args
    named = ["input" if name == "self" else name for name in names[: len(args)]]
    if len(args) > len(names):
        return [*named, rest], [*args[: len(names)], tuple(args[len(names) :])]
    return named, args


@functools.lru_cache(maxsize=4096)
def _signature(function: Callable[..., Any]) -> tuple[list[str], str] | None:
    """The names of positional parameters, and of the one that takes any number of them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    rest = next((one.name for one in parameters if one.kind is one.VAR_POSITIONAL), "")
    return [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)], rest


def parameter_names(function: Callable[..., Any]) -> tuple[list[str], str]:
    """The names of the positional parameters of a method without `self`, and of the one that takes the others or ''."""
    names, rest = _signature(function) or ([], "")
    return names[1:], rest


def _operator_names(name: str, args: Sequence[Any]) -> tuple[list[str], Sequence[Any]]:
    for fits in (_fits, _fits_as_tensor):
        for names, kinds in _schemas(name):
            for given in (args, _gathered(args, kinds)):
                if given is not None and len(given) <= len(names) and all(map(fits, kinds, given)):
                    return names[: len(given)], given
    return [""] * len(args), args


_RENAMED = {"self": "input", "size": "shape"}
"""What the documentation calls arguments otherwise than the schemas."""


@functools.lru_cache(maxsize=4096)
def _schemas(name: str) -> list[tuple[list[str], list[str]]]:
    """Names and types of the positional arguments of an operator's overloads."""
    found = []
    for namespace in (torch.ops.aten, torch.ops.prims):
        packet = getattr(namespace, name, None)
        for overload in packet.overloads() if packet is not None else ():
            schema = getattr(packet, overload)._schema
            positional = [one for one in schema.arguments if not one.kwarg_only]
            names = [_RENAMED.get(one.name, one.name) for one in positional]
            found.append((names, [str(one.type) for one in positional]))
    return found


def _gathered(args: Sequence[Any], kinds: Sequence[str]) -> Sequence[Any] | None:
    """`x.view(2, 3)` as `x.view((2, 3))`: whole numbers at the end are one list."""
    start = next((i for i, arg in enumerate(args) if type(arg) is int), len(args))
    if start >= min(len(args), len(kinds)) or not kinds[start].startswith(("List[int]", "Optional[List[int]]")):
        return None
    return [*args[:start], tuple(args[start:])] if all(type(arg) is int for arg in args[start:]) else None


def _fits(kind: str, given: Any) -> bool:
    """Whether an argument is of this type, as the schemas of operators spell it."""
    if given is None:
        return kind.startswith("Optional")
    if isinstance(given, TensorArgument):
        return "Tensor" in kind and "List" not in kind
    if isinstance(given, list | tuple):
        return "List" in kind
    if isinstance(given, torch.device):
        return "Device" in kind
    if isinstance(given, str):
        return "str" in kind or "Device" in kind
    if "Tensor" in kind:
        return False
    if isinstance(given, torch.dtype | torch.layout | torch.memory_format) or type(given) is int:
        return "int" in kind or kind == "number" or "float" in kind
    return (type(given) is bool and "bool" in kind) or (type(given) is float and ("float" in kind or kind == "number"))


def _fits_as_tensor(kind: str, given: Any) -> bool:
    """The same where torch makes a tensor of a number."""
    return _fits(kind, given) or (
        type(given) in (int, float, bool, complex) and "Tensor" in kind and "List" not in kind
    )


def plain(given: Any) -> Any:
    """An argument as JSON can hold it; tensors are left out of lists, and a slice is written as in Python.

    >>> plain((slice(None, 2), None, Ellipsis)), plain(torch.float32), plain([1, 2.0])
    ([':2', None, '…'], 'float32', [1, 2.0])
    """
    if isinstance(given, TensorArgument):
        return "tensor"
    if isinstance(given, Opaque):
        return given.type
    if isinstance(given, slice):
        ends = ["" if end is None else str(plain(end)) for end in (given.start, given.stop, given.step)]
        return ":".join(ends[:2] if given.step is None else ends)
    if given is Ellipsis:
        return "…"
    if isinstance(given, list | tuple):
        return [plain(one) for one in given]
    if isinstance(given, Mapping):
        return {str(name): plain(one) for name, one in given.items()}
    if given is None or isinstance(given, bool | int | float | str):
        return given
    return str(given).removeprefix("torch.")
