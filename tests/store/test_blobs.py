from __future__ import annotations

import hashlib
import os

import pytest

from netscope.errors import NotFoundError
from netscope.store import blobs


def test_a_blob_is_named_by_its_bytes(tmp_path):
    name = blobs.write(tmp_path, b"picture", "png")
    assert name == hashlib.sha256(b"picture").hexdigest() + ".png"
    assert blobs.path(tmp_path, name).read_bytes() == b"picture"


def test_the_same_bytes_are_kept_once(tmp_path):
    first = blobs.write(tmp_path, b"x", "txt")
    inode = blobs.path(tmp_path, first).stat().st_ino
    assert blobs.write(tmp_path, b"x", "txt") == first
    assert blobs.path(tmp_path, first).stat().st_ino == inode


def test_a_refused_blob_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        blobs.write(tmp_path, b"x", "txt")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    "name", ["", "../../secret", "a" * 64, "A" * 64 + ".png", "a" * 64 + ".p/g", "a" * 64 + ".png\n"]
)
def test_what_is_no_blobs_name_is_not_looked_for(tmp_path, name):
    with pytest.raises(NotFoundError):
        blobs.path(tmp_path, name)
