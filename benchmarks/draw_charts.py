"""All charts in sight drawn, cold, in Chromium: netscope and TensorBoard on the same points, in the same run.

    python benchmarks/draw_charts.py [--sets A,B,C] [--repeats 3] [--browser /usr/bin/chromium] [--json results.json]

Sets: A 1 run x 10 keys x 100,000 steps; B 100 x 10 x 1,000; C 1,000 x 5 x 1,000. All runs are compared. Both servers
have read everything before the browser starts. Each repeat is a new headless Chromium (software rendering, 1400 x 900,
empty cache); the median counts. A new Chromium first builds pages of its own (a third of a second of processor time),
which are no page's fault: the visit begins when it rests, as it does when a person has typed an address. *Drawn* is
the time from the beginning of the navigation until every chart in sight is done; *floor* is a static page of one
canvas. netscope says so itself, with `performance.mark('charts-drawn')`, the beginning of the frame after the last
chart's, and is not believed: each chart in sight must then have coloured pixels. Its list of runs and step scrubber
come after the charts: they are in *rest*, not in *drawn*. TensorBoard says nothing. It is asked every 100 ms: no card
in sight shows a spinner, each has a canvas or a path of its lines; its time is when it came to rest. *Rest* is measured
of both alike: the last activity (answer or task of over 50 ms) before half a second of quiet in which no answer is
outstanding. It may come before the charts are seen, if the last frame took less than 50 ms. TensorBoard unticks all
runs when there are more than 500 (set C): its charts come, but stay empty. The following are all as of rest: *bytes*
is what went over the wire, *blocked* the sum of all tasks over 50 ms, *longest* the longest of them, *first paint*
when anything was seen. *Charts* are those in sight. What netscope loads three seconds later, its other views, is in
none of these.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import make_runs
from benchmarks.serve_series import SETS, Set, free_port, make_events, process, until

CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
PATIENCE_S = 240.0
QUIET_MS = 500

WATCH = """
window.__busy = { long: [], answers: [], open: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) __busy.long.push([entry.startTime, entry.duration]);
}).observe({ type: 'longtask', buffered: true });
const ask = window.fetch;
window.fetch = (...given) => {
  __busy.open++;
  return ask(...given).finally(() => { __busy.open--; __busy.answers.push(performance.now()); });
};
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (...given) {
  __busy.open++;
  this.addEventListener('loadend', () => { __busy.open--; __busy.answers.push(performance.now()); });
  return send.apply(this, given);
};
"""

# How many charts are in sight, and how many of them have lines: pixels that are neither grey nor ground.
NETSCOPE_INK = """() => {
  let charts = 0, inked = 0;
  for (const canvas of document.querySelectorAll('.card .chart canvas:first-of-type')) {
    const box = canvas.getBoundingClientRect();
    if (box.bottom < 90 || box.top > innerHeight || !canvas.width) continue;
    charts++;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let colored = 0;
    for (let i = 0; i < data.length; i += 4) {
      const low = Math.min(data[i], data[i + 1], data[i + 2]), high = Math.max(data[i], data[i + 1], data[i + 2]);
      if (high - low > 40) colored++;
    }
    if (colored > 100) inked++;
  }
  return [charts, inked];
}"""

TENSORBOARD_READY = """() => {
  const inSight = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  };
  const cards = [...document.querySelectorAll('scalar-card')].filter(inSight);
  const lines = 'line-chart canvas, line-chart svg';
  const isDrawn = (card) => !card.querySelector('mat-spinner') && card.querySelector(lines);
  return [cards.length, cards.filter(isDrawn).length];
}"""

ACTIVITY = """() => ({
  open: __busy.open,
  last: Math.max(0, ...__busy.answers, ...__busy.long.map(([start, took]) => start + took)),
  now: performance.now(),
})"""

COST = """() => ({
  blocked_ms: __busy.long.reduce((sum, [, took]) => sum + took, 0),
  longest_ms: Math.max(0, ...__busy.long.map(([, took]) => took)),
  first_paint_ms: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
})"""


FLOOR = """<!doctype html><title>floor</title><body><canvas width="400" height="300"></canvas><script>
const context = document.querySelector('canvas').getContext('2d');
context.fillStyle = '#c22';
context.fillRect(0, 0, 400, 300);
requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('charts-drawn')));
</script>"""


def rest() -> None:
    """Wait until the browser has nothing left to do: half a second in which it used a twentieth of a processor."""
    end = time.perf_counter() + PATIENCE_S
    before = browser_s()
    while time.perf_counter() < end:
        time.sleep(0.5)
        last, before = before, browser_s()
        if abs(before - last) < 0.025:
            return
    raise TimeoutError("the browser never rested")


def browser_s() -> float:
    """Processor time of all of the browser's processes."""
    used = []
    for one in psutil.Process().children(recursive=True):
        try:
            if "chrom" in one.name():
                times = one.cpu_times()
                used.append(float(times.user + times.system))
        except psutil.NoSuchProcess:  # pages of the browser's own come and go
            continue
    if not used:
        raise RuntimeError("the browser's processes are not among ours: one cannot tell when it rests")
    return sum(used)


def mark(page: Page) -> float:
    """When the page said that its charts are drawn, in ms."""
    began = time.perf_counter()
    while time.perf_counter() - began < PATIENCE_S:
        marks = page.evaluate("performance.getEntriesByName('charts-drawn').map((mark) => mark.startTime)")
        if marks:
            return float(marks[0])
        page.wait_for_timeout(50)
    raise TimeoutError("the page never said that its charts are drawn")


def quiet(page: Page) -> float:
    """When the page did something for the last time, in ms: half a second ago at least."""
    began = time.perf_counter()
    while time.perf_counter() - began < PATIENCE_S:
        seen = page.evaluate(ACTIVITY)
        if not seen["open"] and seen["now"] - seen["last"] > QUIET_MS:
            return float(seen["last"])
        page.wait_for_timeout(100)
    raise TimeoutError("the page never came to rest")


def look_at_floor(page: Page, port: int) -> dict[str, float]:
    page.goto(f"http://127.0.0.1:{port}/")
    return {"drawn_ms": mark(page), "rest_ms": quiet(page), "charts": 1}


def look_at_netscope(page: Page, port: int) -> dict[str, float]:
    page.goto(f"http://127.0.0.1:{port}/curves#show=*")
    drawn_ms = mark(page)
    charts, inked = page.evaluate(NETSCOPE_INK)
    if not charts or inked < charts:
        raise RuntimeError(f"the page says all is drawn, but {charts - inked} of {charts} charts are empty")
    return {"drawn_ms": drawn_ms, "rest_ms": quiet(page), "charts": charts}


def look_at_tensorboard(page: Page, port: int) -> dict[str, float]:
    page.goto(f"http://127.0.0.1:{port}/#timeseries")
    began = time.perf_counter()
    while time.perf_counter() - began < PATIENCE_S:
        charts, drawn = page.evaluate(TENSORBOARD_READY)
        if charts and drawn == charts:
            rest_ms = quiet(page)
            if page.evaluate(TENSORBOARD_READY) == [charts, charts]:
                return {"drawn_ms": rest_ms, "rest_ms": rest_ms, "charts": charts}
        page.wait_for_timeout(100)
    raise TimeoutError("TensorBoard's charts were not drawn")


def visit(browser: Browser, look: Any, port: int) -> dict[str, float]:
    """One cold visit: what it took and moved."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    wire = context.new_cdp_session(page)
    moved = [0.0]
    wire.on("Network.loadingFinished", lambda event: moved.__setitem__(0, moved[0] + event["encodedDataLength"]))
    wire.send("Network.enable")
    rest()
    result = look(page, port)
    result |= {"bytes": moved[0]} | page.evaluate(COST)
    context.close()
    return dict(result)


def visits(look: Any, port: int, repeats: int, browser: str) -> dict[str, float]:
    """Medians over visits, each with a browser of its own."""
    seen = []
    with sync_playwright() as playwright:
        for _ in range(repeats):
            chromium = playwright.chromium.launch(executable_path=browser or None, args=CHROMIUM)
            seen.append(visit(chromium, look, port))
            chromium.close()
    return {name: statistics.median(one[name] for one in seen) for name in seen[0]}


def floor(place: Path, repeats: int, browser: str) -> dict[str, float]:
    """What the browser and the server take for a page of one canvas."""
    (place / "page").mkdir()
    (place / "page" / "index.html").write_text(FLOOR)
    (place / "empty").mkdir()
    port = free_port()
    serve = (
        "import sys, netscope, uvicorn; from pathlib import Path; from netscope.show.app import application; "
        "from netscope.show.workspace import Workspace; "
        "store = netscope.open(sys.argv[1]); app = application(Workspace([store]), page_folder=Path(sys.argv[2])); "
        "uvicorn.run(app, port=int(sys.argv[3]), log_level='warning')"
    )
    with process([sys.executable, "-c", serve, str(place / "empty"), str(place / "page"), str(port)]):
        until(port, ("/api/about", b"", {}), lambda reply: json.loads(reply)["n_runs"] == 0)
        return visits(look_at_floor, port, repeats, browser)


def netscope(folder: Path, size: Set, repeats: int, browser: str) -> dict[str, float]:
    port = free_port()
    command = [sys.executable, "-m", "netscope.cli", "show", str(folder), "--port", str(port), "--no-browser"]
    with process(command):
        until(port, ("/api/about", b"", {}), lambda reply: json.loads(reply)["n_runs"] == size.runs)
        return visits(look_at_netscope, port, repeats, browser)


def tensorboard(folder: Path, size: Set, repeats: int, browser: str) -> dict[str, float]:
    port = free_port()
    key = make_runs.key_names(size.keys)[-1]
    asked = json.dumps([{"plugin": "scalars", "tag": key}])
    body = f'--b\r\nContent-Disposition: form-data; name="requests"\r\n\r\n{asked}\r\n--b--\r\n'.encode()
    chart = ("/data/plugin/timeseries/timeSeries", body, {"Content-Type": "multipart/form-data; boundary=b"})

    def is_ready(reply: bytes) -> bool:
        series = json.loads(reply)[0].get("runToSeries", {})
        return len(series) == size.runs and all(points[-1]["step"] == size.steps - 1 for points in series.values())

    command = [
        sys.executable,
        "-m",
        "tensorboard.main",
        "--logdir",
        str(folder),
        "--port",
        str(port),
        "--load_fast=true",
    ]
    with process(command):
        until(port, chart, is_ready)
        return visits(look_at_tensorboard, port, repeats, browser)


def measure(name: str, place: Path, repeats: int, browser: str) -> dict[str, Any]:
    size = SETS[name]
    make_runs.make(place / "runs", size.runs, size.keys, size.steps)
    result: dict[str, Any] = {"floor": floor(place, repeats, browser)}
    result["netscope"] = netscope(place / "runs", size, repeats, browser)
    if importlib.util.find_spec("tensorboard"):
        make_events(place / "events", size)
        result["tensorboard"] = tensorboard(place / "events", size, repeats, browser)
        ours, peer = result["netscope"], result["tensorboard"]
        result["ratios"] = {
            "faster": peer["drawn_ms"] / ours["drawn_ms"],
            "sooner_at_rest": peer["rest_ms"] / max(1.0, ours["rest_ms"]),
            "fewer_bytes": peer["bytes"] / ours["bytes"],
            "less_blocked": peer["blocked_ms"] / max(1.0, ours["blocked_ms"]),
        }
    return {"set": size._asdict(), **result}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="A,B,C")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--browser", default=shutil.which("chromium") or "", help="path of Chromium")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {}
    for name in options.sets.split(","):
        place = Path(tempfile.mkdtemp(prefix=f"netscope-{name}-"))
        try:
            results[name] = measure(name, place, options.repeats, options.browser)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        print(name, json.dumps(results[name], indent=1), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
