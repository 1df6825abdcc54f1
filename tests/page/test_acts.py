"""Actions on runs and charts, and undoing them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks import make_runs
from tests.page.conftest import Site, ready, show


@pytest.fixture
def table(page: Page, tmp_path: Path) -> Iterator[Page]:
    """The table of three runs that a test may change."""
    make_runs.make(tmp_path / "runs", 3, 2, 20)
    site = show(tmp_path / "runs")
    try:
        page.goto(site.url)
        ready(page)
        yield page
    finally:
        site.stop()


def test_the_menu_of_a_row_deletes_and_undo_restores(table: Page) -> None:
    rows = table.get_by_role("row")
    expect(rows).to_have_count(4)
    rows.nth(2).click(button="right")
    table.get_by_role("menuitem", name="Delete").click()
    expect(rows).to_have_count(3)
    table.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(4)


def test_a_tag_can_be_typed_with_or_without_suggestions(table: Page) -> None:
    row, field = table.get_by_role("row").nth(1), table.get_by_role("combobox", name="Add a tag")
    for word in ("sweep", "archived"):  # the second begins with the key that archives a run
        row.click(button="right")
        table.keyboard.press("t")  # as the menu says
        expect(field).to_be_focused()
        table.keyboard.type(word)
        table.keyboard.press("Enter")
        expect(table.get_by_role("button", name=f"Remove tag {word}")).to_be_visible()
        table.keyboard.press("Escape")
    row.click(button="right")
    table.keyboard.press("t")
    table.get_by_role("button", name="Remove tag sweep").focus()
    table.keyboard.press("a")
    table.keyboard.press("Escape")
    expect(table.get_by_role("row")).to_have_count(4)


def test_back_and_forward_restore_a_zoom(page: Page, known: Site) -> None:
    page.goto(f"{known.url}curves")
    ready(page)
    box = page.locator("section.card .chart").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 90, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 190, box["y"] + 62, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"zoom=\d"))
    address = page.url
    page.go_back()
    expect(page).not_to_have_url(re.compile("zoom="))
    expect(page.get_by_role("button", name="Reset zoom")).to_be_hidden()
    page.go_forward()
    expect(page).to_have_url(address)
    expect(page.get_by_role("button", name="Reset zoom")).to_be_visible()
