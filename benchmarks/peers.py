"""How netscope and its peers log scalars in this process: the smallest honest use of each, and how it is read back."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

Log = Callable[[dict[str, float], int], object]

PACKAGES = {
    "raw append": "",
    "netscope": "netscope",
    "SummaryWriter": "tensorboard",
    "tensorboardX": "tensorboardX",
    "wandb offline": "wandb",
    "trackio": "trackio",
}
"""What must be installed for each."""


class Opened(NamedTuple):
    """A logger that is ready."""

    log: Log
    close: Callable[[], object]


def missing(subject: str) -> str:
    """Why a subject cannot be measured here, or ''."""
    for package in filter(None, (PACKAGES[subject], "tensorboard" if subject == "tensorboardX" else "")):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
    if subject == "SummaryWriter" and importlib.util.find_spec("torch") is None:
        return "torch is not installed"
    return ""


def begin(subject: str, folder: Path) -> Opened:
    """Open a logger that writes below `folder`, with nothing captured beside the scalars where that is an option."""
    if subject == "raw append":
        file = open(folder / "raw", "ab", buffering=0)
        pack = struct.Struct("<qd10d").pack

        def append(values: dict[str, float], step: int) -> None:
            file.write(pack(step, 0.0, *values.values()))

        return Opened(append, file.close)
    if subject == "netscope":
        import netscope

        run = netscope.init(folder, watch_system=False, console=False)
        return Opened(run.log, run.finish)
    if subject in ("SummaryWriter", "tensorboardX"):
        if subject == "SummaryWriter":
            from torch.utils.tensorboard import SummaryWriter
        else:
            from tensorboardX import SummaryWriter
        writer = SummaryWriter(str(folder))

        def add(values: dict[str, float], step: int) -> None:
            for key, value in values.items():
                writer.add_scalar(key, value, step)

        return Opened(add, writer.close)
    if subject == "wandb offline":
        os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_CONSOLE": "off"}
        import wandb

        settings = wandb.Settings(x_disable_stats=True, x_disable_meta=True)
        online = wandb.init(project="benchmark", dir=str(folder), settings=settings)
        return Opened(online.log, online.finish)
    os.environ |= {"TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1"}
    import trackio

    with contextlib.redirect_stdout(None):
        local = trackio.init(project="benchmark", name="run")
    return Opened(local.log, local.finish)


def read(subject: str, folder: Path, key: str) -> int:
    """How many points of a key are found by the tool's own reader."""
    if subject == "raw append":
        return (folder / "raw").stat().st_size // struct.calcsize("<qd10d")
    if subject == "netscope":
        import netscope

        with contextlib.closing(netscope.open(folder)) as store:
            return len(store.runs()[0].series(key).steps)
    if subject in ("SummaryWriter", "tensorboardX"):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        events.Reload()
        return len(events.Scalars(key)) if key in events.Tags()["scalars"] else 0
    if subject == "wandb offline":
        (file,) = folder.rglob("*.wandb")
        return sum(key in row for row in wandb_history(file.read_bytes()))
    os.environ["TRACKIO_DIR"] = str(folder)
    from trackio.sqlite_storage import SQLiteStorage

    return sum(key in row for row in SQLiteStorage.get_logs("benchmark", "run"))


BLOCK = 32_768
FULL, FIRST, MIDDLE, LAST = range(1, 5)


def wandb_history(data: bytes) -> Iterator[dict[str, Any]]:
    """Rows of a `.wandb` file: LevelDB's log format after 7 bytes, each record a protobuf of wandb's own classes."""
    from wandb.proto.wandb_internal_pb2 import Record

    at, parts = 7, b""
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:  # too little left of the block for a head
            at += BLOCK - at % BLOCK
            continue
        _, size, kind = struct.unpack_from("<IHB", data, at)
        if not kind or at + 7 + size > len(data):
            return
        part = data[at + 7 : at + 7 + size]
        at += 7 + size
        parts = part if kind in (FULL, FIRST) else parts + part
        if kind in (FULL, LAST):
            record = Record.FromString(parts)
            if record.WhichOneof("record_type") == "history":
                yield {
                    item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item
                }
