"""Read journals back with nothing but `journal.scan`."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from netscope.store.journal import frames
from netscope.store.journal.frames import Damage


class Journal(NamedTuple):
    path: Path
    start: dict[str, Any]
    rows: list[tuple[str, int, float, dict[str, float]]]
    """Kind, step, time, values."""
    events: list[dict[str, Any]]
    assets: list[dict[str, Any]]
    console: list[tuple[int, str]]
    histograms: list[tuple[str, int, np.ndarray, np.ndarray]]
    n_damaged: int
    n_bytes: int

    def series(self, key: str, kind: str = "scalar") -> dict[int, float]:
        return {step: values[key] for of, step, _, values in self.rows if of == kind and key in values}

    def event(self, name: str) -> dict[str, Any]:
        (found,) = [event for event in self.events if event["event"] == name]
        return found


def read(folder: Path) -> list[Journal]:
    """Ordered by start."""
    return sorted(
        (read_journal(path) for path in folder.glob("*.journal")), key=lambda one: one.start.get("created", 0.0)
    )


def read_journal(path: Path) -> Journal:
    data = path.read_bytes()
    frames.read_header(data, str(path))
    found = Journal(path, {}, [], [], [], [], [], 0, len(data))
    sets: dict[int, dict[str, Any]] = {}
    live: dict[int, list[str]] = {}
    n_damaged = 0
    for item in frames.scan(data, frames.HEADER_BYTES):
        if isinstance(item, Damage):
            n_damaged += 1
        elif item.kind == frames.START:
            found.start.update(json.loads(bytes(item.body)))
        elif item.kind == frames.KEY_SET:
            sets[item.key_set] = json.loads(bytes(item.body))
        elif item.kind == frames.ROW:
            step, time = frames.POINT.unpack_from(item.body)
            of = sets[item.key_set]
            values = np.frombuffer(item.body, "<f8", offset=16).tolist()
            found.rows.append((of["kind"], step, time, dict(zip(of["keys"], values, strict=True))))
        elif item.kind == frames.EVENT:
            found.events.append(json.loads(bytes(item.body)))
        elif item.kind == frames.ASSET:
            found.assets.append(json.loads(bytes(item.body)))
        elif item.kind == frames.CONSOLE:
            stream, text = item.body[8], bytes(item.body[9:]).decode()
            found.console.extend((stream, line) for line in text.splitlines(keepends=True))
        elif item.kind == frames.LIVE_ROWS:  # written every 2 s, so on a busy machine in any test
            _, stream, n_taken = frames.LIVE_HEAD.unpack_from(item.body)
            places = [i for i, (of, _) in enumerate(found.console) if of == stream]
            for place in reversed(places[len(places) - n_taken :]):
                del found.console[place]
            live[stream] = bytes(item.body[frames.LIVE_HEAD.size :]).decode().splitlines()
        elif item.kind == frames.HISTOGRAM:
            step, _ = frames.POINT.unpack_from(item.body)
            n = int.from_bytes(item.body[16:20], "little")
            numbers = np.frombuffer(item.body, "<f8", offset=20 + n + -n % 8)
            half = len(numbers) // 2 + 1
            found.histograms.append((bytes(item.body[20 : 20 + n]).decode(), step, numbers[:half], numbers[half:]))
    found.console.extend((stream, line) for stream, lines in live.items() for line in lines)
    return found._replace(n_damaged=n_damaged)


def all_series(folder: Path, key: str) -> dict[int, list[float]]:
    """The values of a key in all journals, by step."""
    found: dict[int, list[float]] = defaultdict(list)
    for one in read(folder):
        assert not one.n_damaged
        for step, value in one.series(key).items():
            found[step].append(value)
    return dict(found)
