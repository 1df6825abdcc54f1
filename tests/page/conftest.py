"""Fixtures for tests of the page: a real browser, a real server, a real training."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

import netscope
from benchmarks import make_runs
from scripts.find_browser import find_browser
from tests.waiting import PATIENCE_S, until

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb",
    "--font-render-hinting=none",
]  # fmt: skip
PATIENCE_MS = 60_000
DEMO_S = 200.0  # a training of a few seconds, on a machine that does much else
expect.set_options(timeout=PATIENCE_MS)


def ready(page: Page) -> None:
    """Wait until the page is connected and its view is loaded, with all charts in sight drawn."""
    expect(page.get_by_role("navigation").first).to_be_visible()
    expect(page.locator(".link.connected")).to_be_attached()
    expect(page.locator("main .stage > *").first).to_be_visible()
    expect(page.locator("main .pending")).to_have_count(0)
    if "/curves" in page.url or "/system" in page.url:
        page.wait_for_function("() => performance.getEntriesByName('charts-drawn').length > 0")


class Site(NamedTuple):
    """A `netscope` command that serves, and what it serves."""

    process: subprocess.Popen[str]
    url: str
    folder: Path

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def ask(self, path: str) -> Any:
        """What the server answers."""
        with urllib.request.urlopen(f"{self.url}api/{path}", timeout=PATIENCE_S) as reply:
            return json.load(reply)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        assert self.process.stdout
        self.process.stdout.close()


def start(folder: Path, *arguments: str) -> Site:
    """Run `netscope …` and wait until it prints its address."""
    command = [sys.executable, "-m", "netscope.cli", *arguments, "--no-browser"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "XDG_CACHE_HOME": str(folder.parent / "cache")}
    process = subprocess.Popen(command, cwd=folder.parent, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    said = process.stdout.readline()
    found = re.search(r"http://\S+", said)
    assert found, f"no address in {said!r}"
    return Site(process, found[0], folder)


def show(folder: Path, port: int = 0) -> Site:
    """`netscope show` of a folder."""
    return start(folder, "show", str(folder), "--port", str(port))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of the page; none there is a failure, not a reason to skip.

    It ends with each file: while Playwright runs there is an event loop in this thread, and other tests want their own.
    """
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield launched
        launched.close()


Opener = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    """Opens pages, each in its own browser profile; none of them may throw or log an error.

    A lost connection is the browser's to complain of, not the page's fault.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "ERR_" not in message.text and "WebSocket" not in message.text:
            complaints.append(message.text)

    def make(**options: Any) -> Page:
        usual = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US", "reduced_motion": "reduce"}
        contexts.append(browser.new_context(**(usual | options)))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", note)
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(opened: Opener) -> Page:
    """A page with common settings."""
    return opened()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The real demo, once it has finished training, so that what it shows does not depend on the machine's speed."""
    folder = tmp_path_factory.mktemp("demo") / "runs"
    site = start(folder, "demo", "--folder", str(folder), "--port", "0", "--epochs", "3", "--trainings", "1")
    try:
        until(lambda: [run["state"] for run in site.ask("runs")["runs"]] == ["finished"], DEMO_S)
        yield site
    finally:
        site.stop()


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Site]:
    """The real demo, which trains during the whole test."""
    folder = tmp_path / "runs"
    site = start(folder, "demo", "--folder", str(folder), "--port", "0", "--epochs", "100", "--trainings", "1")
    yield site
    site.stop()


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Fixed runs."""
    folder = tmp_path_factory.mktemp("known") / "runs"
    make_runs.make(folder, 12, 6, 400)
    site = show(folder)
    yield site
    site.stop()


@pytest.fixture(scope="session")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A short run, which is the newest, and a long one; a series of only NaN, and one with an outlier."""
    folder = tmp_path_factory.mktemp("uneven") / "runs"
    for name, n_steps in (("long", 100), ("short", 20)):
        with netscope.init(dir=folder, name=name, watch_system=False, console=False) as run:
            for step in range(n_steps):
                run.log({"loss": 1 / (step + 1), "broken": float("nan")}, step=step)
    site = show(folder)
    yield site
    site.stop()


@pytest.fixture(scope="session")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three runs that learn, of which one diverges."""
    folder = tmp_path_factory.mktemp("diverged") / "runs"
    for name, growth in (("a", 0.97), ("b", 0.98), ("c", 1.05)):
        with netscope.init(dir=folder, name=name, watch_system=False, console=False) as run:
            for step in range(200):
                run.log({"loss": 2 * growth**step + 0.1}, step=step)
    site = show(folder)
    yield site
    site.stop()
