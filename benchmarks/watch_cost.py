"""What watching costs: CPU time that measuring weights and gradients adds to a small CNN's training step.

    python benchmarks/watch_cost.py [--rounds 36] [--steps 10] [--json results.json]

A CNN of 289,000 parameters in 16 tensors, batch 32 of CIFAR's shape, one thread, on a processor of its own; the other
processors are kept busy all the time, for the speed of one depends on whether its sibling works. Every way of watching
trains its own copy of the network, step by step in turn with a copy that nobody watches, so that what else the machine
does falls on both alike; both log the loss of each step with the same tool, so that what logging costs is in neither.
Ten steps of each make a pair, and in each round every way makes one, in an order that changes; those that add about
one percent make four, for the noise of a pair is larger than that. Reported: CPU milliseconds a step of this process
(`time.process_time`; the service of wandb is a process of its own and not in it), the median over pairs, and what
watching adds: the median over pairs of the ratio within a pair, with the interval that holds that median in 95 of 100
cases (`from`, `to`: order statistics). `nothing again` is a second copy that nobody watches, measured in the same way:
what the machine adds to nothing. The ratios say how many times more a peer adds. Peers that are not installed are left
out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

import netscope
from netscope.analyse import measure

BATCH = 32
EACH, TENTH = "weights and gradients, every step", "weights and gradients, every 10 steps"
OFTEN = {"nothing": 4, TENTH: 4}
"""Pairs a round of the groups that add little; of the others one."""
Log = Callable[[int, torch.Tensor], None]


class Network(nn.Sequential):
    """A small CNN, 16 tensors."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(2048, 95), nn.ReLU(), nn.Linear(95, 10)),
        )


class Training:
    """Trains its own copy of the network, and logs the loss."""

    def __init__(self, begin: Callable[[nn.Module], Log]) -> None:
        torch.manual_seed(0)
        self.model = Network()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.images = torch.randn(BATCH, 3, 32, 32)
        self.labels = torch.randint(0, 10, (BATCH,))
        self.log = begin(self.model)
        self.done = 0

    def train(self) -> float:
        """CPU milliseconds of a step."""
        begin = time.process_time()
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        self.log(self.done, loss)
        self.done += 1
        return (time.process_time() - begin) * 1e3


class Way:
    """A way to watch, `subject` in the table `group`: a training that is watched beside one that is not."""

    def __init__(self, group: str, subject: str, watched: Training, plain: Training) -> None:
        self.group = group
        self.subject = subject
        self.watched = watched
        self.plain = plain
        self.took: list[float] = []
        self.base: list[float] = []

    def train(self, n: int) -> None:
        """Train n steps of each, in turn."""
        spent = {self.watched: 0.0, self.plain: 0.0}
        for i in range(n):
            for one in (self.watched, self.plain) if i % 2 else (self.plain, self.watched):
                spent[one] += one.train()
        self.took.append(spent[self.watched] / n)
        self.base.append(spent[self.plain] / n)


def ways(folder: Path, stack: ExitStack) -> tuple[list[Way], list[str]]:
    """All ways, and the peers that are missing."""

    def logged(watch: Callable[[netscope.Run, nn.Module], None] = lambda run, model: None) -> Training:
        def begin(model: nn.Module) -> Log:
            run = netscope.init(dir=folder, watch_system=False, console=False)
            stack.callback(run.finish)
            watch(run, model)
            return lambda step, loss: run.log({"loss": loss.item()}, step=step)

        return Training(begin)

    def watched(every: int, quantities: Sequence[str]) -> Training:
        return logged(lambda run, model: run.watch(model, every=every, quantities=quantities))

    weights, everything = ("value", "gradient"), ("value", "gradient", "update", "activation")
    plain = logged()
    found = [
        Way("nothing", "nothing again", logged(), plain),
        Way(EACH, "netscope", watched(1, weights), plain),
        Way(TENTH, "netscope", watched(10, weights), plain),
        Way("with updates and activations, every step", "netscope", watched(1, everything), plain),
        Way("with updates and activations, every 10 steps", "netscope", watched(10, everything), plain),
        Way("with updates and activations, every 100 steps", "netscope", watched(100, everything), plain),
    ]
    missing = []
    for name, begin in (("wandb", wandb_watch), ("tensorboard", add_histogram)):
        try:
            found += begin(folder, stack)
        except ImportError:
            missing.append(name)
    return found, missing


def wandb_watch(folder: Path, stack: ExitStack) -> list[Way]:
    """wandb.watch(log="all"), offline."""
    import wandb

    os.environ["WANDB_SILENT"] = "true"
    run = wandb.init(mode="offline", dir=str(folder), project="cost")  # one: its hooks write to the process's run
    stack.callback(run.finish)

    def watched(every: int | None) -> Training:
        def begin(model: nn.Module) -> Log:
            if every:
                run.watch(model, log="all", log_freq=every, idx=every)
            return lambda step, loss: run.log({"loss": loss.item()})

        return Training(begin)

    plain = watched(None)
    return [Way(EACH, "wandb.watch", watched(1), plain), Way(TENTH, "wandb.watch", watched(10), plain)]


def add_histogram(folder: Path, stack: ExitStack) -> list[Way]:
    """SummaryWriter.add_histogram of every parameter and gradient."""
    from torch.utils.tensorboard import SummaryWriter

    def watched(every: int | None) -> Training:
        def begin(model: nn.Module) -> Log:
            writer: AbstractContextManager[SummaryWriter] = SummaryWriter(str(folder / f"tb{every}"))
            written = stack.enter_context(writer)

            def log(step: int, loss: torch.Tensor) -> None:
                written.add_scalar("loss", loss.item(), step)
                if every and step % every == 0:
                    for name, parameter in model.named_parameters():
                        written.add_histogram(name, parameter, step)
                        written.add_histogram(f"{name}.grad", parameter.grad, step)

            return log

        return Training(begin)

    plain = watched(None)
    return [Way(EACH, "add_histogram", watched(1), plain), Way(TENTH, "add_histogram", watched(10), plain)]


@contextmanager
def apart() -> Iterator[None]:
    """Have a processor for oneself, and keep the others busy; where the system lets one choose (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    mine, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {mine})
    spin = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nwhile os.getppid() == int(sys.argv[2]): pass"
    busy = [subprocess.Popen([sys.executable, "-c", spin, str(one), str(os.getpid())]) for one in others]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()
        os.sched_setaffinity(0, {mine, *others})


def median_with_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, and from 6 values on the order statistics that hold the true one in at least 95 of 100 cases."""
    ordered, n = sorted(values), len(values)
    low = max(0, int((n - 1.96 * n**0.5) / 2) - 1)
    return statistics.median(ordered), ordered[low], ordered[n - 1 - low]


def result(found: list[Way], missing: list[str]) -> dict[str, Any]:
    """A table a group, with the ratios of peers to netscope."""
    tables: dict[str, Any] = {}
    plain = {"cpu_ms_per_step": round(statistics.median(base for way in found for base in way.base), 3)}

    def row(way: Way) -> dict[str, float]:
        added = median_with_interval([100 * (took / base - 1) for took, base in zip(way.took, way.base, strict=True)])
        named = dict(zip(("added_percent", "from", "to"), (round(one, 2) for one in added), strict=True))
        return {"cpu_ms_per_step": round(statistics.median(way.took), 3)} | named

    again, *watched = found
    for way in watched:
        of = tables.setdefault(way.group, {"nothing": plain, again.subject: row(again)})
        of[way.subject] = row(way)
    for of in tables.values():
        ours = of["netscope"]["added_percent"]
        peers = {name: of[name]["added_percent"] for name in of if not name.startswith(("nothing", "netscope"))}
        if peers and ours > 0:
            of["ratios"] = {f"{name} adds, times ours": round(added / ours, 1) for name, added in peers.items()}
    model = found[0].watched.model
    about = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "tensors": len(list(model.parameters())),
        "rounds": min(len(way.took) for way in found),
        "missing": ", ".join(missing) or "none",
    }
    return {**tables, **about}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=36)
    parser.add_argument("--steps", type=int, default=10, help="a block; a multiple of 10")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    measure.load_kernels(wait=True)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        found, missing = ways(Path(name), stack)
        stack.enter_context(apart())  # their helper processes go where they like
        shuffled = random.Random(0)
        often = [OFTEN.get(way.group, 1) for way in found]
        for _ in range(1 + options.rounds):
            for way in shuffled.sample(found, sum(often), counts=often):
                way.train(options.steps)
        for way, n in zip(found, often, strict=True):  # the first round warms up
            del way.took[:n], way.base[:n]
        made = result(found, missing)
    if options.json:
        options.json.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
