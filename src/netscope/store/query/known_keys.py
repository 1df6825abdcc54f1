"""The keys that runs have, and which of them a name in a filter stands for."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

PARTS = ("last", "min", "max", "value")


class KnownKeys(NamedTuple):
    """Keys of configurations and of series."""

    config: Collection[str]
    series: Collection[str]

    def find(self, name: str) -> list[str]:
        """The keys that a name may stand for: the key of that name, else those that end with it.

        `lr` is the key `lr`, else `optimizer.lr` and `train/lr`. `loss.min` is the key of that name, else the smallest
        value of what `loss` stands for.
        """
        keys = {*self.config, *self.series}
        found = [name] if name in keys else sorted(key for key in keys if key.endswith((f"/{name}", f".{name}")))
        if found:
            return found
        stem, _, part = name.rpartition(".")
        if part not in PARTS or not stem:
            return []
        series = KnownKeys((), self.series)
        return [f"{key}.{part}" for key in series.find(stem)]
