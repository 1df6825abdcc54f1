"""Things larger than a number that `log` takes: images, sound, text, tables, figures, arrays, histograms.

Each is checked where it is made, in the user's line, and turned into bytes at once: the caller may write
into the array again when `log` has returned. A list of things is kept under one key, in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from netscope.errors import UsageError
from netscope.record.media.array import Array
from netscope.record.media.audio import Audio
from netscope.record.media.figure import Figure, is_figure_like
from netscope.record.media.histogram import Histogram
from netscope.record.media.image import Image, is_image_like
from netscope.record.media.item import Encoded, Media
from netscope.record.media.table import Table, is_frame
from netscope.store.journal.limits import valid

__all__ = [
    "Array",
    "Audio",
    "Figure",
    "Histogram",
    "Image",
    "Media",
    "Table",
    "Text",
    "as_media",
    "one_or_several",
    "table_or_several",
]

SHORT_TEXT = 4096  # characters of text that are kept in the journal itself
LONGEST_TEXT = 8 << 20

Thing = Media | Histogram


class Text(Media):
    """Words: shown as they are or, with `markdown=True`, as the Markdown they are."""

    kind = "text"

    def __init__(self, text: str, *, markdown: bool = False) -> None:
        """Check that it is text."""
        if not isinstance(text, str):
            raise UsageError(f"text is a str, found {type(text).__name__}")
        text = valid(text)
        data = text.encode() if len(text) > SHORT_TEXT else b""
        if len(data) > LONGEST_TEXT:
            raise UsageError(f"a text of {len(data):,} bytes; the largest is {LONGEST_TEXT:,}")
        self.encoded = Encoded(data, "txt", text[:SHORT_TEXT], [len(text)], bool(markdown))


def as_media(key: str, value: Any) -> dict[str, Thing | list[Media]]:
    """What `value` is among the things above, or a list of them, under its key.

    Histograms in a list have keys of their own, `key/0`, `key/1`…

    Raises:
        UsageError: None of them; the message names key, type and the way out.
    """
    if type(value) in (list, tuple):
        things = [_found(f"item {i} of {key!r}", item) for i, item in enumerate(value)]
        media = [thing for thing in things if isinstance(thing, Media)]
        if len(media) == len(things):
            return {key: media}
        if all(isinstance(thing, Histogram) for thing in things):
            return {f"{key}/{i}": thing for i, thing in enumerate(things) if thing is not None}
        raise UsageError(_no_list(key, value, things))
    thing = _found(repr(key), value)
    if thing is None:
        raise UsageError(
            f"{key!r} is of type {type(value).__qualname__}, which log cannot show; give a number, a str, or one of "
            "netscope.Image, Audio, Text, Table, Figure, Array, Histogram (None: leave the key out)"
        )
    return {key: thing}


def _found(name: str, value: Any) -> Thing | None:
    if isinstance(value, Media | Histogram):
        return value
    make = (
        Text if isinstance(value, str)
        else Figure if is_figure_like(value)
        else Image if is_image_like(value)
        else Table if is_frame(value)
        else None
    )  # fmt: skip
    try:
        return None if make is None else make(value)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def _no_list(key: str, value: Sequence[Any], things: Sequence[Thing | None]) -> str:
    i = next((i for i, thing in enumerate(things) if thing is None), None)
    if i is None:
        return f"{key!r} is a list of histograms and of other things; give each kind a key of its own"
    found = value[i]
    shape = f" of shape {tuple(found.shape)}" if hasattr(found, "shape") and hasattr(found, "dtype") else ""
    return (
        f"{key!r} is a list whose item {i} is of type {type(found).__qualname__}{shape}, which log cannot show; say "
        "what they are: [netscope.Image(x) for x in …], or for numbers netscope.Histogram(…), netscope.Array(…)"
    )


def one_or_several(
    make: Callable[..., Media], data: Any, caption: str | Sequence[str] | None = None, *, batch_axes: int = 0
) -> Media | list[Media]:
    """`make(data)` or, of a list or a batch, what it makes of each.

    Args:
        make: Takes one thing and, where it may have one, its `caption`.
        data: One thing, a list of them, or an array of `batch_axes` axes, the first of which counts them. Nested
            lists of plain numbers are one array, as NumPy reads them.
        caption: One for each, or one for all; None where it has none.
        batch_axes: 0: no array is a batch.

    Raises:
        UsageError: A number of captions that is not that of the things.
    """
    is_batch = batch_axes > 0 and getattr(data, "ndim", None) == batch_axes
    if not (is_batch or _is_list(data)):
        if caption is not None and not isinstance(caption, str):
            raise UsageError(f"the caption of one thing is a str, found {caption!r:.60}")
        return _made(make, data, caption)
    items = list(data)
    captions = [caption] * len(items) if caption is None or isinstance(caption, str) else list(caption)
    if len(captions) != len(items):
        raise UsageError(f"caption is a str, or a list with one for each; found {len(captions)} for {len(items)}")
    things = []
    for i, (item, own) in enumerate(zip(items, captions, strict=True)):
        try:
            things.append(_made(make, item, own))
        except UsageError as error:
            raise UsageError(f"item {i}: {error}") from None
    return things


def _made(make: Callable[..., Media], item: Any, caption: str | None) -> Media:
    if isinstance(item, Media):
        return item
    return make(item) if caption is None else make(item, caption=caption)


def table_or_several(rows: Any, columns: Sequence[str] | None) -> Media | list[Media]:
    """A table, or a list of them where `rows` is a list of frames."""
    if type(rows) in (list, tuple) and rows and all(isinstance(item, Table) or is_frame(item) for item in rows):
        return [item if isinstance(item, Table) else Table(item, columns) for item in rows]
    return rows if isinstance(rows, Table) else Table(rows, columns)


def _is_list(data: Any) -> bool:
    """Whether it is a list of things, not numbers in lists."""
    if type(data) not in (list, tuple):
        return False
    first = data
    while type(first) in (list, tuple) and first:
        first = first[0]
    return not isinstance(first, int | float | complex | np.generic)
