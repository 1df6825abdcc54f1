"""What watching a deep network costs: microseconds a tensor, of a network of 2,000 small layers.

    python benchmarks/watch_deep.py [--layers 2000] [--rounds 15] [--json results.json]

Linear layers of 8 x 8 in a row: of each, the value, gradient and update of weight and bias and the activation, 7
tensors and 49 series, are measured at every step. A step that is watched and one of the same network that is not take
turns, on one thread; each logs the loss. Reported: the median of what a watched step takes longer by the clock, in all
(`added_ms`) and over its tensors (`us_a_tensor`), the same of CPU time with all threads (`cpu_us_a_tensor`), and what a
measurement adds to the journal.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

import netscope
from netscope.analyse import measure

WIDTH = 8
QUANTITIES = 7
"""Tensors that are measured of each layer."""


class Training:
    """A deep network, and a run that its loss is logged to."""

    def __init__(self, layers: int, folder: Path, is_watched: bool) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(layers)))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3)
        self.images = torch.randn(4, WIDTH)
        self.run = netscope.init(dir=folder, watch_system=False, console=False)
        if is_watched:
            self.run.watch(self.model, every=1)

    def step(self) -> tuple[float, float]:
        """Seconds of a step, by the clock and of the CPU."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.optimizer.zero_grad()
        loss = self.model(self.images).square().mean()
        loss.backward()
        self.optimizer.step()
        self.run.log({"loss": loss.item()})
        return time.perf_counter() - wall, time.process_time() - cpu

    def bytes(self) -> int:
        """Of the journal so far."""
        return sum(path.stat().st_size for path in self.run.folder.glob("*.journal"))


def compare(layers: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Steps of both in turn."""
    watched, plain = Training(layers, folder, is_watched=True), Training(layers, folder, is_watched=False)
    added: list[tuple[float, float]] = []
    for i in range(rounds + 3):
        took = {one: one.step() for one in ((watched, plain) if i % 2 else (plain, watched))}
        added.append(tuple(a - b for a, b in zip(took[watched], took[plain], strict=True)))  # type: ignore[arg-type]
    for one in (watched, plain):
        one.run.finish()
    wall, cpu = (statistics.median(part) for part in zip(*added[3:], strict=True))
    tensors = layers * QUANTITIES
    return {
        "layers": layers,
        "tensors": tensors,
        "added_ms": round(wall * 1e3, 1),
        "us_a_tensor": round(wall / tensors * 1e6, 2),
        "cpu_us_a_tensor": round(cpu / tensors * 1e6, 2),
        "bytes_a_measurement": (watched.bytes() - plain.bytes()) // (rounds + 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    measure.load_kernels(wait=True)
    with tempfile.TemporaryDirectory() as name:
        result = {"netscope": compare(options.layers, options.rounds, Path(name))}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
