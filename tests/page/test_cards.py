"""Arranging charts and setting their axes: by mouse, and after a reload."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import Opener, Site, ready
from tests.waiting import until


@pytest.fixture
def curves(page: Page, known: Site) -> Page:
    """The Curves view in its own browser profile."""
    page.goto(f"{known.url}curves")
    ready(page)
    return page


def card(page: Page, key: str) -> Locator:
    return page.locator(f'section.card[aria-label="{key}"]')


def chart(page: Page, key: str) -> Locator:
    return card(page, key).get_by_role("slider", name=re.compile(f"^{re.escape(key)}: "))


def cards(page: Page) -> list[str]:
    """Keys of the cards in order."""
    found = page.locator("section.card").evaluate_all(
        "cards => cards.map(card => [card.getAttribute('aria-label'), card.getBoundingClientRect()])"
        ".sort(([, a], [, b]) => a.y - b.y || a.x - b.x).map(([key]) => key)"
    )
    return [str(key) for key in found]


def sections(page: Page) -> list[str]:
    return page.locator("h2 button > span:not(.arrow):not(.count)").all_inner_texts()


def act(page: Page, key: str, name: str) -> None:
    """By mouse: the menu of a card appears under the pointer."""
    card(page, key).first.hover(position={"x": 20, "y": 10})
    card(page, key).first.get_by_role("button", name=f"Actions for {key}").click()
    page.get_by_role("button", name=name, exact=True).click()


def settings(page: Page) -> Locator:
    page.get_by_role("button", name="More settings").click()
    panel = page.get_by_role("dialog", name="More settings")
    expect(panel).to_be_visible()
    return panel


def test_a_pinned_chart_stands_first_until_it_is_unpinned(curves: Page) -> None:
    act(curves, "loss", "Pin to the top")
    expect(card(curves, "loss")).to_have_count(2)
    assert sections(curves)[0] == "Pinned"
    assert cards(curves)[0] == "loss"
    curves.reload()
    ready(curves)
    assert cards(curves)[0] == "loss"
    act(curves, "loss", "Unpin")
    expect(card(curves, "loss")).to_have_count(1)
    assert "Pinned" not in sections(curves)


def test_a_dragged_card_changes_places_within_its_section(curves: Page) -> None:
    before = cards(curves)
    first, second = before[:2]
    card(curves, second).locator("h3").drag_to(card(curves, first))
    curves.mouse.move(0, 0)
    assert cards(curves) == [second, first, *before[2:]]
    curves.reload()
    ready(curves)
    assert cards(curves)[:2] == [second, first]
    settings(curves).get_by_role("button", name="Restore the default order").click()
    assert cards(curves) == before


def test_a_hidden_chart_stays_hidden_until_it_is_shown_again(curves: Page) -> None:
    act(curves, "loss", "Hide")
    expect(card(curves, "loss")).to_have_count(0)
    curves.reload()
    ready(curves)
    expect(card(curves, "loss")).to_have_count(0)
    panel = settings(curves)
    panel.get_by_role("button", name="train/loss").click()
    panel.get_by_role("button", name="val/loss").click()
    curves.keyboard.press("Escape")
    expect(chart(curves, "loss")).to_have_attribute("aria-valuemax", "399")


def test_training_and_validation_share_a_chart_until_they_are_separated(curves: Page) -> None:
    keys = card(curves, "loss").get_by_role("group", name="Keys in loss").get_by_role("button")
    expect(keys).to_have_text(["train", "val"])
    expect(chart(curves, "loss")).to_have_attribute("aria-label", re.compile("20 curves"))
    keys.last.click()
    expect(chart(curves, "loss")).to_have_attribute("aria-label", re.compile("10 curves"))
    act(curves, "loss", "One chart per key")
    expect(card(curves, "train/loss")).to_be_visible()
    curves.reload()
    ready(curves)
    expect(card(curves, "val/loss")).to_be_visible()
    act(curves, "val/loss", "Back to one chart")
    expect(card(curves, "loss")).to_be_visible()
    settings(curves).get_by_label("Training and validation in one chart").uncheck()
    expect(curves).to_have_url(re.compile("overlay=0"))
    expect(card(curves, "train/accuracy")).to_be_visible()


def test_a_handmade_chart_is_kept_and_is_part_of_the_link(curves: Page, opened: Opener) -> None:
    curves.get_by_role("button", name="New chart").click()
    editor = curves.get_by_role("dialog", name="New chart")
    editor.get_by_label("Name").fill("rates")
    editor.get_by_label("lr", exact=True).check()
    editor.get_by_label("val/accuracy").check()
    editor.get_by_role("button", name="Add chart").click()
    expect(card(curves, "rates").get_by_role("group")).to_contain_text("val/accuracy")
    assert cards(curves)[0] == "rates"
    expect(curves).to_have_url(re.compile("charts="))
    other = opened()
    other.goto(curves.url)
    ready(other)
    expect(chart(other, "rates")).to_have_attribute("aria-label", re.compile("20 curves"))
    act(curves, "rates", "Edit chart")
    curves.get_by_label("val/accuracy").uncheck()
    curves.get_by_role("button", name="Save").click()
    expect(chart(curves, "rates")).to_have_attribute("aria-label", re.compile("10 curves"))
    curves.goto(curves.url.partition("?")[0])
    ready(curves)
    act(curves, "rates", "Delete chart")
    expect(card(curves, "rates")).to_have_count(0)


def test_x_may_be_another_key(curves: Page) -> None:
    expect(chart(curves, "loss")).to_have_attribute("aria-valuemax", "399")
    curves.get_by_title("Other key").click()
    curves.get_by_role("dialog").get_by_role("button", name="train/accuracy").click()
    expect(curves).to_have_url(re.compile(r"x=train%2Faccuracy"))
    expect(chart(curves, "loss")).to_have_attribute("aria-valuemax", re.compile(r"^[01](\.\d+)?$"))
    curves.reload()
    ready(curves)
    expect(chart(curves, "loss")).to_have_attribute("aria-valuemax", re.compile(r"^[01](\.\d+)?$"))


def test_x_may_be_the_time_of_the_day(curves: Page) -> None:
    curves.get_by_role("button", name="Wall time").click()
    expect(chart(curves, "loss")).to_have_attribute("aria-valuemin", re.compile(r"^17600\d{5}(\.\d+)?$"))
    expect(chart(curves, "loss")).to_have_attribute("aria-label", re.compile(r"x .*\d\d:\d\d"))
    curves.get_by_role("button", name="Relative time").click()
    expect(chart(curves, "loss")).to_have_attribute("aria-valuemax", re.compile(r"^2\d(\.\d+)?$"))


def test_axes_may_be_logarithmic(curves: Page) -> None:
    before = chart(curves, "loss").screenshot()
    curves.get_by_role("button", name="log y").click()
    expect(curves).to_have_url(re.compile("logy=1"))
    curves.mouse.move(0, 0)
    until(lambda: chart(curves, "loss").screenshot() != before)
    settings(curves).get_by_label("Log x").check()
    curves.keyboard.press("Escape")
    expect(curves).to_have_url(re.compile("logx=1"))
    expect(chart(curves, "loss")).to_have_attribute("aria-valuemin", "1")


def top(page: Page, key: str) -> float:
    said = chart(page, key).get_attribute("aria-label") or ""
    return float(said.rpartition("–")[2].replace(",", ""))


def test_a_diverged_run_is_clipped_until_all_values_are_shown(page: Page, diverged: Site) -> None:
    page.goto(f"{diverged.url}curves")
    ready(page)
    until(lambda: top(page, "loss") < 3)
    card(page, "loss").get_by_role("button", name="1 run beyond the axis").click()
    expect(page).to_have_url(re.compile("looks="))
    expect(card(page, "loss").get_by_role("button", name="beyond")).to_have_count(0)
    until(lambda: top(page, "loss") > 1000)
    page.reload()
    ready(page)
    until(lambda: top(page, "loss") > 1000)
    page.get_by_role("button", name="Settings for loss").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Same as the other charts").click()
    expect(card(page, "loss").get_by_role("button", name="1 run beyond the axis")).to_be_visible()


def test_a_chart_can_have_its_own_axes(curves: Page) -> None:
    card(curves, "loss").hover(position={"x": 20, "y": 10})
    curves.get_by_role("button", name="Settings for loss").click()
    panel = curves.get_by_role("dialog", name="Settings for loss")
    panel.get_by_label("Upper limit of y").fill("7")
    curves.keyboard.press("Enter")
    panel.get_by_label("x axis").select_option("relative")
    expect(chart(curves, "loss")).to_have_attribute("aria-label", re.compile(r"– 7$"))
    expect(chart(curves, "loss")).to_have_attribute("aria-valuemax", re.compile(r"^2\d(\.\d+)?$"))
    expect(chart(curves, "accuracy")).to_have_attribute("aria-valuemax", "399")
    curves.keyboard.press("Escape")
    curves.get_by_role("button", name="Enlarge: loss").click()
    large = curves.get_by_role("dialog", name="loss", exact=True).get_by_role("slider", name=re.compile("^loss"))
    expect(large).to_have_attribute("aria-label", re.compile(r"– 7$"))


def test_the_plain_wheel_zooms_only_a_focused_chart(curves: Page) -> None:
    chart(curves, "loss").hover()
    curves.mouse.wheel(0, -300)
    curves.wait_for_timeout(300)
    expect(chart(curves, "loss")).to_have_attribute("aria-valuemax", "399")
    chart(curves, "loss").focus()
    curves.mouse.wheel(0, -300)
    expect(chart(curves, "loss")).not_to_have_attribute("aria-valuemax", "399")


def test_a_key_filter_without_matches_says_so(curves: Page) -> None:
    curves.get_by_role("searchbox", name="Filter keys").fill("no such key")
    expect(curves.get_by_text("No key matches “no such key”.")).to_be_visible()
    curves.get_by_role("button", name="Clear the filter").click()
    expect(card(curves, "loss")).to_be_visible()


def test_the_scrubber_has_the_steps_of_all_shown_runs(page: Page, uneven: Site) -> None:
    page.goto(f"{uneven.url}curves")
    ready(page)
    steps = page.get_by_role("slider", name="Selected step")
    expect(steps).to_have_attribute("aria-valuemax", "99")
    page.get_by_role("button", name="Show long in charts").click()
    expect(steps).to_have_attribute("aria-valuemax", "19")


def test_a_series_of_only_nan_says_so(page: Page, uneven: Site) -> None:
    page.goto(f"{uneven.url}curves")
    ready(page)
    expect(card(page, "broken").get_by_text("all NaN")).to_be_visible()
    expect(card(page, "loss").get_by_text("all NaN")).to_have_count(0)
