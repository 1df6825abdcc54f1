"""The whole demo in a real browser: a network learns, and the page shows it."""

import re

from playwright.sync_api import Page, expect

from tests.page.conftest import PATIENCE_MS, Site

LOSS = '[aria-label="loss"] [role="slider"]'


def last_step(page: Page) -> float:
    """The end of the training loss's curve, in px."""
    chart = page.locator(LOSS).first
    expect(chart).to_have_attribute("aria-valuemax", re.compile(r"^[1-9]"), timeout=2 * PATIENCE_MS)
    return float(chart.get_attribute("aria-valuemax") or "nan")


def wait_for_step(page: Page, step: float) -> None:
    """Wait until the curve is longer than that, without touching the page."""
    page.wait_for_function(
        "([loss, step]) => Number(document.querySelector(loss)?.getAttribute('aria-valuemax')) > step",
        arg=[LOSS, step],
        timeout=2 * PATIENCE_MS,
    )


def test_the_curve_grows_while_it_trains(page: Page, training: Site) -> None:
    page.goto(f"{training.url}curves")
    first = last_step(page)
    before = page.locator(LOSS).first.screenshot()
    wait_for_step(page, first)
    second = last_step(page)
    wait_for_step(page, second)
    assert page.locator(LOSS).first.screenshot() != before
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()


def test_held_out_digits_appear_with_their_predictions(page: Page, demo: Site) -> None:
    page.goto(f"{demo.url}media")
    picture = page.locator("img, canvas").filter(visible=True).first
    picture.wait_for()
    expect(page.get_by_text("val/samples").first).to_be_visible()


def test_every_layer_is_shown(page: Page, demo: Site) -> None:
    page.goto(f"{demo.url}layers")
    for layer in ("conv1", "conv2", "fc1", "fc2"):
        expect(page.get_by_text(layer, exact=True).first).to_be_visible()


def test_the_output_of_the_training_is_in_the_console(page: Page, demo: Site) -> None:
    page.goto(f"{demo.url}console")
    expect(page.get_by_text(re.compile(r"epoch 1 of 3: .* right")).first).to_be_visible()


def test_system_metrics_are_shown(page: Page, demo: Site) -> None:
    page.goto(f"{demo.url}system")
    expect(page.locator('[role="slider"][aria-label*="cpu" i]').first).to_be_visible()
