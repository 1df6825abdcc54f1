"""A tour without a mouse: every control is reachable, the focus is visible, Escape closes and restores the focus."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import Site, ready

VIEWS = ["runs", "curves", "layers", "system", "console", "media", "overview"]

# Everything in sight that a mouse can use, except what composite widgets reach with arrow keys (tabindex -1).
CONTROLS = """() => [...document.querySelectorAll(
  'a[href], button, input, select, textarea, [tabindex="0"]'
)].filter(e => {
  if (e.tabIndex < 0 || e.disabled || e.closest('[popover]:not(:popover-open)')) return false;
  if (e.matches('.skip')) return true;
  const box = e.getBoundingClientRect();
  return box.width > 0 && box.height > 0 && getComputedStyle(e).visibility !== 'hidden';
}).map(e => { e.dataset.tour ??= String(window.tour = (window.tour ?? 0) + 1); return e.dataset.tour; })"""

# Which control has the focus, and whether it is visible: an outline, or a different style than without the focus.
FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e);
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  const seen = outlined || style.backgroundImage !== 'none';
  const box = e.getBoundingClientRect();
  const inSight = box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
  let opacity = 1;
  for (let up = e; up; up = up.parentElement) opacity *= Number(getComputedStyle(up).opacity);
  return { id: e.dataset.tour ?? '', html: e.outerHTML.slice(0, 120), seen: seen && inSight && opacity > 0.5 };
}"""


@pytest.mark.parametrize("view", VIEWS)
def test_tab_reaches_every_control_with_a_visible_focus(page: Page, demo: Site, view: str) -> None:
    page.goto(f"{demo.url}{view}")
    ready(page)
    page.wait_for_timeout(500)
    wanted = set(page.evaluate(CONTROLS))
    assert len(wanted) > 8
    reached: set[str] = set()
    unseen: list[str] = []
    for _ in range(400):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None or (focused["id"] in reached and focused["id"]):
            if wanted <= reached or focused is None:
                break
            continue
        reached.add(focused["id"])
        if not focused["seen"]:
            unseen.append(focused["html"])
    missed = wanted - reached
    html = [
        page.evaluate("id => document.querySelector(`[data-tour='${id}']`)?.outerHTML.slice(0, 120)", id)
        for id in missed
    ]
    assert [one for one in html if one] == []
    assert unseen == []


def has_focus(control: Locator) -> None:
    expect(control).to_be_focused()


def test_escape_closes_a_popover_and_restores_the_focus(page: Page, known: Site) -> None:
    page.goto(known.url)
    ready(page)
    for name in ("Group", "Colour", "Columns", "More", "How to search"):
        opener = page.get_by_role("button", name=name, exact=True)
        opener.focus()
        page.keyboard.press("Enter")
        panel = page.locator("[popover]:popover-open")
        expect(panel).to_be_visible()
        expect(panel.locator(":focus")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(panel).to_have_count(0)
        has_focus(opener)


def test_escape_closes_palette_and_shortcuts_and_restores_the_focus(page: Page, known: Site) -> None:
    page.goto(known.url)
    ready(page)
    for name, dialog in (("Commands", "Commands"), ("Keyboard", "Keyboard")):
        opener = page.get_by_role("button", name=name)
        opener.focus()
        page.keyboard.press("Enter")
        shown = page.get_by_role("dialog", name=dialog)
        expect(shown).to_be_visible()
        page.keyboard.press("Escape")
        expect(shown).to_have_count(0)
        has_focus(opener)


def test_escape_closes_an_enlarged_chart_and_restores_the_focus(page: Page, known: Site) -> None:
    page.goto(f"{known.url}curves")
    ready(page)
    opener = page.get_by_role("button", name="Enlarge: loss")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="loss")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="loss")).to_have_count(0)
    has_focus(opener)


def test_runs_are_selected_and_edited_by_keyboard_alone(page: Page, known: Site) -> None:
    page.goto(known.url)
    ready(page)
    grid = page.get_by_role("grid")
    grid.focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.keyboard.press("t")
    expect(page.get_by_placeholder("Add a tag")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_placeholder("Add a tag")).to_have_count(0)
    has_focus(grid)
    page.keyboard.press("Escape")
    expect(page.get_by_text("2 selected")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "/overview" in page.url


def test_escape_leaves_a_search(page: Page, demo: Site) -> None:
    page.goto(f"{demo.url}console")
    ready(page)
    page.keyboard.press("/")
    field = page.get_by_role("textbox", name="Search the console")
    has_focus(field)
    field.fill("epoch 1")
    page.keyboard.press("Escape")
    expect(field).to_have_value("")
    page.keyboard.press("Escape")
    expect(field).not_to_be_focused()
