"""What is lost when a training is killed: 500 calls of ten keys, SIGKILL at once, then each tool's own reader.

    python benchmarks/lost_on_kill.py [--calls 500] [--rounds 3] [--json results.json]

A process opens its logger, logs 500 calls, says that the last one returned, and waits. The whole process group, with
the helper processes a tool may have started, is then killed with SIGKILL. After a second another process counts the
points of one key with the tool's own reader (`.wandb` files by wandb's protobuf classes, as its own reader needs its
server). Reported: the most that was lost in any round. Peers that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import peers

KEYS = tuple(f"train/key_{i}" for i in range(10))


def train(subject: str, folder: Path, calls: int) -> None:
    """Log, say so, wait for death."""
    logger = peers.begin(subject, folder)
    for step in range(calls):
        logger.log({key: float(step) for key in KEYS}, step)
    print("returned", flush=True)
    time.sleep(600)


def lost(subject: str, calls: int) -> int:
    """Calls of one killed training that its reader does not find."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        command = [sys.executable, __file__, "--calls", str(calls), "--subject", subject, "--folder", place]
        child = subprocess.Popen([*command, "--train"], stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert child.stdout is not None
        while (line := child.stdout.readline()) != "returned\n":
            if not line:
                raise RuntimeError(f"{subject} ended with code {child.wait()}")
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        time.sleep(1)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{subject} could not be read: {done.stderr.strip().splitlines()[-1]}")
        return calls - int(done.stdout.strip().splitlines()[-1])


def compare(calls: int, rounds: int) -> dict[str, Any]:
    """All that are installed, in turns."""
    left_out = {subject: why for subject in peers.PACKAGES if (why := peers.missing(subject))}
    found: dict[str, list[int]] = {subject: [] for subject in peers.PACKAGES if subject not in left_out}
    for _ in range(rounds):
        for subject in list(found):
            try:
                found[subject].append(lost(subject, calls))
            except RuntimeError as error:
                left_out[subject] = str(error)
                del found[subject]
    result: dict[str, Any] = {"calls": calls, "rounds": rounds}
    for subject, counts in found.items():
        result[subject] = {"lost_calls": max(counts), "lost_percent": 100 * max(counts) / calls}
    result["left_out"] = [f"{subject}: {why}" for subject, why in left_out.items()]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--subject", choices=peers.PACKAGES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.subject:
        if options.train:
            train(options.subject, options.folder, options.calls)
        else:
            print(peers.read(options.subject, options.folder, KEYS[0]))
        return
    result = compare(options.calls, options.rounds)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    print(f"{'':16}{'lost calls':>12}{'%':>8}   of {options.calls} calls that returned")
    for subject in peers.PACKAGES:
        if subject in result:
            print(f"{subject:16}{result[subject]['lost_calls']:12,}{result[subject]['lost_percent']:8.1f}")
    for line in result["left_out"]:
        print(f"left out  {line}")


if __name__ == "__main__":
    main()
