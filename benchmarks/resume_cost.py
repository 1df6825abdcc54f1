"""What resuming a long run costs: `netscope.init(resume=…)` of a run of 10 million points, with and without an index.

    python benchmarks/resume_cost.py [--quick] [--json FILE]

One run of 10 keys x 1,000,000 steps (a journal of 112 MB). "with an index": the folder was shown before, so that the
index knows the run and only what was logged since is followed. "without": all of the journal is followed. "new run":
the same call without `resume=`, what any start costs. Each is `init` in a process of its own, imports of NumPy and
SQLAlchemy included, import of netscope not; the best of three. What the operating system keeps of the files it keeps.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import make_runs

import netscope

BEGIN = """
import sys, time, netscope
resume = {"resume": sys.argv[2]} if sys.argv[2] else {}
began = time.perf_counter()
run = netscope.init(sys.argv[1], watch_system=False, console=False, **resume)
print(time.perf_counter() - began, run.step)
"""


def begin(folder: Path, run: str, step: int) -> float:
    """Seconds that `init` takes; it must go on at `step`."""
    command = [sys.executable, "-c", BEGIN, str(folder), run]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    if int(output[1]) != step:
        raise SystemExit(f"resumed at step {output[1]} instead of {step}")
    return float(output[0])


def measure(n_steps: int) -> dict[str, float]:
    """Seconds of each way to begin."""
    figures = {}
    with tempfile.TemporaryDirectory() as place:
        made = make_runs.write_run(Path(place) / "made", 0, 10, n_steps)
        for name, is_indexed, is_resumed in (
            ("new run, s", False, False),
            ("resume with an index, s", True, True),
            ("resume without an index, s", False, True),
        ):
            times = []
            for number in range(3):
                folder = Path(place) / f"{name}-{number}"
                shutil.copytree(made.parent, folder)
                if is_indexed:
                    with netscope.open(folder) as store:
                        store.refresh(None)
                times.append(begin(folder, made.name if is_resumed else "", n_steps if is_resumed else 0))
                shutil.rmtree(folder)
            figures[name] = min(times)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the points")
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args()
    n_steps = 100_000 if options.quick else 1_000_000
    result = {"points": 10 * n_steps, "netscope": measure(n_steps)}
    text = json.dumps(result, indent=1)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
