"""Write real journals at memory speed: many runs with noisy learning curves, for benchmarks and tests.

    python benchmarks/make_runs.py --dir runs --runs 1000 --keys 5 --steps 1000

The data sets of the benchmarks: A `--runs 1 --keys 10 --steps 100000`, B `--runs 100 --keys 10 --steps 1000`,
C `--runs 1000 --keys 5 --steps 1000`.
"""

from __future__ import annotations

import argparse
import time
import zlib
from pathlib import Path

import numpy as np

from netscope.store.journal import frames

KEYS = [
    "train/loss", "val/loss", "train/accuracy", "val/accuracy", "lr",
    "gradient_norm", "time/step_s", "time/data_s", "train/perplexity", "val/f1",
]  # fmt: skip
ADJECTIVES = ["amber", "brisk", "calm", "deep", "eager", "fair", "gentle", "hazel", "icy", "jolly", "keen", "lucid"]
ANIMALS = ["ant", "bear", "crane", "deer", "eagle", "finch", "gull", "heron", "ibis", "jay", "koi", "lynx"]
BEGAN = 1_760_000_000.0
STEP_S = 0.05


def key_names(n: int) -> list[str]:
    """The usual names first, then numbered ones."""
    return [*KEYS[:n], *(f"extra/value_{i}" for i in range(n - len(KEYS)))]


def curves(keys: list[str], n_steps: int, config: dict[str, object], random: np.random.Generator) -> np.ndarray:
    """Values [step, key] as a training loop in float32 would log them; the configuration matters."""
    step = np.arange(n_steps)
    speed = 4.0 * (0.3 + 1.5 * np.exp(-((np.log10(float(str(config["lr"]))) + 2.5) ** 2)))
    progress = 1 - np.exp(-speed * step / n_steps)
    columns = []
    for key in keys:
        noise = random.normal(size=n_steps)
        rough = np.convolve(noise, np.ones(5) / 5, "same") + 0.5 * noise
        if key == "lr":
            column = float(str(config["lr"])) * 0.5 * (1 + np.cos(np.pi * step / n_steps))
        elif "accuracy" in key or "f1" in key:
            ceiling = 0.97 - 0.03 * key.startswith("val") - 0.02 * random.random()
            column = np.clip(0.1 + (ceiling - 0.1) * progress + 0.02 * rough, 0, 1)
        elif "loss" in key or "perplexity" in key:
            overfit = 0.15 * (step / n_steps) ** 2 if key.startswith("val") else 0.0
            column = 2.3 * (1 - progress) + 0.05 + overfit + 0.06 * np.abs(rough) * (1.2 - progress)
        elif key.startswith("time/"):
            column = STEP_S * random.lognormal(-2, 0.1) * np.exp(0.05 * rough)
        else:
            column = np.exp(0.3 * rough) * (1.5 - progress)
        columns.append(column)
    return np.stack(columns, axis=1).astype(np.float32).astype(np.float64)


def rows(key_set: int, steps: np.ndarray, times: np.ndarray, values: np.ndarray) -> bytes:
    """Row frames of one key set, as `journal.row` would write them one by one."""
    n, n_keys = values.shape
    length = 24 + 8 * n_keys
    table = np.zeros((n, (8 + length) // 8), "<u8")
    table[:, 1] = frames.ROW | key_set << 32
    table[:, 2] = steps.astype("<i8").view("<u8")
    table[:, 3] = np.ascontiguousarray(times, "<f8").view("<u8")
    table[:, 4:] = np.ascontiguousarray(values, "<f8").view("<u8")
    view = memoryview(table).cast("B")
    stride = 8 + length
    sums = np.array([zlib.crc32(view[at + 8 : at + stride]) for at in range(0, n * stride, stride)], "<u8")
    table[:, 0] = length | sums << np.uint64(32)
    return table.tobytes()


def write_run(folder: Path, number: int, n_keys: int, n_steps: int, seed: int = 0) -> Path:
    """One finished run with its journal."""
    random = np.random.default_rng((seed, number))
    created = BEGAN + 600.0 * number
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(created))
    run_id = f"{stamp}-{number:04x}"
    config: dict[str, object] = {
        "lr": float(np.round(10 ** random.uniform(-4, -1), 6)),
        "batch": int(random.choice([32, 64, 128, 256])),
        "seed": int(number % 5),
        "optimizer": {"name": str(random.choice(["adam", "sgd", "adamw"])), "weight_decay": 0.01},
        "model": str(random.choice(["cnn", "mlp", "resnet18"])),
    }
    name = f"{random.choice(ADJECTIVES)}-{random.choice(ANIMALS)}-{number}"
    keys = key_names(n_keys)
    times = created + np.cumsum(np.abs(random.normal(STEP_S, STEP_S * 0.06, n_steps)))
    last = float(times[-1]) if n_steps else created
    start = {
        "run": run_id, "attempt": 1, "host": "made", "boot": "", "pid": 1, "started": created, "rank": None,
        "version": "0", "name": name, "created": created,
    }  # fmt: skip
    end = {"event": "end", "time": last, "state": "finished", "error": "", "dropped": 0}
    parts = [
        frames.header(created, 1),
        frames.json_frame(frames.START, start),
        frames.json_frame(frames.EVENT, {"event": "config", "time": created, "config": config}),
        frames.json_frame(frames.KEY_SET, {"kind": "scalar", "keys": keys}, 1),
        rows(1, np.arange(n_steps), times, curves(keys, n_steps, config, random)),
        frames.json_frame(frames.EVENT, end),
    ]
    place = folder / run_id
    place.mkdir(parents=True, exist_ok=True)
    (place / f"1-made-1-{number:04x}.journal").write_bytes(b"".join(parts))
    return place


def make(folder: Path, n_runs: int, n_keys: int, n_steps: int, seed: int = 0) -> list[Path]:
    """Write runs `0` to `n_runs`; the same arguments give the same bytes."""
    return [write_run(folder, number, n_keys, n_steps, seed) for number in range(n_runs)]


def main() -> None:
    """Parse the command line and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--keys", type=int, default=10)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.perf_counter()
    places = make(options.dir, options.runs, options.keys, options.steps, options.seed)
    n_bytes = sum(file.stat().st_size for place in places for file in place.glob("*.journal"))
    points = options.runs * options.keys * options.steps
    print(f"{len(places):,} runs, {points:,} points, {n_bytes / 1e6:.1f} MB in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
