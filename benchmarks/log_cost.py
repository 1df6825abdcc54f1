"""What logging costs the training loop: time of one scalar, ten keys a call.

    python benchmarks/log_cost.py [--rounds 5] [--seconds 1] [--json results.json]

In each round every tool logs in a fresh process of its own, one after the other, in an order that changes from round
to round, so that what else the machine does falls on all alike. A process opens its logger, logs 200 calls to warm
up, then logs batches of 50 calls for a second (at most 50,000 calls). Reported, of the medians over rounds:
microseconds a scalar by the clock (`wall_us`), of the process's CPU with all its threads (`cpu_us`; service processes
of wandb are not in it), and the seconds its closing call takes. `raw append` is one unbuffered `write` of the packed
numbers a call: what the system asks for at least. Ratios are of the wall time, peer over netscope, the median over
rounds of the ratio within a round. Peers that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import peers

KEYS = tuple(f"train/key_{i}" for i in range(10))
WARM, BATCH, MOST = 200, 50, 50_000


def measure(subject: str, seconds: float) -> dict[str, float]:
    """In this process."""
    rows = [{key: random.random() for key in KEYS} for _ in range(BATCH)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        logger = peers.begin(subject, Path(place))
        step = 0
        for _ in range(WARM // BATCH):
            for row in rows:
                logger.log(row, step)
                step += 1
        n, wall, cpu = 0, time.perf_counter(), time.process_time()
        while n < MOST and time.perf_counter() - wall < seconds:
            for row in rows:
                logger.log(row, step)
                step += 1
            n += BATCH
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        closing = time.perf_counter()
        logger.close()
        closing = time.perf_counter() - closing
    scalars = n * len(KEYS)
    return {"wall_us": wall / scalars * 1e6, "cpu_us": cpu / scalars * 1e6, "close_s": closing, "calls": n}


def compare(rounds: int, seconds: float) -> dict[str, Any]:
    """All that are installed."""
    left_out = {subject: why for subject in peers.PACKAGES if (why := peers.missing(subject))}
    subjects = [subject for subject in peers.PACKAGES if subject not in left_out]
    found: dict[str, list[dict[str, float]]] = {subject: [] for subject in subjects}
    for i in range(rounds):
        order = list(found)
        random.Random(i).shuffle(order)
        for subject in order:
            command = [sys.executable, __file__, "--subject", subject, "--seconds", str(seconds)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                left_out[subject] = f"failed: {done.stderr.strip().splitlines()[-1]}"
                del found[subject]
                continue
            (line,) = (line for line in done.stdout.splitlines() if line.startswith('{"wall_us"'))  # peers print too
            found[subject].append(json.loads(line))
    result: dict[str, Any] = {"keys_a_call": len(KEYS), "rounds": rounds}
    for subject, measured in found.items():
        result[subject] = {name: statistics.median(one[name] for one in measured) for name in measured[0]}
    result["ratios"] = {
        subject: statistics.median(
            one["wall_us"] / ours["wall_us"] for one, ours in zip(measured, found["netscope"], strict=True)
        )
        for subject, measured in found.items()
        if subject != "netscope"
    }
    result["left_out"] = [f"{subject}: {why}" for subject, why in left_out.items()]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--subject", choices=peers.PACKAGES, help="measure one in this process")
    options = parser.parse_args()
    if options.subject:
        print(json.dumps(measure(options.subject, options.seconds)))
        return
    result = compare(options.rounds, options.seconds)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    print(f"{'':16}{'wall us':>10}{'CPU us':>10}{'close s':>10}{'calls':>10}{'times netscope':>16}")
    for subject in peers.PACKAGES:
        if subject in result:
            one = result[subject]
            ratio = result["ratios"].get(subject, 1.0)
            figures = f"{one['wall_us']:10.3f}{one['cpu_us']:10.3f}{one['close_s']:10.3f}{one['calls']:10,.0f}"
            print(f"{subject:16}{figures}{ratio:16.2f}")
    for line in result["left_out"]:
        print(f"left out  {line}")


if __name__ == "__main__":
    main()
