"""The Model section in a browser: a file as a graph and as a table, by mouse and by keyboard alone."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

import netscope
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.pack import pack
from tests.models.onnx_files import LIGHT
from tests.page.conftest import Opener, Site, show

N_BLOCKS = 6
SAID = "main [aria-live=polite]"


def network() -> Model:
    """Six identical blocks between a stem and a head, one of whose inputs feeds them all."""
    build = GraphBuilder()
    image = build.add_value("image", "float32", [1, 3, 32, 32])
    mask = build.add_value("mask", "float32", [1, 32])
    build.inputs.extend((image, mask))
    shape = [1, 32, 32, 32]

    def node(op: str, name: str, inputs: list[int], attributes: dict[str, list[int]] | None = None) -> int:
        output = build.add_value(f"{name}:0", "float32", shape)
        scope = build.scope(name.rpartition(".")[0])
        build.add_node(op, inputs, [output], name=name, scope=scope, attributes=attributes, flops=1000.0)
        return output

    def weight(name: str, size: list[int]) -> int:
        n = 4.0 * size[0] * size[1]
        return build.add_value(name, "float32", size, tensor=build.add_tensor(name, "float32", size, n))

    x = node("Conv", "stem.conv", [image, weight("stem.weight", [32, 3])], attributes={"kernel_shape": [7, 7]})
    x = node("Relu", "stem.relu", [x])
    build.scope("blocks", "Sequential")
    for block in range(N_BLOCKS):
        build.scope(f"blocks.{block}", "Block")
        inner = node("Gemm", f"blocks.{block}.fc", [x, weight(f"blocks.{block}.weight", [32, 32])])
        x = node("Mul", f"blocks.{block}.mul", [inner, mask])
    build.outputs.append(node("Softmax", "probabilities", [x]))
    return Model("network.onnx", "ONNX", build.build(), format_version="opset 20", producer="a test")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("graph") / "runs"
    folder.mkdir()
    served = show(folder)
    yield served
    served.stop()


def opened_graph(page: Page, site: Site, view: str = "graph") -> Page:
    """The page with the network, whose file is answered here: readers have tests of their own."""
    info = {
        "id": "one", "name": "network.onnx", "state": "ready", "format": "ONNX", "reader": "netscope", "nodes": 15,
        "tensors": 7, "parameters": 6240, "bytes": 30000, "source": "file", "problem": "",
    }  # fmt: skip
    reply = json.dumps({"models": [info], "largest_upload_bytes": 10**9})
    page.route("**/api/models", lambda route: route.fulfill(body=reply, content_type="application/json"))
    page.route("**/api/models/one/graph", lambda route: route.fulfill(body=pack(network())))
    page.goto(f"{site.url}{view}?model=one")
    if view == "graph":
        expect(page.get_by_role("application")).to_be_visible()
        drawn(page)
    return page


def drawn(page: Page, at_least: int = 1) -> None:
    """Until the graph was drawn so many times."""
    page.wait_for_function(f"() => performance.getEntriesByName('graph-drawn').length >= {at_least}")


def said(page: Page) -> str:
    return page.locator(SAID).inner_text()


def test_the_panel_describes_the_model(page: Page, site: Site) -> None:
    opened_graph(page, site)
    panel = page.get_by_role("complementary", name="Details")
    expect(panel).to_contain_text("network.onnx")
    expect(panel).to_contain_text("ONNX opset 20")
    expect(panel).to_contain_text("6,240")
    expect(panel).to_contain_text("float32 1×3×32×32")


def test_keys_walk_the_edges_and_open_a_group(page: Page, site: Site) -> None:
    opened_graph(page, site)
    graph = page.get_by_role("application")
    graph.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(SAID)).to_contain_text("image")
    while "blocks" not in said(page):
        before = said(page)
        page.keyboard.press("ArrowDown")
        expect(page.locator(SAID)).not_to_have_text(before)
    expect(page.locator(SAID)).to_contain_text("blocks")
    expect(page.locator(SAID)).to_contain_text("closed")
    expect(page.get_by_role("complementary", name="Details")).to_contain_text("6 identical blocks")
    page.keyboard.press("Enter")
    expect(page.locator(SAID)).to_contain_text("open")
    assert "layer=blocks" in page.evaluate("() => new Promise((done) => setTimeout(() => done(location.search), 600))")
    page.keyboard.press("Escape")
    expect(page.locator(SAID)).to_have_text("")


def test_search_opens_what_hides_its_result(page: Page, site: Site) -> None:
    opened_graph(page, site)
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Search the model")
    expect(field).to_be_focused()
    field.fill("/blocks.4.fc$/")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(SAID)).to_contain_text("Gemm")
    expect(page.get_by_role("navigation", name="Path")).to_contain_text("4")
    field.fill("/(/")
    expect(page.get_by_text("Not a valid regular expression")).to_be_visible()


def test_a_link_shows_the_layer_that_it_names(page: Page, site: Site) -> None:
    opened_graph(page, site)
    page.goto(f"{site.url}graph?model=one&layer=blocks.2.fc")
    expect(page.locator(SAID)).to_contain_text("Gemm")
    panel = page.get_by_role("complementary", name="Details")
    expect(panel).to_contain_text("blocks.2.fc")
    expect(panel).to_contain_text("General Matrix multiplication")
    panel.get_by_role("button", name="mul", exact=True).last.click()
    expect(panel.get_by_role("heading", level=2)).to_have_text("Mul")
    expect(panel).to_contain_text("blocks.2.mul")


def test_clicking_selects_and_the_drawing_can_be_saved(page: Page, site: Site) -> None:
    opened_graph(page, site)
    page.get_by_role("button", name="Save the drawing").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "network.onnx.svg"
    assert "blocks" in text
    assert "× 6" in text


def test_the_table_has_totals_and_can_be_copied(opened: Opener, site: Site) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    opened_graph(page, site, "table")
    rows = page.locator("tbody tr[data-row]")
    expect(rows.first).to_contain_text("stem")
    expect(page.locator("tfoot")).to_contain_text("6,240")
    page.get_by_role("button", name="Parameters").click()
    expect(rows.first).to_contain_text("Gemm")
    page.get_by_role("button", name="CSV").click()
    assert page.evaluate("() => navigator.clipboard.readText()").startswith(
        "name,op,output,parameters,FLOPs\nblocks.0.fc,"
    )
    rows.first.dblclick()
    expect(page.get_by_role("application")).to_be_visible()
    expect(page.locator(SAID)).to_contain_text("Gemm")


def test_nothing_open_says_what_to_type(page: Page, site: Site) -> None:
    page.goto(f"{site.url}graph")
    expect(page.get_by_text("netscope open model.onnx")).to_be_visible()
    expect(page.get_by_text("run.watch(model)")).to_be_visible()


def test_a_phone_has_the_graph_and_its_details_in_a_sheet(opened: Opener, site: Site) -> None:
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True)
    opened_graph(page, site)
    expect(page.get_by_role("complementary", name="Details")).to_have_count(0)
    page.get_by_role("button", name="Show or hide the details").click()
    expect(page.get_by_role("complementary", name="Details")).to_contain_text("network.onnx")


def test_the_graph_of_a_run_appears_once_it_is_logged(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    run = netscope.init(folder, name="net", watch_system=False, console=False, quiet=True)
    site = show(folder)
    try:
        run.log({"loss": 1.0})
        page.goto(f"{site.url}graph?run={run.id}")
        expect(page.get_by_text("this run has no graph")).to_be_visible()
        run.graph(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()), torch.ones(1, 4))
        drawn(page)
        expect(page.get_by_text("Linear").first).to_be_visible()
    finally:
        run.finish()
        site.stop()


def test_a_file_that_is_chosen_is_read_and_drawn(page: Page, site: Site) -> None:
    page.goto(f"{site.url}graph")
    page.locator("input[type=file]").set_input_files(LIGHT / "light_squeezenet.onnx")
    drawn(page)
    expect(page.get_by_role("heading", name="light_squeezenet.onnx")).to_be_visible()
    expect(page.get_by_text("1×3×224×224").first).to_be_visible()


def test_boxes_are_coloured_by_values_that_are_dropped(page: Page, site: Site, tmp_path: Path) -> None:
    opened_graph(page, site)
    data = tmp_path / "latency.json"
    data.write_text(json.dumps({f"blocks.{block}.fc": 10 + block for block in range(N_BLOCKS)}))
    page.locator("input[type=file]").set_input_files(data)
    legend = page.get_by_role("group", name="Colours")
    expect(legend).to_contain_text("latency")
    expect(legend).to_contain_text("12.5")  # the closed group: the mean of what is inside
    expect(page).to_have_url(re.compile("colour=data(%20|\\+)latency"))
    data.write_text(json.dumps({"conv99": 1}))
    page.locator("input[type=file]").set_input_files(data)
    expect(page.get_by_role("alert")).to_contain_text("no node or module of this model is named “conv99”")


def test_the_network_of_a_run_is_coloured_by_its_layers_at_a_step(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    run = netscope.init(folder, name="net", watch_system=False, console=False, quiet=True)
    site = show(folder)
    try:
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
        optimiser = torch.optim.SGD(net.parameters(), 0.1)
        run.watch(net, every=1)
        for step in range(3):
            net(torch.ones(2, 4)).sum().backward()
            optimiser.step()
            run.log({"loss": 1.0}, step=step)
        page.goto(f"{site.url}graph?run={run.id}&step=1")
        drawn(page)
        page.get_by_role("button", name="Operation", exact=True).click()
        page.get_by_role("radio", name="Gradient flow").click()
        legend = page.get_by_role("group", name="Colours")
        expect(legend).to_contain_text("Gradient flow")
        expect(legend).to_contain_text("at step 1")
        expect(page.get_by_role("slider").first).to_be_visible()
    finally:
        run.finish()
        site.stop()


def test_the_drawing_prints_as_one_page_of_vectors(page: Page, site: Site) -> None:
    opened_graph(page, site)
    page.evaluate(
        """() => {
          window.printed = [];
          const append = document.body.append;
          document.body.append = function (frame) {
            append.call(document.body, frame);
            frame.contentWindow.print = () => window.printed.push([
              frame.contentDocument.title, frame.contentDocument.querySelectorAll('svg text').length,
              frame.contentDocument.styleSheets[0]?.cssRules[0]?.cssText ?? '',
            ]);
          };
        }"""
    )
    page.get_by_role("button", name="Save the drawing").click()
    page.get_by_role("button", name="PDF").click()
    [[title, n_texts, rule]] = page.evaluate("() => window.printed")
    assert title == "network.onnx"
    assert n_texts > 10
    assert re.fullmatch(r"@page \{ size: \d+px \d+px; margin: 0px; \}", rule)
