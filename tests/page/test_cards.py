"""Charts as a person arranges them, and their axes: by mouse, and after a reload."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import Site, ready


@pytest.fixture
def curves(page: Page, known: Site) -> Page:
    """The Curves view in a browser profile of its own."""
    page.goto(f"{known.url}curves")
    ready(page)
    return page


def card(page: Page, key: str) -> Locator:
    return page.locator(f'section.card[aria-label="{key}"]')


def chart(page: Page, key: str) -> Locator:
    return card(page, key).get_by_role("slider")


def cards(page: Page) -> list[str]:
    """Keys of the cards, in the order in which they lie."""
    found = page.locator("section.card").evaluate_all(
        "cards => cards.map(card => [card.getAttribute('aria-label'), card.getBoundingClientRect()])"
        ".sort(([, a], [, b]) => a.y - b.y || a.x - b.x).map(([key]) => key)"
    )
    return [str(key) for key in found]


def sections(page: Page) -> list[str]:
    return page.locator("h2 button > span:not(.arrow):not(.count)").all_inner_texts()


def act(page: Page, key: str, name: str) -> None:
    """By mouse: the card's menu shows itself where the pointer is."""
    card(page, key).first.hover(position={"x": 20, "y": 10})
    card(page, key).first.get_by_role("button", name=f"Actions for {key}").click()
    page.get_by_role("button", name=name, exact=True).click()


def settings(page: Page) -> Locator:
    page.get_by_role("button", name="More settings").click()
    panel = page.get_by_role("dialog", name="More settings")
    expect(panel).to_be_visible()
    return panel


def test_a_pinned_chart_stands_first_until_it_is_unpinned(curves: Page) -> None:
    act(curves, "val/loss", "Pin to the top")
    expect(card(curves, "val/loss")).to_have_count(2)
    assert sections(curves)[0] == "Pinned"
    assert cards(curves)[0] == "val/loss"
    curves.reload()
    ready(curves)
    assert cards(curves)[0] == "val/loss"
    act(curves, "val/loss", "Unpin")
    expect(card(curves, "val/loss")).to_have_count(1)
    assert "Pinned" not in sections(curves)


def test_a_dragged_card_changes_places_within_its_section(curves: Page) -> None:
    before = [key for key in cards(curves) if key.startswith("train/")]
    first, second = before[:2]
    card(curves, second).locator("h3").drag_to(card(curves, first))
    curves.mouse.move(0, 0)
    assert [key for key in cards(curves) if key.startswith("train/")] == [second, first, *before[2:]]
    curves.reload()
    ready(curves)
    assert [key for key in cards(curves) if key.startswith("train/")][:2] == [second, first]
    settings(curves).get_by_role("button", name="Forget my order").click()
    assert [key for key in cards(curves) if key.startswith("train/")] == before


def test_a_hidden_chart_is_away_until_it_is_shown_again(curves: Page) -> None:
    act(curves, "train/loss", "Hide")
    expect(card(curves, "train/loss")).to_have_count(0)
    curves.reload()
    ready(curves)
    expect(card(curves, "train/loss")).to_have_count(0)
    settings(curves).get_by_role("button", name="train/loss").click()
    curves.keyboard.press("Escape")
    expect(chart(curves, "train/loss")).to_have_attribute("aria-valuemax", "399")


def test_x_may_be_another_key(curves: Page) -> None:
    expect(chart(curves, "train/loss")).to_have_attribute("aria-valuemax", "399")
    curves.get_by_title("Another key").click()
    curves.get_by_role("dialog").get_by_role("button", name="train/accuracy").click()
    expect(curves).to_have_url(re.compile(r"x=train%2Faccuracy"))
    expect(chart(curves, "train/loss")).to_have_attribute("aria-valuemax", re.compile(r"^[01](\.\d+)?$"))
    curves.reload()
    ready(curves)
    expect(chart(curves, "train/loss")).to_have_attribute("aria-valuemax", re.compile(r"^[01](\.\d+)?$"))


def test_x_may_be_the_time_of_the_day(curves: Page) -> None:
    curves.get_by_role("button", name="Wall time").click()
    expect(chart(curves, "train/loss")).to_have_attribute("aria-valuemin", re.compile(r"^17600\d{5}(\.\d+)?$"))
    expect(chart(curves, "train/loss")).to_have_attribute("aria-label", re.compile(r"x .*\d\d:\d\d"))
    curves.get_by_role("button", name="Relative time").click()
    expect(chart(curves, "train/loss")).to_have_attribute("aria-valuemax", re.compile(r"^2\d(\.\d+)?$"))


def test_axes_may_be_logarithmic(curves: Page) -> None:
    before = chart(curves, "train/loss").screenshot()
    curves.get_by_role("button", name="log y").click()
    expect(curves).to_have_url(re.compile("logy=1"))
    curves.mouse.move(0, 0)
    curves.wait_for_timeout(300)
    logarithmic = chart(curves, "train/loss").screenshot()
    assert logarithmic != before
    settings(curves).get_by_label("Log x").check()
    curves.keyboard.press("Escape")
    expect(curves).to_have_url(re.compile("logx=1"))
    expect(chart(curves, "train/loss")).to_have_attribute("aria-valuemin", "1")
    assert chart(curves, "train/loss").screenshot() != logarithmic


def test_outliers_may_be_left_beyond_the_edge(curves: Page) -> None:
    def top() -> float:
        said = chart(curves, "train/loss").get_attribute("aria-label") or ""
        return float(said.rpartition("–")[2])

    curves.get_by_label("Smoothing").first.fill("0")
    before = top()
    settings(curves).get_by_label("Ignore outliers").check()
    expect(chart(curves, "train/loss")).not_to_have_attribute("aria-label", re.compile(f"{before}$"))
    assert top() < before


def test_a_filter_of_keys_that_nothing_passes_says_so(curves: Page) -> None:
    curves.get_by_role("searchbox", name="Filter keys").fill("no such key")
    expect(curves.get_by_text("No key matches “no such key”.")).to_be_visible()
    curves.get_by_role("button", name="Clear the filter").click()
    expect(card(curves, "train/loss")).to_be_visible()


def test_the_scrubber_knows_the_steps_of_all_shown_runs(page: Page, uneven: Site) -> None:
    page.goto(f"{uneven.url}curves")
    ready(page)
    steps = page.get_by_role("slider", name="Selected step")
    expect(steps).to_have_attribute("aria-valuemax", "99")
    page.get_by_role("button", name="Show long in charts").click()
    expect(steps).to_have_attribute("aria-valuemax", "19")


def test_a_series_of_nan_alone_says_so(page: Page, uneven: Site) -> None:
    page.goto(f"{uneven.url}curves")
    ready(page)
    expect(card(page, "broken").get_by_text("all NaN")).to_be_visible()
    expect(card(page, "loss").get_by_text("all NaN")).to_have_count(0)
