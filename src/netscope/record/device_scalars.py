"""Scalars that a device is still computing: kept as snapshots, copied to the host together, later.

Asking for a device's scalar waits for all that is queued before it, so `log` never asks. The background thread
does, one copy a device, type and stream for all rows since last time.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any, NamedTuple

from netscope.record.log_values import PLAIN

MANY = 1_000  # rows at which the background thread is woken before its time
TOO_MANY = 20_000  # rows at which `log` itself settles, rather than fill the device's memory


class Row(NamedTuple):
    """A row of which some numbers are not there yet."""

    keys: tuple[str, ...]
    step: int
    time: float
    numbers: list[Any]
    streams: dict[int, Any]
    """Per place of a snapshot the stream that computes it, or None."""


class Late:
    """Rows that wait for their numbers, in the order of logging."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._rows: deque[Row] = deque()
        self._settling = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, keys: tuple[str, ...], step: int, time: float, numbers: list[Any]) -> None:
        """Remember a row; the snapshots were made just now on the caller's stream."""
        streams = {i: _stream(number) for i, number in enumerate(numbers) if type(number) not in PLAIN}
        self._rows.append(Row(keys, step, time, numbers, streams))

    def settle(self, write: Callable[[Row, list[float]], None]) -> None:
        """Copy what waits and write it, whole rows in their order."""
        with self._settling:
            rows = [self._rows[i] for i in range(len(self._rows))]
            for row, numbers in zip(rows, _numbers(rows), strict=True):
                write(row, numbers)
                self._rows.popleft()


def _numbers(rows: Iterable[Row]) -> list[list[float]]:
    whole = [list(row.numbers) for row in rows]
    groups: dict[tuple[str, str, int], list[tuple[int, int, Any]]] = {}
    for i, row in enumerate(rows):
        for j, stream in row.streams.items():
            snapshot = row.numbers[j]
            groups.setdefault((str(snapshot.device), str(snapshot.dtype), id(stream)), []).append((i, j, stream))
    for places in groups.values():
        torch, stream = sys.modules["torch"], places[0][2]
        # On the stream that computes the snapshots: another one might read them before they are there.
        with torch.no_grad(), torch.cuda.stream(stream) if stream is not None else nullcontext():
            copied = torch.stack([whole[i][j] for i, j, _ in places]).cpu().double().tolist()
        for (i, j, _), number in zip(places, copied, strict=True):
            whole[i][j] = number
    return whole


def _stream(tensor: Any) -> Any:
    return sys.modules["torch"].cuda.current_stream(tensor.device) if tensor.is_cuda else None
