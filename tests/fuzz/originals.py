"""A small run with every kind of frame, made by the SDK; the kinds that it no longer writes are added by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import netscope
from netscope.store.journal import frames
from tests.store.journals import Script

CONFIG = {
    "lr": 0.01,
    "optimizer": {"name": "adam", "betas": [0.9, 0.999]},
    "seed": 20_240_117,
    "note": "plain",
    "x": None,
}


def record(folder: Path, name: str = "healthy") -> Path:
    """Record a finished run; gives its journal."""
    random = np.random.default_rng(0)
    with netscope.init(folder, name=name, config=CONFIG, tags=["a", "b"], notes="a note", watch_system=False) as run:
        for step in range(12):
            run.log({"loss": 1.0 / (step + 1), "train/accuracy": step / 12})
            if step % 4 == 0:
                run.watch_arrays(
                    {"features.0": {"weight": random.normal(size=(4, 3)), "bias": random.normal(size=4)}}, step
                )
                run.histogram("scores", random.normal(size=50), step, bins=8)
                run.log({"loss": 0.5, "nan": np.nan}, step)
        run.image("image", random.random((6, 5)), 3, caption="noise")
        run.audio("sound", random.normal(size=(40, 1)) / 8, 3, rate=8000)
        run.text("words", "once upon a time", 3)
        run.text("more words", "long " * 2000, 4)
        run.table("rows", {"class": ["cat", "dog"], "n": [3, float("nan")]}, 5)
        run.array("weights", random.normal(size=(3, 2)), 5)
        run.log({"system": 1.0})
    path = next((run.folder).glob("*.journal"))
    script = Script()
    script.bins(3, {"features.0/weight/update": (500, [1, 2, 3]), "features.0/bias/update": (0, [])})
    script.log(1, {"cpu": 0.5, "memory": 0.25}, kind="system")
    layer = {"layer": "features.0", "type": "Conv2d", "parameters": {"weight": [4, 3], "bias": [4]}}
    script.event("layers", layers=[layer], sampled_above=65_536)
    script.event("edit", name="edited", tags=["c", "d"], notes="noted", archived=False)
    script.event("attempt", fork_step=2)
    script.print("epoch 1\repoch 2\nloss \x1b[31m0.5\x1b[0m\n")
    script.print("careful\n", stream=2)
    script.frames.append(frames.frame(frames.LIVE_ROWS, frames.LIVE_HEAD.pack(2.0, 1, 1) + b"50 %\nleft 3 s"))
    script.end()
    renumbered = [_renumber(frame) for frame in script.frames[1:]]
    path.write_bytes(path.read_bytes() + b"".join(renumbered))
    return path


def _renumber(frame: bytes) -> bytes:
    """The same frame with a number of its key set that the SDK does not use."""
    (found,) = frames.scan(frame)
    assert isinstance(found, frames.Frame)
    return frames.frame(found.kind, bytes(found.body), found.key_set + 1000 if found.key_set else 0)
