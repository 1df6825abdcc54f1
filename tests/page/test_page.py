"""The page with fixed runs: selection, history, connection, keyboard, language, size."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks import make_runs
from tests.page.conftest import PATIENCE_MS, Opener, Site, ready, show

VIEWS = ["runs", "compare", "trash", "curves", "layers", "system", "console", "media", "overview"]


def shown(page: Page) -> list[str]:
    """Labels of the open eyes."""
    return page.locator("button:has(> .eye:not(.shut))").evaluate_all("eyes => eyes.map(eye => eye.ariaLabel)")


def test_the_selection_survives_a_reload(page: Page, known: Site) -> None:
    page.goto(known.url)
    ready(page)
    before = shown(page)
    page.locator("[role=row].run button:has(> .eye)").nth(3).click()
    expect(page).to_have_url(re.compile("#hide="))
    chosen = shown(page)
    assert chosen != before
    address = page.url
    page.reload()
    ready(page)
    assert page.url == address
    assert shown(page) == chosen
    page.get_by_role("link", name="Training").click()
    expect(page).to_have_url(re.compile(r"/curves.*#hide="))


def test_an_address_restores_what_was_shown(opened: Opener, known: Site) -> None:
    one, two = opened(), opened()
    one.goto(f"{known.url}curves")
    ready(one)
    one.get_by_role("link", name="Overview").click()
    expect(one).to_have_url(re.compile("/overview"))
    two.goto(one.url)
    ready(two)
    assert two.locator("h1").first.inner_text() == one.locator("h1").first.inner_text()


def test_back_and_forward_go_through_the_views(page: Page, known: Site) -> None:
    page.goto(known.url)
    ready(page)
    for section, view in (("Training", "curves"), ("Overview", "overview")):
        page.get_by_role("link", name=section).click()
        expect(page).to_have_url(re.compile(view))
    page.go_back()
    expect(page).to_have_url(re.compile("curves"))
    expect(page.locator('[aria-label="loss"]').first).to_be_visible()
    page.go_forward()
    expect(page).to_have_url(re.compile("overview"))


def test_a_lost_and_recovered_server_is_noticed(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    make_runs.make(folder, 2, 2, 50)
    site = show(folder)
    page.goto(f"{site.url}curves")
    ready(page)
    chart = page.locator('[aria-label="loss"]').first
    expect(chart).to_be_visible()
    site.stop()
    expect(page.get_by_role("alert").filter(has_text="does not respond")).to_be_visible()
    expect(chart).to_be_visible()
    make_runs.write_run(folder, 7, 2, 50)
    again = show(folder, site.port)
    assert again.port == site.port
    try:
        expect(page.get_by_role("status").filter(has_text=re.compile("Reconnected|Live")).first).to_be_visible()
        expect(page.get_by_role("alert").filter(has_text="does not respond")).to_be_hidden()
        expect(page.get_by_text(re.compile(r"-7$")).first).to_be_visible()
    finally:
        again.stop()


def test_a_run_deleted_while_shown_disappears(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    places = make_runs.make(folder, 3, 2, 50)
    site = show(folder)
    try:
        page.goto(site.url)
        ready(page)
        expect(page.get_by_text(re.compile(r"-2$")).first).to_be_visible()
        shutil.rmtree(places[2])
        expect(page.get_by_text(re.compile(r"-2$"))).to_have_count(0, timeout=2 * PATIENCE_MS)
        expect(page.get_by_text(re.compile(r"-1$")).first).to_be_visible()
    finally:
        site.stop()


def test_an_empty_folder_says_what_to_type(page: Page, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    site = show(tmp_path / "runs")
    try:
        page.goto(site.url)
        expect(page.get_by_text("netscope.init").first).to_be_visible()
        sections = page.get_by_role("navigation", name="Sections").get_by_role("link")
        expect(sections).to_have_text(["Runs", "Model"])  # there is no training yet
    finally:
        site.stop()


def test_a_question_mark_lists_the_keys(page: Page, known: Site) -> None:
    page.goto(known.url)
    ready(page)
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard")
    expect(keys).to_be_visible()
    assert keys.locator("kbd").count() >= 10
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_keys_go_to_the_views(page: Page, known: Site) -> None:
    page.goto(known.url)
    ready(page)
    for key, view in (("c", "curves"), ("o", "overview"), ("r", "runs")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page).to_have_url(re.compile(view))


def test_a_section_opens_with_its_last_view(page: Page, known: Site) -> None:
    page.goto(f"{known.url}curves")
    ready(page)
    page.get_by_role("link", name="Console").click()
    page.get_by_role("link", name="Runs").click()
    expect(page).to_have_url(re.compile("/runs"))
    expect(page.get_by_role("link", name="Console")).to_have_count(0)
    page.get_by_role("link", name="Training").click()
    expect(page).to_have_url(re.compile("/console"))
    expect(page.get_by_role("link", name="Console")).to_have_attribute("aria-current", "page")


def test_sections_and_their_views_are_within_reach_on_a_phone(opened: Opener, known: Site) -> None:
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto(known.url)
    ready(page)
    page.get_by_role("link", name="Training").tap()
    ready(page)
    page.get_by_role("link", name="System").tap()
    expect(page).to_have_url(re.compile("/system"))
    page.get_by_role("link", name="Overview").tap()
    expect(page).to_have_url(re.compile("/overview"))


def test_the_palette_runs_a_command(page: Page, known: Site) -> None:
    page.goto(known.url)
    ready(page)
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("dark")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_language_can_be_switched_and_is_kept(page: Page, known: Site) -> None:
    page.goto(known.url)
    ready(page)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("navigation").first).not_to_contain_text("Training")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_an_enlarged_chart_has_the_colours_of_its_runs(page: Page, known: Site) -> None:
    page.goto(f"{known.url}curves")
    ready(page)
    page.get_by_role("button", name="Enlarge: loss").click()
    dialog = page.get_by_role("dialog", name="loss")
    shown = [run["name"] for run in known.ask("runs")["runs"]]
    named = dialog.get_by_role("list", name="Runs").get_by_role("listitem")
    expect(named).to_have_count(10)
    assert set(named.all_inner_texts()) <= set(shown)


def test_a_dialog_that_cannot_be_loaded_is_reported(page: Page, known: Site) -> None:
    page.route("**/Palette-*.js", lambda route: route.abort())
    page.goto(known.url)
    ready(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_text("This view could not be loaded.")).to_be_visible()


def test_a_language_is_loaded_when_it_is_chosen(page: Page, known: Site) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.route("**/zh-*.js", lambda route: route.abort())
    page.goto(known.url)
    ready(page)
    assert not [url for url in loaded if "/zh-" in url]
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_text("The language could not be loaded.")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.unroute("**/zh-*.js")
    page.get_by_role("button", name="Reload the page").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_a_chinese_page_never_shows_another_language(opened: Opener, known: Site) -> None:
    page = opened(locale="zh-CN")
    page.add_init_script(
        "window.seen = new Set(); new MutationObserver(() => seen.add(document.documentElement.lang + ' ' + "
        "document.querySelector('nav a')?.textContent.trim())).observe(document, { childList: true, subtree: true })"
    )
    page.goto(known.url)
    ready(page)
    assert [said for said in page.evaluate("[...seen]") if "undefined" not in said] == ["zh-CN 实验"]


def test_a_chinese_browser_gets_a_chinese_page(opened: Opener, known: Site) -> None:
    page = opened(locale="zh-CN")
    page.goto(known.url)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_scrolls_only_downwards(opened: Opener, demo: Site, view: str) -> None:
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto(f"{demo.url}{view}")
    ready(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_no_problem(opened: Opener, demo: Site, root: Path, view: str, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    page.goto(f"{demo.url}{view}")
    ready(page)
    page.wait_for_timeout(300)  # what fades in is there
    page.evaluate((root / "web/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    violations = page.evaluate("axe.run().then(result => result.violations)")
    said = [f"{found['id']}: {[node['html'][:160] for node in found['nodes'][:3]]}" for found in violations]
    assert not said, "\n".join(said)
