"""Two models compared in a browser: colours, the list of changes, both sides, by mouse and by keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.models.comparison_files import fused, network
from tests.page.conftest import Site, show


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("comparison")
    (folder / "runs").mkdir()
    served = show(folder / "runs")
    yield served
    served.stop()


@pytest.fixture
def address(page: Page, site: Site, tmp_path: Path) -> str:
    """The address of the comparison of a network and the same with its normalisation fused."""
    page.goto(f"{site.url}graph")
    ids = []
    for path in (network(tmp_path / "before.onnx"), network(tmp_path / "after.onnx", *fused())):
        page.locator("input[type=file]").set_input_files(path)
        expect(panel(page)).to_contain_text(path.name)
        ids.append(page.url.partition("model=")[2].partition("&")[0])
    return f"{site.url}graph?model={ids[1]}&with=model:{ids[0]}"


def panel(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Details")


def test_a_model_is_chosen_to_compare_with_and_the_address_keeps_it(page: Page, address: str) -> None:
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("button", name="before.onnx").click()
    legend = page.get_by_role("group", name="Colours")
    expect(legend).to_contain_text("Same 6")
    expect(legend).to_contain_text("Weights moved 1")
    expect(legend).to_contain_text("Removed 1")
    page.reload()
    expect(legend).to_contain_text("Removed 1")
    page.get_by_role("button", name="End the comparison").click()
    expect(legend).not_to_contain_text("Removed")
    assert "with=" not in page.url


def test_a_removed_node_is_shown_in_the_model_before(page: Page, address: str) -> None:
    page.goto(address)
    panel(page).get_by_role("button", name="BatchNorm_3").click()
    expect(page.get_by_role("button", name="Before before.onnx")).to_have_attribute("aria-pressed", "true")
    expect(panel(page)).to_contain_text("Removed")
    expect(panel(page).get_by_role("heading", level=2)).to_have_text("BatchNormalization")


def test_keys_go_from_difference_to_difference_and_to_the_other_side(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("group", name="Colours")).to_contain_text("Weights moved 1")  # the job is done
    page.keyboard.press("n")
    expect(panel(page)).to_contain_text("Weights moved")
    expect(panel(page)).to_contain_text("Relative distance")
    expect(panel(page)).to_contain_text("c2.weight")
    page.keyboard.press("b")
    expect(page.get_by_role("button", name="Before before.onnx")).to_have_attribute("aria-pressed", "true")
    expect(panel(page)).to_contain_text("Show in after.onnx")  # the same node is selected there
    expect(panel(page).get_by_role("heading", level=2)).to_have_text("Conv")
    page.keyboard.press("Shift+N")
    expect(panel(page).get_by_role("heading", level=2)).to_have_text("BatchNormalization")


def test_axe_finds_no_problem(page: Page, address: str, root: Path) -> None:
    page.goto(address)
    expect(page.get_by_role("group", name="Colours")).to_contain_text("Weights moved 1")  # the job is done
    page.evaluate((root / "web/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    for key in ("", "n"):
        if key:
            page.keyboard.press(key)
            expect(panel(page)).to_contain_text("Relative distance")
        found = page.evaluate("() => axe.run({resultTypes: ['violations']}).then((result) => result.violations)")
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
