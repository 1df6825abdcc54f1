"""What the code of TorchScript works on while it is followed, and what its operators and their arguments are called."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from netscope.models.readers.pickles import Record


class Unreadable(Exception):
    """The code is not as TorchScript writes it."""


class Wire(NamedTuple):
    """A value of the graph."""

    value: int


class Module(NamedTuple):
    """A module, by its path."""

    path: str
    record: Record


class Name(NamedTuple):
    """A name of the code that is no variable: `torch.nn`, `ops.prim`, `__torch__.f`."""

    path: str


class Unknown(NamedTuple):
    """Something that is not in the file, such as the type of an attribute that was left out."""


UNKNOWN = Unknown()
FOLDED: dict[str, Callable[..., Any]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "__is__": operator.is_, "__isnot__": operator.is_not, "__not__": operator.not_, "neg": operator.neg,
    "add": operator.add, "sub": operator.sub, "remainder": operator.mod, "floordiv": operator.floordiv,
    "__contains__": operator.contains, "len": len, "Bool": bool, "Int": int, "Float": float,
}  # fmt: skip
_ARITHMETIC = {"add", "sub", "neg", "remainder", "floordiv"}
OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv", ast.Mod: "remainder",
    ast.Pow: "pow", ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
    ast.Is: "__is__", ast.IsNot: "__isnot__", ast.In: "__contains__", ast.And: "__and__", ast.Or: "__or__",
    ast.Not: "__not__", ast.USub: "neg", ast.Invert: "bitwise_not", ast.BitAnd: "__and__", ast.BitOr: "__or__",
}  # fmt: skip
CASTS = {"int": "Int", "float": "Float", "bool": "Bool", "len": "len", "str": "str"}
_CONV = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_POOL = ("self", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
ARGUMENTS: Mapping[str, Sequence[str]] = {
    "conv1d": _CONV, "conv2d": _CONV, "conv3d": _CONV, "max_pool2d": _POOL, "max_pool1d": _POOL,
    "_convolution": (*_CONV[:6], "transposed", "output_padding", "groups"),
    "conv_transpose2d": (*_CONV[:5], "output_padding", "groups", "dilation"), "linear": ("input", "weight", "bias"),
    "addmm": ("self", "mat1", "mat2"), "matmul": ("self", "other"), "bmm": ("self", "mat2"),
    "batch_norm": (
        "input", "weight", "bias", "running_mean", "running_var", "training", "momentum", "eps", "cudnn_enabled",
    ),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "group_norm": ("input", "num_groups", "weight", "bias", "eps"),
    "embedding": ("weight", "indices", "padding_idx", "scale_grad_by_freq", "sparse"),
    "dropout": ("input", "p", "train"), "softmax": ("self", "dim", "dtype"), "add": ("self", "other", "alpha"),
    "sub": ("self", "other", "alpha"), "mul": ("self", "other"), "div": ("self", "other"), "cat": ("tensors", "dim"),
    "flatten": ("self", "start_dim", "end_dim"), "view": ("self", "size"), "reshape": ("self", "shape"),
    "permute": ("self", "dims"), "transpose": ("self", "dim0", "dim1"), "mean": ("self", "dim", "keepdim", "dtype"),
    "lstm": (
        "input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first",
    ),
    "gru": ("input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first"),
    "scaled_dot_product_attention": ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale"),
    "adaptive_avg_pool2d": ("self", "output_size"), "relu": ("self",), "sigmoid": ("self",), "tanh": ("self",),
}  # fmt: skip


def op_name(path: str) -> str:
    """`torch.conv2d` as aten::conv2d, `ops.prim.data` as prim::data."""
    parts = path.split(".")
    if parts[0] == "ops" and len(parts) > 2:
        return f"{'.'.join(parts[1:-1])}::{parts[-1]}"
    return f"aten::{parts[-1]}" if parts[0] == "torch" else f"prim::{path or 'call'}"


def is_sequence(value: Any) -> bool:
    """Whether a value is a list or tuple of the code."""
    return type(value) in (list, tuple)


def is_plain(value: Any) -> bool:
    """Whether a value depends on nothing but what stands in the file."""
    return (
        value is None
        or isinstance(value, (bool, int, float, str))
        or (is_sequence(value) and all(type(one) in (bool, int, float, str) for one in value))
    )


MOST_PARTS = 100_000
_DEEPEST = 4


def wires(value: Any) -> list[int]:
    """The values of the graph in a value of the code."""
    found, waiting = list[int](), [value]
    for _ in range(MOST_PARTS):
        if not waiting:
            return found
        one = waiting.pop()
        if isinstance(one, Wire):
            found.append(one.value)
        elif is_sequence(one):
            waiting += reversed(one)
    raise Unreadable("it has a list of too many values")


def shown(value: Any, depth: int = 0) -> Any:
    """A value as an attribute shows it."""
    if isinstance(value, Name):
        return value.path
    if is_sequence(value):
        return (
            [one for one in (shown(one, depth + 1) for one in value[:64]) if one is not UNKNOWN]
            if depth < _DEEPEST
            else UNKNOWN
        )
    return value if value is None or isinstance(value, (bool, int, float, str)) else UNKNOWN


def folded(op: str, given: Sequence[Any]) -> Any:
    """The result of an operator that only depends on plain numbers and texts; UNKNOWN if it does not."""
    act = FOLDED.get(op)
    if act is None or not all(is_plain(one) for one in given):
        return UNKNOWN
    if op in _ARITHMETIC and not all(isinstance(one, (int, float)) for one in given):
        return UNKNOWN
    try:
        found = act(*given)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return UNKNOWN
    return found if not isinstance(found, int) or abs(found) < 1 << 63 else UNKNOWN


def assigned(statements: Sequence[ast.stmt]) -> set[str]:
    """Names that statements assign."""
    return {
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
