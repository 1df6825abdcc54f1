"""The keys of all runs, and how a name in a filter is resolved to one of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

PARTS = ("last", "min", "max", "value")


class KnownKeys(NamedTuple):
    """The keys of configurations and of series."""

    config: Collection[str]
    series: Collection[str]

    def find(self, name: str) -> list[str]:
        """The keys that a name may refer to: the key of that name, or else those that end with it.

        `lr` is the key `lr`, or else `optimizer.lr` and `train/lr`. `loss.min` is the key of that name, or else the
        smallest value of the series that `loss` refers to.
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
