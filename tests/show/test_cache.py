"""The cache of replies."""

from __future__ import annotations

import threading

import pytest

from netscope.show.cache import Cache


def test_cached_values_are_not_computed_again():
    cache, made = Cache(1000, len), []
    for _ in range(3):
        assert cache.make("k", lambda: made.append(1) or b"reply") == b"reply"
    assert len(made) == 1


def test_a_full_cache_drops_the_least_recently_used():
    cache = Cache(100, len)
    for key in "abcd":
        cache.make(key, lambda: bytes(25))
    cache.make("a", lambda: b"")
    cache.make("e", lambda: bytes(25))
    assert [key for key in "abcde" if cache.get(key) is not None] == ["a", "c", "d", "e"]
    assert cache.n_bytes == 100


def test_one_giant_reply_does_not_empty_the_cache():
    cache = Cache(100, len)
    cache.make("a", lambda: bytes(20))
    assert len(cache.make("giant", lambda: bytes(1000))) == 1000
    assert cache.get("a") is not None
    assert cache.get("giant") is None


def test_concurrent_callers_share_one_computation():
    cache, go, made, got = Cache(1000, len), threading.Event(), [], []

    def make() -> bytes:
        made.append(1)
        go.wait(100)
        return b"reply"

    threads = [threading.Thread(target=lambda: got.append(cache.make("k", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(100)
    assert (len(made), got) == (1, [b"reply"] * 8)


def test_a_failure_is_raised_but_not_cached():
    cache = Cache(1000, len)
    with pytest.raises(ValueError, match="no"):
        cache.make("k", lambda: (_ for _ in ()).throw(ValueError("no")))
    assert cache.make("k", lambda: b"reply") == b"reply"
