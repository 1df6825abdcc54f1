"""What looking at a weight costs: the heat map of a 4096 x 11008 bfloat16 matrix in a safetensors file of 10 GB.

    python benchmarks/show_weights.py [--repeats 3] [--json results.json]

The file is sparse but for that matrix, which holds normal numbers. For netscope, a fresh server opens the file, and
Chromium goes to the Weights view: `picture_s` is the time from there until the heat map is drawn, with its statistics,
histogram and norms. `zoom_s` is the time from a jump to single elements until their tile is drawn. `read_MB` is what
the server read from files meanwhile, `sent_MB` what the browser received, `peak_MB` the most memory the server had.
Beside it, a script in a fresh process, as one would write it: safetensors and PyTorch read the matrix, Matplotlib draws
it as 1200 pixels of PNG; a closer look means to run it again (its library maps the file, so `read_MB` misses most of
what it reads). Medians.
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
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from scripts.find_browser import find_browser

ROWS, COLUMNS, GIGABYTES = 4096, 11008, 10
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SCRIPT = """
import json, re, sys, time
start = time.perf_counter()
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import torch
from safetensors import safe_open
with safe_open(sys.argv[1], "pt") as file:
    matrix = file.get_tensor("model.layers.0.mlp.up_proj.weight").float().numpy()
size = float(torch.quantile(torch.from_numpy(matrix[::16]).abs().flatten()[:1 << 24], 0.995))
figure = plt.figure(figsize=(12, 5), dpi=100)
plt.imshow(matrix, cmap="RdBu", vmin=-size, vmax=size, aspect="auto")
figure.savefig(sys.argv[1] + ".png")
status = open("/proc/self/status").read()
print(json.dumps({
    "picture_s": time.perf_counter() - start,
    "read_MB": int(re.search(r"rchar: (\\d+)", open("/proc/self/io").read())[1]) / 1e6,
    "peak_MB": int(re.search(r"VmHWM:\\s*(\\d+)", status)[1]) / 1e3,
}))
"""


def written(path: Path) -> Path:
    """A file of 10 GB with 100 matrices, of which the first has numbers."""
    size = 2 * ROWS * COLUMNS
    n = GIGABYTES * 10**9 // size
    header = {
        f"model.layers.{i}.mlp.up_proj.weight": {
            "dtype": "BF16", "shape": [ROWS, COLUMNS], "data_offsets": [i * size, (i + 1) * size],
        }
        for i in range(n)
    }  # fmt: skip
    text = json.dumps(header).encode()
    numbers = (np.random.default_rng(0).normal(size=(ROWS, COLUMNS)) * 0.02).astype(np.float32)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.write((numbers.view(np.uint32) >> 16).astype(np.uint16).tobytes())
        file.truncate(8 + len(text) + n * size)
    return path


def of_process(pid: int) -> tuple[float, float]:
    """MB that a process has read, and the most memory that it had."""
    read, status = Path(f"/proc/{pid}/io").read_text(), Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"rchar: (\d+)", read)[1]) / 1e6, int(re.search(r"VmHWM:\s*(\d+)", status)[1]) / 1e3  # type: ignore[index]


def looked_at(page: Page, url: str, pid: int) -> dict[str, float]:
    """Go to the view, then to single elements."""
    page.goto(f"{url}/runs")  # the page's scripts are in the browser's cache, as after the first visit
    page.wait_for_load_state("networkidle")
    sent: list[float] = []
    page.on("requestfinished", lambda request: sent.append(request.sizes()["responseBodySize"]))
    before, _ = of_process(pid)
    start = time.perf_counter()
    page.goto(f"{url}/weights?tensor=model.layers.0.mlp.up_proj.weight")
    page.wait_for_function("() => performance.getEntriesByName('charts-drawn').length > 0", polling=10)
    picture_s = time.perf_counter() - start
    read, _ = of_process(pid)
    drawn = page.evaluate("() => performance.getEntriesByName('charts-drawn').length")
    box = page.get_by_role("application").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    start = time.perf_counter()
    for _ in range(14):
        page.mouse.wheel(0, -240)
    page.wait_for_function(f"() => performance.getEntriesByName('charts-drawn').length > {drawn}", polling=10)
    zoom_s = time.perf_counter() - start
    end, peak = of_process(pid)
    return {
        "picture_s": picture_s, "read_MB": read - before, "zoom_s": zoom_s, "zoom_read_MB": end - read,
        "sent_MB": sum(sent) / 1e6, "peak_MB": peak,
    }  # fmt: skip


def netscope(path: Path) -> dict[str, float]:
    """One look in a fresh server and a fresh browser."""
    command = [sys.executable, "-m", "netscope.cli", "open", str(path), "--no-browser", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "XDG_CACHE_HOME": str(path.parent / "cache")}
    with subprocess.Popen(command, cwd=path.parent, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            found = next(match for line in server.stdout if (match := re.search(r"http://[^/\s]+", line)))
            while json.load(urllib.request.urlopen(f"{found[0]}/api/models"))["models"][0]["state"] == "opening":
                time.sleep(0.05)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_browser(), args=CHROMIUM)
                page = browser.new_page(viewport={"width": 1600, "height": 900})
                result = looked_at(page, found[0], server.pid)
                browser.close()
        finally:
            server.terminate()
    return result


def script(path: Path) -> dict[str, float]:
    """One run of the script."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = written(Path(name) / "large.safetensors")
        rows = {
            title: medians([run(path) for _ in range(options.repeats)])
            for title, run in (("netscope", netscope), ("safetensors, PyTorch and Matplotlib", script))
        }
    mine, theirs = rows.values()
    ratios = {
        "time to the picture": theirs["picture_s"] / mine["picture_s"],
        "memory": theirs["peak_MB"] / mine["peak_MB"],
    }
    result: dict[str, Any] = {f"{ROWS} x {COLUMNS} bfloat16 of {GIGABYTES} GB": {**rows, "ratios": ratios}}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
