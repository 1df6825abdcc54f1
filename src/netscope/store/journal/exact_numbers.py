"""Numbers that JSON, or a browser's reading of it, cannot hold: NaN, infinities, whole numbers beyond 2**53.

In a journal, NaN, infinities and whole numbers beyond 64 bits are texts, and the event lists where they stand.
Over HTTP such a number of a configuration is `{"number": "9007199254740993"}`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

Path = list[str | int]
"""Keys and places in lists that lead to a value."""

LARGEST_EXACT = 2**53 - 1  # up to here every whole number is a float of 64 bits, and no other number is rounded to it
SMALLEST, LARGEST = -(2**63), 2**64 - 1  # whole numbers that the index can hold
MOST_DIGITS = 4000  # Python reads no more digits at once
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WHOLE = re.compile(rf"-?\d{{1,{MOST_DIGITS}}}", re.ASCII)


class LargeInt(int):
    """A whole number beyond 2**53 - 1: `tagged` and `plain` say it in JSON."""


class OddFloat(float):
    """NaN or an infinity: `tagged` and `plain` say it in JSON."""


def marked(value: Any) -> Any:
    """The same number, of a type by which an encoder notices that JSON cannot hold it."""
    if type(value) is float and not math.isfinite(value):
        return OddFloat(value)
    if type(value) is int and not -LARGEST_EXACT <= value <= LARGEST_EXACT:
        return LargeInt(value)
    return value


def tagged(value: Any) -> dict[str, str]:
    """How such a number goes over HTTP; the `enc_hook` of msgspec.

    >>> tagged(LargeInt(2**53 + 1)), tagged(OddFloat("-inf"))
    ({'number': '9007199254740993'}, {'number': '-Infinity'})
    """
    return {"number": spelt(value)}


def plain(value: Any) -> int | str:
    """How such a number stands in JSON for scripts: whole numbers in full, the others in words.

    >>> plain(LargeInt(2**70)), plain(OddFloat("nan"))
    (1180591620717411303424, 'NaN')
    """
    return int(value) if isinstance(value, int) else spelt(value)


def spelt(value: float) -> str:
    """A whole number, NaN or an infinity as text."""
    if isinstance(value, int):
        return int.__repr__(value)
    return next(word for word, number in WORDS.items() if number == value or (number != number and value != value))


def spell(value: Any) -> tuple[Any, list[Path]]:
    """The value with the numbers that a journal cannot hold as texts, and where these stand.

    >>> spell({"a": 1, "b": [2.5, float("nan")]})
    ({'a': 1, 'b': [2.5, 'NaN']}, [['b', 1]])
    """
    places: list[Path] = []

    def walk(inner: Any, path: Path) -> Any:
        if isinstance(inner, dict):
            return {key: walk(one, [*path, key]) for key, one in inner.items()}
        if isinstance(inner, list):
            return [walk(one, [*path, i]) for i, one in enumerate(inner)]
        if _is_held(inner):
            return inner
        places.append(path)
        return spelt(inner)

    return walk(value, []), places


def _is_held(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or SMALLEST <= value <= LARGEST


def restored(value: Any, places: Sequence[Sequence[str | int]]) -> Any:
    """The inverse of `spell`; a place that leads to no such text is passed over.

    >>> restored({"a": 1, "b": [2.5, "NaN"]}, [["b", 1]])
    {'a': 1, 'b': [2.5, nan]}
    """
    for place in places:
        value = _with_number(value, place)
    return value


def _with_number(value: Any, place: Sequence[str | int]) -> Any:
    if not place:
        return _number(value)
    first, rest = place[0], place[1:]
    if isinstance(value, dict) and first in value:
        return {**value, first: _with_number(value[first], rest)}
    if isinstance(value, list) and isinstance(first, int) and 0 <= first < len(value):
        return [*value[:first], _with_number(value[first], rest), *value[first + 1 :]]
    return value


def _number(text: Any) -> Any:
    if isinstance(text, str):
        if text in WORDS:
            return WORDS[text]
        if _WHOLE.fullmatch(text):
            return int(text)
    return text


def by_key(places: Sequence[Sequence[str | int]]) -> Iterator[tuple[str, list[Path]]]:
    """The places of each top-level key, within its value."""
    found: dict[str, list[Path]] = {}
    for first, *rest in filter(None, places):
        found.setdefault(str(first), []).append(rest)
    yield from found.items()


def json_text(value: Any) -> str:
    """JSON with every digit of whole numbers, and NaN, Infinity and -Infinity as Python's `json` reads them."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
