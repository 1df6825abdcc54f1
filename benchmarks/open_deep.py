"""What opening a run of a deep network costs: 2,000 small layers, 98,000 series, measured 60 times.

    python benchmarks/open_deep.py [--layers 2000] [--measurements 60] [--repeats 5] [--json results.json]

`run.watch` records the network as in watch_deep.py. Then a process of its own opens the folder without an index and
reads all of it (`open_s` by the clock, `open_cpu_s` with all threads), asks for the table of layers, for one statistic
of 128 tensors (as many as are in sight) and of all, and opens the folder again with the index. Medians of several such
processes; `journal_MB` and `index_MB` are the files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.watch_deep import Training
from netscope.analyse import measure

OPEN = """
import json, resource, sys, time
from netscope.charts.layers import Window, matrix
from netscope.store.store import Store

def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu

def opened():
    store = Store(sys.argv[1])
    store.refresh(None)
    return store

store, wall, cpu = timed(opened)
run = store.table().runs[0].id
table, layers, _ = timed(lambda: store.read.layers.table(run))
_, sight, _ = timed(lambda: matrix(store, run, "gradient", "norm", Window(400, stop=128)))
_, whole, _ = timed(lambda: matrix(store, run, "value", "norm", Window(400)))
store.close()
_, again, _ = timed(opened)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print(json.dumps({
    "open_s": wall, "open_cpu_s": cpu, "layers_s": layers, "in_sight_s": sight, "whole_s": whole, "again_s": again,
    "peak_MB": peak, "tensors": len(table.tensors),
}))
"""


def record(layers: int, measurements: int, folder: Path) -> None:
    """A run with so many measurements."""
    training = Training(layers, folder, is_watched=True)
    for _ in range(measurements):
        training.step()
    training.run.finish()


def megabytes(folder: Path, pattern: str) -> float:
    """Of the files of that name."""
    return round(sum(path.stat().st_size for path in folder.glob(pattern)) / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=2000)
    parser.add_argument("--measurements", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    measure.load_kernels(wait=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record(options.layers, options.measurements, folder)
        found: list[dict[str, Any]] = []
        for _ in range(options.repeats):
            shutil.rmtree(folder / ".netscope", ignore_errors=True)
            done = subprocess.run([sys.executable, "-c", OPEN, name], capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
        one: dict[str, Any] = {key: round(statistics.median(part[key] for part in found), 3) for key in found[0]}
        one |= {"journal_MB": megabytes(folder, "*/*.journal"), "index_MB": megabytes(folder, ".netscope/index*")}
    result = {"netscope": one}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
