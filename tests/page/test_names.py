"""Numbers and names are shown exactly: every digit of a seed, and hidden characters in a name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import netscope
from tests.page.conftest import ready, show

SEEDS = [20240117, 20240118, 2**53, 2**53 + 1]
NAMES = ["run10", "run2", "\u202eevil", "נסיון 3"]


@pytest.fixture
def table(page: Page, tmp_path: Path) -> Iterator[Page]:
    """The Runs view of four runs."""
    for i, (name, seed) in enumerate(zip(NAMES, SEEDS, strict=True)):
        config = {"seed": seed, "lr": float("nan") if i == 1 else 0.1, "opt.lr": 1, "opt": {"lr": 2}}
        with netscope.init(tmp_path, name=name, config=config, watch_system=False, console=False) as run:
            run.log({"reward": 24_691_349, "val/acc": float("nan") if i == 0 else 0.5})
    served = show(tmp_path)
    page.goto(served.url)
    ready(page)
    yield page
    served.stop()


def shown(page: Page) -> list[str]:
    return page.locator("[role=row].run .text a").all_inner_texts()


def column(page: Page, title: str) -> list[str]:
    titles = page.locator("[role=columnheader] .title span").all_inner_texts()
    return page.locator(f"[role=row].run > :nth-child({titles.index(title) + 1})").all_inner_texts()


def test_seeds_are_distinguishable_and_names_have_no_effect(table: Page) -> None:
    assert shown(table) == ["\u2068נסיון 3\u2069", "⟨U+202E⟩evil", "run2", "run10"]
    assert column(table, "seed") == [str(seed) for seed in reversed(SEEDS)]
    assert column(table, "reward") == ["24,691,349"] * 4
    assert column(table, "opt.lr") == ["2"] * 4 and column(table, '"opt.lr"') == ["1"] * 4
    table.get_by_role("columnheader").filter(has_text="Name").get_by_role("button", name="Name", exact=True).click()
    assert shown(table)[:2] == ["run2", "run10"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (f"config.seed == {2**53 + 1}", ["\u2068נסיון 3\u2069"]),
        (f"config.seed == {2**53}", ["⟨U+202E⟩evil"]),
        ('summary["val/acc"] == nan', ["run10"]),
        ("lr is nan", ["run2"]),
    ],
)
def test_a_filter_finds_the_exact_number(table: Page, typed: str, found: list[str]) -> None:
    table.locator("[data-search=runs]").first.fill(typed)
    expect(table.locator("[role=row].run")).to_have_count(len(found))
    assert shown(table) == found


def test_an_unknown_name_in_a_filter_is_reported(table: Page) -> None:
    table.locator("[data-search=runs]").first.fill('stat == "running"')
    expect(table.locator(".problem")).to_contain_text("stat")
    expect(table.locator("[role=row].run")).to_have_count(4)
