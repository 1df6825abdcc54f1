"""Format text for people: natural sort order, visible control characters, terminal width, durations.

`web/src/i18n/text.ts` (names) and `web/src/i18n/numbers.ts` (durations) do the same in TypeScript; both sides are
tested with `tests/data/names.json` and `tests/data/durations.json`.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from typing import NamedTuple

_NUMBER = re.compile("([0-9]+)")

_EMOJI = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_JOINED = "\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc"  # Arabic, Indic and so on
_IDEOGRAPH = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SHOWN = "|".join(
    (
        f"[{_EMOJI}][\ufe0e\ufe0f]?(?:\u200d[{_EMOJI}][\ufe0e\ufe0f]?)+",  # a family of emoji is one
        f"[{_EMOJI}][\ufe0e\ufe0f]",
        "\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f",  # flags of regions
        "[0-9#*]\ufe0f\u20e3",  # keycaps
        f"(?<=[{_JOINED}])[\u200c\u200d](?=[{_JOINED}])",
        f"[{_IDEOGRAPH}][\ufe00-\ufe0f\U000e0100-\U000e01ef]",  # its form
        "[\u1820-\u18aa][\u180b-\u180d\u180f]",
    )
)
_HIDDEN = (
    # Controls, line breaks, lone surrogates.
    "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
    # What Unicode calls ignorable by default: direction, width, joiners, fillers, selectors, tags.
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_PIECES = re.compile(f"({_SHOWN})|[{_HIDDEN}]")


def visible(text: str) -> str:
    r"""Replace control characters, direction overrides and zero-width characters by visible codes.

    Joiners and selectors stay where scripts need them: within emoji, and between Arabic or Indic letters.

    >>> visible("\u202elive\n")
    '⟨U+202E⟩live⟨U+000A⟩'
    """
    if text.isascii() and text.isprintable():
        return text
    return _PIECES.sub(lambda found: found[1] or f"⟨U+{ord(found[0]):04X}⟩", text)


def visible_line(text: str) -> str:
    r"""`visible` for a printed line: tabs and Braille blanks (used in plots) stay.

    >>> visible_line("\t\u28c0\u2800\u202e") == "\t\u28c0\u2800⟨U+202E⟩"
    True
    """
    return re.sub("[^\t\u2800]+", lambda found: visible(found[0]), text)


@functools.lru_cache(4096)
def width(letter: str) -> int:
    """The number of terminal columns of a character: two for Chinese characters, none for accents and joiners.

    >>> [width(letter) for letter in "a网\u0301"]
    [1, 2, 0]
    """
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


class Natural(NamedTuple):
    """A sort key: numbers sort by value, letters without regard to case and accents."""

    parts: tuple[object, ...]
    """Alternating text and numbers."""
    text: str


def natural(text: str) -> Natural:
    """The sort key of a name.

    >>> sorted(["layer10", "Layer2", "layer1"], key=natural)
    ['layer1', 'Layer2', 'layer10']
    """
    return Natural(tuple(_part(i, part) for i, part in enumerate(_NUMBER.split(_folded(text)))), text)


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Mn").lower()


def _part(i: int, part: str) -> object:
    if i % 2 == 0:
        return part
    digits = part.lstrip("0")
    return len(digits), digits


def duration(seconds: float) -> str:
    """Format a duration with at most two units; '' if it is not finite.

    >>> duration(0.046), duration(4.2), duration(185), duration(7800), duration(360_000)
    ('46 ms', '4.2 s', '3 min 05', '2 h 10', '4 d 4 h')
    """
    if not math.isfinite(seconds):
        return ""
    s = max(0.0, seconds)
    if s < 0.9995:
        return f"{_rounded(1000 * s)} ms" if s >= 0.0005 else "0 s"
    if s < 9.95:
        return f"{_rounded(10 * s) / 10:.1f} s"
    if s < 59.5:
        return f"{_rounded(s)} s"
    if s < 3599.5:
        minutes, rest = divmod(_rounded(s), 60)
        return f"{minutes} min {rest:02}"
    if s < 86_370:
        hours, rest = divmod(_rounded(s / 60), 60)
        return f"{hours} h {rest:02}"
    days, rest = divmod(_rounded(s / 3600), 24)
    return f"{days} d {rest} h"


def _rounded(value: float) -> int:
    """Round halves up, as in JavaScript."""
    return math.floor(value + 0.5)
