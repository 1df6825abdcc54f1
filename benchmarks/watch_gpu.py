"""What watching costs on a GPU: time that it adds to a step of GPT-2 and of ResNet-50.

    python benchmarks/watch_gpu.py [--models gpt2,resnet50] [--rounds 12] [--json results.json]
    python benchmarks/watch_gpu.py --variants      compare ways to cut the kernel, alone

GPT-2 with 124 M parameters on 8 x 512 random tokens and ResNet-50 on 64 random images of 224 x 224, both written out
below in plain torch, under bfloat16 autocast with a fused AdamW; the loss is logged at each step. A block of steps of a
watched copy and one of a copy that nobody watches take turns; between blocks, and there alone, the device is waited
for. Blocks have 10 steps where each step is measured, 20 where every tenth is, and 100 where every hundredth is.
Reported: milliseconds a step by the clock, the median over blocks, and what watching adds: the median over pairs of
blocks of the ratio within a pair, with the interval that holds that median in 95 of 100 cases (`from`, `to`: order
statistics). `memory_mb` is what the peak of allocated memory of a measured step is higher than that of the other copy;
`syncs` is how often watching waits for the device in a step, as torch.cuda.set_sync_debug_mode tells. The peers log
everything they can at every step, in fewer and shorter blocks. Before anything is timed, the kernels' bins and moments
are compared with NumPy's.

Without a GPU there is nothing to measure, and that is what it says.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import math
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import netscope
from netscope.analyse import bins
from netscope.analyse.moments import moments

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.watch_cost import median_with_interval

NOTHING = "no CUDA device: there is nothing to measure on this machine; the figures of a GPU are still to come"
WEIGHTS: tuple[str, ...] = ("value", "gradient")
EVERYTHING: tuple[str, ...] = ("value", "gradient", "update", "activation")
WAYS = {
    "weights and gradients, every step": (WEIGHTS, 1),
    "weights and gradients, every 10 steps": (WEIGHTS, 10),
    "with updates and activations, every step": (EVERYTHING, 1),
    "with updates and activations, every 10 steps": (EVERYTHING, 10),
    "with updates and activations, every 100 steps": (EVERYTHING, 100),
}
STEPS = {1: 10, 10: 20, 100: 100}
"""In a block, by how often a step is measured."""
Log = Callable[[int, torch.Tensor], None]


class Attention(nn.Module):
    """Causal self-attention with 12 heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, 12, width // 12).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(seen.transpose(1, 2).reshape(batch, length, width))


class TransformerBlock(nn.Module):
    """Attention and a perceptron, each after a norm and beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.perceptron(self.norm2(x))


class GPT2(nn.Module):
    """124 M parameters."""

    def __init__(self, width: int = 768, blocks: int = 12, words: int = 50_257) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(1024, width)
        self.blocks = nn.Sequential(*(TransformerBlock(width) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.words.weight
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device))
        return self.head(self.norm(self.blocks(x)))


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3, self.norm3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu1, self.relu2, self.relu3 = (nn.ReLU(inplace=True) for _ in range(3))
        self.shortcut = (
            nn.Identity()
            if stride == 1 and before == 4 * width
            else nn.Sequential(nn.Conv2d(before, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.relu1(self.norm1(self.conv1(x)))
        inner = self.relu2(self.norm2(self.conv2(inner)))
        return self.relu3(self.norm3(self.conv3(inner)) + self.shortcut(x))


class ResNet50(nn.Sequential):
    """25.6 M parameters."""

    def __init__(self) -> None:
        stem = [nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
        blocks: list[nn.Module] = []
        before = 64
        for stage, n in enumerate((3, 4, 6, 3)):
            width = 64 << stage
            for i in range(n):
                blocks.append(Bottleneck(before, width, 2 if stage and not i else 1))
                before = 4 * width
        pool = nn.MaxPool2d(3, 2, padding=1)
        super().__init__(*stem, pool, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 1000))


def gpt2(device: torch.device) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """The network, what goes in, what should come out."""
    tokens = torch.randint(0, 50_257, (8, 513), device=device)
    return GPT2().to(device), tokens[:, :-1], tokens[:, 1:].reshape(-1)


def resnet50(device: torch.device) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """The same of ResNet-50."""
    images, labels = torch.randn(64, 3, 224, 224, device=device), torch.randint(0, 1000, (64,), device=device)
    return ResNet50().to(device), images, labels


MODELS = {"gpt2": gpt2, "resnet50": resnet50}


class Training:
    """Trains its own copy of a network, and logs the loss."""

    def __init__(self, make: Callable[[torch.device], Any], begin: Callable[[nn.Module], Log]) -> None:
        torch.manual_seed(0)
        self.model, self.inputs, self.targets = make(torch.device("cuda"))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)
        self.log = begin(self.model)
        self.done = 0

    def step(self) -> None:
        """One step; nothing is waited for."""
        self.optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            out = self.model(self.inputs)
            loss = nn.functional.cross_entropy(out.view(-1, out.shape[-1]), self.targets)
        loss.backward()
        self.optimizer.step()
        self.log(self.done, loss.detach())
        self.done += 1

    def train(self, n: int) -> float:
        """Milliseconds a step by the clock."""
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(n):
            self.step()
        torch.cuda.synchronize()
        return (time.perf_counter() - begin) / n * 1e3

    def peak(self) -> float:
        """MB that a step allocates at most."""
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        self.step()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 1e6

    def syncs(self, n: int = 5) -> float:
        """How often a step waits for the device."""
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                for _ in range(n):
                    self.step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return sum("synchroniz" in str(one.message) for one in caught) / n


def netscope_log(folder: Path, stack: ExitStack, quantities: Sequence[str], every: int) -> Callable[[nn.Module], Log]:
    """Log the loss, and watch if there are quantities."""

    def begin(model: nn.Module) -> Log:
        run = netscope.init(dir=folder, watch_system=False, console=False)
        stack.callback(run.finish)
        if quantities:
            run.watch(model, every=every, quantities=quantities)
        return lambda step, loss: run.log({"loss": loss}, step=step)

    return begin


def wandb_log(folder: Path, stack: ExitStack) -> Callable[[nn.Module], Log]:
    """wandb.watch(log="all"), offline."""
    import wandb

    os.environ["WANDB_SILENT"] = "true"
    run = wandb.init(mode="offline", dir=str(folder), project="cost")
    stack.callback(run.finish)

    def begin(model: nn.Module) -> Log:
        run.watch(model, log="all", log_freq=1)
        return lambda step, loss: run.log({"loss": loss})

    return begin


def tensorboard_log(folder: Path, stack: ExitStack) -> Callable[[nn.Module], Log]:
    """SummaryWriter.add_histogram of every parameter and gradient."""
    from torch.utils.tensorboard import SummaryWriter

    writer = stack.enter_context(SummaryWriter(str(folder / "tensorboard")))

    def begin(model: nn.Module) -> Log:
        def log(step: int, loss: torch.Tensor) -> None:
            writer.add_scalar("loss", loss, step)
            for name, parameter in model.named_parameters():
                writer.add_histogram(name, parameter, step)
                writer.add_histogram(f"{name}.grad", parameter.grad, step)

        return log

    return begin


def compare(watched: Training, plain: Training, rounds: int, steps: int) -> dict[str, float]:
    """Blocks of both in turn."""
    took: list[float] = []
    base: list[float] = []
    for one in (watched, plain):
        one.train(min(steps, 3))  # compiles, and fills the caches
    for i in range(rounds):
        for one in (watched, plain) if i % 2 else (plain, watched):
            (took if one is watched else base).append(one.train(steps))
    added = median_with_interval([100 * (a / b - 1) for a, b in zip(took, base, strict=True)])
    named = dict(zip(("added_percent", "from", "to"), (round(one, 2) for one in added), strict=True))
    return {"ms_per_step": round(statistics.median(took), 2), "unwatched_ms": round(statistics.median(base), 2)} | named


def measure_model(name: str, rounds: int, missing: list[str]) -> dict[str, Any]:
    """A table a way of watching."""
    tables: dict[str, Any] = {}
    make = MODELS[name]
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        plain = Training(make, netscope_log(folder, stack, (), 1))
        for way, (quantities, every) in WAYS.items():
            with ExitStack() as inner:
                watched = Training(make, netscope_log(folder, inner, quantities, every))
                row = compare(watched, plain, rounds if every < 100 else max(2, rounds // 2), STEPS[every])
                if every == 1:
                    row["memory_mb"] = round(watched.peak() - plain.peak(), 1)
                    row["syncs"] = watched.syncs() - plain.syncs()
            tables[way] = {"netscope": row}
            del watched
            free()
            print(f"{name}: {way}: {row}", flush=True)
        table = tables[next(iter(WAYS))]
        for peer, begin in (("wandb.watch", wandb_log), ("add_histogram", tensorboard_log)):
            with ExitStack() as inner:
                try:
                    other = Training(make, begin(folder, inner))
                except ImportError:
                    missing.append(peer)
                    continue
                table[peer] = compare(other, plain, 3, 2)
                print(f"{name}: {peer}: {table[peer]}", flush=True)
            del other
            free()
        ours = table["netscope"]["added_percent"]
        peers = {peer: row["added_percent"] for peer, row in table.items() if peer != "netscope"}
        if peers and ours > 0:
            table["ratios"] = {f"{peer} adds, times ours": round(added / ours, 1) for peer, added in peers.items()}
    return tables


def free() -> None:
    """Give back the memory of a copy that is done with."""
    gc.collect()
    torch.cuda.empty_cache()


def check() -> None:
    """Compare what the kernels find on this device with NumPy.

    Raises:
        SystemExit: They differ.
    """
    from netscope.record.watch.measurement import Measurement
    from netscope.record.watch.rows import TensorKey

    rng = np.random.default_rng(0)
    odd = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, 1.0]
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        tensors = []
        for size in (1, 7, 8191, 8192, 8193, 1_000_003):
            values = rng.normal(size=size) * 10.0 ** rng.integers(-3, 3)
            values[: len(odd)] = odd[:size]
            tensors.append(torch.from_numpy(values).to("cuda", dtype))
        words = rng.integers(0, 2**32, 100_000, np.uint32)
        tensors.append(torch.from_numpy(words.view(np.float32)).to("cuda", dtype))
        tensors.append(tensors[-2][1:])
        measurement = Measurement()
        with measurement.batch():
            for i, tensor in enumerate(tensors):
                measurement.add(TensorKey(str(i), "weight", "value"), tensor)
        measurement.seal()
        rows = measurement.rows()
        stats = rows.values.reshape(len(tensors), -1)
        for tensor, found, counts in zip(tensors, stats, rows.bins.dense(), strict=True):
            values = (tensor if dtype == torch.float64 else tensor.float()).cpu().numpy()
            want = moments(values)
            wanted = [want.mean, want.std, want.norm, want.min, want.max, want.zeros / want.n, want.nonfinite]
            if not np.array_equal(counts, bins.count(values)) or not np.allclose(found, wanted, 1e-9, 0, True):
                raise SystemExit(f"{dtype}, {tensor.numel()} values: found {found}, NumPy finds {wanted}")


def variants(json_file: Path | None) -> None:
    """Time the kernel alone, for each way to cut it: on GPT-2's weights, and on an activation of it and of a ReLU."""
    from netscope.record.watch import triton_kernels

    weights = [p.detach() for p in GPT2().to("cuda").parameters()]
    activation = torch.randn(8, 512, 3072, device="cuda", dtype=torch.bfloat16)
    image = torch.randn(64, 256, 56, 56, device="cuda", dtype=torch.bfloat16).relu()
    given = {"weights": (weights, False), "activation": ([activation], True), "relu": ([image], True)}
    given["relu, all bins"] = ([image], False)
    rows = []
    for block, warps, half, every in itertools.product((1024, 2048, 4096, 8192), (4, 8), (32, 64, 128), (8, 16)):
        variant = triton_kernels.Variant(block, warps, half, every)
        row: dict[str, Any] = variant._asdict()
        for name, (tensors, is_sampled) in given.items():
            if every == 16 and not is_sampled:
                continue
            counts = torch.zeros((len(tensors), bins.N_BINS), dtype=torch.int32, device="cuda")
            times = []
            for _ in range(8):
                begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                begin.record()
                triton_kernels.measure(tensors, [], counts, is_sampled, variant)
                end.record()
                torch.cuda.synchronize()
                times.append(begin.elapsed_time(end))
            n = sum(tensor.numel() for tensor in tensors)
            row[f"{name} ms"] = round(min(times), 3)
            row[f"{name} G/s"] = round(n / min(times) / 1e6, 1)
        rows.append(row)
        print(row, flush=True)
    rows.sort(key=lambda row: row.get("weights ms", math.inf))
    print("fastest for weights:", rows[0])
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="gpt2,resnet50")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--variants", action="store_true", help="compare ways to cut the kernel, alone")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {"device": "none", "note": NOTHING}
    if not torch.cuda.is_available():
        print(NOTHING)
    elif options.variants:
        variants(options.json)
        return
    else:
        check()
        missing: list[str] = []
        found = {name: measure_model(name, options.rounds, missing) for name in options.models.split(",")}
        about = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "rounds": options.rounds}
        result = {**found, **about, "missing": ", ".join(dict.fromkeys(missing)) or "none"}
        print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
