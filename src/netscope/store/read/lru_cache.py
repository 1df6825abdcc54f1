"""Keep what was decoded last, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class LruCache(Generic[V]):
    """Least recently used out first; safe between threads."""

    def __init__(self, most_bytes: int) -> None:
        """Empty."""
        self.most_bytes = most_bytes
        self.n_bytes = 0
        self._kept: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Hashable) -> V | None:
        """What is kept under a name."""
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                return None
            self._kept.move_to_end(name)
            return found[0]

    def put(self, name: Hashable, value: V, n_bytes: int) -> None:
        """Keep something of a size; larger than a quarter of all is not kept."""
        with self._lock:
            _, before = self._kept.pop(name, (None, 0))
            self.n_bytes -= before
            if n_bytes > self.most_bytes // 4:
                return
            self._kept[name] = (value, n_bytes)
            self.n_bytes += n_bytes
            while self.n_bytes > self.most_bytes:
                _, (_, size) = self._kept.popitem(last=False)
                self.n_bytes -= size

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()
            self.n_bytes = 0
