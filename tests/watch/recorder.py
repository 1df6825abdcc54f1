"""A run that keeps rows in lists, for tests of values rather than files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from netscope.store.journal import frames


class Recorder:
    """Implements the part of `Run` that `watch` uses."""

    def __init__(self) -> None:
        self.name = "test"
        self.step = 0
        self.pending: list[Callable[[int], None]] = []
        self.beats: list[Callable[[], None]] = []
        self.ends: list[Callable[[], None]] = []
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.bins: list[tuple[int, dict[str, np.ndarray]]] = []
        self.events: list[dict[str, Any]] = []

    def on_next_log(self, call):
        self.pending.append(call)
        return lambda: self.pending.remove(call)

    def on_beat(self, call):
        self.beats.append(call)
        return lambda: self.beats.remove(call)

    def on_finish(self, call):
        self.ends.append(call)
        return lambda: self.ends.remove(call)

    def put_row(self, kind, keys, step, values, time=None):
        assert kind == "layer"
        assert len(set(keys)) == len(keys) == len(values)
        frames.row(1, step, time or 0.0, values)  # packs as the journal does: every value is a float
        self.rows.append((step, dict(zip(keys, values.tolist(), strict=True))))

    def put_bins(self, keys, step, counts):
        self.bins.append((step, dict(zip(keys, counts.dense(), strict=True))))

    def put_event(self, event):
        self.events.append(event)

    def log(self, step: int) -> None:
        self.step = step + 1
        waiting, self.pending[:] = list(self.pending), []
        for call in waiting:
            call(step)

    def finish(self) -> None:
        for call in list(self.ends):
            call()

    @property
    def steps(self) -> list[int]:
        return [step for step, _ in self.rows]

    @property
    def last(self) -> dict[str, float]:
        return self.rows[-1][1]

    @property
    def layers(self) -> list[str]:
        return [layer["layer"] for layer in self.events[-1]["layers"]]
