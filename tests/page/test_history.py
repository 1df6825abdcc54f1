"""The selection is in the address: Back and Forward go through it, a reload keeps it, a shared link restores it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Opener, Site, ready


def test_back_and_forward_go_through_the_runs_that_were_opened(page: Page, known: Site) -> None:
    page.goto(f"{known.url}overview")
    ready(page)
    heading = page.get_by_role("heading", level=1)
    names = page.locator("aside li .name")
    first, second = names.nth(2).inner_text(), names.nth(4).inner_text()
    for name in (first, second):
        page.locator("aside").get_by_role("button", name=name, exact=True).click()
        expect(heading).to_have_text(name)
    page.go_back()
    expect(heading).to_have_text(first)
    page.go_forward()
    expect(heading).to_have_text(second)
    page.reload()
    ready(page)
    expect(heading).to_have_text(second)


def test_runs_layer_step_and_statistic_survive_a_reload_and_a_shared_link(
    page: Page, opened: Opener, demo: Site
) -> None:
    page.goto(f"{demo.url}layers")
    ready(page)
    page.get_by_role("button", name="Weight scale").click()
    page.locator(".labels").get_by_role("button", name="fc1").click()
    steps = page.get_by_role("slider", name="Selected step")
    steps.focus()
    page.keyboard.press("Home")
    expect(page).to_have_url(re.compile(r"step=\d+"))
    expect(page).to_have_url(re.compile("layer=fc1"))
    expect(page).to_have_url(re.compile("show=scale"))
    shown = steps.get_attribute("aria-valuenow")

    def check(other: Page) -> None:
        ready(other)
        expect(other.get_by_role("button", name="Weight scale")).to_have_attribute("aria-pressed", "true")
        layer = other.locator(".labels").get_by_role("button", name="fc1")
        expect(layer).to_have_attribute("aria-pressed", "true")
        expect(other.get_by_role("slider", name="Selected step")).to_have_attribute("aria-valuenow", shown or "")

    page.reload()
    check(page)
    elsewhere = opened()
    elsewhere.goto(page.url)
    check(elsewhere)
    page.go_back()
    expect(page.get_by_role("button", name="Gradient flow")).to_have_attribute("aria-pressed", "true")
    page.go_forward()
    expect(page.get_by_role("button", name="Weight scale")).to_have_attribute("aria-pressed", "true")


def test_shown_runs_and_axes_are_part_of_the_link(page: Page, opened: Opener, known: Site) -> None:
    page.goto(f"{known.url}curves")
    ready(page)
    page.locator("aside li").nth(1).locator("button:has(.eye)").click()
    page.locator("aside li").nth(3).locator("button:has(.eye)").click()
    page.get_by_role("button", name="Relative time").click()
    page.get_by_role("button", name="log y").click()
    expect(page).to_have_url(re.compile("logy.*x=relative.*#hide="))
    other = opened()
    other.goto(page.url)
    ready(other)
    expect(other.get_by_text("8 shown")).to_be_visible()
    expect(other.get_by_role("button", name="Relative time")).to_have_attribute("aria-pressed", "true")
    expect(other.get_by_role("button", name="log y")).to_have_attribute("aria-pressed", "true")


def test_a_console_search_is_part_of_the_link(page: Page, opened: Opener, demo: Site) -> None:
    page.goto(f"{demo.url}console")
    ready(page)
    page.get_by_role("textbox", name="Search the console").fill("epoch")
    expect(page).to_have_url(re.compile(r"find\.lines=epoch"))
    other = opened()
    other.goto(page.url)
    expect(other.get_by_role("textbox", name="Search the console")).to_have_value("epoch")
    expect(other.locator("mark").first).to_have_text("epoch")


@pytest.mark.parametrize("view", ["overview", "console", "layers"])
def test_a_link_to_a_missing_run_says_so(page: Page, known: Site, view: str) -> None:
    page.goto(f"{known.url}{view}?run=nosuchrun")
    ready(page)
    expect(page.get_by_text("This run is not here")).to_be_visible()
    expect(page.locator("aside li.current")).to_have_count(0)
    page.get_by_role("button", name="Go to Runs").click()
    expect(page).to_have_url(f"{known.url}runs")
    expect(page.locator("[role=row].run").first).to_be_visible()
    page.go_back()
    expect(page.get_by_text("This run is not here")).to_be_visible()
    page.locator("aside li .name").first.click()
    expect(page.get_by_text("This run is not here")).to_be_hidden()


def test_a_link_to_a_missing_run_still_shows_the_others(page: Page, known: Site) -> None:
    page.goto(f"{known.url}curves?run=nosuchrun")
    ready(page)
    expect(page.get_by_text("10 shown")).to_be_visible()
    expect(page.get_by_text("This run is not here")).to_have_count(0)
