"""The Media view with histograms from `run.histogram`."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Request, expect

import netscope
from tests.page.conftest import PATIENCE_MS, Opener, Site, ready, show
from tests.waiting import until

N_STEPS = 30


def log_some(run: netscope.Run, steps: range) -> None:
    """Weights that grow wider, of which each step has other edges, and ages, whose edges are given."""
    rng = np.random.default_rng(0)
    for step in steps:
        run.histogram("weights", rng.normal(size=2000) * (1 + step / 10), step=10 * step)
        run.histogram("ages", counts=[step, 5, 2], edges=[0, 18, 40, 99], step=10 * step)
        run.log({"loss": 1 / (step + 1)}, step=10 * step)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A run with histograms of its own; no other media."""
    folder = tmp_path_factory.mktemp("logged") / "runs"
    with netscope.init(dir=folder, name="heron", watch_system=False, console=False) as run:
        log_some(run, range(N_STEPS))
    site = show(folder)
    yield site
    site.stop()


def card(page: Page, key: str) -> Locator:
    return page.get_by_role("article", name=key, exact=True)


def chart(page: Page, key: str) -> Locator:
    return card(page, key).get_by_role("slider")


def middle(chart: Locator) -> tuple[float, float]:
    box = chart.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_histogram_that_a_run_logged_has_a_card(page: Page, logged: Site) -> None:
    page.goto(f"{logged.url}media")
    ready(page)
    expect(page.get_by_role("region", name="Histograms").get_by_role("article")).to_have_count(2)
    expect(card(page, "weights")).to_contain_text("heron")
    expect(chart(page, "weights")).to_have_attribute("aria-valuemax", "290")
    expect(card(page, "weights")).to_contain_text("step 290 · 2,000 values")
    expect(card(page, "ages")).to_contain_text("step 290 · 36 values")


def test_the_pointer_shows_step_bin_and_count(page: Page, logged: Site) -> None:
    page.goto(f"{logged.url}media")
    ready(page)
    x, y = middle(chart(page, "ages"))
    page.get_by_role("button", name="Heat map").click()
    page.mouse.move(x, y)
    tip = card(page, "ages").locator(".tip")
    expect(tip).to_contain_text(re.compile(r"step 1[345]0\s*40 … 99\s*2 values"))
    page.mouse.move(1, 1)
    expect(tip).to_have_count(0)


def test_the_step_of_the_scrubber_is_highlighted(page: Page, logged: Site) -> None:
    page.goto(f"{logged.url}media")
    ready(page)
    expect(card(page, "weights")).to_contain_text("step 290")
    before = chart(page, "weights").screenshot()
    scrubber = page.get_by_role("slider", name="Selected step")
    expect(scrubber).to_have_attribute("aria-valuemax", "290")
    scrubber.press("Home")
    scrubber.press("ArrowRight")
    expect(card(page, "weights")).to_contain_text("step 10 · 2,000 values")
    until(lambda: chart(page, "weights").screenshot() != before)
    chart(page, "weights").press("ArrowRight")
    expect(card(page, "ages")).to_contain_text("step 20 · 9 values")
    expect(page).to_have_url(re.compile("step=20"))


def test_ridge_lines_heat_map_and_quantiles_differ_and_are_remembered(page: Page, logged: Site) -> None:
    page.goto(f"{logged.url}media")
    ready(page)
    expect(card(page, "weights")).to_contain_text("step 290")
    seen = set()
    for name in ("Ridge lines", "Quantiles", "Heat map"):
        page.get_by_role("button", name=name).click()
        until(lambda: chart(page, "weights").screenshot() not in seen)
        seen.add(chart(page, "weights").screenshot())
    page.reload()
    ready(page)
    expect(page.get_by_role("button", name="Heat map")).to_have_attribute("aria-pressed", "true")


def test_a_run_that_grows_is_followed(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with netscope.init(dir=folder, name="live", watch_system=False, console=False) as run:
        log_some(run, range(3))
        site = show(folder)
        try:
            page.goto(f"{site.url}media")
            expect(chart(page, "weights")).to_have_attribute("aria-valuemax", "20")
            log_some(run, range(3, 5))
            expect(chart(page, "weights")).to_have_attribute("aria-valuemax", "40", timeout=PATIENCE_MS)
            run.histogram("late", [1.0, 2.0], step=50)
            run.log({"loss": 0.0}, step=50)
            expect(chart(page, "late")).to_be_visible()
        finally:
            site.stop()


def test_only_cards_in_sight_load(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with netscope.init(dir=folder, name="many", watch_system=False, console=False) as run:
        for i in range(60):
            run.histogram(f"w{i:02}", [0.0, float(i)], step=0)
        run.log({"loss": 1.0}, step=0)
    site = show(folder)
    asked: set[str] = set()

    def note(request: Request) -> None:
        if "/histograms?" in request.url:
            asked.add(request.url)

    try:
        page.on("request", note)
        page.goto(f"{site.url}media")
        ready(page)
        expect(chart(page, "w00")).to_be_visible()
        page.wait_for_timeout(500)  # would have been asked for by now
        assert 0 < len(asked) < 24
        page.get_by_role("article").last.scroll_into_view_if_needed()
        expect(chart(page, "w23")).to_be_visible()
        assert any("w23" in url for url in asked)
    finally:
        site.stop()


def test_search_and_kind_filter_histograms_and_other_media(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with netscope.init(dir=folder, watch_system=False, console=False) as run:
        run.log({"w": netscope.Histogram([1.0, 2.0]), "b": netscope.Histogram([]), "note": "words"}, step=0)
    site = show(folder)
    try:
        page.goto(f"{site.url}media")
        ready(page)
        expect(page.get_by_role("article")).to_have_count(2)
        expect(card(page, "b")).to_contain_text("The histogram is empty.")
        expect(page.get_by_role("heading", name="note")).to_be_visible()
        page.get_by_role("button", name="Histogram", exact=True).click()
        expect(page.get_by_role("heading", name="note")).to_have_count(0)
        page.get_by_label("Find keys").fill("w")
        expect(page.get_by_role("article")).to_have_count(1)
        page.get_by_role("button", name="Text", exact=True).click()
        expect(page.get_by_role("article")).to_have_count(0)
    finally:
        site.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_cards_fit_and_axe_finds_no_problem(opened: Opener, logged: Site, root: Path, width: int, scheme: str) -> None:
    page = opened(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.goto(f"{logged.url}media")
    ready(page)
    expect(card(page, "weights")).to_contain_text("step 290")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.locator(".scroll").last.evaluate("box => box.scrollWidth <= box.clientWidth")
    page.evaluate((root / "web/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    violations = page.evaluate("axe.run().then(result => result.violations)")
    assert not [f"{found['id']}: {[node['html'][:160] for node in found['nodes'][:3]]}" for found in violations]


def test_the_cards_are_translated_to_chinese(opened: Opener, logged: Site) -> None:
    page = opened(locale="zh-CN")
    page.goto(f"{logged.url}media")
    ready(page)
    expect(page.get_by_role("region", name="直方图")).to_be_visible()
    expect(card(page, "weights")).to_contain_text("第 290 步")
