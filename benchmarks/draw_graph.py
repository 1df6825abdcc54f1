"""Graphs of 1,000, 10,000 and 50,000 operations drawn cold in Chromium: netscope, Netron and Model Explorer.

    python benchmarks/draw_graph.py [--nodes 1000,10000,50000] [--repeats 3] [--peers netron,model_explorer]
                                    [--json FILE]

The graphs are transformers (`graphs.py`) with shared tensors: an attention mask and rotary tables feed every block, as
in real exports. netscope and Netron get them as ONNX files, Model Explorer as its own JSON, which it draws sooner than
ONNX. netscope's server has read the files before the browser starts; the peers read theirs in the page. Each repeat is
a new headless Chromium (software rendering, 1400 x 900, empty cache); the median counts. A size that a peer cannot draw
within a minute is its last.

*Painted* is the time from the beginning of the navigation until the graph is seen. netscope says so itself with
`performance.mark('graph-drawn')`; of Netron it is the first frame after its SVG has nodes, of Model Explorer the first
without its spinner. netscope and Model Explorer show modules as closed groups, *netscope flat* draws every operation,
as Netron does. *Layout* is what netscope's worker took for it. *Memory* is the proportional set size of all processes
of that browser, *floor* what it is with an empty page. *Pan* and *zoom* are the longest time between two frames while
the graph is dragged and zoomed for two seconds, *open* the time from the key that opens a group until it is drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
from playwright.sync_api import Browser, Error, Page, sync_playwright

from benchmarks.graphs import transformer, write_model_explorer, write_onnx
from scripts.find_browser import find_browser

CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-unsafe-swiftshader",
]  # fmt: skip
PATIENCE_S = 60.0
PEER_PORT = 8397
Figures = dict[str, float]

FRAMES = """() => new Promise((done) => {
  const gaps = []; let last = performance.now();
  const end = last + 2000;
  const tick = (now) => {
    gaps.push(now - last);
    last = now;
    now < end ? requestAnimationFrame(tick) : done(Math.max(...gaps.slice(2)));
  };
  requestAnimationFrame(tick);
})"""

# In one go, so that the time between the key and the drawing is that of the page alone.
OPEN_GROUP = """() => new Promise((done) => {
  const graph = document.querySelector('[role=application]');
  graph.focus();
  performance.clearMarks('graph-drawn');
  const begun = performance.now();
  graph.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
  const look = () => {
    const [mark] = performance.getEntriesByName('graph-drawn');
    const [laid] = performance.getEntriesByName('graph-laid-out').slice(-1);
    const isDrawn = mark && laid.startTime > begun && mark.startTime > laid.startTime;
    isDrawn ? done(mark.startTime - begun) : requestAnimationFrame(look);
  };
  look();
})"""

# It asks for consent, once, and takes `eval` away, with which Playwright asks the page.
NETRON_SETUP = """
document.cookie = 'consent=1; path=/';
const own = window.eval;
Object.defineProperty(window, 'eval', { get: () => own, set: () => undefined });
"""

MODEL_EXPLORER_READY = """() => !!document.querySelector('webgl-renderer canvas')
  && !document.querySelector('mat-spinner')"""


def memory_mb() -> float:
    """Of all processes of the browser."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            if "chrom" in process.name():
                total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e6


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


def moved(page: Page) -> Figures:
    """The longest time between two frames, in ms, while the graph is dragged and while it is zoomed."""
    page.evaluate(f"window.__frames = ({FRAMES})()")
    page.mouse.move(600, 500)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(600, 500 - 6 * step)
    page.mouse.up()
    pan_ms = page.evaluate("() => window.__frames")
    page.evaluate(f"window.__frames = ({FRAMES})()")
    for step in range(30):
        page.mouse.wheel(0, 120 if step < 15 else -120)
    return {"pan_ms": pan_ms, "zoom_ms": page.evaluate("() => window.__frames")}


def netscope(page: Page, url: str, name: str, *, flat: bool) -> Figures:
    """Draw one model; with groups, open the one that holds the blocks."""
    if flat:
        page.add_init_script("localStorage.setItem('netscope.model.flat', 'true')")
    page.goto(f"{url}graph?model={name}{'' if flat else '&layer=layers'}", wait_until="commit")
    page.wait_for_function("() => performance.getEntriesByName('graph-drawn').length > 0", timeout=PATIENCE_S * 1000)
    marks = page.evaluate(
        "() => ['graph-laid-out', 'graph-drawn'].map((name) => performance.getEntriesByName(name)[0])"
        ".map((mark) => [mark.startTime, mark.detail])"
    )
    found = {"painted_ms": marks[1][0], "layout_ms": marks[0][1], "memory_mb": memory_mb(), **moved(page)}
    return found if flat else {**found, "open_ms": page.evaluate(OPEN_GROUP)}


def netron(page: Page, url: str) -> Figures:
    """Draw the file that a Netron server has."""
    page.add_init_script(NETRON_SETUP)
    page.goto(url, wait_until="commit")
    began = time.perf_counter()
    while time.perf_counter() - began < PATIENCE_S:
        if page.evaluate("() => document.querySelector('.node') && document.body.className.includes('default')"):
            return {"painted_ms": painted(page), "memory_mb": memory_mb(), **moved(page)}
        time.sleep(0.1)
    raise TimeoutError(f"not drawn within {PATIENCE_S:.0f} s")


def model_explorer(page: Page, url: str) -> Figures:
    """Draw the file that a Model Explorer server has."""
    page.goto(url, wait_until="commit")
    page.wait_for_function(MODEL_EXPLORER_READY, timeout=PATIENCE_S * 1000)
    return {"painted_ms": painted(page), "memory_mb": memory_mb(), **moved(page)}


def painted(page: Page) -> float:
    """Time of the next frame, in ms since the navigation."""
    return float(page.evaluate("() => new Promise((done) => requestAnimationFrame(() => done(performance.now())))"))


def visit(launch: Callable[[], Browser], draw: Callable[[Page], Figures], repeats: int) -> Figures:
    """Medians over new browsers; nothing if one crashed or took too long."""
    found: list[Figures] = []
    for _ in range(repeats):
        browser = launch()
        try:
            context = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
            found.append(draw(context.new_page()))
        except (Error, TimeoutError) as error:
            print(f"  {type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
            return {}
        finally:
            browser.close()
    return {key: round(statistics.median(one[key] for one in found), 1) for key in found[0]}


def answers(url: str) -> None:
    """Wait until a peer's server does."""
    end = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < end:
        try:
            urllib.request.urlopen(url).read()
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise TimeoutError(f"{url} never answered")


def peer(tool: str, file: Path, launch: Callable[[], Browser], repeats: int) -> Figures:
    """Figures of a peer's page for one file; nothing if it cannot draw it."""
    address = f"http://localhost:{PEER_PORT}/"
    if tool == "netron":
        start = f"import netron; netron.start({str(file)!r}, {PEER_PORT}, browse=False); netron.wait()"
        command = [sys.executable, "-c", start]
        draw = partial(netron, url=address)
    else:
        program = shutil.which("model-explorer", path=str(Path(sys.executable).parent)) or "model-explorer"
        at = str(file.with_suffix(".json"))
        command = [program, at, "--no_open_in_browser", "--skip_health_check", "--port", str(PEER_PORT)]
        data = urllib.parse.quote(json.dumps({"models": [{"url": at}]}))
        draw = partial(model_explorer, url=f"{address}?data={data}")
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        answers(address)
        return visit(launch, draw, repeats)
    finally:
        server.terminate()
        server.wait(20)


def ratios(rows: dict[str, Figures]) -> Figures:
    """How many times sooner we paint than the peer that paints first, with groups and flat."""
    peers = [row["painted_ms"] for tool, row in rows.items() if tool in ("netron", "model_explorer") and row]
    if not peers:
        return {}
    ours = {"sooner_with_groups": "netscope", "sooner_flat": "netscope flat"}
    return {name: min(peers) / rows[tool]["painted_ms"] for name, tool in ours.items() if rows.get(tool)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="1000,10000,50000")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default="netron,model_explorer", help="those that are installed are measured")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    tools = [tool for tool in given.peers.split(",") if tool and installed(tool)]
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        sizes = [int(size) for size in given.nodes.split(",")]
        files = [Path(folder) / f"transformer_{size}.onnx" for size in sizes]
        for size, file in zip(sizes, files, strict=True):
            model = transformer(size, shared=True)
            write_onnx(model, file)
            write_model_explorer(model, file.with_suffix(".json"))

        def launch() -> Browser:
            return playwright.chromium.launch(executable_path=find_browser(), args=CHROMIUM)

        floor = visit(launch, lambda page: {"memory_mb": memory_mb()}, 1)
        process, url = serve(files)
        try:
            with urllib.request.urlopen(f"{url}api/models") as reply:
                ids = {model["name"]: model["id"] for model in json.load(reply)["models"]}
            for size, file in zip(sizes, files, strict=True):
                name = next(id_ for known, id_ in ids.items() if file.stem in known)
                rows = results[f"{size:,} operations"] = {"set": {"operations": size}, "floor": floor}
                for tool, flat in (("netscope", False), ("netscope flat", True)):
                    rows[tool] = visit(launch, partial(netscope, url=url, name=name, flat=flat), given.repeats)
                    print(size, tool, rows[tool], flush=True)
        finally:
            process.terminate()
            process.wait(20)
        for tool in tools:
            for size, file in zip(sizes, files, strict=True):
                rows = results[f"{size:,} operations"]
                rows[tool] = peer(tool, file, launch, given.repeats if size <= 1000 else 1)
                print(size, tool, rows[tool], flush=True)
                if not rows[tool]:
                    rows[tool] = {"painted_ms": float("nan")}
                    break
    for rows in results.values():
        drawn = {tool: row for tool, row in rows.items() if row.get("painted_ms", float("nan")) > 0}
        rows["ratios"] = ratios(drawn)
    print(json.dumps(results, indent=1))
    if given.json:
        given.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def installed(tool: str) -> bool:
    """Whether a peer can be measured here."""
    command = [sys.executable, "-c", f"import {tool}"]
    return not subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    main()
