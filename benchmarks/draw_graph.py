"""Transformers of 1,000, 10,000 and 50,000 nodes drawn cold in Chromium: netscope, and Netron in the same run.

    python benchmarks/draw_graph.py [--nodes 1000,10000,50000] [--flat] [--repeats 3] [--peers netron] [--json FILE]

The graphs are those of `graphs.py` with shared tensors (an attention mask and rotary tables that feed every block),
as ONNX files. netscope's server has read them before the browser starts; Netron reads a file in its page. Each repeat
is a new headless Chromium (software rendering, 1400 x 900, empty cache); the median counts. *Painted* is the time from
the beginning of the navigation until the graph is seen: netscope says so itself with
`performance.mark('graph-drawn')`, of Netron it is the first frame after its SVG has nodes. *Layout* is what the worker
of the page took. *Heap* is the memory of the page's JavaScript. *Frame* is the longest time between two frames while
the graph is panned for two seconds.
`--flat` draws every node, without groups, in netscope too; Netron always does.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import Browser, Error, Page, sync_playwright

from benchmarks.graphs import transformer, write_onnx
from scripts.find_browser import find_browser

CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PATIENCE_S = 120.0

FRAMES = """() => new Promise((done) => {
  const gaps = []; let last = performance.now();
  const end = last + 2000;
  const tick = (now) => {
    gaps.push(now - last);
    last = now;
    now < end ? requestAnimationFrame(tick) : done(gaps.slice(2));
  };
  requestAnimationFrame(tick);
})"""


def serve(files: list[Path]) -> tuple[subprocess.Popen[str], str]:
    """`netscope open` of the files, once all are read."""
    command = [sys.executable, "-m", "netscope.cli", "open", *map(str, files), "--port", "0", "--no-browser"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=files[0].parent)
    assert process.stdout
    found = None
    while not found:
        found = re.search(r"http://[^/\s]+/", process.stdout.readline())
    end = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < end:
        with urllib.request.urlopen(f"{found[0]}api/models") as reply:
            models = json.load(reply)["models"]
        for model in models:
            urllib.request.urlopen(f"{found[0]}api/models/{model['id']}/graph").read()
        if all(model["state"] == "ready" for model in models):
            return process, found[0]
        time.sleep(0.3)
    raise TimeoutError("the models were never read")


def pan(page: Page) -> float:
    """The longest time between two frames, in ms, while the graph is dragged."""
    page.evaluate(f"window.__frames = ({FRAMES})()")
    page.mouse.move(600, 500)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(600, 500 - 6 * step)
    page.mouse.up()
    return float(max(page.evaluate("() => window.__frames")))


def netscope(page: Page, url: str, name: str, *, flat: bool) -> dict[str, float]:
    """Draw one model."""
    if flat:
        page.add_init_script("localStorage.setItem('netscope.model.flat', 'true')")
    page.goto(f"{url}graph?model={name}", wait_until="commit")
    page.wait_for_function("() => performance.getEntriesByName('graph-drawn').length > 0", timeout=PATIENCE_S * 1000)
    marks = page.evaluate(
        "() => ['graph-received', 'graph-laid-out', 'graph-drawn'].map((name) => performance.getEntriesByName(name)[0])"
        ".map((mark) => [mark.startTime, mark.detail])"
    )
    heap = page.evaluate("() => performance.memory.usedJSHeapSize")
    return {
        "painted_ms": marks[2][0], "received_ms": marks[0][0], "layout_ms": marks[1][1], "heap_mb": heap / 1e6,
        "frame_ms": pan(page),
    }  # fmt: skip


def netron(page: Page, url: str) -> dict[str, float]:
    """Draw the file that a Netron server has."""
    page.goto(url, wait_until="commit")
    began = time.perf_counter()
    page.add_init_script("localStorage.setItem('consent', '1')")
    while time.perf_counter() - began < PATIENCE_S:
        button = page.locator("#message-button")
        if button.is_visible():
            button.click()
        if page.evaluate("() => document.querySelector('.node') && document.body.className.includes('default')"):
            painted = page.evaluate("() => new Promise((done) => requestAnimationFrame(() => done(performance.now())))")
            heap = page.evaluate("() => performance.memory.usedJSHeapSize")
            return {"painted_ms": painted, "heap_mb": heap / 1e6, "frame_ms": pan(page)}
        time.sleep(0.1)
    return {"painted_ms": float("nan")}


def visit(launch: Callable[[], Browser], draw: Callable[[Page], dict[str, float]], repeats: int) -> dict[str, float]:
    """Medians over new browsers; what crashed or took too long is NaN."""
    found: list[dict[str, float]] = []
    for _ in range(repeats):
        browser = launch()
        try:
            page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
            found.append(draw(page))
        except Error as error:
            print(f"  {type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
            found.append({"painted_ms": float("nan")})
        finally:
            browser.close()
    return {key: statistics.median(one.get(key, float("nan")) for one in found) for key in found[0]}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="1000,10000,50000")
    parser.add_argument("--flat", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default="", help="netron, or nothing")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        files = []
        for nodes in map(int, given.nodes.split(",")):
            files.append(Path(folder) / f"transformer_{nodes}.onnx")
            write_onnx(transformer(nodes, shared=True), files[-1])

        def launch() -> Browser:
            return playwright.chromium.launch(executable_path=find_browser(), args=CHROMIUM)

        process, url = serve(files)
        try:
            with urllib.request.urlopen(f"{url}api/models") as reply:
                ids = {model["name"]: model["id"] for model in json.load(reply)["models"]}
            for file in files:
                model = next(id_ for name, id_ in ids.items() if file.stem in name)
                mode = [False, True] if given.flat else [False]
                for flat in mode:
                    draw = partial(netscope, url=url, name=model, flat=flat)
                    row = visit(launch, draw, given.repeats)
                    results.append({"tool": "netscope flat" if flat else "netscope", "graph": file.stem, **row})
                    print(results[-1], flush=True)
        finally:
            process.terminate()
            process.wait(20)
        if "netron" in given.peers:
            for file in files:
                command = [sys.executable, "-m", "netron", str(file), "--port", "8397"]
                server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
                time.sleep(3)
                try:
                    row = visit(launch, lambda page: netron(page, "http://localhost:8397"), given.repeats)
                finally:
                    server.terminate()
                    server.wait(20)
                results.append({"tool": "netron", "graph": file.stem, **row})
                print(results[-1], flush=True)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
