"""One measurement: what was seen of all tensors at one step, from the first forward call to the rows written.

A tensor measured several times (a layer called twice, a replica, a chunk) adds up as if it had been one. Tensors that
are given together are measured in one call for all of them; a call each would cost more than the small ones do.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from netscope.analyse import bins
from netscope.analyse.bins import Histograms
from netscope.analyse.measure import LARGE, Measured, measure_sample, measure_table
from netscope.analyse.moments import Moments, merge
from netscope.record import watch_device
from netscope.record.watch_device import DeviceTable, n_never_positive
from netscope.record.watch_layers import unfit
from netscope.record.watch_rows import Place, Rows, rows
from netscope.schema import Quantity, Stat

Path = Literal["auto", "device", "triton"]
Row = tuple[torch.device | None, int]
"""Where the numbers of a tensor are: in the table of a device, or (None) of the host."""


class _Given(NamedTuple):
    """A tensor to measure, dense and in the order of memory."""

    place: Place
    tensor: torch.Tensor
    before: torch.Tensor | None
    n_implicit: int


class Measurement:
    """Collects; `seal` when nothing more comes; `rows` when `is_ready`."""

    def __init__(self, path: Path = "auto") -> None:
        """`path="device"` measures tensors of the CPU as if they lay on a device, "triton" as if on a GPU."""
        self.steps_before = 0
        """Finished optimiser steps when it was taken."""
        self.time = 0.0
        self.is_sealed = False
        self._path = path
        self._rows: dict[Place, list[Row]] = {}
        self._shares: dict[Place, dict[Stat, list[tuple[int | Row, int]]]] = {}
        self._peaks: dict[Place, dict[torch.device, torch.Tensor]] = {}
        self._host: list[Measured] = []
        self._n_host = 0
        self._devices: dict[torch.device, DeviceTable] = {}
        self._waiting: list[_Given] | None = None  # those to be measured together
        self._lock = threading.RLock()  # replicas of DataParallel call from threads

    def __bool__(self) -> bool:
        """Whether anything was seen."""
        return bool(self._rows or self._shares)

    def forget(self, quantity: Quantity) -> None:
        """Drop what was seen of one quantity: a newer batch replaces it."""
        with self._lock:
            places: Any
            for places in (self._rows, self._shares, self._peaks):
                for place in [place for place in places if place.quantity == quantity]:
                    del places[place]

    def has(self, place: Place) -> bool:
        """Whether this place was measured."""
        return place in self._rows

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Measure what is given inside at the end of it, in one call; until then the tensors must not change."""
        with self._lock:
            self._waiting = []
            try:
                yield
            finally:
                waiting, self._waiting = self._waiting, None
                self._measure(waiting)

    def replace(self, place: Place, tensor: torch.Tensor, before: torch.Tensor | None = None) -> None:
        """Measure, and forget what was measured there before.

        With `before`, a tensor of the same shape and dtype, the difference `tensor - before` is what is measured;
        `before` may be overwritten.
        """
        self._rows.pop(place, None)
        self.add(place, tensor, before)

    def add(self, place: Place, tensor: torch.Tensor, before: torch.Tensor | None = None) -> None:
        """Measure a tensor of any layout; what has no data or no floats is passed over. Of activations, a sample."""
        if unfit(tensor):
            return
        given = _given(place, tensor.detach(), before)
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(given)
            else:
                self._measure([given])

    def _measure(self, several: Sequence[_Given]) -> None:
        alike: dict[tuple[torch.device, torch.dtype, bool, bool], list[_Given]] = {}
        for given in several:
            tensor = given.tensor
            if tensor.numel():
                is_sampled = given.place.quantity == "activation" and tensor.numel() > LARGE
                kind = (tensor.device, tensor.dtype, is_sampled, given.before is not None)
                alike.setdefault(kind, []).append(given)
            if given.n_implicit:
                n = float(given.n_implicit)
                zero = Histograms(np.ones(1, np.int64), np.zeros(1, np.uint16), np.array([n], np.uint32))
                self._keep([given], Measured(np.array([[n, n, 0.0, 0.0, 0.0, 0.0, 0.0]]), zero))
        for (device, _, is_sampled, _), those in alike.items():
            if device.type == "cpu" and self._path == "auto":
                self._measure_here(those, is_sampled)
            else:
                self._measure_there(device, those, is_sampled)

    def _measure_here(self, several: Sequence[_Given], is_sampled: bool) -> None:
        if is_sampled:
            for given in several:
                counts = np.zeros(bins.N_BINS, np.uint32)
                found = measure_sample(given.tensor.numpy(), counts)
                self._keep([given], Measured(np.array([found]), Histograms.of(counts[None])))
            return
        addresses = np.array([given.tensor.data_ptr() for given in several], np.int64)
        sizes = np.array([given.tensor.numel() for given in several], np.int64)
        before = None
        if several[0].before is not None:
            before = np.array([given.before.data_ptr() for given in several if given.before is not None], np.int64)
        dtype = np.float32 if several[0].tensor.dtype == torch.float32 else np.float64
        self._keep(several, measure_table(addresses, sizes, dtype, before))

    def _keep(self, several: Sequence[_Given], found: Measured) -> None:
        self._host.append(found)
        for i, given in enumerate(several, self._n_host):
            self._rows.setdefault(given.place, []).append((None, i))
        self._n_host += len(several)

    def _measure_there(self, device: torch.device, several: Sequence[_Given], is_sampled: bool) -> None:
        table = self._table(device)
        before = [given.before for given in several if given.before is not None]
        try:
            first = table.measure([given.tensor for given in several], before, is_sampled)
        except torch.OutOfMemoryError:
            watch_device.warn_full()
            return
        for i, given in enumerate(several, first):
            self._rows.setdefault(given.place, []).append((device, i))

    def _table(self, device: torch.device) -> DeviceTable:
        table = self._devices.get(device)
        if table is None:
            table = self._devices[device] = DeviceTable(device, use_triton=self._path == "triton" or None)
        return table

    def share(self, place: Place, stat: Stat, hits: torch.Tensor, n: int) -> None:
        """Add to a share: `hits` (a tensor of one number) of n."""
        with self._lock:
            hit: int | Row
            if hits.device.type == "cpu" and self._path == "auto":
                hit = int(hits)
            else:
                hit = hits.device, self._table(hits.device).number(hits)
            self._shares.setdefault(place, {}).setdefault(stat, []).append((hit, n))

    def peak(self, place: Place, largest: torch.Tensor) -> None:
        """Note the largest output of each unit, over the batch; `dead` is told from those of all calls."""
        with self._lock:
            peaks = self._peaks.setdefault(place, {})
            known = peaks.get(largest.device)
            same = known is not None and known.shape == largest.shape
            peaks[largest.device] = torch.maximum(known, largest) if same and known is not None else largest

    def seal(self) -> None:
        """Nothing more comes: begin to bring over what lies on devices, one copy each."""
        self.is_sealed = True
        by_device: dict[torch.device, list[tuple[Place, torch.Tensor]]] = {}
        for place, peaks in self._peaks.items():
            for device, peak in peaks.items():
                by_device.setdefault(device, []).append((place, peak))
        self._peaks = {}
        for device, several in by_device.items():
            hits = n_never_positive([peak for _, peak in several])
            is_here = device.type == "cpu" and self._path == "auto"
            first = 0 if is_here else self._table(device).number(hits)
            for i, (place, peak) in enumerate(several):
                hit: int | Row = int(hits[i]) if is_here else (device, first + i)
                self._shares.setdefault(place, {}).setdefault("dead", []).append((hit, peak.numel()))
        live: dict[torch.device, set[int]] = {}
        for parts in self._rows.values():
            for where, row in parts:
                if where is not None:
                    live.setdefault(where, set()).add(row)
        for device, table in self._devices.items():
            table.send(live.get(device, set()))

    def is_ready(self) -> bool:
        """Whether `rows` need not wait for a device."""
        return all(table.is_here() for table in self._devices.values())

    def rows(self) -> Rows:
        """All numbers; waits for devices."""
        tables = [*self._host]
        offsets: dict[torch.device | None, int] = {None: 0}
        n = self._n_host
        numbers: dict[torch.device | None, list[float]] = {}
        places_of: dict[torch.device | None, dict[int, int]] = {}
        for device, table in self._devices.items():
            found, row_numbers, numbers[device] = table.open()
            offsets[device], places_of[device] = n, row_numbers
            tables.append(found)
            n += len(found.moments)
        self._devices = {}

        def at(row: Row) -> int:
            device, i = row
            return offsets[device] + (i if device is None else places_of[device][i])

        whole = _joined(tables)
        first = np.array([at(parts[0]) for parts in self._rows.values()], np.int64)
        extra: list[tuple[Moments, bins.Counts]] = []
        for i, parts in enumerate(self._rows.values()):
            if len(parts) > 1:
                some = np.array([at(row) for row in parts], np.int64)
                moments = merge(Moments(*row) for row in whole.moments[some].tolist())
                counts = whole.histograms.take(some).dense().sum(axis=0, dtype=np.uint32)
                first[i] = n + len(extra)
                extra.append((moments, counts))
        if extra:
            whole = _joined(
                [whole, Measured(np.array([m for m, _ in extra]), Histograms.of(np.stack([c for _, c in extra])))]
            )
        shares = {
            place: {
                stat: sum(hit if isinstance(hit, int) else int(numbers[hit[0]][hit[1]]) for hit, _ in several)
                / sum(of for _, of in several)
                for stat, several in stats.items()
            }
            for place, stats in self._shares.items()
        }
        return rows(list(self._rows), Measured(whole.moments[first], whole.histograms.take(first)), shares)


def _joined(tables: Sequence[Measured]) -> Measured:
    if not tables:
        return Measured(np.empty((0, 7)), Histograms.of(np.empty((0, bins.N_BINS), np.uint32)))
    return Measured(np.concatenate([one.moments for one in tables]), bins.join([one.histograms for one in tables]))


def _given(place: Place, tensor: torch.Tensor, before: torch.Tensor | None) -> _Given:
    """As floats of this process, dense, in the order of memory; with how many zeros a sparse one does not store."""
    if type(tensor) is not torch.Tensor and hasattr(tensor, "to_local"):
        tensor = tensor.to_local()
        before = before.to_local() if before is not None and hasattr(before, "to_local") else before
    n_implicit = 0
    if tensor.layout != torch.strided:
        tensor = tensor if before is None else tensor - before
        before = None
        n = tensor.numel()
        if tensor.layout == torch.sparse_coo:
            tensor = tensor.coalesce()
        tensor = tensor.values()
        n_implicit = n - tensor.numel()
    is_plain = tensor.dtype in _MEASURED and not tensor.is_neg()
    if before is not None and not (is_plain and before.stride() == tensor.stride() and before.dtype == tensor.dtype):
        tensor, before = tensor - before, None
    if not is_plain:
        tensor = tensor.abs() if tensor.is_complex() else tensor.resolve_neg()
    if tensor.dtype not in (_MEASURED if tensor.device.type != "cpu" else _MEASURED_HERE):
        tensor, before = (tensor if before is None else tensor - before).float(), None
    if tensor.is_contiguous():
        return _Given(place, tensor, before, n_implicit)
    dense = _in_memory_order(tensor)
    if before is not None:
        before = _in_memory_order(before)
    return _Given(place, dense, before, n_implicit)


_MEASURED_HERE = (torch.float32, torch.float64)
_MEASURED = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def _in_memory_order(tensor: torch.Tensor) -> torch.Tensor:
    """With axes in the order of memory, so that dense tensors (channels last, transposed) need no copy."""
    strides: tuple[int, ...] = tensor.stride()
    order = sorted(range(tensor.dim()), key=lambda axis: (-strides[axis], -tensor.shape[axis]))
    return tensor.permute(order).contiguous()
