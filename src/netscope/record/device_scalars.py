"""Scalars that a device is still computing: kept as snapshots and copied to the host together, later.

Reading a device scalar waits for everything queued before it, so `log` never reads one. The background thread does,
with one copy per device, dtype and stream for all rows since the last time.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any, NamedTuple

from netscope.record.log_values import PLAIN

MANY = 1_000  # pending rows at which the background thread is woken early
TOO_MANY = 20_000  # pending rows at which `log` itself copies, so that the device's memory does not fill up


class DeviceRow(NamedTuple):
    """A row with some numbers still on their device."""

    keys: tuple[str, ...]
    step: int
    time: float
    numbers: list[Any]
    streams: dict[int, Any]
    """The stream that computes each snapshot (None on other devices than CUDA), by its index in `numbers`."""


class DeviceScalars:
    """Rows waiting for device scalars, in the order of logging."""

    def __init__(self) -> None:
        """Start without pending rows."""
        self._rows: deque[DeviceRow] = deque()
        self._copying = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, keys: tuple[str, ...], step: int, time: float, numbers: list[Any]) -> None:
        """Add a row. Its snapshots must have just been made on the caller's current stream."""
        streams = {i: _stream(number) for i, number in enumerate(numbers) if type(number) not in PLAIN}
        self._rows.append(DeviceRow(keys, step, time, numbers, streams))

    def copy_and_write(self, write: Callable[[DeviceRow, list[float]], None]) -> None:
        """Copy the scalars of all pending rows to the host and write the rows in order."""
        with self._copying:
            rows = [self._rows[i] for i in range(len(self._rows))]
            for row, numbers in zip(rows, _numbers(rows), strict=True):
                write(row, numbers)
                self._rows.popleft()


def _numbers(rows: Iterable[DeviceRow]) -> list[list[float]]:
    whole = [list(row.numbers) for row in rows]
    groups: dict[tuple[str, str, int], list[tuple[int, int, Any]]] = {}
    for i, row in enumerate(rows):
        for j, stream in row.streams.items():
            snapshot = row.numbers[j]
            groups.setdefault((str(snapshot.device), str(snapshot.dtype), id(stream)), []).append((i, j, stream))
    for places in groups.values():
        torch, stream = sys.modules["torch"], places[0][2]
        # On the stream that computes the snapshots: another stream might read them too early.
        with torch.no_grad(), torch.cuda.stream(stream) if stream is not None else nullcontext():
            copied = torch.stack([whole[i][j] for i, j, _ in places]).cpu().double().tolist()
        for (i, j, _), number in zip(places, copied, strict=True):
            whole[i][j] = number
    return whole


def _stream(tensor: Any) -> Any:
    return sys.modules["torch"].cuda.current_stream(tensor.device) if tensor.is_cuda else None
