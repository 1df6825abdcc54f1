"""Arranging, searching and editing the table of runs: by mouse, by keyboard, and after a reload."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from benchmarks import make_runs
from tests.page.conftest import Opener, Site, ready, show
from tests.store.journals import Script


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Six runs that a test may change."""
    folder = tmp_path / "runs"
    make_runs.make(folder, 6, 4, 60)
    served = show(folder)
    yield served
    served.stop()


@pytest.fixture
def table(opened: Opener, site: Site) -> Page:
    """The Runs view of them, so wide that all columns are in sight."""
    page = opened(viewport={"width": 1540, "height": 800})
    page.goto(site.url)
    ready(page)
    expect(rows(page)).to_have_count(6)
    expect(column(page, "val/loss")).to_be_visible()
    return page


def rows(page: Page) -> Locator:
    return page.locator("[role=row].run")


def column(page: Page, name: str) -> Locator:
    return page.get_by_role("columnheader").filter(has=page.get_by_text(name, exact=True))


def titles(page: Page) -> list[str]:
    return page.locator("[role=columnheader] .title span").all_inner_texts()


def names(page: Page) -> list[str]:
    return page.locator("[role=row].run .text a").all_inner_texts()


def values(page: Page, name: str) -> list[float]:
    """What a column shows, from top to bottom."""
    at = titles(page).index(name)
    return [float(text) for text in page.locator(f"[role=row].run > :nth-child({at + 1})").all_inner_texts()]


def choose(page: Page, *lines: int) -> None:
    """Select some rows with Ctrl-click."""
    for line in lines:
        rows(page).nth(line).locator(".cell").first.click(modifiers=["ControlOrMeta"])
    expect(page.get_by_text(f"{len(lines)} selected")).to_be_visible()


def test_a_dragged_column_stays_where_it_was_dropped(table: Page) -> None:
    before = titles(table)
    assert before.index("val/loss") > before.index("State")
    column(table, "val/loss").locator(".title").drag_to(column(table, "State"))
    expect(table.get_by_role("columnheader").nth(1)).to_contain_text("val/loss")
    after = titles(table)
    assert after == ["Name", "val/loss", *(name for name in before[1:] if name != "val/loss")]
    table.reload()
    ready(table)
    assert titles(table) == after


def test_a_column_can_be_dropped_behind_the_last_one(table: Page) -> None:
    before = titles(table)
    column(table, before[1]).locator(".title").drag_to(column(table, before[2]))
    assert titles(table)[:3] == [before[0], before[2], before[1]], (
        "dropped on its right neighbour it changes places with it"
    )


def test_the_width_of_a_column_is_set_by_its_edge_and_remembered(table: Page) -> None:
    def width() -> float:
        box = column(table, "State").bounding_box()
        assert box
        return box["width"]

    before = width()
    grip = column(table, "State").locator(".grip").bounding_box()
    assert grip
    table.mouse.move(grip["x"] + 3, grip["y"] + 10)
    table.mouse.down()
    table.mouse.move(grip["x"] + 83, grip["y"] + 10, steps=4)
    table.mouse.up()
    table.mouse.move(600, 500)
    assert width() == pytest.approx(before + 80, abs=2)
    table.reload()
    ready(table)
    assert width() == pytest.approx(before + 80, abs=2)


def test_a_column_is_moved_widened_and_hidden_without_a_mouse(table: Page) -> None:
    def do(name: str) -> None:
        column(table, "State").get_by_role("button", name="Options for column State").focus()
        table.keyboard.press("Enter")
        line = table.get_by_role("button", name=name, exact=True)
        expect(line).to_be_visible()
        line.focus()
        table.keyboard.press("Enter")
        if name == "Wider":  # may be wished for more than once, so its menu stays
            table.keyboard.press("Escape")
        expect(line).to_be_hidden()

    before = titles(table)
    box = column(table, "State").bounding_box()
    assert box
    do("Wider")
    is_wider = "([element, before]) => element.getBoundingClientRect().width > before"
    table.wait_for_function(is_wider, arg=[column(table, "State").element_handle(), box["width"]])
    do("Move right")
    expect(table.locator("[role=columnheader] .title span").nth(2)).to_have_text("State")
    assert titles(table)[1:3] == [before[2], "State"]
    do("Hide this column")
    expect(column(table, "State")).to_have_count(0)
    assert "State" not in titles(table)


def test_chosen_columns_survive_a_reload(table: Page) -> None:
    table.get_by_role("button", name="Columns").click()
    table.get_by_placeholder("Find a column").fill("val/loss")
    table.get_by_role("button", name="val/loss min").click()
    table.keyboard.press("Escape")
    expect(column(table, "val/loss min")).to_be_attached()
    table.reload()
    ready(table)
    expect(column(table, "val/loss min")).to_be_attached()


@pytest.mark.parametrize("name", ["lr", "batch", "State"])
def test_a_click_on_a_short_column_title_sorts(table: Page, name: str) -> None:
    word = column(table, name).locator(".title span").bounding_box()
    assert word
    table.mouse.move(word["x"] + word["width"] / 2, word["y"] + word["height"] / 2)
    expect(column(table, name).get_by_role("button", name=f"Options for column {name}")).to_have_css("opacity", "1")
    assert column(table, name).locator(".title span").bounding_box() == word, "it stays where it was"
    table.mouse.click(word["x"] + word["width"] / 2, word["y"] + word["height"] / 2)
    expect(column(table, name)).to_have_attribute("aria-sort", "ascending")
    expect(table.get_by_role("dialog")).to_be_hidden()


def test_two_columns_sort_the_second_within_the_first(table: Page) -> None:
    column(table, "optimizer.name").locator(".title").click()
    column(table, "val/loss").locator(".title").click(modifiers=["Shift"])
    expect(column(table, "optimizer.name").locator("sup")).to_have_text("1")
    expect(column(table, "val/loss").locator("sup")).to_have_text("2")
    at = titles(table).index("optimizer.name")
    words = table.locator(f"[role=row].run > :nth-child({at + 1})").all_inner_texts()
    pairs = list(zip(words, values(table, "val/loss"), strict=True))
    assert pairs == sorted(pairs)
    assert len({word for word, _ in pairs}) > 1
    table.reload()
    ready(table)
    expect(column(table, "val/loss").locator("sup")).to_have_text("2")


def test_the_keyboard_sorts_by_several_columns(table: Page) -> None:
    column(table, "batch").locator(".title").focus()
    table.keyboard.press("Enter")
    column(table, "val/loss").locator(".title").focus()
    table.keyboard.press("Shift+Enter")
    expect(column(table, "val/loss")).to_have_attribute("aria-sort", "ascending")
    expect(column(table, "batch")).to_have_attribute("aria-sort", "ascending")
    pairs = list(zip(values(table, "batch"), values(table, "val/loss"), strict=True))
    assert pairs == sorted(pairs)
    table.keyboard.press("Shift+Enter")
    expect(column(table, "val/loss")).to_have_attribute("aria-sort", "descending")


def test_runs_are_grouped_by_a_config_value_and_a_group_folds(table: Page) -> None:
    table.get_by_role("button", name="Group", exact=True).click()
    table.get_by_role("dialog").get_by_role("button", name="model", exact=True).click()
    table.keyboard.press("Escape")
    groups = table.locator("[role=row].group")
    expect(groups.first).to_contain_text("model")
    n_groups = groups.count()
    assert n_groups > 1
    assert sum(int(text) for text in groups.locator(".n").all_inner_texts()) == 6
    groups.first.click()
    expect(groups.first).to_have_attribute("aria-expanded", "false")
    expect(rows(table)).to_have_count(6 - int(groups.first.locator(".n").inner_text()))
    table.reload()
    ready(table)
    expect(groups).to_have_count(n_groups)


def test_runs_of_one_value_have_one_colour(table: Page) -> None:
    table.get_by_role("button", name="Colour", exact=True).click()
    table.get_by_role("dialog").get_by_role("button", name="model", exact=True).click()
    expect(table.get_by_role("button", name="model", description="Colour by")).to_be_visible()
    at = titles(table).index("model") + 1
    found = rows(table).evaluate_all(
        "(rows, at) => rows.map(row => [row.querySelector(`:scope > :nth-child(${at})`).textContent.trim(),"
        " row.querySelector('.eye').style.background])",
        at,
    )
    colours: dict[str, set[str]] = {}
    for value, colour in found:
        colours.setdefault(value, set()).add(colour)
    assert all(len(own) == 1 for own in colours.values())
    assert len(set.union(*colours.values())) == len(colours) > 1


def test_a_filter_marks_where_it_is_invalid(table: Page) -> None:
    search = table.get_by_role("textbox", name="Search runs")
    search.fill("config.lr < < 0.01")
    problem = table.get_by_role("alert")
    expect(problem).to_contain_text("Unexpected: <")
    expect(problem.locator("mark")).to_have_text("<")
    expect(problem.locator(".typed")).to_have_text("config.lr < < 0.01")
    expect(search).to_have_attribute("aria-invalid", "true")
    expect(rows(table)).to_have_count(6)
    search.fill("config.lr < ")
    expect(problem).to_contain_text("incomplete")
    search.fill("colour == 3")
    expect(problem.locator("mark")).to_have_text("colour")


def test_a_near_miss_is_answered_with_a_filter_that_one_click_sets(table: Page) -> None:
    search = table.get_by_role("textbox", name="Search runs")
    problem = table.get_by_role("alert")
    search.fill("accuracy > 0")
    expect(problem).to_contain_text("Several keys end with accuracy")
    problem.get_by_role("button", name="val/accuracy").click()
    expect(search).to_have_value("val/accuracy > 0")
    expect(problem).to_have_count(0)
    search.fill("state = finished")
    problem.get_by_role("button").click()
    expect(search).to_have_value('state == "finished"')
    expect(rows(table)).to_have_count(6)


def test_a_filter_keeps_the_matching_runs(table: Page) -> None:
    lrs = values(table, "lr")
    middle = sum(sorted(lrs)[2:4]) / 2
    table.get_by_role("textbox", name="Search runs").fill(f"config.lr < {middle} and state == 'finished'")
    expect(rows(table)).to_have_count(3)
    assert max(values(table, "lr")) < middle
    table.get_by_role("textbox", name="Search runs").fill('summary["val/loss"].min < 0')
    expect(table.get_by_text("No runs match the filter.")).to_be_visible()
    table.get_by_role("button", name="Show all runs").click()
    expect(rows(table)).to_have_count(6)


def test_a_filter_survives_a_reload_and_a_shared_link(table: Page, opened: Opener) -> None:
    table.get_by_role("button", name="Hide the listed runs in charts").click()
    expect(table.get_by_text("0 shown")).to_be_visible()
    table.get_by_role("button", name="Show only the listed runs in charts").click()
    losses = sorted(values(table, "val/loss"))
    filtered = f'summary["val/loss"].last < {sum(losses[1:3]) / 2}'
    search = table.get_by_role("textbox", name="Search runs")
    search.fill(filtered)
    expect(table.get_by_text("2 shown")).to_be_visible()
    expect(table).to_have_url(re.compile(r"/runs\?filter=summary.*#show=\*$"))
    table.reload()
    ready(table)
    expect(search).to_have_value(filtered)
    expect(table.get_by_text("2 shown")).to_be_visible()

    other = opened()
    asked: list[str] = []
    other.on("request", lambda request: asked.append(request.post_data or "") if "api/keys" in request.url else None)
    other.goto(table.url.replace("/runs", "/curves"))
    ready(other)
    expect(other.get_by_text("2 shown")).to_be_visible()
    assert asked, "the charts ask for keys"
    assert all(len(json.loads(body)["runs"]) == 2 for body in asked), "of the two runs, from the first question on"


@pytest.mark.parametrize("view", ["runs", "curves"])
def test_the_eye_above_the_runs_shows_only_listed_runs(page: Page, known: Site, view: str) -> None:
    page.goto(f"{known.url}{view}")
    ready(page)
    expect(page.get_by_text("10 shown", exact=True)).to_be_visible()
    page.locator("[data-search=runs]").fill("/-[01]$/")  # the two oldest, which are not shown
    expect(page.get_by_text("2 of 12 runs")).to_be_visible()
    page.get_by_role("button", name="Show only the listed runs in charts").click()
    expect(page.get_by_text("2 shown")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("10 shown", exact=True)).to_be_visible()
    page.go_forward()
    expect(page.get_by_text("2 shown")).to_be_visible()
    page.get_by_role("button", name="Hide the listed runs in charts").click()
    expect(page.get_by_text("0 shown")).to_be_visible()


def test_back_brings_the_filter_back(table: Page) -> None:
    search = table.get_by_role("textbox", name="Search runs")
    search.fill(names(table)[0])
    expect(rows(table)).to_have_count(1)
    table.get_by_role("link", name="Training").click()
    expect(table.locator("aside li")).to_have_count(1)
    table.locator("aside").get_by_role("button", name="Clear").click()
    expect(table.locator("aside li")).to_have_count(6)
    expect(table).not_to_have_url(re.compile("filter="))
    table.go_back()
    expect(rows(table)).to_have_count(1)
    table.go_forward()
    expect(table.locator("aside li")).to_have_count(6)
    expect(table).not_to_have_url(re.compile("filter="))


def test_several_runs_are_tagged_at_once(table: Page, opened: Opener, site: Site) -> None:
    choose(table, 0, 2)
    table.get_by_role("toolbar").get_by_role("button", name="Tags").click()
    table.get_by_placeholder("Add a tag").fill("good")
    table.keyboard.press("Enter")
    expect(rows(table).nth(0)).to_contain_text("good")
    expect(rows(table).nth(2)).to_contain_text("good")
    expect(rows(table).nth(1)).not_to_contain_text("good")
    other = opened()
    other.goto(site.url)
    expect(other.locator("[role=row].run", has_text="good")).to_have_count(2)
    table.get_by_role("button", name="Remove tag good").click()
    expect(table.locator("[role=row].run", has_text="good")).to_have_count(0)
    expect(other.locator("[role=row].run", has_text="good")).to_have_count(0)


def test_the_points_of_several_runs_are_exported_and_saved(table: Page) -> None:
    choose(table, 0, 2)
    table.get_by_role("toolbar").get_by_role("button", name="Export points…").click()
    table.get_by_role("dialog").get_by_role("button", name="Export", exact=True).click()
    with table.expect_download() as saving:
        table.get_by_role("button", name="Save").first.click()
    lines = Path(saving.value.path()).read_text("utf-8").splitlines()
    assert saving.value.suggested_filename == "2-runs.csv"
    assert lines[0] == "run,key,step,time,value,replaced"
    assert len(lines) == 1 + 2 * 4 * 60


def test_several_runs_get_one_note(table: Page, opened: Opener, site: Site) -> None:
    choose(table, 1, 3)
    table.get_by_role("button", name="Notes", exact=True).click()
    table.get_by_role("textbox", name="Notes").fill("seen twice")
    table.get_by_role("button", name="Save").click()
    expect(rows(table).nth(1).locator("[title='seen twice']")).to_be_visible()
    expect(rows(table).nth(3).locator("[title='seen twice']")).to_be_visible()
    other = opened()
    other.goto(site.url)
    expect(other.locator(".marks [title='seen twice']")).to_have_count(2)
    table.get_by_role("button", name="Undo").click()
    expect(table.locator(".marks [title='seen twice']")).to_have_count(0)
    expect(other.locator(".marks [title='seen twice']")).to_have_count(0)


def test_archived_runs_are_hidden_until_requested(table: Page) -> None:
    first = names(table)[0]
    choose(table, 0, 1)
    table.get_by_role("button", name="Archive", exact=True).click()
    expect(rows(table)).to_have_count(4)
    assert first not in names(table)
    table.get_by_role("button", name="Undo").click()
    expect(rows(table)).to_have_count(6)
    choose(table, 0)
    table.keyboard.press("a")
    expect(rows(table)).to_have_count(5)
    table.get_by_role("button", name="More", exact=True).click()
    table.get_by_text("Show archived").click()
    expect(rows(table)).to_have_count(6)


def test_hidden_runs_leave_the_charts_and_come_back(table: Page) -> None:
    expect(table.get_by_text("6 shown")).to_be_visible()
    choose(table, 0, 1, 2)
    table.get_by_role("toolbar").get_by_role("button", name="Show or hide in charts").click()
    expect(table.get_by_text("3 shown")).to_be_visible()
    expect(table).to_have_url(re.compile("#hide="))
    table.reload()
    ready(table)
    expect(table.get_by_text("3 shown")).to_be_visible()
    table.get_by_role("link", name="Training").click()
    expect(table.locator("aside li .eye.shut")).to_have_count(3)
    table.go_back()
    choose(table, 0, 1, 2)
    table.keyboard.press("v")
    expect(table.get_by_text("6 shown")).to_be_visible()


def test_shown_and_selected_are_independent(table: Page) -> None:
    first = rows(table).first
    first.get_by_role("checkbox").click()
    expect(table.get_by_text("1 selected")).to_be_visible()
    expect(table.get_by_text("6 shown")).to_be_visible()
    first.get_by_role("button", name=re.compile("^Show .* in charts$")).click()
    expect(table.get_by_text("5 shown")).to_be_visible()
    expect(first.get_by_role("checkbox")).to_be_checked()
    table.keyboard.press("Escape")
    expect(first.get_by_role("checkbox")).not_to_be_checked()
    expect(table.get_by_text("5 shown")).to_be_visible()


def test_rows_are_selected_and_shown_by_key(table: Page) -> None:
    table.keyboard.press("j")
    table.keyboard.press("Space")
    table.keyboard.press("j")
    table.keyboard.press("Space")
    expect(table.get_by_text("2 selected")).to_be_visible()
    table.keyboard.press("Shift+v")
    expect(table.get_by_text("2 shown")).to_be_visible()
    table.keyboard.press("Escape")
    table.keyboard.press("v")
    expect(table.get_by_text("1 shown")).to_be_visible()


@pytest.mark.parametrize("view", ["runs", "curves"])
def test_shown_runs_that_do_not_match_the_filter_are_counted_and_listed(page: Page, known: Site, view: str) -> None:
    page.goto(f"{known.url}{view}")
    ready(page)
    page.locator("[data-search=runs]").fill("/-(7|8|9|10|11)$/")
    expect(page.get_by_text("5 of 12 runs")).to_be_visible()
    expect(page.get_by_text("10 shown", exact=True)).to_be_visible()
    seen = page.locator("[role=row].run, aside li")
    expect(seen).to_have_count(5)
    page.get_by_text("5 shown runs do not match the filter").click()
    expect(seen).to_have_count(10)


def test_an_opened_run_is_shown_in_every_view(page: Page, known: Site) -> None:
    page.goto(f"{known.url}runs#show=")
    ready(page)
    expect(page.get_by_text("0 shown")).to_be_visible()
    rows(page).nth(4).locator(".text a").click()
    page.get_by_role("link", name="Training").click()
    expect(page.get_by_text("1 shown")).to_be_visible()
    expect(page.locator("aside li.current .eye:not(.shut)")).to_have_count(1)
    page.keyboard.press("v")
    expect(page.get_by_text("0 shown")).to_be_visible()


def test_several_runs_are_deleted_and_restored(table: Page, site: Site) -> None:
    before = names(table)
    choose(table, 1, 2, 4)
    table.get_by_role("button", name="Delete", exact=True).click()
    expect(rows(table)).to_have_count(3)
    assert names(table) == [before[i] for i in (0, 3, 5)]
    expect(table.get_by_text("3 runs moved to the trash")).to_be_visible()
    assert len([place for place in site.folder.iterdir() if re.match(r"\d{8}-", place.name)]) == 3
    table.get_by_role("button", name="Undo").click()
    expect(rows(table)).to_have_count(6)
    assert names(table) == before


def test_a_name_in_a_message_does_not_change_its_direction(table: Page, site: Site) -> None:
    now = time.time()
    Script(name="\u202eevil", created=now).log(0, {"loss": 1.0}, time=now).write(site.folder / "evil")
    expect(rows(table)).to_have_count(7)
    choose(table, names(table).index("⟨U+202E⟩evil"))
    table.get_by_role("button", name="Delete", exact=True).click()
    expect(table.locator(".toast")).to_contain_text("⟨U+202E⟩evil is still running")


def test_a_narrow_sorted_column_shows_the_start_of_its_title(table: Page) -> None:
    for place, name in enumerate(("train/loss", "val/loss")):
        grip = column(table, name).locator(".grip").bounding_box()
        assert grip
        table.mouse.move(grip["x"] + 3, grip["y"] + 10)
        table.mouse.down()
        table.mouse.move(grip["x"] - 400, grip["y"] + 10, steps=2)
        table.mouse.up()
        column(table, name).locator(".title").click(modifiers=["Shift"] if place else [])
    table.mouse.move(600, 500)
    for name in ("train/loss", "val/loss"):
        box = column(table, name).locator(".title span").bounding_box()
        assert box and box["width"] > 16  # a letter and an ellipsis


def test_the_curves_of_all_rows_are_loaded_in_one_request(page: Page, known: Site) -> None:
    asked: list[dict[str, list[str]]] = []
    page.on(
        "request",
        lambda request: (
            asked.append(json.loads(request.post_data)) if "api/series" in request.url and request.post_data else None
        ),
    )
    page.goto(known.url)
    ready(page)
    expect(page.locator("[role=row].run svg[role=img]")).to_have_count(12)
    assert [(len(body["runs"]), body["keys"]) for body in asked] == [(12, ["val/loss"])]


def test_a_wide_window_previews_the_run_under_the_cursor(opened: Opener, known: Site) -> None:
    page = opened(viewport={"width": 1920, "height": 900})
    page.goto(known.url)
    ready(page)
    preview = page.get_by_role("complementary", name="Preview")
    expect(preview).to_contain_text(names(page)[0])
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(preview).to_contain_text(names(page)[1])
    page.keyboard.press("i")
    expect(preview).to_have_count(0)
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.get_by_role("button", name="Preview")).to_have_count(0)


def test_a_group_shows_the_range_of_its_runs(table: Page) -> None:
    table.get_by_role("button", name="Group", exact=True).click()
    table.get_by_role("dialog").get_by_role("button", name="model", exact=True).click()
    table.keyboard.press("Escape")
    at = titles(table).index("val/loss") + 1
    texts = table.locator(f"[role=row].group > :nth-child({at})").all_inner_texts()
    assert all(re.fullmatch(r"0\.\d+( – 0\.\d+)?", text) for text in texts)
    assert any(" – " in text for text in texts)


def test_selected_rows_are_compared_with_only_their_differences(table: Page) -> None:
    chosen = [names(table)[0], names(table)[2]]
    choose(table, 0, 2)
    table.keyboard.press("c")
    expect(table).to_have_url(re.compile("/compare"))
    heads = table.locator("thead th button:not([aria-pressed])")
    expect(heads).to_have_text(chosen)
    expect(table.get_by_role("rowheader", name="optimizer.weight_decay")).to_be_visible()
    table.get_by_text("Differences only").click()
    expect(table.get_by_role("rowheader", name="optimizer.weight_decay")).to_have_count(0)
    lr = table.get_by_role("row", name=re.compile("^lr ")).first.locator("td.marked")
    expect(lr).to_have_count(2)


def test_ctrl_z_restores_deleted_runs(table: Page) -> None:
    choose(table, 0, 1)
    table.keyboard.press("Delete")
    expect(rows(table)).to_have_count(4)
    table.keyboard.press("ControlOrMeta+z")
    expect(rows(table)).to_have_count(6)
    expect(table.locator(".toast")).to_have_count(0)


def test_the_trash_restores_runs_and_deletes_them_for_good_after_asking(table: Page, site: Site) -> None:
    first, second = names(table)[:2]
    choose(table, 0, 1)
    table.keyboard.press("Delete")
    table.get_by_role("link", name="Trash").click()
    expect(table.get_by_text("2 deleted runs")).to_be_visible()
    table.get_by_role("row", name=first).get_by_role("button", name="Restore").click()
    expect(table.get_by_text("1 deleted run,")).to_be_visible()
    table.get_by_role("row", name=second).get_by_role("checkbox").click()
    table.keyboard.press("Delete")
    dialog = table.get_by_role("dialog", name="Delete for good")
    expect(dialog).to_contain_text(second)
    dialog.get_by_role("button", name="Cancel").click()
    expect(table.get_by_text("1 deleted run,")).to_be_visible()
    table.get_by_role("button", name="Empty the trash").or_(
        table.get_by_role("button", name="Delete for good")
    ).first.click()
    dialog.get_by_role("button", name="Delete for good").click()
    expect(table.get_by_text("The trash is empty")).to_be_visible()
    assert not list((site.folder / ".netscope/trash").iterdir())
    table.get_by_role("link", name="Runs", exact=True).last.click()
    expect(rows(table)).to_have_count(5)
    assert first in names(table)
