"""Numbers that JSON or JavaScript cannot represent: NaN, infinities, integers beyond 2**53.

In a journal, NaN, infinities and integers beyond 64 bits are written as strings, and the event lists their paths.
Over HTTP, such a number in a configuration is `{"number": "9007199254740993"}`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

Path = list[str | int]
"""Keys and list indices that lead to a value."""

LARGEST_EXACT = 2**53 - 1  # JavaScript's MAX_SAFE_INTEGER
SMALLEST, LARGEST = -(2**63), 2**64 - 1  # integers that fit in 64 bits
MOST_DIGITS = 4000  # Python's int() refuses more than 4,300
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WHOLE = re.compile(rf"-?\d{{1,{MOST_DIGITS}}}", re.ASCII)


class LargeInt(int):
    """An integer beyond 2**53 - 1; `tagged` and `plain` encode it for JSON."""


class OddFloat(float):
    """NaN or an infinity; `tagged` and `plain` encode it for JSON."""


def marked(value: Any) -> Any:
    """The same number; if JSON cannot represent it, as a subclass that triggers the encoder's hook."""
    if type(value) is float and not math.isfinite(value):
        return OddFloat(value)
    if type(value) is int and not -LARGEST_EXACT <= value <= LARGEST_EXACT:
        return LargeInt(value)
    return value


def tagged(value: Any) -> dict[str, str]:
    """Encode such a number for HTTP; used as the `enc_hook` of msgspec.

    >>> tagged(LargeInt(2**53 + 1)), tagged(OddFloat("-inf"))
    ({'number': '9007199254740993'}, {'number': '-Infinity'})
    """
    return {"number": number_text(value)}


def plain(value: Any) -> int | str:
    """Encode such a number in JSON for scripts: integers with all digits, NaN and infinities as words.

    >>> plain(LargeInt(2**70)), plain(OddFloat("nan"))
    (1180591620717411303424, 'NaN')
    """
    return int(value) if isinstance(value, int) else number_text(value)


def number_text(value: float) -> str:
    """An integer, NaN or an infinity as text."""
    if isinstance(value, int):
        return int.__repr__(value)
    return next(word for word, number in WORDS.items() if number == value or (number != number and value != value))


def encode_numbers(value: Any) -> tuple[Any, list[Path]]:
    """Replace the numbers that a journal cannot hold by strings; return the value and the paths of the strings.

    >>> encode_numbers({"a": 1, "b": [2.5, float("nan")]})
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
        return number_text(inner)

    return walk(value, []), places


def _is_held(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or SMALLEST <= value <= LARGEST


def decode_numbers(value: Any, places: Sequence[Sequence[str | int]]) -> Any:
    """The inverse of `encode_numbers`; paths that do not lead to such a string are ignored.

    >>> decode_numbers({"a": 1, "b": [2.5, "NaN"]}, [["b", 1]])
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
    """Group paths by their top-level key; yields each key with the paths within its value."""
    found: dict[str, list[Path]] = {}
    for first, *rest in filter(None, places):
        found.setdefault(str(first), []).append(rest)
    yield from found.items()


def json_text(value: Any) -> str:
    """JSON with all digits of integers, and NaN, Infinity and -Infinity as Python's `json` reads them."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
