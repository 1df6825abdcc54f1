"""Replies that were made before: bounded by bytes, and made once however many ask at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future

from netscope.store.read import lru_cache


class Cache:
    """Bytes by what they depend on; those not asked for longest go first. Safe to share between threads."""

    def __init__(self, most_bytes: int) -> None:
        """Keep at most `most_bytes`; a reply over a quarter of that is never kept."""
        self._kept: lru_cache.Cache[bytes] = lru_cache.Cache(most_bytes)
        self._making: dict[Hashable, Future[bytes]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        """What was kept, without waiting for what is being made."""
        return self._kept.get(key)

    @property
    def n_bytes(self) -> int:
        """How much is kept."""
        return self._kept.n_bytes

    def make(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """What was kept, or what `make` gives. Who comes while it is being made waits, and fares alike if it fails."""
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
            self._kept.put(key, made, len(made))
        making.set_result(made)
        return made
