"""One measurement: what was seen of all tensors at one step, from the first forward call to the rows written.

A tensor measured several times (a layer called twice, a replica, a chunk) adds up as if it had been one. Tensors that
are given together are measured in one call for all of them; a call each would cost more than the small ones do.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from netscope.analyse import bins
from netscope.analyse.bins import Histograms
from netscope.analyse.measure import LARGE, Measured, Table, mark_lively
from netscope.analyse.moments import Moments, merge
from netscope.record.watch import device_stats
from netscope.record.watch.device_stats import DeviceTable, n_false
from netscope.record.watch.module_tree import unfit
from netscope.record.watch.rows import Place, Rows, rows
from netscope.schema.layer import Quantity, Stat

Path = Literal["auto", "device", "triton"]
_HOST, _FIRST_DEVICE = 0, 1
_ROW_BITS = 40
_MEASURED_HERE = (torch.float32, torch.float64)
_MEASURED = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_PLAIN = (torch.Tensor, torch.nn.Parameter)
_CPU = torch.device("cpu")


class _Alike:
    """Tensors of one device and dtype, dense and in the order of memory, to be measured together."""

    __slots__ = ("before", "places", "tensors")

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.tensors: list[torch.Tensor] = []
        self.before: list[torch.Tensor] = []


_Waiting = dict[tuple[torch.device, torch.dtype, bool, bool], _Alike]
"""By device, dtype, whether they are sampled, and whether the difference from what was before is measured."""


class Measurement:
    """Collects; `seal` when nothing more comes; `rows` when `is_ready`.

    Nothing is made for a single tensor that Python's garbage collector would have to look at: with 14,000 of them it
    would take more time than the measuring. So a row is a number: that of its table, and in the lower bits that of the
    row in it.
    """

    def __init__(self, path: Path = "auto") -> None:
        """`path="device"` measures tensors of the CPU as if they lay on a device, "triton" as if on a GPU."""
        self.steps_before = 0
        """Finished optimiser steps when it was taken."""
        self.time = 0.0
        self.is_sealed = False
        self._path = path
        self._rows: dict[Place, int | list[int]] = {}
        self._has_several = False  # whether a place has, or had, several rows
        self._shares: dict[Place, dict[Stat, list[tuple[int, torch.device | None, int]]]] = {}
        self._units: dict[Place, dict[torch.device, torch.Tensor]] = {}  # whether each was ever above zero
        self._units_here: dict[Place, npt.NDArray[np.bool_]] = {}  # the same of the host's
        self._host = Table()
        self._devices: dict[torch.device, DeviceTable] = {}
        self._waiting: _Waiting | None = None
        self._lock = threading.RLock()  # replicas of DataParallel call from threads

    def __bool__(self) -> bool:
        """Whether anything was seen."""
        return bool(self._rows or self._shares)

    def forget(self, quantity: Quantity) -> None:
        """Drop what was seen of one quantity: a newer batch replaces it."""
        with self._lock:
            places: Any
            for places in (self._rows, self._shares, self._units, self._units_here):
                for place in [place for place in places if place.quantity == quantity]:
                    del places[place]

    def has(self, place: Place) -> bool:
        """Whether this place was measured."""
        return place in self._rows

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Measure all tensors given inside the block in one call at its end; until then they must not change."""
        with self._lock:
            self._waiting = {}
            try:
                yield
            finally:
                waiting, self._waiting = self._waiting, None
                self._measure(waiting)

    def replace_all(
        self, places: Sequence[Place], tensors: Sequence[torch.Tensor], before: Sequence[torch.Tensor] = ()
    ) -> None:
        """Measure, inside `together`, and forget what was measured there before.

        With `before`, tensors of the same shapes and dtypes, the differences `tensor - before` are what is measured;
        `before` may be overwritten.

        One loop, with no function of Python's for each: where layers are small, calling costs more than measuring.
        """
        assert self._waiting is not None, "inside `together`"
        rows, dtype, alike = self._rows, None, _Alike()
        is_host = self._path == "auto"
        for i, tensor in enumerate(tensors):
            place = places[i]
            rows.pop(place, None)
            if not (
                is_host
                and type(tensor) in _PLAIN
                and tensor.is_cpu
                and tensor.dtype in _MEASURED_HERE
                and tensor.layout is torch.strided
                and tensor.is_contiguous()
                and not tensor.is_neg()
                and (not before or (before[i].dtype is tensor.dtype and before[i].is_contiguous()))
            ):
                self.add(place, tensor, before[i] if before else None)
                continue
            if tensor.dtype is not dtype:
                dtype = tensor.dtype
                alike = self._waiting.setdefault((_CPU, dtype, False, bool(before)), _Alike())
            alike.places.append(place)
            alike.tensors.append(tensor)
            if before:
                alike.before.append(before[i])

    def add(self, place: Place, tensor: torch.Tensor, before: torch.Tensor | None = None) -> None:
        """Measure a tensor of any layout; what has no data or no floats is passed over. Of activations, a sample."""
        with self._lock:
            if not (
                tensor.dtype in _MEASURED_HERE
                and type(tensor) in _PLAIN
                and tensor.layout is torch.strided
                and tensor.is_contiguous()
                and not tensor.is_neg()
                and (before is None or (before.dtype is tensor.dtype and before.stride() == tensor.stride()))
            ):
                if unfit(tensor):
                    return
                with torch.no_grad():
                    tensor, before, n_implicit = _dense(tensor, before)
                if n_implicit:
                    n = float(n_implicit)
                    zeros = Histograms(np.ones(1, np.int64), np.zeros(1, np.uint16), np.array([n], np.uint32))
                    self._put([place], self._host.add(Measured(np.array([[n, n, 0.0, 0.0, 0.0, 0.0, 0.0]]), zeros)))
            size = tensor.numel()
            is_activation = place.quantity == "activation"
            if not size or tensor.is_meta:
                return
            if is_activation and before is None and tensor.is_cpu and self._path == "auto":
                dtype = np.float32 if tensor.dtype is torch.float32 else np.float64
                self._put((place,), self._host.sample(tensor.data_ptr(), size, dtype))
                return
            waiting = {} if self._waiting is None else self._waiting
            kind = tensor.device, tensor.dtype, is_activation and size > LARGE, before is not None
            alike = waiting.get(kind)
            if alike is None:
                alike = waiting[kind] = _Alike()
            alike.places.append(place)
            alike.tensors.append(tensor)
            if before is not None:
                alike.before.append(before)
            if self._waiting is None:
                self._measure(waiting)

    def _put(self, places: Sequence[Place], first: int) -> None:
        """Note that the rows from `first` on belong to these places."""
        rows = self._rows
        for row, place in enumerate(places, first):
            known = rows.setdefault(place, row)
            if known is not row:
                rows[place] = [*known, row] if isinstance(known, list) else [known, row]
                self._has_several = True

    def _measure(self, waiting: _Waiting) -> None:
        for (device, dtype, is_sampled, _), alike in waiting.items():
            if device.type == "cpu" and self._path == "auto":
                addresses = np.array([tensor.data_ptr() for tensor in alike.tensors], np.int64)
                sizes = np.array([tensor.numel() for tensor in alike.tensors], np.int64)
                before = np.array([tensor.data_ptr() for tensor in alike.before], np.int64) if alike.before else None
                kind = np.float32 if dtype is torch.float32 else np.float64
                self._put(alike.places, self._host.measure(addresses, sizes, kind, before))
            else:
                with torch.no_grad():
                    self._measure_there(device, alike, is_sampled)

    def _measure_there(self, device: torch.device, alike: _Alike, is_sampled: bool) -> None:
        table = self._table(device)
        number = _FIRST_DEVICE + list(self._devices).index(device)
        try:
            first = table.measure(alike.tensors, alike.before, is_sampled)
        except torch.OutOfMemoryError:
            device_stats.warn_full()
            return
        self._put(alike.places, (number << _ROW_BITS) + first)

    def _table(self, device: torch.device) -> DeviceTable:
        table = self._devices.get(device)
        if table is None:
            table = self._devices[device] = DeviceTable(device, use_triton=self._path == "triton" or None)
        return table

    def share(self, place: Place, stat: Stat, hits: torch.Tensor, n: int) -> None:
        """Add to a share: `hits` (a tensor of one number) of n."""
        with self._lock:
            if hits.device.type == "cpu" and self._path == "auto":
                self._share(place, stat, int(hits), None, n)
            else:
                self._share(place, stat, self._table(hits.device).number(hits), hits.device, n)

    def _share(self, place: Place, stat: Stat, hits: int, device: torch.device | None, n: int) -> None:
        """`hits` of n; where there is a device, the place among its numbers where they will be."""
        self._shares.setdefault(place, {}).setdefault(stat, []).append((hits, device, n))

    def units(self, place: Place, tensor: torch.Tensor, axis: int) -> None:
        """Note which units, along `axis` (negative), are above zero; `dead` are those that never are, in any call."""
        axis += tensor.dim()
        shape: tuple[int, ...] = tensor.shape
        n = shape[axis]
        with self._lock:
            if (
                tensor.is_cpu
                and self._path == "auto"
                and tensor.dtype is torch.float32
                and type(tensor) in _PLAIN
                and tensor.is_contiguous()
            ):
                lively = self._units_here.get(place)
                if lively is None or len(lively) != n:
                    lively = self._units_here[place] = np.zeros(n, bool)
                mark_lively(tensor.data_ptr(), (prod(shape[:axis]), n, prod(shape[axis + 1 :])), lively)
                return
            others = [i for i in range(tensor.dim()) if i != axis]
            peaks = tensor.detach().amax(others) if others else tensor.detach()
            found = torch.logical_not(peaks <= 0)
            several = self._units.setdefault(place, {})
            known = several.get(tensor.device)
            several[tensor.device] = found if known is None or len(known) != n else found | known

    def seal(self) -> None:
        """Nothing more comes: begin to bring over what lies on devices, one copy each."""
        self.is_sealed = True
        by_device: dict[torch.device, list[tuple[Place, torch.Tensor]]] = {}
        for place, those_here in self._units_here.items():
            n = len(those_here)
            self._share(place, "dead", n - int(np.count_nonzero(those_here)), None, n)
        for place, several in self._units.items():
            for device, lively in several.items():
                by_device.setdefault(device, []).append((place, lively))
        self._units, self._units_here = {}, {}
        for device, those in by_device.items():
            first = self._table(device).number(n_false([lively for _, lively in those]))
            for i, (place, lively) in enumerate(those):
                self._share(place, "dead", first + i, device, len(lively))
        if self._devices:
            rows = self._all_rows()
            for number, table in enumerate(self._devices.values(), _FIRST_DEVICE):
                table.send(rows[rows >> _ROW_BITS == number] & ((1 << _ROW_BITS) - 1))

    def _all_rows(self) -> npt.NDArray[np.int64]:
        if not self._has_several:
            one_each: Any = self._rows.values()
            return np.fromiter(one_each, np.int64, len(self._rows))
        found: list[int] = []
        for row in self._rows.values():
            if isinstance(row, list):
                found += row
            else:
                found.append(row)
        return np.array(found, np.int64)

    def is_ready(self) -> bool:
        """Whether `rows` need not wait for a device."""
        return all(table.is_here() for table in self._devices.values())

    def rows(self) -> Rows:
        """All numbers; waits for devices."""
        whole = self._host.found()
        numbers: dict[torch.device, list[float]] = {}
        index = self._all_rows()
        if self._devices:
            tables = [whole]
            for device, table in self._devices.items():
                found, numbers[device] = table.open()
                tables.append(found)
            begins = np.cumsum([0, *(len(table.moments) for table in tables)])
            whole = _joined(tables)
            index = begins[index >> _ROW_BITS] + (index & ((1 << _ROW_BITS) - 1))
        if self._has_several:
            sizes = [len(row) if isinstance(row, list) else 1 for row in self._rows.values()]
            if len(index) > len(sizes):
                whole, index = _merged(whole, index, sizes)
        shares = {
            place: {
                stat: sum([hits if device is None else int(numbers[device][hits]) for hits, device, _ in several])
                / sum([n for _, _, n in several])
                for stat, several in stats.items()
            }
            for place, stats in self._shares.items()
        }
        if len(index) != len(whole.moments) or (index != np.arange(len(index))).any():
            whole = Measured(whole.moments[index], whole.histograms.take(index))
        return rows(tuple(self._rows), whole, shares)


def _joined(tables: Sequence[Measured]) -> Measured:
    return Measured(np.concatenate([one.moments for one in tables]), bins.join([one.histograms for one in tables]))


def _merged(
    whole: Measured, index: npt.NDArray[np.int64], sizes: Sequence[int]
) -> tuple[Measured, npt.NDArray[np.int64]]:
    """Add a row for each tensor that was measured several times; `index` has `sizes` rows of each tensor, side by side.

    Returns:
        The table, and per tensor its row.
    """
    moments: list[Moments] = []
    counts: list[bins.Counts] = []
    of: list[int] = []
    end = 0
    for size in sizes:
        begin, end = end, end + size
        of.append(int(index[begin]))
        if size > 1:
            some = index[begin:end]
            of[-1] = len(whole.moments) + len(moments)
            moments.append(merge(Moments(*row) for row in whole.moments[some].tolist()))
            counts.append(whole.histograms.take(some).dense().sum(axis=0, dtype=np.uint32))
    extra = Measured(np.array(moments), Histograms.of(np.stack(counts)))
    return _joined([whole, extra]), np.array(of, np.int64)


def _dense(tensor: torch.Tensor, before: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None, int]:
    """As floats of this process, dense, in the order of memory; with how many zeros a sparse one does not store."""
    tensor = tensor.detach()
    if type(tensor) is not torch.Tensor and hasattr(tensor, "to_local"):
        tensor = tensor.to_local()
        before = before.to_local() if before is not None and hasattr(before, "to_local") else before
    n_implicit = 0
    if tensor.layout != torch.strided:
        tensor, before = tensor if before is None else tensor - before, None
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
    if not tensor.is_contiguous():
        tensor, before = _in_memory_order(tensor), None if before is None else _in_memory_order(before)
    return tensor, before, n_implicit


def _in_memory_order(tensor: torch.Tensor) -> torch.Tensor:
    """With axes in the order of memory, so that dense tensors (channels last, transposed) need no copy."""
    strides: tuple[int, ...] = tensor.stride()
    order = sorted(range(tensor.dim()), key=lambda axis: (-strides[axis], -tensor.shape[axis]))
    return tensor.permute(order).contiguous()
