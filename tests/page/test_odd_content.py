"""Odd content of one run does not break any view for the others, and the page logs no error (see `opened`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks import make_runs
from netscope.store.journal import blobs, frames
from tests.page.conftest import Site, ready, show
from tests.store.journals import Script

NAMES = ["constructor", "__proto__", "toString", "hasOwnProperty"]
VIEWS = ["runs", "overview", "curves", "layers", "media", "console", "system"]


def write(folder: Path) -> None:
    """Two usual runs, and odd ones that are newer."""
    make_runs.make(folder, 2, 3, 60)
    script = Script(name="members", created=1.77e9)
    for step in range(5):
        script.log(step, {f"{name}/x": step / 5 for name in NAMES} | dict.fromkeys(NAMES, 1.0))
        script.log(step, {f"{name}/weight/value/mean": 1.0 for name in NAMES}, kind="layer")
        script.log(step, {f"{name}/cpu": 1.0 for name in NAMES}, kind="system")
        script.bins(step, {f"{name}/weight/value": (500, [1, 2]) for name in NAMES})
        script.histogram(step, "constructor", [0.0, 1.0], [1.0])
    script.event("config", config=dict.fromkeys(NAMES, 1) | {"a.b": 1, "a": {"b": 2}, "c": {"__proto__": 3}})
    layer = {"layer": "constructor", "type": "toString", "parameters": {"__proto__": [1]}}
    script.event("layers", layers=[layer, layer], sampled_above=1)
    script.event("environment", environment={"packages": dict.fromkeys(NAMES, "1")})
    script.event("edit", tags=["a", "b", "a", "constructor"], notes="n" * 100_000)
    script.print("\x00\x1b[31mred\x1b]0;title\x07\x1b[2J \u202eevil\n").end().write(folder / "constructor")
    far = Script(name="f" * 3_000_000, created=1.771e9)
    for step in (-(2**53), 0, 2**53):
        far.log(step, {"loss": 1e308 if step else -1e308, "val/loss": 1.0})
        far.log(step, {"net/weight/value/mean": 1e300}, kind="layer")
    far.event("config", config={f"key {i}": i for i in range(3000)}).end().write(folder / "far")
    odd = Script(name="assets", created=1.772e9)
    place = folder / "assets"
    files = {
        "table": [b"{}", b'{"columns": "x", "values": 5}', b'{"columns": ["a"], "values": [{"b": 1}]}', b"\xff"],
        "array": [b"", b"\xff" * 100, _tensors("constructor", [1]), _tensors("F32", [2**53]), _tensors("F32", [-1, 5])],
        "image": [b"", b"\x89PNG", b"<svg/>"],
        "figure": [b"x"],
        "audio": [b"RIFF", b""],
        "text": [b"\xff\xfe", b"x" * 1_000_000],
    }
    suffix = {"table": "json", "array": "safetensors", "image": "png", "figure": "svg", "audio": "wav", "text": "txt"}
    for kind, contents in files.items():
        for step, content in enumerate(contents):
            name = blobs.write(place, content, suffix[kind])
            for shape in ([], [0, 0], [2**53, 2**53, 3], [1] * 64):
                body = {
                    "key": f"{kind} {len(shape)}", "kind": kind, "step": step, "time": 1.772e9, "blob": name,
                    "bytes": 2**53, "text": "t" * 3000, "shape": shape,
                }  # fmt: skip
                odd.frames.append(frames.json_frame(frames.ASSET, body))
    odd.end().write(place)


def _tensors(dtype: str, shape: list[int]) -> bytes:
    header = json.dumps({"__proto__": {"dtype": dtype, "shape": shape, "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("odd") / "runs"
    write(folder)
    site = show(folder)
    yield site
    site.stop()


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_shows_every_run(odd: Site, page: Page, view: str) -> None:
    for run in ("constructor", "far", "assets"):
        page.goto(f"{odd.url}{view}?run={run}")
        ready(page)
        if view == "runs":
            expect(page.locator("[role=row].run")).to_have_count(5)
        if view == "console" and run == "constructor":
            expect(page.locator(".log .text").last).to_have_text("⟨U+0000⟩red ⟨U+202E⟩evil")
        if view == "curves":
            page.get_by_placeholder("Filter keys (regex)").fill("train/loss")
            expect(page.locator(".card")).to_have_count(1)
