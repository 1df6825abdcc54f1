"""The Media view: lists as grids, plain text and Markdown, tables with images in their cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import netscope
from tests.page.conftest import Site, ready, show

WORDS = "**not bold**, # no heading\n  indented"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("media") / "runs"
    picture = np.linspace(0, 1, 64).reshape(8, 8)
    with netscope.init(dir=folder, name="media", watch_system=False, console=False) as run:
        for step in (0, 5):
            run.image("digits", [picture] * 12, step=step, caption=[f"no. {i} at {step}" for i in range(12)])
            run.text("words", WORDS, step=step)
            run.text("report", "**bold** <b>raw</b>", step=step, markdown=True)
        worst = {"image": [netscope.Image(picture, f"digit {i}") for i in range(3)], "loss": [2.5, 10.0, float("nan")]}
        run.table("worst", worst, step=5)
        labels = {"label": ["cat", "dog"] * 10, "right": [True] * 10 + [False] * 10}
        run.table("predictions", labels, step=5)
        run.image("early", picture, step=0)
        run.audio("tone", np.sin(np.arange(16_000) / 10), step=5, rate=8_000)
        run.table("many", {"n": np.arange(100_000), "seed": 2**60 + np.arange(100_000)}, step=5)
    found = show(folder)
    yield found
    found.stop()


@pytest.fixture
def media(page: Page, site: Site) -> Page:
    page.goto(f"{site.url}media")
    ready(page)
    return page


def section(page: Page, key: str):
    found = page.get_by_role("region", name=key, exact=True)
    found.scroll_into_view_if_needed()
    return found


def test_a_list_is_one_grid_in_order(media: Page) -> None:
    digits = section(media, "digits")
    expect(digits.locator("img")).to_have_count(12)
    expect(digits.locator("img").last).to_be_visible()
    assert digits.locator(".cell p").all_inner_texts() == [f"no. {i} at 5" for i in range(12)]
    expect(digits.get_by_text("12 items")).to_be_visible()


def test_arrow_keys_go_through_steps_and_items(media: Page) -> None:
    media.get_by_role("region", name="Media").focus()
    media.keyboard.press("ArrowLeft")
    digits = section(media, "digits")
    expect(digits.get_by_text("no. 3 at 0", exact=True)).to_be_visible()
    digits.get_by_role("button", name="no. 3 at 0").focus()
    media.keyboard.press("Enter")
    dialog = media.get_by_role("dialog")
    expect(dialog.get_by_text("no. 3 at 0", exact=True)).to_be_visible()
    media.keyboard.press("Shift+ArrowRight")
    expect(dialog.get_by_text("no. 4 at 0", exact=True)).to_be_visible()
    media.keyboard.press("ArrowRight")
    expect(dialog.get_by_text("no. 4 at 5", exact=True)).to_be_visible()
    media.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_text_is_plain_unless_logged_as_markdown(media: Page) -> None:
    words = section(media, "words")
    expect(words.locator("pre")).to_be_visible()
    assert words.locator("pre").inner_text() == WORDS
    report = section(media, "report")
    expect(report.locator("strong")).to_have_text("bold")
    expect(report.get_by_text("<b>raw</b>")).to_be_visible()


def test_images_in_cells_are_thumbnails_that_enlarge(media: Page) -> None:
    worst = section(media, "worst")
    expect(worst.locator("td img")).to_have_count(3)
    worst.get_by_role("button", name="Enlarge digit 1").click()
    expect(media.get_by_role("dialog").get_by_role("img", name="digit 1")).to_be_visible()
    media.keyboard.press("Escape")
    worst.get_by_role("button", name="loss").click()
    worst.get_by_role("button", name="loss").click()
    assert [text.strip() for text in worst.locator("td.num").all_inner_texts()] == ["10", "2.5", "NaN"]


def test_a_long_table_draws_only_rows_in_sight_but_searches_and_saves_all(media: Page, tmp_path: Path) -> None:
    many = section(media, "many")
    expect(many.get_by_text(re.compile("^100.000 rows"))).to_be_visible()
    assert many.locator("tbody tr").count() < 60
    many.locator(".scroll").evaluate("box => box.scrollTop = box.scrollHeight")
    expect(many.get_by_role("cell", name="99999", exact=True)).to_be_visible()
    many.get_by_role("searchbox").fill("77777")
    expect(many.get_by_role("cell", name=str(2**60 + 77_777), exact=True)).to_be_visible()
    with media.expect_download() as download:
        many.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "many.csv")
    lines = (tmp_path / "many.csv").read_text().splitlines()
    assert (len(lines), lines[0], lines[-1]) == (100_001, "n,seed", f"99999,{2**60 + 99_999}")


def test_a_card_names_its_step_if_it_is_older(media: Page) -> None:
    expect(section(media, "early").get_by_text("step 0")).to_be_visible()
    expect(section(media, "digits").get_by_text("step 5", exact=True)).to_have_count(0)


def test_an_enlarged_image_is_zoomed_by_whole_pixels_with_the_keyboard(media: Page) -> None:
    section(media, "early").get_by_role("button", name="Enlarge early").click()
    dialog = media.get_by_role("dialog")
    shown = dialog.get_by_role("group", name="Zoom").locator("output")
    before = int(shown.inner_text().removesuffix(" %"))
    assert before > 100 and before % 100 == 0
    media.keyboard.press("-")
    expect(shown).not_to_have_text(f"{before} %")
    assert int(shown.inner_text().removesuffix(" %")) % 100 == 0
    media.keyboard.press("0")
    expect(shown).to_have_text(f"{before} %")


def test_a_table_is_grouped_and_a_group_shows_its_rows(media: Page) -> None:
    predictions = section(media, "predictions")
    predictions.get_by_label("Group by").select_option("label")
    expect(predictions.get_by_role("cell")).to_have_text(["cat", "10", "0.5", "dog", "10", "0.5"])
    predictions.get_by_role("button", name="dog").click()
    expect(predictions.get_by_text("10 of 20 rows")).to_be_visible()
    expect(predictions.get_by_role("searchbox")).to_have_value("label = dog")


def test_a_sound_has_its_length_and_is_positioned_with_the_keyboard(media: Page) -> None:
    tone = section(media, "tone")
    expect(tone.get_by_text("0:00.0 / 0:02.0")).to_be_visible()
    tone.get_by_role("slider").press("End")
    expect(tone.get_by_text("0:02.0 / 0:02.0")).to_be_visible()
