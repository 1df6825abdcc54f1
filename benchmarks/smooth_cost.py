"""What smoothing costs a chart: requests with and without it, cold and while a series grows.

    python benchmarks/smooth_cost.py [--quick] [--json FILE]

One chart of 1,000 runs x 1,000 points and one of 1 run x 1,000,000 points, both 400 pixels wide, asked of
`charts.curves` as the route does it, without HTTP. Without smoothing a series of far more points than pixels is read
from the outlines of its chunks; a moving average needs all points, so all are read. *Cold*: the first request of a new
`Store`. *Other weight*: the points are known, the mean is not (someone drags the slider). *Grown*: each run got 10
more points. *Again*: everything is known, but another window is asked for. *Mean alone*: without the logged values,
as the page asks where more than 40 runs are compared. Wall milliseconds of one thread, the median of the repeats.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks import make_runs
from netscope.charts.curves import curves
from netscope.schema.series import SeriesRequest
from netscope.store.store import Store

SHAPES = {"1,000 runs x 1,000 points": (1000, 1000), "1 run x 1,000,000 points": (1, 1_000_000)}
GROWTH = 10  # points
ROWS = {"without": {}, "with": {"smooth": 0.6}, "mean alone": {"smooth": 0.6, "logged": False}}


def grow(folder: Path, n_steps: int) -> None:
    """Add points to every journal."""
    steps = np.arange(n_steps, n_steps + GROWTH)
    values = np.random.default_rng(n_steps).normal(size=(GROWTH, 1))
    for journal in folder.glob("*/*.journal"):
        with journal.open("ab") as file:
            file.write(make_runs.rows(1, steps, make_runs.BEGAN + steps * make_runs.STEP_S, values))


def measure(n_runs: int, n_steps: int, repeats: int) -> list[dict[str, Any]]:
    times: dict[str, dict[str, list[float]]] = {row: {} for row in ROWS}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "runs"
        make_runs.make(folder, n_runs, 1, n_steps)
        with Store(folder) as store:
            store.refresh(None)
        ids = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        for repeat in range(repeats):
            for row, more in ROWS.items():
                with Store(folder) as store:
                    store.refresh(None)

                    def ask(what: str, row: str = row, store: Store = store, **changed: Any) -> None:
                        asked = {"runs": ids, "keys": make_runs.key_names(1), "px": 400, **changed}
                        began = time.perf_counter()
                        curves(store, SeriesRequest(**asked))
                        times[row].setdefault(what, []).append((time.perf_counter() - began) * 1e3)

                    ask("cold", **more)
                    if more:
                        ask("other weight", **more | {"smooth": 0.9})
                    ask("again", low=-1.0 - repeat, **more)
                    grow(folder, n_steps)
                    n_steps += GROWTH
                    store.refresh(None)
                    ask("grown", **more)
    return [
        {"smoothing": row, **{f"{what} ms": statistics.median(took) for what, took in found.items()}}
        for row, found in times.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {name: measure(*shape, 2 if options.quick else 7) for name, shape in SHAPES.items()}
    print(json.dumps(results, indent=1))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
