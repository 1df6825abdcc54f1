"""What keeping the console costs a print: 10,000 lines, captured and not.

    python benchmarks/console_cost.py [--rounds 5] [--lines 10000] [--json results.json]

In each round every tool begins a run in a fresh process of its own, in an order that changes from round to round, and
prints lines as a training does (60 characters, one `print` each) to a file, as under `nohup` or a scheduler. `print
alone` is the same without a run. Reported, of the medians over rounds: microseconds a line by the clock (`wall_us`), of
the process's CPU with all its threads (`cpu_us`; wandb's service process is not in it), what the clock shows beyond
`print alone` (`added_us`), and the seconds the closing call takes (wandb does part of the work of `redirect` only there
and in threads). Ratios are of the added wall time, peer over netscope, the median over rounds of the ratio within a
round. Peers that are not installed are left out and named; tensorboard keeps no console.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SUBJECTS = ("print alone", "netscope", "wandb wrap", "wandb redirect")
WARM = 200


def begin(subject: str, folder: Path) -> Callable[[], object]:
    """Begin to capture what this process prints; gives what ends it."""
    if subject == "print alone":
        return lambda: None
    if subject == "netscope":
        import netscope

        return netscope.init(folder, watch_system=False).finish
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    import wandb

    settings = wandb.Settings(console=subject.split()[1], x_disable_stats=True, x_disable_meta=True)
    return wandb.init(project="benchmark", dir=str(folder), settings=settings).finish


def measure(subject: str, n: int) -> dict[str, float]:
    """In this process; its stdout is a file."""
    lines = [f"step {i:06}  loss {random.random():.6f}  accuracy {random.random():.6f}  lr 0.001" for i in range(n)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        end = begin(subject, Path(place))
        for line in lines[:WARM]:
            print(line)
        wall, cpu = time.perf_counter(), time.process_time()
        for line in lines:
            print(line)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        closing = time.perf_counter()
        end()
        closing = time.perf_counter() - closing
    return {"wall_us": wall / n * 1e6, "cpu_us": cpu / n * 1e6, "close_s": closing}


def one_process(subject: str, n: int) -> dict[str, float]:
    """`measure` in a process of its own.

    Raises:
        RuntimeError: It failed.
    """
    with tempfile.TemporaryDirectory() as place:
        result, out = Path(place) / "result.json", Path(place) / "out.txt"
        command = [sys.executable, __file__, "--subject", subject, "--lines", str(n), "--json", str(result)]
        with out.open("wb") as file:
            done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"failed: {(done.stderr.strip().splitlines() or ['silently'])[-1]}")
        return json.loads(result.read_text())  # type: ignore[no-any-return]


def compare(rounds: int, n: int) -> dict[str, Any]:
    """All that are installed."""
    has_wandb = importlib.util.find_spec("wandb") is not None
    left_out = {} if has_wandb else {one: "wandb is not installed" for one in SUBJECTS if one.startswith("wandb")}
    found: dict[str, list[dict[str, float]]] = {one: [] for one in SUBJECTS if one not in left_out}
    for i in range(rounds):
        order = list(found)
        random.Random(i).shuffle(order)
        for subject in order:
            try:
                found[subject].append(one_process(subject, n))
            except RuntimeError as error:
                left_out[subject] = str(error)
                del found[subject]
    for measured in found.values():
        for one, alone in zip(measured, found["print alone"], strict=True):
            one["added_us"] = one["wall_us"] - alone["wall_us"]
    result: dict[str, Any] = {"lines": n, "rounds": rounds}
    for subject, measured in found.items():
        result[subject] = {name: statistics.median(one[name] for one in measured) for name in measured[0]}
    result["ratios"] = {
        subject: statistics.median(
            one["added_us"] / ours["added_us"] for one, ours in zip(measured, found["netscope"], strict=True)
        )
        for subject, measured in found.items()
        if subject.startswith("wandb")
    }
    result["left_out"] = [f"{subject}: {why}" for subject, why in left_out.items()]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--subject", choices=SUBJECTS, help="measure one in this process")
    options = parser.parse_args()
    if options.subject:
        options.json.write_text(json.dumps(measure(options.subject, options.lines)))
        return
    result = compare(options.rounds, options.lines)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    print(f"{'':16}{'wall us':>10}{'CPU us':>10}{'added us':>10}{'close s':>10}{'times netscope':>16}")
    for subject in SUBJECTS:
        if subject in result:
            one = result[subject]
            ratio = f"{result['ratios'][subject]:16.2f}" if subject in result["ratios"] else ""
            print(
                f"{subject:16}{one['wall_us']:10.2f}{one['cpu_us']:10.2f}{one['added_us']:10.2f}{one['close_s']:10.3f}{ratio}"
            )
    for line in result["left_out"]:
        print(f"left out  {line}")


if __name__ == "__main__":
    main()
