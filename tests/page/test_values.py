"""Running a model from the page: nothing runs before the button is pressed, then the graph shows what was computed."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.frameworks.test_values_onnx import net
from tests.page.conftest import Site, start

NAN = "The first NaN is a result of log."


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("values")
    served = start(folder / "runs", "open", str(net(folder)), "--port", "0")
    yield served
    served.stop()


def form(page: Page, site: Site) -> None:
    page.goto(site.url)
    expect(page.get_by_role("application")).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Run", exact=True).click()


def run(page: Page, site: Site) -> None:
    form(page, site)
    page.locator("form").get_by_role("button", name="Run").click()
    expect(page.get_by_text("values computed by ONNX Runtime")).to_be_visible()
    page.keyboard.press("Escape")


def test_nothing_runs_before_the_button_is_pressed(page: Page, site: Site) -> None:
    form(page, site)
    expect(page.get_by_text("Normal, with mean 0 and standard deviation 1")).to_be_visible()
    assert page.request.get(f"http://127.0.0.1:{urlsplit(site.url).port}/api/jobs").json()["jobs"] == []


def test_after_a_run_the_first_nan_is_named_and_a_button_leads_there(page: Page, site: Site) -> None:
    run(page, site)
    expect(page.get_by_text(NAN)).to_be_visible()
    page.get_by_role("button", name="Show", exact=True).click()
    details = page.get_by_role("complementary", name="Details")
    expect(details.get_by_role("heading", name="Log")).to_be_visible()
    expect(details.get_by_text(" NaN, 0 infinite of 5")).to_be_visible()


def test_the_panel_shows_numbers_histogram_and_maps_of_a_value(page: Page, site: Site) -> None:
    run(page, site)
    page.keyboard.press("/")
    page.keyboard.type("relu")
    page.keyboard.press("Enter")
    details = page.get_by_role("complementary", name="Details")
    expect(details.get_by_text("float32 1×8×6×6")).to_be_visible()
    expect(details.get_by_role("img", name="Histogram")).to_be_visible()
    expect(details.get_by_text("8 channels")).to_be_visible()
    expect(details.get_by_text("Time", exact=True)).to_be_visible()


def test_boxes_can_be_coloured_by_time_once_the_model_has_run(page: Page, site: Site) -> None:
    form(page, site)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Operation").click()
    expect(page.get_by_role("radio", name="Parameters")).to_be_visible()
    expect(page.get_by_role("radio", name="Time")).to_have_count(0)
    page.keyboard.press("Escape")
    run(page, site)
    page.get_by_role("button", name="Operation").click()
    page.get_by_role("radio", name="Time").click()
    expect(page.get_by_role("group", name="Colours").get_by_text("Time")).to_be_visible()


def test_a_size_that_is_open_can_be_chosen(page: Page, site: Site) -> None:
    form(page, site)
    page.get_by_label("n", exact=True).fill("3")
    page.locator("form").get_by_role("button", name="Run").click()
    expect(page.get_by_text("values computed by")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Random · 3×3×8×8")).to_be_visible()


def test_an_array_is_uploaded_and_one_that_does_not_fit_is_refused(page: Page, site: Site, tmp_path: Path) -> None:
    import numpy as np

    np.save(tmp_path / "wrong.npy", np.zeros((2, 2), np.float32))
    form(page, site)
    page.get_by_label("What to give to x").select_option("array")
    page.locator("form").get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_have_text("Choose a file for x.")
    page.get_by_label("File for x").set_input_files(tmp_path / "wrong.npy")
    page.locator("form").get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert").get_by_text("got an array of [2, 2]")).to_be_visible()
