"""Smoothed curves on the page: the moving average over every logged point, at every width and zoom."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import netscope
from tests.page.conftest import Opener, Site, ready, show
from tests.waiting import until

STEPS, SHARES = 20_000, {"rarely": 0.05, "often": 0.5}


@pytest.fixture(scope="module")
def successes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two runs of successes and failures, 1 and 0."""
    folder = tmp_path_factory.mktemp("successes") / "runs"
    random = np.random.default_rng(1)
    for name, share in SHARES.items():
        with netscope.init(dir=folder, name=name, watch_system=False, console=False) as run:
            for step, has_won in enumerate(random.random(STEPS) < share):
                run.log({"success": float(has_won)}, step=step)
    site = show(folder)
    yield site
    site.stop()


def told(page: Page) -> dict[str, tuple[int, float]]:
    """What the tooltip in the middle of the chart says of each run: the step and the mean there."""
    chart = page.get_by_role("slider", name=re.compile("^success"))
    chart.hover()
    rows = page.locator(".tip .row")
    expect(rows).to_have_count(len(SHARES))
    head = page.locator(".tip .head").inner_text()
    found = {}
    for row in rows.all():
        step = re.search(r"step ([\d,]+)", row.inner_text()) or re.search(r"step ([\d,]+)", head)
        assert step
        mean = float(row.locator(".value").inner_text())
        found[row.locator(".name").inner_text()] = int(step[1].replace(",", "")), mean
    page.mouse.move(0, 0)
    return found


@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize("zoom", ["", "&zoom=9000..11000", "&zoom=9990..10040"])
def test_the_average_in_the_tooltip_is_the_same_at_every_width_and_zoom(
    opened: Opener, successes: Site, width: int, zoom: str
) -> None:
    page = opened(viewport={"width": width, "height": 800})
    page.goto(f"{successes.url}curves?smooth=0.9{zoom}")
    ready(page)
    with netscope.open(successes.folder) as store:
        for name, (step, mean) in told(page).items():
            assert mean == pytest.approx(store.run(name).series("success").smoothed(0.9).values[step], rel=1e-3)


def test_after_dragging_the_smoothing_the_last_weight_is_drawn(page: Page, successes: Site) -> None:
    page.goto(f"{successes.url}curves?smooth=0")
    ready(page)
    slider = page.get_by_role("slider", name=re.compile("Smoothing")).first
    for weight in range(90, 99):
        slider.evaluate(
            "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})) }", str(weight / 100)
        )
    with netscope.open(successes.folder) as store:
        mean = store.run("rarely").series("success").smoothed(0.98).values

    def is_drawn() -> bool:
        step, seen = told(page)["rarely"]
        return seen == pytest.approx(mean[step], rel=1e-3)

    until(is_drawn)
