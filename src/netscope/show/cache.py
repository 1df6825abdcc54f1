"""A cache, bounded in bytes, that computes each value once for concurrent requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from netscope.store.read import lru_cache

V = TypeVar("V")


class Cache(Generic[V]):
    """Least recently used cache. Thread-safe."""

    def __init__(self, most_bytes: int, size: Callable[[V], int]) -> None:
        """Hold at most `most_bytes`, by the `size` of each value; one larger than a quarter of that is not cached."""
        self._kept: lru_cache.LruCache[V] = lru_cache.LruCache(most_bytes)
        self._size = size
        self._making: dict[Hashable, Future[V]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """The cached value, or None; does not wait for one that is being computed."""
        return self._kept.get(key)

    @property
    def n_bytes(self) -> int:
        """Bytes in the cache."""
        return self._kept.n_bytes

    def make(self, key: Hashable, make: Callable[[], V]) -> V:
        """The cached value, or the result of `make`. Concurrent callers share one result or error."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                return found
            making = self._making.get(key)
            mine = making is None
            if making is None:
                making = self._making[key] = Future()
        if not mine:
            return making.result()
        try:
            made = make()
        except BaseException as error:
            with self._lock:
                del self._making[key]
            making.set_exception(error)
            raise
        with self._lock:
            del self._making[key]
            self._kept.put(key, made, self._size(made))
        making.set_result(made)
        return made
