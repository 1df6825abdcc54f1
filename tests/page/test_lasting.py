"""A page that is left open: the network is lost and recovers, the server is restarted, the machine sleeps."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

import netscope
from netscope.record.run import Run
from tests.page.conftest import Site, ready, show

LOSS = '[aria-label="loss"] [role="slider"]'
LOST = "The server does not respond"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A run that continues while the page shows it."""
    with netscope.init(dir=tmp_path / "runs", name="lasting", watch_system=False, console=False) as run:
        log(run, 0, 10)
        yield run


@pytest.fixture
def site(run: Run, tmp_path: Path) -> Iterator[Site]:
    served = show(tmp_path / "runs")
    yield served
    served.stop()


def log(run: Run, first: int, last: int) -> None:
    for step in range(first, last + 1):
        run.log({"loss": 1 / (step + 1)}, step=step)


def expect_last_step(page: Page, step: int) -> None:
    expect(page.locator(LOSS).first).to_have_attribute("aria-valuemax", str(step))


def test_points_logged_while_offline_appear_when_the_network_is_back(page: Page, run: Run, site: Site) -> None:
    page.goto(f"{site.url}curves")
    ready(page)
    expect_last_step(page, 10)
    page.context.set_offline(True)
    expect(page.get_by_role("alert").filter(has_text=LOST)).to_be_visible()
    log(run, 11, 30)
    page.wait_for_timeout(700)
    expect_last_step(page, 10)
    page.context.set_offline(False)
    expect_last_step(page, 30)
    expect(page.get_by_role("alert").filter(has_text=LOST)).to_be_hidden()
    log(run, 31, 40)
    expect_last_step(page, 40)


def test_a_killed_server_is_reported_and_its_successor_brings_new_points(page: Page, run: Run, site: Site) -> None:
    page.goto(f"{site.url}curves")
    ready(page)
    expect_last_step(page, 10)
    site.process.kill()
    site.process.wait()
    expect(page.get_by_role("alert").filter(has_text=LOST)).to_be_visible()
    expect(page.locator(LOSS).first).to_be_visible()
    log(run, 11, 20)
    again = show(site.folder, site.port)
    try:
        assert again.port == site.port
        expect_last_step(page, 20)
        expect(page.get_by_role("alert").filter(has_text=LOST)).to_be_hidden()
        log(run, 21, 25)
        expect_last_step(page, 25)
    finally:
        again.stop()


def test_a_frozen_page_catches_up_with_a_restarted_server(page: Page, run: Run, site: Site) -> None:
    page.goto(f"{site.url}curves")
    ready(page)
    expect_last_step(page, 10)
    browser = page.context.new_cdp_session(page)
    browser.send("Page.setWebLifecycleState", {"state": "frozen"})
    log(run, 11, 50)
    site.process.kill()
    site.process.wait()
    again = show(site.folder, site.port)
    try:
        browser.send("Page.setWebLifecycleState", {"state": "active"})
        expect_last_step(page, 50)
        expect(page.locator(".link.connected")).to_be_attached()
    finally:
        again.stop()


def test_after_an_hour_of_sleep_the_channel_is_reopened(page: Page, run: Run, site: Site) -> None:
    channels: list[str] = []
    page.on("websocket", lambda socket: channels.append(socket.url))
    page.clock.install()
    page.goto(f"{site.url}curves")
    expect_last_step(page, 10)
    expect(page.locator(".link.connected")).to_be_attached()  # after the charts
    assert len(channels) == 1
    page.clock.fast_forward("01:00:00")
    log(run, 11, 60)
    expect_last_step(page, 60)
    expect(page.get_by_role("status").filter(has_text=re.compile("Live|Reconnected")).first).to_be_visible()
    expect(page.locator(".link.connected")).to_be_attached()
    assert len(channels) > 1


def test_a_run_deleted_between_two_requests_is_not_an_error(browser: Browser, site: Site) -> None:
    page = browser.new_page()  # whose console is not watched: browsers note every 404 there
    try:
        page.goto(f"{site.url}curves")
        ready(page)
        refusals: list[str] = []

        def refuse(route: Route) -> None:
            refusals.append(route.request.url)
            route.fulfill(status=404, json={"error": "no run of that id"})

        page.route("**/api/series", refuse)
        with page.expect_response("**/api/series"):
            page.get_by_role("button", name="Relative time").click()
        page.wait_for_timeout(500)  # would have been shown by now
        assert refusals
        expect(page.locator("section.card")).not_to_have_count(0)
        expect(page.get_by_text("no run of that id")).to_have_count(0)
    finally:
        page.close()
