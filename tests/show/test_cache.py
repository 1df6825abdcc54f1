"""Replies that are kept."""

from __future__ import annotations

import threading

import pytest

from netscope.show.cache import Cache


def test_what_was_made_is_not_made_again():
    cache, made = Cache(1000), []
    for _ in range(3):
        assert cache.make("k", lambda: made.append(1) or b"reply") == b"reply"
    assert len(made) == 1


def test_the_longest_unused_goes_when_it_is_full():
    cache = Cache(100)
    for key in "abcd":
        cache.make(key, lambda: bytes(25))
    cache.make("a", lambda: b"")
    cache.make("e", lambda: bytes(25))
    assert [key for key in "abcde" if cache.get(key) is not None] == ["a", "c", "d", "e"]
    assert cache.n_bytes == 100


def test_one_giant_reply_does_not_empty_the_cache():
    cache = Cache(100)
    cache.make("a", lambda: bytes(20))
    assert len(cache.make("giant", lambda: bytes(1000))) == 1000
    assert cache.get("a") is not None
    assert cache.get("giant") is None


def test_many_who_ask_at_once_wait_for_one():
    cache, go, made, got = Cache(1000), threading.Event(), [], []

    def make() -> bytes:
        made.append(1)
        go.wait(5)
        return b"reply"

    threads = [threading.Thread(target=lambda: got.append(cache.make("k", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(5)
    assert (len(made), got) == (1, [b"reply"] * 8)


def test_a_failure_is_told_and_not_kept():
    cache = Cache(1000)
    with pytest.raises(ValueError, match="no"):
        cache.make("k", lambda: (_ for _ in ()).throw(ValueError("no")))
    assert cache.make("k", lambda: b"reply") == b"reply"
