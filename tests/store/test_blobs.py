from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from netscope.errors import NotFoundError
from netscope.store.journal import blobs


def test_a_blob_is_named_by_its_bytes(tmp_path):
    name = blobs.write(tmp_path, b"picture", "png")
    assert name == hashlib.sha256(b"picture").hexdigest() + ".png"
    assert blobs.path(tmp_path, name).read_bytes() == b"picture"


def test_equal_blobs_are_stored_once(tmp_path):
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


@pytest.mark.parametrize("linked", ["blobs", "blobs/aa", f"blobs/aa/{'a' * 64}.txt"])
def test_only_links_within_the_run_are_followed(tmp_path, linked):
    run, name = tmp_path / "r", "a" * 64 + ".txt"
    for place in (tmp_path / "elsewhere", run / "within"):
        target = place / Path(f"blobs/aa/{name}").relative_to(linked)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("secret")
        link = run / linked
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(place)
        if place.parent == run:
            assert blobs.path_inside(run, name).read_text() == "secret"
        else:
            with pytest.raises(NotFoundError, match="leads out of the run's folder"):
                blobs.path_inside(run, name)


@pytest.mark.parametrize(
    "name", ["", "../../secret", "a" * 64, "A" * 64 + ".png", "a" * 64 + ".p/g", "a" * 64 + ".png\n"]
)
def test_an_invalid_blob_name_is_not_looked_up(tmp_path, name):
    with pytest.raises(NotFoundError):
        blobs.path(tmp_path, name)
