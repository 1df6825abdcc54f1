"""The Overview of a run: where the page opens, progress, and the cards."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

import netscope
from tests.page.conftest import Site, ready, show


def rising(step: int) -> float:
    return 2.0 * 0.97**step if step < 80 else 3.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One run that goes wrong at step 80 and crashes at step 100 of 200."""
    folder = tmp_path_factory.mktemp("overview") / "runs"
    with (
        pytest.raises(ValueError, match="no such batch"),
        netscope.init(dir=folder, name="rises", tags=["demo"], config={"max_steps": 200}, watch_system=False) as run,
    ):
        for step in range(100):
            run.log({"train/loss": rising(step), "lr": 0.1})
            if step % 10 == 9:
                run.log({"val/loss": rising(step) + 0.1, "val/accuracy": min(0.9, step / 80)}, step=step)
        run.log({"digits": [netscope.Image(np.eye(8), caption=f"is 3, said {n}") for n in (3, 5)]}, step=99)
        run.log({"told": netscope.Table([["a", "a"], ["a", "b"], ["b", "b"]], columns=["label", "predicted"])}, step=99)
        raise ValueError("no such batch")
    served = show(folder)
    yield served
    served.stop()


@pytest.fixture
def overview(page: Page, site: Site) -> Page:
    page.goto(site.url)
    ready(page)
    return page


def cards(page: Page) -> Locator:
    return page.locator("[data-card]")


def names(page: Page) -> list[str | None]:
    return [card.get_attribute("aria-label") for card in cards(page).all()]


def test_the_only_run_is_opened_with_the_most_important_cards_first(overview: Page) -> None:
    expect(overview).to_have_url(re.compile("/overview"))
    expect(overview.get_by_role("heading", name="rises")).to_be_visible()
    expect(overview.get_by_text("step 100 of 200")).to_be_visible()
    verdict = overview.get_by_role("list", name="How it goes").get_by_role("listitem")
    expect(verdict.nth(0)).to_have_text("Something is wrong · Ended with ValueError: no such batch")
    expect(verdict.nth(1)).to_contain_text("val/loss rose to")
    expect(overview.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50")
    expect(cards(overview)).to_have_count(5)
    assert names(overview) == ["Console", "loss", "accuracy", "digits", "told"]
    expect(cards(overview).nth(0)).to_contain_text("Ended with ValueError: no such batch")
    expect(cards(overview).nth(1)).to_contain_text(re.compile(r"val/loss rose to \d+ times its best around step \d+"))
    expect(cards(overview).nth(3)).to_contain_text("is 3, said 5")
    expect(cards(overview).nth(4)).to_contain_text("1 of 3 wrong; most often a is mistaken for b")


def test_a_click_on_a_card_opens_the_view_that_shows_it_at_the_step(overview: Page) -> None:
    overview.get_by_role("link", name="loss").click()
    expect(overview).to_have_url(re.compile(r"/curves\?run=[^&]+&step=8\d"))
    overview.go_back()
    overview.get_by_role("link", name="digits").click()
    expect(overview).to_have_url(re.compile(r"/media\?run=[^&]+&step=99"))


def test_pinned_and_dismissed_cards_are_remembered_and_restored(overview: Page) -> None:
    overview.get_by_label("Dismiss: Console").click()
    overview.get_by_label("Pin to the front: told").click()
    overview.get_by_label("Pin to the front: digits").click()
    expect(cards(overview)).to_have_count(4)
    assert names(overview)[:2] == ["digits", "told"]
    overview.get_by_label("Move forward: told").click()
    assert names(overview)[:2] == ["told", "digits"]
    overview.reload()
    expect(cards(overview)).to_have_count(4)
    assert names(overview)[:3] == ["told", "digits", "loss"]
    overview.get_by_label("Unpin: told").click()
    overview.get_by_role("button", name="1 dismissed").click()
    overview.get_by_role("button", name="Restore “Console”").click()
    expect(cards(overview)).to_have_count(5)
    assert names(overview)[:2] == ["digits", "Console"]


def test_the_line_of_the_demo_is_dismissed_for_good(overview: Page) -> None:
    expect(overview.get_by_text("This is the demo")).to_be_visible()
    overview.get_by_label("Do not show this again").click()
    overview.reload()
    expect(cards(overview)).to_have_count(5)
    expect(overview.get_by_text("This is the demo")).to_have_count(0)


def test_a_page_on_an_empty_folder_opens_the_first_run_and_follows_it(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    site = show(folder)
    try:
        page.goto(site.url)
        expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        with netscope.init(dir=folder, name="first", watch_system=False, console=False) as run:
            run.progress(total=40)
            run.log({"loss": 4.0})
            expect(page).to_have_url(re.compile("/overview"))
            expect(page.get_by_text("step 1 of 40")).to_be_visible()
            for step in range(1, 10):
                run.log({"loss": 4.0 / (step + 1)})
            expect(page.get_by_text("step 10 of 40")).to_be_visible()
            expect(cards(page).first).to_contain_text("loss is improving: from 4 to 0.4")
    finally:
        site.stop()
