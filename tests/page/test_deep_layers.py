"""A network of very many layers: only rows in sight are loaded and in the document."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Site, ready, show
from tests.store.journals import Script

N = 1000
LAYERS = [f"block.{i:03}" for i in range(N)]


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("deep") / "runs"
    script = Script(name="deep")
    layers = [{"layer": name, "type": "Linear", "parameters": {"weight": [8, 8]}} for name in LAYERS]
    script.event("layers", layers=layers)
    for step in range(5):
        values = {f"{name}/weight/gradient/norm": (i + 1) * 10.0**step for i, name in enumerate(LAYERS)}
        strange = {f"{name}/weight/gradient/nonfinite": 7.0 * (i == 900) for i, name in enumerate(LAYERS)}
        broken = {f"{LAYERS[500]}/weight/value/nonfinite": 3.0, f"{LAYERS[501]}/weight/value/nonfinite": 0.0}
        script.log(step, values | strange | broken, kind="layer")
    script.end().write(folder / "deep")
    site = show(folder)
    yield site
    site.stop()


def test_rows_are_loaded_as_they_come_into_sight(deep: Site, page: Page) -> None:
    asked: list[tuple[int, int]] = []

    def note(url: str) -> None:
        query = parse_qs(urlparse(url).query)
        if "start" in query:
            asked.append((int(query["start"][0]), int(query["stop"][0])))

    page.on("request", lambda request: note(request.url))
    page.goto(f"{deep.url}layers")
    ready(page)
    page.get_by_role("button", name="Comfortable").click()
    page.reload()
    ready(page)
    asked.clear()
    page.reload()
    ready(page)
    matrix = page.locator(".matrix")
    expect(matrix.get_by_role("button", name="block.000")).to_be_visible()
    expect(matrix.get_by_role("img").get_by_text("10,000", exact=True)).to_be_visible()
    assert asked == [(0, 64)]
    matrix.locator(".scroll").evaluate("(place) => { place.scrollTop = 900 * 18 - 20; }")
    expect(matrix.get_by_text("7 NaN or infinite")).to_be_visible()
    assert all(start > 700 for start, _ in asked[1:])
    assert 0 < matrix.locator(".labels button").count() <= 3 * 64
    assert matrix.locator(".labels button").first.inner_text().startswith("block.8")


def test_the_arrow_keys_scroll_the_rows(deep: Site, page: Page) -> None:
    page.goto(f"{deep.url}layers?layer=block.063")
    ready(page)
    heat = page.get_by_role("slider").first
    heat.focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.locator(".panel h2")).to_have_text("block.066")
    for _ in range(40):
        page.keyboard.press("ArrowDown")
    expect(page.locator(".panel h2")).to_have_text("block.106")
    expect(page.locator(".labels button[aria-pressed=true]")).to_be_in_viewport()


def test_a_thousand_layers_are_thin_rows_with_names_that_do_not_overlap(deep: Site, page: Page) -> None:
    page.goto(f"{deep.url}layers")
    ready(page)
    labels = page.locator(".labels button")
    expect(labels.first).to_be_visible()
    tops = sorted(box["y"] for label in labels.all()[:60] if (box := label.bounding_box()))
    assert len(tops) == 60
    assert min(below - above for above, below in pairwise(tops)) >= 14


def test_layers_are_found_folded_and_unfolded_by_keyboard(deep: Site, page: Page) -> None:
    page.goto(f"{deep.url}layers")
    ready(page)
    page.keyboard.press("b")
    group = page.get_by_role("button", name="block 000–999")
    expect(page.locator(".labels button")).to_have_count(1)
    expect(page.locator(".matrix").get_by_text("7 NaN or infinite")).to_be_visible()  # in one of them
    group.focus()
    page.keyboard.press("Enter")
    expect(group).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".labels button").nth(1)).to_contain_text("009")  # the first below with room for its name
    page.keyboard.press("/")
    page.keyboard.type("/9[05]0$/")
    expect(page.locator(".labels button")).to_have_count(2)
    expect(page.locator(".labels button").first).to_contain_text("block.900")


def test_a_layer_that_stands_out_is_marked_and_can_be_jumped_to(deep: Site, page: Page) -> None:
    page.goto(f"{deep.url}layers")
    ready(page)
    listed = page.get_by_role("group", name="1 layer stands out")
    expect(listed).to_contain_text("block.500 3 weights are NaN or infinite")
    page.keyboard.press("n")
    expect(page.locator(".panel h2")).to_have_text("block.500")
    expect(page.locator(".labels button[aria-pressed=true]")).to_contain_text("▲")
