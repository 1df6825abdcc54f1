"""The Weights view in a browser: pictures of stored arrays, down to the number."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from netscope.formats import safetensors
from tests.page.conftest import Opener, Site, start

RNG = np.random.default_rng(11)
MATRIX = RNG.normal(size=(300, 900)).astype(np.float32)
MATRIX[7] = 0
MATRIX[3, 5] = np.nan
FILTERS = RNG.normal(size=(10, 3, 5, 5)).astype(np.float32)
ARRAYS = {
    "stem.weight": FILTERS,
    "body.fc.weight": MATRIX,
    "body.fc.bias": np.arange(12, dtype=np.float32) - 6,
    "body.stack": RNG.normal(size=(4, 40, 50)).astype(np.float32),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("weights") / "models"
    folder.mkdir()
    path = folder / "net.safetensors"
    path.write_bytes(safetensors.encode(ARRAYS))
    served = start(folder, "open", str(path), "--port", "0")
    yield served
    served.stop()


def base(site: Site) -> str:
    return "/".join(site.url.split("/")[:3])


def shown(page: Page, site: Site, tensor: str = "body.fc.weight", view: str = "weights") -> Page:
    with urllib.request.urlopen(f"{base(site)}/api/models") as reply:
        model = json.load(reply)["models"][0]["id"]
    page.goto(f"{base(site)}/{view}?model={model}&tensor={tensor}")
    if view == "weights":
        expect(page.get_by_role("application", name=f"Heat map of {tensor}")).to_be_visible()
        page.wait_for_function("() => performance.getEntriesByName('charts-drawn').length > 0")
    return page


def tensors(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Tensors").get_by_role("option")


def details(page: Page) -> str:
    return page.get_by_role("complementary", name="Details").inner_text()


def test_the_facts_are_those_of_the_array(page: Page, site: Site) -> None:
    shown(page, site)
    expect(page.get_by_role("complementary", name="Details")).to_contain_text("float32 300×900")
    text = details(page)
    finite = MATRIX[np.isfinite(MATRIX)].astype(float)
    assert f"{finite.std():.4g}" in text
    assert "1 NaN" in text
    assert "All zero" in text
    assert "Not defined: the matrix has NaN" in text


def test_the_pointer_reads_the_exact_number(page: Page, site: Site) -> None:
    shown(page, site, "body.fc.bias")
    picture = page.get_by_role("application")
    box = picture.bounding_box()
    assert box
    picture.focus()
    page.keyboard.press("ArrowRight")
    readout = page.locator(".readout")
    expect(readout).to_contain_text("] = ")
    page.keyboard.press("ArrowLeft")
    place, _, value = readout.inner_text().partition(" = ")
    index = int(place.strip("[]"))
    assert float(value.replace("−", "-")) == index - 6


def test_keys_zoom_to_the_number_and_back(page: Page, site: Site) -> None:
    shown(page, site)
    picture = page.get_by_role("application")
    picture.focus()
    page.keyboard.press("ArrowDown")
    for _ in range(14):
        page.keyboard.press("+")
    readout = page.locator(".readout")
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    expect(readout).not_to_contain_text("…")
    expect(readout).not_to_contain_text("cell of")
    place, _, value = readout.inner_text().partition(" = ")
    row, column = (int(one) for one in place.strip("[]").split(", "))
    np.testing.assert_allclose(float(value.replace("−", "-")), MATRIX[row, column], rtol=1e-6)
    page.keyboard.press("0")
    page.keyboard.press("ArrowDown")
    expect(readout).to_contain_text("cell of")


def test_a_zoomed_picture_is_copied_as_its_rows(page: Page, site: Site) -> None:
    shown(page, site)
    code = page.get_by_role("button", name="NumPy code")
    expect(code).to_have_attribute("title", 'netscope.open_model("net.safetensors").read("body.fc.weight")')
    page.get_by_role("application").focus()
    for _ in range(12):
        page.keyboard.press("+")
    expect(code).not_to_have_attribute("title", 'netscope.open_model("net.safetensors").read("body.fc.weight")')
    said = code.get_attribute("title") or ""
    assert ", slice(" in said


def test_a_tensor_is_chosen_by_keyboard_and_kept_in_the_link(page: Page, site: Site) -> None:
    shown(page, site, "stem.weight")
    tensors(page).filter(has_text="stem.weight").focus()
    page.keyboard.press("ArrowDown")
    chosen = page.get_by_role("listbox", name="Tensors").get_by_role("option", selected=True)
    expect(chosen).not_to_contain_text("stem.weight")
    name = chosen.locator(".name").inner_text()
    expect(page.get_by_role("application", name=f"Heat map of {name}")).to_be_visible()
    assert f"tensor={name}" in page.url
    assert "layer=" in page.url
    page.go_back()
    expect(page.get_by_role("application", name="Heat map of stem.weight")).to_be_visible()


def test_search_and_order_of_the_list(page: Page, site: Site) -> None:
    shown(page, site)
    page.get_by_label("Sort by").select_option("size")
    expect(tensors(page).first).to_contain_text("body.fc.weight")
    page.get_by_label("Sort by").select_option("norm")
    expect(tensors(page).first).to_contain_text(f"norm {np.sqrt(np.nansum(MATRIX.astype(float) ** 2)):.0f}")
    expect(tensors(page).first).to_contain_text("Has NaN")
    expect(tensors(page).last).to_contain_text("norm")
    page.get_by_label("Search the tensors").fill("5x5")
    expect(tensors(page)).to_have_count(1)
    expect(tensors(page)).to_contain_text("stem.weight")


def test_filters_have_colours_and_a_stack_a_slider(page: Page, site: Site) -> None:
    shown(page, site, "stem.weight")
    colour = page.get_by_role("button", name="RGB")
    expect(colour).to_have_attribute("aria-pressed", "true")
    colour.click()
    expect(page.get_by_role("button", name="symlog")).to_be_visible()
    shown(page, site, "body.stack")
    slider = page.get_by_label("Axis 0")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("1 / 3")).to_be_visible()
    std = ARRAYS["body.stack"][1].std(dtype=float)
    expect(page.get_by_role("complementary", name="Details")).to_contain_text(f"{std:.4g}")


def test_a_download_is_the_array(page: Page, site: Site) -> None:
    shown(page, site)
    with page.expect_download() as download:
        page.get_by_role("link", name=".npy").click()
    assert download.value.suggested_filename == "body.fc.weight.npy"
    np.testing.assert_array_equal(np.load(download.value.path()), MATRIX)


def test_a_tensor_opens_in_the_side_panel(page: Page, site: Site) -> None:
    shown(page, site, "", "graph")
    page.get_by_role("button", name="stem.weight", exact=True).click()
    expect(page.get_by_role("img", name="Heat map of stem.weight")).to_be_visible()
    expect(page.get_by_role("img", name="Histogram of stem.weight")).to_be_visible()
    page.get_by_role("link", name="Open in Weights").click()
    expect(page.get_by_role("application", name="Heat map of stem.weight")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_problem(opened: Opener, site: Site, root: Path, width: int, scheme: str) -> None:
    page = shown(opened(viewport={"width": width, "height": 844}, color_scheme=scheme), site)
    page.evaluate((root / "web/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    violations = page.evaluate("axe.run().then(result => result.violations)")
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in violations] == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_a_run_says_where_its_weights_are(page: Page, demo: Site) -> None:
    page.goto(f"{demo.url}weights")
    expect(page.get_by_text("A run keeps the graph of its network and the histograms of its weights")).to_be_visible()
    name = (
        page.get_by_role("listbox", name="Tensors").get_by_role("option", selected=True).locator(".name").inner_text()
    )
    expect(page.get_by_role("slider", name=name)).to_be_visible()
    page.get_by_role("link", name="Open in Layers").click()
    expect(page).to_have_url(re.compile("/layers"))
