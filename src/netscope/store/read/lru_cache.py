"""A least-recently-used cache, limited by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class LruCache(Generic[V]):
    """Drops the least recently used values first. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        """Start empty."""
        self.most_bytes = most_bytes
        self.n_bytes = 0
        self._kept: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Hashable) -> V | None:
        """The value of a key, or None."""
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                return None
            self._kept.move_to_end(name)
            return found[0]

    def put(self, name: Hashable, value: V, n_bytes: int) -> None:
        """Store a value of `n_bytes`; values larger than a quarter of `most_bytes` are not stored."""
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
        """Remove everything."""
        with self._lock:
            self._kept.clear()
            self.n_bytes = 0
