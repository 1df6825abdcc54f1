"""Convert what is passed to `log` to media: images, audio, text, tables, figures, arrays and histograms.

Each is checked and encoded when it is created, so errors point to the user's line and the caller may reuse the array
afterwards. A list of media is stored under one key, in order.
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
from netscope.record.media.item import Media
from netscope.record.media.table import Table, is_frame
from netscope.record.media.text import Text

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

LogItem = Media | Histogram


def as_media(key: str, value: Any) -> dict[str, LogItem | list[Media]]:
    """Convert a value, or a list of values, to media under its key.

    Histograms in a list get separate keys, `key/0`, `key/1`…

    Raises:
        UsageError: The value is not media and cannot be converted; the message names the key, the type and the fix.
    """
    if type(value) in (list, tuple):
        items = [_as_item(f"item {i} of {key!r}", item) for i, item in enumerate(value)]
        media = [item for item in items if isinstance(item, Media)]
        if len(media) == len(items):
            return {key: media}
        if all(isinstance(item, Histogram) for item in items):
            return {f"{key}/{i}": item for i, item in enumerate(items) if item is not None}
        raise UsageError(_list_error(key, value, items))
    single = _as_item(repr(key), value)
    if single is None:
        raise UsageError(
            f"{key!r} is of type {type(value).__qualname__}, which log does not support; pass a number, a str, or a "
            "netscope.Image, Audio, Text, Table, Figure, Array or Histogram (for None, leave the key out)"
        )
    return {key: single}


def _as_item(name: str, value: Any) -> LogItem | None:
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


def _list_error(key: str, value: Sequence[Any], items: Sequence[LogItem | None]) -> str:
    i = next((i for i, item in enumerate(items) if item is None), None)
    if i is None:
        return f"{key!r} is a list of histograms and of other items; give each kind a key of its own"
    found = value[i]
    shape = f" of shape {tuple(found.shape)}" if hasattr(found, "shape") and hasattr(found, "dtype") else ""
    return (
        f"item {i} of the list {key!r} is of type {type(found).__qualname__}{shape}, which log does not support; wrap "
        "the items: [netscope.Image(x) for x in …], or numbers: netscope.Histogram(…), netscope.Array(…)"
    )


def one_or_several(
    make: Callable[..., Media], data: Any, caption: str | Sequence[str] | None = None, *, batch_axes: int = 0
) -> Media | list[Media]:
    """Return `make(data)`, or a list of `make(item)` if `data` is a list or a batch.

    Args:
        make: Takes one item and, unless `caption` is None, the keyword `caption`.
        data: One item, a list of items, or an array with `batch_axes` axes, the first of which is the batch. Nested
            lists of plain numbers are one item.
        caption: One for each item, or one for all; None if `make` takes none.
        batch_axes: Number of axes of a batch; 0 if arrays are never batches.

    Raises:
        UsageError: The number of captions differs from that of the items.
    """
    is_batch = batch_axes > 0 and getattr(data, "ndim", None) == batch_axes
    if not (is_batch or _is_list(data)):
        if caption is not None and not isinstance(caption, str):
            raise UsageError(f"caption must be a str for a single item, got {caption!r:.60}")
        return _made(make, data, caption)
    items = list(data)
    captions = [caption] * len(items) if caption is None or isinstance(caption, str) else list(caption)
    if len(captions) != len(items):
        raise UsageError(f"caption must be a str or a list of {len(items)}, one for each item; got {len(captions)}")
    made = []
    for i, (item, own) in enumerate(zip(items, captions, strict=True)):
        try:
            made.append(_made(make, item, own))
        except UsageError as error:
            raise UsageError(f"item {i}: {error}") from None
    return made


def _made(make: Callable[..., Media], item: Any, caption: str | None) -> Media:
    if isinstance(item, Media):
        return item
    return make(item) if caption is None else make(item, caption=caption)


def table_or_several(rows: Any, columns: Sequence[str] | None) -> Media | list[Media]:
    """A table, or a list of tables if `rows` is a list of data frames or tables."""
    if type(rows) in (list, tuple) and rows and all(isinstance(item, Table) or is_frame(item) for item in rows):
        return [item if isinstance(item, Table) else Table(item, columns) for item in rows]
    return rows if isinstance(rows, Table) else Table(rows, columns)


def _is_list(data: Any) -> bool:
    """Whether the value is a list of items rather than (nested) lists of numbers."""
    if type(data) not in (list, tuple):
        return False
    first = data
    while type(first) in (list, tuple) and first:
        first = first[0]
    return not isinstance(first, int | float | complex | np.generic)
