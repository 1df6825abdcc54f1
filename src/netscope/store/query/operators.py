"""Operators of the filter language.

A missing value equals only None and is neither smaller nor larger than anything. NaN equals NaN. Integers of any size
are compared exactly.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from decimal import Decimal

from netscope.schema.run import Run
from netscope.store.journal import exact_numbers

Value = str | int | float | bool | Sequence["Value"] | None
Node = Callable[[Run], Value]

ORDERS: dict[str, Callable[..., bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def is_true(value: Value) -> bool:
    """Truth value as in Python, except that NaN is false."""
    return bool(value) and value == value


def constant(value: Value) -> Node:
    """A node with the same value for every run."""
    return lambda run: value


def all_of(terms: list[Node]) -> Node:
    """Whether all terms are true; stops at the first that is false."""
    return lambda run: all(is_true(term(run)) for term in terms)


def comparison(word: str, a: Node, b: Node) -> Node:
    """A node that compares the values of two nodes."""
    match word:
        case "==":
            return lambda run: same(a(run), b(run))
        case "!=":
            return lambda run: not same(a(run), b(run))
        case "in":
            return lambda run: within(a(run), b(run))
        case "not in":
            return lambda run: not within(a(run), b(run))
    return lambda run: ordered(word, a(run), b(run))


def same(a: Value, b: Value) -> bool:
    """Whether two values are equal; lists by item, booleans as 0 or 1."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b or (a != a and b != b)


def is_missing(value: Value) -> bool:
    """Whether a value is None, an empty text or an empty list."""
    return value is None or (isinstance(value, str | list) and not value)


def within(a: Value, b: Value) -> bool:
    """Whether `a` is an item of the list `b`, or a substring of the text `b`."""
    if isinstance(b, list):
        return any(same(a, value) for value in b)
    return isinstance(a, str) and isinstance(b, str) and a in b


def ordered(word: str, a: Value, b: Value) -> bool:
    """Compare two numbers or two texts; other pairs are neither smaller nor larger."""
    if isinstance(a, int | float) and isinstance(b, int | float):
        return ORDERS[word](a, b)
    return isinstance(a, str) and isinstance(b, str) and ORDERS[word](a, b)


def javascript_text(value: Value) -> str:
    """The value as JavaScript's `String` formats it.

    >>> [javascript_text(value) for value in (True, 0.25, 64.0, 1e-7, 1e-5, 1e21, float("nan"), float("inf"))]
    ['true', '0.25', '64', '1e-7', '0.00001', '1e+21', 'NaN', 'Infinity']
    """
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return exact_numbers.number_text(value)
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    digits, _, exponent = repr(value).partition("e")
    if not exponent:
        return digits
    return f"{Decimal(repr(value)):f}" if -7 < int(exponent) < 0 else f"{digits.removesuffix('.0')}e{int(exponent):+d}"
