"""Validate and shorten the texts of a run: names, tags, notes, console lines."""

from __future__ import annotations

import enum
import re
from collections.abc import Collection

from netscope.errors import UsageError

LONGEST_NAME = 200
LONGEST = 1_000_000  # of notes, and of all tags together


def text_of(word: object) -> object:
    """The plain text of a `str` subclass or an enum member; anything else is returned unchanged.

    >>> class Metric(str, enum.Enum):
    ...     LOSS = "loss"
    >>> text_of(Metric.LOSS), str(Metric.LOSS)
    ('loss', 'Metric.LOSS')
    """
    if isinstance(word, str):
        return str.__str__(word)
    if isinstance(word, enum.Enum):
        return text_of(word.value) if isinstance(word.value, str) else word.name
    return word


def valid(text: str) -> str:
    r"""Text as a plain `str` of valid Unicode: lone surrogates become �.

    >>> valid("\ud83d\ude00 \ud800")
    '😀 �'
    """
    text = str.__str__(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def shortened(text: str, most: int = LONGEST_NAME) -> str:
    """The text, cut to `most` characters if it is longer.

    >>> shortened("the wide one", 6)
    'the w…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def check_texts(what: str, texts: Collection[str], most: int = LONGEST) -> None:
    """Refuse texts that a journal cannot hold.

    Raises:
        UsageError: A text is not valid Unicode, or they are longer than `most` characters together.

    >>> check_texts("notes", ["the wide one"])
    """
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{what}: {text!r:.80} is not valid Unicode: {error.reason}") from None
    if (size := sum(map(len, texts))) > most:
        raise UsageError(
            f"{what}: {size:,} characters, at most {most:,} are allowed; log longer texts with run.text(…)"
        )


COLOURS = re.compile(r"(\x1b\[[0-9;:]*m)")


def strip_colours(text: str) -> str:
    r"""A printed line without colour codes.

    >>> strip_colours("\x1b[31mred\x1b[0m")
    'red'
    """
    return COLOURS.sub("", text) if "\x1b" in text else text
