"""Fixtures for runs written frame by frame, and a server for them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from netscope.formats import safetensors
from netscope.schema.series import SeriesReply
from netscope.show.app import application
from netscope.show.workspace import Workspace
from netscope.store.journal import frames
from netscope.store.store import Store

CREATED = 1_760_000_000.0


@pytest.fixture(autouse=True)
def users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own: nothing is written into that of the person who runs the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "netscope"


class Written:
    """A run whose journal is written by hand."""

    def __init__(self, folder: Path, run: str, attempt: int = 1, **start: Any) -> None:
        self.id = run
        self.path = folder / run / f"{attempt}-here-1-abcd.journal"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.n_beats = 0
        self.key_sets: dict[tuple[str, ...], int] = {}
        told = {
            "run": run, "attempt": attempt, "host": "elsewhere", "boot": "", "pid": os.getpid(), "started": 0.0,
            "rank": None, "version": "0", "name": f"name of {run}", "created": CREATED, **start,
        }  # fmt: skip
        self.add(frames.header(CREATED, 1) + frames.json_frame(frames.START, told))

    def add(self, data: bytes) -> Written:
        with self.path.open("ab") as file:
            file.write(data)
        return self

    def log(self, values: Mapping[str, float], step: int, at: float | None = None, kind: str = "scalar") -> Written:
        keys = (kind, *values)
        if keys not in self.key_sets:
            self.key_sets[keys] = len(self.key_sets) + 1
            self.add(frames.json_frame(frames.KEY_SET, {"kind": kind, "keys": list(values)}, self.key_sets[keys]))
        time_logged = CREATED + step if at is None else at
        return self.add(frames.row(self.key_sets[keys], step, time_logged, list(values.values()))).beat()

    def beat(self) -> Written:
        """A heartbeat, as sent by the writer's background thread."""
        self.n_beats += 1
        with self.path.open("r+b") as file:
            file.seek(frames.HEARTBEAT_AT)
            file.write(frames.HEARTBEAT.pack(time.time(), self.n_beats))
        return self

    def curve(self, key: str, values: Sequence[float]) -> Written:
        for step, value in enumerate(values):
            self.log({key: float(value)}, step)
        return self

    def event(self, **event: Any) -> Written:
        return self.add(frames.json_frame(frames.EVENT, {"time": time.time(), **event}))

    def end(self, state: str = "finished", error: str = "") -> Written:
        return self.event(event="end", state=state, error=error, dropped=0)


class Shown:
    """A store behind its application."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.store = Store(folder)
        self.store.refresh(None)
        self.app = application(Workspace([self.store]), **options)
        self.client = TestClient(self.app, base_url="http://127.0.0.1:6060", raise_server_exceptions=True)
        self.client.headers["X-Netscope-Token"] = self.client.get("/api/about").json()["token"]

    def __enter__(self) -> Shown:
        self.client.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.__exit__(None, None, None)
        self.store.close()

    def series(self, runs: list[str], keys: list[str], **more: Any) -> list[tuple[Any, np.ndarray, np.ndarray]]:
        reply = self.client.post("/api/series", json={"runs": runs, "keys": keys, **more})
        assert reply.status_code == 200, reply.text
        return unpacked(reply.content)


def unpacked(content: bytes) -> list[tuple[Any, np.ndarray, np.ndarray]]:
    """A reply of /api/series: the info of each series, its x and its y."""
    import msgspec

    arrays, metadata = safetensors.decode(content)
    infos = msgspec.json.decode(metadata["reply"], type=SeriesReply).series
    return [(i, arrays["x"][i.x_start : i.x_start + i.n], arrays["y"][i.start : i.start + i.n]) for i in infos]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "runs"
    place.mkdir()
    return place


@pytest.fixture
def write(folder: Path) -> Callable[..., Written]:
    return lambda run, **start: Written(folder, run, **start)


@pytest.fixture
def show(folder: Path) -> Iterator[Callable[..., Shown]]:
    open_now: list[Shown] = []

    def opened(**options: Any) -> Shown:
        open_now.append(Shown(folder, **options).__enter__())
        return open_now[-1]

    yield opened
    for one in open_now:
        one.__exit__()
