"""Journals made by hand, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netscope.store.journal import frames

BEGAN = 1_700_000_000.0


class Script:
    """What a writer would have written, as bytes."""

    def __init__(self, attempt: int = 1, rank: int | None = None, created: float = BEGAN, **start: Any) -> None:
        self.created = created
        self.sets: dict[tuple[str, tuple[str, ...]], int] = {}
        told = {
            "run": "r", "attempt": attempt, "host": "elsewhere", "boot": "b", "pid": 7, "started": created,
            "rank": rank, "version": "0", "name": "made", "created": created, **start,
        }  # fmt: skip
        self.frames = [frames.json_frame(frames.START, told)]

    def keys(self, kind: str, keys: Sequence[str]) -> int:
        name = (kind, tuple(keys))
        if name not in self.sets:
            self.sets[name] = len(self.sets) + 1
            body = {"kind": kind, "keys": list(keys)}
            self.frames.append(frames.json_frame(frames.KEY_SET, body, self.sets[name]))
        return self.sets[name]

    def log(self, step: int, values: dict[str, float], time: float | None = None, kind: str = "scalar") -> Script:
        number = self.keys(kind, list(values))
        at = self.created + step * 0.125 if time is None else time
        self.frames.append(frames.row(number, step, at, list(values.values())))
        return self

    def event(self, event: str, time: float | None = None, **fields: Any) -> Script:
        body = {"event": event, "time": self.created if time is None else time, **fields}
        self.frames.append(frames.json_frame(frames.EVENT, body))
        return self

    def bins(self, step: int, rows: dict[str, tuple[int, list[int]]]) -> Script:
        number = self.keys("bins", list(rows))
        body = frames.POINT.pack(step, self.created + step)
        for first, counts in rows.values():
            body += first.to_bytes(2, "little") + len(counts).to_bytes(2, "little")
            body += b"".join(n.to_bytes(4, "little") for n in counts)
        self.frames.append(frames.frame(frames.BINS, body, number))
        return self

    def histogram(self, step: int, key: str, edges: list[float], counts: list[float]) -> Script:
        import struct

        name = key.encode()
        body = struct.pack("<qdI", step, self.created + step, len(name)) + name + bytes(-len(name) % 8)
        body += struct.pack(f"<{len(edges) + len(counts)}d", *edges, *counts)
        self.frames.append(frames.frame(frames.HISTOGRAM, body))
        return self

    def asset(self, step: int, key: str, kind: str = "text", text: str = "", blob: str = "", n: int = 0) -> Script:
        body = {
            "key": key, "kind": kind, "step": step, "time": self.created + step, "blob": blob, "bytes": n, "text": text,
            "shape": [],
        }  # fmt: skip
        self.frames.append(frames.json_frame(frames.ASSET, body))
        return self

    def print(self, text: str, stream: int = 1, time: float | None = None) -> Script:
        import struct

        head = struct.pack("<dB", self.created if time is None else time, stream)
        self.frames.append(frames.frame(frames.CONSOLE, head + text.encode()))
        return self

    def end(self, state: str = "finished", error: str = "", dropped: int = 0) -> Script:
        return self.event("end", state=state, error=error, dropped=dropped)

    @property
    def bytes(self) -> bytes:
        return frames.header(self.created, 7) + b"".join(self.frames)

    def write(self, folder: Path, name: str = "1-made-7-0000.journal", ahead: int = 0) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_bytes(self.bytes + bytes(ahead))
        return path
