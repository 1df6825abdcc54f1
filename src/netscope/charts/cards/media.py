"""Cards of media: the latest samples, and which classes are taken for which."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from netscope.charts.cards.interest import INTEREST
from netscope.charts.cards.metric_names import words
from netscope.errors import NotFoundError
from netscope.schema.card import Card, Confusion, Reason
from netscope.schema.media import Asset
from netscope.store.journal.regular_files import open_regular
from netscope.store.store import Store
from netscope.text import natural

MOST_KEYS = 2  # cards of samples
MOST_ITEMS = 16  # of a list of images
LARGEST_TABLE = 8 << 20  # bytes
MOST_CLASSES = 40
LARGEST_COUNT = 1 << 40  # the sum of all of them is exact in JavaScript, too
LABELS = frozenset({"label", "labels", "target", "truth", "true", "actual", "class", "expected", "correct", "answer"})
PREDICTIONS = frozenset({"prediction", "predictions", "predicted", "pred", "preds", "output", "guess", "said"})


def media_cards(store: Store, run: str) -> list[Card]:
    """The latest samples of the keys that were logged last, and a confusion matrix where a table tells one."""
    latest: dict[tuple[str, str], list[Asset]] = {}
    for asset in store.read.media.assets(run).assets:
        before = latest.get((asset.key, asset.kind))
        if before and asset.step == before[0].step:
            before.append(asset)
        else:  # in the order of steps
            latest[asset.key, asset.kind] = [asset]
    newest = sorted(latest.values(), key=lambda assets: -assets[0].time)
    tables = (_confusion_card(store, run, assets[-1]) for assets in newest if assets[0].kind == "table")
    return [
        *(_samples(assets) for assets in [a for a in newest if a[0].kind in ("image", "figure")][:MOST_KEYS]),
        *[card for card in tables if card is not None][:1],
    ]


def _samples(assets: list[Asset]) -> Card:
    key, step = assets[0].key, assets[0].step
    reason = Reason("samples", key, step=step, n=len(assets))
    interest = INTEREST[reason.code]
    return Card(f"samples:{key}", "samples", key, interest, reason, [key], step=step, assets=assets[:MOST_ITEMS])


def _confusion_card(store: Store, run: str, table: Asset) -> Card | None:
    try:
        found = _read(store.blob(run, table.blob)) if table.bytes <= LARGEST_TABLE else None
    except (NotFoundError, OSError):  # its file is gone, or is none
        return None
    return None if found is None else _told(table, found)


def _told(table: Asset, confusion: Confusion) -> Card:
    reason = confusion_reason(confusion, table)
    return Card(
        f"confusion:{table.key}", "confusion", table.key, INTEREST[reason.code], reason, [table.key], table.step,
        confusion=confusion,
    )  # fmt: skip


def confusion_reason(confusion: Confusion, table: Asset) -> Reason:
    """The most frequent mistake."""
    counts = np.array(confusion.counts)
    n, n_right = int(counts.sum()), int(np.trace(counts))
    np.fill_diagonal(counts, 0)
    if n == n_right:
        return Reason("all_right", table.key, step=table.step, n=n_right, total=n)
    truth, said = np.unravel_index(int(counts.argmax()), counts.shape)
    labels, times = confusion.labels, int(counts.max())
    return Reason("confused", labels[truth], labels[said], value=times, step=table.step, n=n - n_right, total=n)


@functools.lru_cache(maxsize=64)
def _read(path: Path) -> Confusion | None:
    """Remembered: the name of a blob is the digest of its bytes."""
    try:
        with open_regular(path) as file:
            table: Any = msgspec.json.decode(file.read(LARGEST_TABLE))  # what the journal says of its size may be wrong
        return confusion_of(table["columns"], table["values"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, RecursionError):
        return None  # someone else wrote it


def confusion_of(names: Sequence[str], columns: Sequence[Sequence[Any]]) -> Confusion | None:
    """Counts of classes: of a table of a sample a row, or of one that has the counts already; None for others.

    >>> confusion_of(["image", "label", "prediction"], [["…", "…"], ["cat", "dog"], ["cat", "cat"]])
    Confusion(labels=['cat', 'dog'], counts=[[1, 0], [1, 0]])
    >>> confusion_of(["digit", "predicted 0", "predicted 1"], [["0", "1"], [8, 1], [2, 7]]).counts
    [[8, 2], [1, 7]]
    """
    truth = next((i for i, name in enumerate(names) if set(words(name)) & LABELS and not _is_said(name)), None)
    said = [i for i, name in enumerate(names) if _is_said(name)]
    if len(said) >= 2 and len(said) == len(names) - 1 and all(len(column) == len(said) for column in columns):
        first = next(i for i in range(len(names)) if i not in said)
        return _counted(list(map(str, columns[first])), [columns[i] for i in said])
    if truth is None or len(said) != 1:
        return None
    pairs = Counter(zip(map(_label, columns[truth]), map(_label, columns[said[0]]), strict=True))
    labels = sorted({label for pair in pairs for label in pair}, key=natural)
    if not 2 <= len(labels) <= MOST_CLASSES:
        return None
    return Confusion(labels, [[pairs[a, b] for b in labels] for a in labels])


def _is_said(name: str) -> bool:
    return bool(set(words(name)) & PREDICTIONS)


def _counted(labels: list[str], columns: list[Sequence[Any]]) -> Confusion | None:
    is_count = all(type(n) is int and 0 <= n <= LARGEST_COUNT for column in columns for n in column)
    if not is_count or not 2 <= len(labels) <= MOST_CLASSES:
        return None
    return Confusion(labels, [list(row) for row in zip(*columns, strict=True)])


def _label(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
