"""Serving the built page, and its headers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re

import pytest
import zstandard


@pytest.fixture
def page(tmp_path):
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><script>go()</script><script src=x></script>" + " " * 3000)
    (folder / "assets" / "main-3fa1.js").write_text("let a = 1;" * 500)
    (folder / "favicon.svg").write_text("<svg/>")
    return folder


@pytest.mark.parametrize("address", ["/", "/curves", "/layers?run=a", "/index.html", "/no/such/view"])
def test_every_view_address_serves_the_page(show, page, address):
    reply = show(page_folder=page).client.get(address)
    assert reply.text.startswith("<!doctype html>")
    assert reply.headers["cache-control"] == "no-cache"


def test_files_with_a_hash_in_their_name_are_cached_forever(show, page):
    reply = show(page_folder=page).client.get("/assets/main-3fa1.js")
    assert "immutable" in reply.headers["cache-control"]
    assert reply.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("address", ["/assets/main-0000.js", "/assets/gone", "/gone.png", "/api/gone", "/api"])
def test_a_missing_file_does_not_serve_the_page(show, page, address):
    reply = show(page_folder=page).client.get(address)
    assert reply.status_code == 404
    assert reply.json()["error"]


def test_only_own_scripts_run_and_framing_is_refused(show, page):
    policy = show(page_folder=page).client.get("/").headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(b"go()").digest()).decode()
    assert re.findall(r"script-src ([^;]*)", policy) == [f"'self' 'sha256-{digest}'"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy


def test_a_notebook_may_frame_its_own_server(show, page):
    policy = show(page_folder=page, framed_by=["http://localhost:*"]).client.get("/").headers["content-security-policy"]
    assert "frame-ancestors 'self' http://localhost:*" in policy


@pytest.mark.parametrize("packing", ["zstd", "gzip"])
def test_the_page_is_sent_compressed(show, page, packing):
    client = show(page_folder=page).client
    with client.stream("GET", "/", headers={"Accept-Encoding": packing}) as reply:
        raw = b"".join(reply.iter_raw())
    assert reply.headers["content-encoding"] == packing
    unpack = zstandard.decompress if packing == "zstd" else gzip.decompress
    assert unpack(raw) == (page / "index.html").read_bytes()
    assert client.get("/", headers={"If-None-Match": reply.headers["etag"]}).status_code == 304


def test_a_rebuilt_page_is_sent_again(show, page):
    client = show(page_folder=page).client
    before = client.get("/").headers["etag"]
    (page / "index.html").write_text("<!doctype html>new")
    assert client.get("/", headers={"If-None-Match": before}).text == "<!doctype html>new"


def test_without_a_built_page_the_server_says_how_to_build_it(show, tmp_path):
    client = show(page_folder=tmp_path / "nothing").client
    assert "make page" in client.get("/").text
    assert client.get("/api/about").status_code == 200
