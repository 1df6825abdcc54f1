"""Convert a configuration object of any kind to plain dicts, lists, strings and numbers.

Objects of other libraries are recognised by their attributes or through modules that are already loaded; nothing is
imported.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import functools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

from netscope.errors import UsageError
from netscope.record import guard
from netscope.store.journal.limits import text_of, valid

DEEPEST = 32
LONGEST_TEXT = 1000  # characters of a value that is recorded as its text
MOST_ITEMS = 1000  # of an array that is recorded as a list
MOST_DIGITS = 1000  # of an integer
_OBJECT = re.compile(r"<(\S+) object at 0x[0-9A-Fa-f]+>")
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


def plain_mapping(values: Any) -> dict[str, Any]:
    """Convert a configuration to plain dicts, lists, strings and numbers.

    Raises:
        UsageError: `values` has no named values.
    """
    named = fields(values)
    if named is None and isinstance(values, list | tuple):
        if all(isinstance(item, list | tuple) and len(item) == 2 for item in values):
            named = list(values)
    if named is None and not isinstance(values, str | bytes | int | float | list | tuple | set | FunctionType):
        named = _attributes(values)
    if named is None:
        raise UsageError(
            f"config must be a dict, a dataclass, an argparse.Namespace or another object with named values, "
            f"got {type(values).__name__}"
        )
    return _named(named, (id(values),))


def plain_value(value: Any, above: Above = ()) -> Any:
    """Convert one value to JSON types. NaN, infinities and integers of any size stay numbers."""
    if value is None or type(value) in (bool, float):
        return value
    if isinstance(value, enum.Enum):
        return plain_value(value.value if isinstance(value, int | float) else text_of(value), above)
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, int):
        return _whole(int(value))
    if isinstance(value, float):
        return float(value)
    if len(above) > DEEPEST or id(value) in above:
        return "…"
    for convert in (_array, _number, _dict, _list, _moment):
        found = _read(convert, value, (*above, id(value)))
        if found is not NONE:
            return found
    return _words(value)


Above = tuple[int, ...]
"""The ids of the objects that contain a value, to detect reference cycles."""

NONE = object()
"""Returned by a converter that does not apply to the value."""


def _dict(value: Any, above: Above) -> Any:
    named = fields(value)
    return NONE if named is None else _named(named, above)


def _list(value: Any, above: Above) -> Any:
    if isinstance(value, Set):  # sorted, so that equal sets are recorded identically in every run
        return sorted((plain_value(item, above) for item in value), key=lambda item: (str(type(item)), str(item)))
    if isinstance(value, list | tuple) or type(value).__name__ in ("deque", "ListConfig"):
        return [_read(plain_value, item, above) for item in _items_of(value)]
    if isinstance(value, range) and len(value) <= MOST_ITEMS:
        return list(value)
    return NONE


def _items_of(value: Any) -> Any:
    """The items of a list. OmegaConf interpolations that cannot be resolved are returned as written."""
    return _container(value) if type(value).__name__ == "ListConfig" else value


def _array(value: Any, above: Above) -> Any:
    """Scalars and arrays of NumPy, torch and similar. Floats of low precision get their shortest form: 0.1."""
    if not (hasattr(value, "dtype") and hasattr(value, "shape")) or hasattr(value, "iloc"):  # that is pandas
        return NONE
    shape = tuple(value.shape)
    size = functools.reduce(int.__mul__, map(int, shape), 1)
    summary = f"{str(value.dtype).removeprefix('torch.')} array of shape {list(shape)}"
    if size > MOST_ITEMS or not hasattr(value, "tolist"):
        return summary
    found = _read(value.tolist, otherwise=summary)  # a tensor on the meta device has no values
    if type(found) is type(value):  # a long double
        return plain_value(float(found))
    return _as_written(found, value, above)


def _as_written(found: Any, array: Any, above: Above) -> Any:
    if isinstance(found, list):
        return [_as_written(one, array, above) for one in found]
    if type(found) is float:
        return shortest(found, _rounding(array))
    return plain_value(found, above)


def shortest(value: float, rounded: Callable[[float], float]) -> float:
    """The number with the fewest digits that rounds to this value: most likely what a person typed.

    >>> import numpy as np
    >>> shortest(float(np.float32(0.1)), lambda x: float(np.float32(x)))
    0.1
    """
    for digits in range(1, 17):
        short = float(f"{value:.{digits}g}")
        if rounded(short) == value:
            return short
    return value


def _rounding(array: Any) -> Callable[[float], float]:
    """A function that rounds a float to the dtype of an array."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):
        return lambda x: float(torch.tensor(x, dtype=array.dtype))
    return lambda x: float(array.dtype.type(x))


def _number(value: Any, above: Above) -> Any:
    """Decimals and fractions become numbers where that is exact."""
    if type(value).__name__ == "Decimal" and hasattr(value, "is_finite"):
        if not value.is_finite() or value != value.to_integral_value():
            return float(value) if not value.is_finite() or type(value)(repr(float(value))) == value else str(value)
        return _whole(int(value)) if value.adjusted() < MOST_DIGITS else str(value)
    if type(value).__name__ == "Fraction" and hasattr(value, "denominator"):
        return _whole(int(value)) if value.denominator == 1 else str(value)
    return str(value).strip("()") if isinstance(value, complex) else NONE


def _whole(value: int) -> Any:
    if value.bit_length() < 3 * MOST_DIGITS:
        return value
    return f"{hex(value)[:MOST_DIGITS]}…"


def _moment(value: Any, above: Above) -> Any:
    """Dates and times in ISO 8601 form, which sorts by time."""
    return str(value.isoformat()) if type(value).__module__ == "datetime" and hasattr(value, "isoformat") else NONE


def _words(value: Any) -> str:
    """A function or class by its name, anything else by its text, without memory addresses: they differ in each run."""
    if isinstance(value, functools.partial):
        given = [*map(_words, value.args), *(f"{key}={_words(one)}" for key, one in value.keywords.items())]
        return f"{_words(value.func)}({', '.join(given)})"[:LONGEST_TEXT]
    if callable(value) and hasattr(value, "__qualname__"):
        is_there = getattr(sys.modules.get(value.__module__ or ""), value.__name__, None) is value  # torch.relu
        name = value.__name__ if is_there else value.__qualname__
        return valid(f"{value.__module__}.{name}" if value.__module__ else name)
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "replace")[:LONGEST_TEXT]
    text = _read(str, value)
    text = _ADDRESS.sub("", _OBJECT.sub(r"\1", text))
    return valid(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…")


def _named(named: Iterable[tuple[Any, Any]], above: Above) -> dict[str, Any]:
    """Names and values as a dict. If two names have the same text, the later one gets its type appended."""
    found: dict[str, Any] = {}
    for name, value in named:
        text = _name(name)
        while text in found:
            text = f"{text} ({type(name).__name__})"
        found[text] = plain_value(value, above)
    return found


def _name(name: Any) -> str:
    text = text_of(name)
    return valid(text) if isinstance(text, str) else valid(str(text))


def fields(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """Names and values of a mapping, namespace, dataclass or similar; None for anything else."""
    kind = type(value)
    if isinstance(value, type | ModuleType):
        return None
    if kind.__name__ == "DictConfig" and "omegaconf" in sys.modules:
        return list(_omegaconf(value))
    if isinstance(value, argparse.Namespace | SimpleNamespace):
        return list(vars(value).items())
    if dataclasses.is_dataclass(value):
        return _attributes_named(value, [field.name for field in dataclasses.fields(value)])
    for told in ("__attrs_attrs__", "__struct_fields__", "_fields"):  # attrs, msgspec, named tuples
        names = getattr(kind, told, None)
        if isinstance(names, tuple):
            return _attributes_named(value, [str(getattr(name, "name", name)) for name in names])
    if isinstance(getattr(kind, "model_fields", None) or getattr(kind, "__fields__", None), dict):  # pydantic
        return [*vars(value).items(), *(getattr(value, "__pydantic_extra__", None) or {}).items()]
    if isinstance(value, Mapping) or (
        hasattr(kind, "keys") and hasattr(kind, "__getitem__") and hasattr(kind, "items")
    ):
        keys = _read(lambda: list(value.keys()))
        if isinstance(keys, list) and not (hasattr(value, "iloc") and value.size > MOST_ITEMS):
            return [(key, _read(value.__getitem__, key)) for key in keys]
    return None


def _omegaconf(config: Any) -> Iterator[tuple[Any, Any]]:
    """Keys and values. Missing values stay "???"; interpolations that cannot be resolved stay as written."""
    is_missing = sys.modules["omegaconf"].OmegaConf.is_missing
    for key, written in _container(config).items():
        yield key, written if is_missing(config, key) else _read(config.__getitem__, key, otherwise=written)


def _container(config: Any) -> Any:
    return sys.modules["omegaconf"].OmegaConf.to_container(config, resolve=False)


def _attributes_named(value: Any, names: Iterable[str]) -> list[tuple[str, Any]]:
    return [(name, _read(getattr, value, name)) for name in names]


def _attributes(value: Any) -> list[tuple[str, Any]] | None:
    """The public attributes of a class, a module or an object, as in `class Config: lr = 0.1`."""
    kind = value if isinstance(value, type) else type(value)
    holders = [value] if isinstance(value, ModuleType) else [*reversed(kind.__mro__[:-1]), value]
    names = dict.fromkeys(name for one in holders for name in getattr(one, "__dict__", ()) if not name.startswith("_"))
    stored = [name for name in names if not isinstance(getattr(kind, name, None), property)]
    found = _attributes_named(value, stored)
    return [(name, one) for name, one in found if not isinstance(one, ModuleType) and not callable(one)] or None


def _read(get: Callable[..., Any], *arguments: Any, otherwise: Any = None) -> Any:
    """Return `get(*arguments)`. If it raises, return `otherwise`, or the name of the error if that is None."""
    return guard.call_or(lambda error: f"({type(error).__name__})" if otherwise is None else otherwise, get, *arguments)
