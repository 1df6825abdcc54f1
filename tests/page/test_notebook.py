"""The output of a notebook cell in a browser: the page while its server responds, otherwise a picture."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

import netscope
from netscope.show import notebook
from tests.waiting import until


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[str]:
    """Address of a page on another port of this machine that holds the output of a cell, as a notebook does."""
    with netscope.init(dir=tmp_path / "runs", name="calm", watch_system=False, console=False) as run:
        for step in range(100):
            run.log({"loss": 1 / (step + 1)}, step=step)
    output = notebook.frame(tmp_path / "runs", run.id)
    (tmp_path / "saved.html").write_text(
        f"<!doctype html><title>saved</title><link rel='icon' href='data:,'><body>{output}</body>", "utf-8"
    )
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/saved.html"
        server.shutdown()
        serving.join()
    notebook.stop()


def test_a_running_kernel_shows_the_page_in_the_cell(saved: str, opened) -> None:
    page = opened()
    page.goto(saved)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("navigation").first).to_be_visible()
    expect(page.locator("svg[role=img]")).to_be_hidden()
    until(lambda: page.locator("iframe").bounding_box()["height"] > 600)


def test_a_saved_notebook_shows_a_picture_in_place_of_a_dead_frame(saved: str, opened) -> None:
    notebook.stop()
    page = opened()
    page.goto(saved)
    expect(page.get_by_text("calm: finished")).to_be_visible()
    expect(page.get_by_text("loss")).to_be_visible()
    until(lambda: page.locator("iframe").bounding_box()["height"] == 0)
