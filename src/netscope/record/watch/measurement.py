"""One measurement: the statistics of all tensors at one step, from the first forward call to the written rows.

Results of a tensor that is measured several times (a layer called twice, a replica, a chunk) are merged. Tensors in a
`batch` are measured in one call, because a call per tensor would cost more than measuring small tensors.
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
from netscope.analyse.measure import LARGE, Measured, MeasuredTable, mark_active
from netscope.analyse.moments import Moments, merge
from netscope.record.watch import device_stats
from netscope.record.watch.device_stats import DeviceTable, n_false
from netscope.record.watch.module_tree import unfit
from netscope.record.watch.rows import Rows, TensorKey, rows
from netscope.schema.layer import Quantity, Stat

Path = Literal["auto", "device", "triton"]
_HOST, _FIRST_DEVICE = 0, 1
_ROW_BITS = 40
_MEASURED_HERE = (torch.float32, torch.float64)
_MEASURED = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_PLAIN = (torch.Tensor, torch.nn.Parameter)
_CPU = torch.device("cpu")


class _TensorBatch:
    """Dense tensors of one device and dtype, in memory order, to be measured together."""

    __slots__ = ("before", "places", "tensors")

    def __init__(self) -> None:
        self.places: list[TensorKey] = []
        self.tensors: list[torch.Tensor] = []
        self.before: list[torch.Tensor] = []


_Waiting = dict[tuple[torch.device, torch.dtype, bool, bool], _TensorBatch]
"""By device, dtype, whether they are sampled, and whether the difference to an earlier value is measured."""


class Measurement:
    """Collects statistics. Call `seal` when nothing more is added, and `rows` when `is_ready`.

    No object that the garbage collector tracks is created per tensor: with 14,000 tensors, collection would take longer
    than measuring. So a row is referred to by one integer: the table's number in the upper bits, and the row within it
    in the lower `_ROW_BITS`.
    """

    def __init__(self, path: Path = "auto") -> None:
        """`path` is for tests: "device" measures CPU tensors as if on a device, "triton" as if on a GPU."""
        self.steps_before = 0
        """Number of finished optimiser steps before this measurement."""
        self.time = 0.0
        self.is_sealed = False
        self._path = path
        self._rows: dict[TensorKey, int | list[int]] = {}
        self._has_several = False  # whether a key has, or had, several rows
        self._shares: dict[TensorKey, dict[Stat, list[tuple[int, torch.device | None, int]]]] = {}
        self._units: dict[TensorKey, dict[torch.device, torch.Tensor]] = {}  # whether each unit was ever above zero
        self._units_here: dict[TensorKey, npt.NDArray[np.bool_]] = {}  # the same for tensors on the host
        self._host = MeasuredTable()
        self._devices: dict[torch.device, DeviceTable] = {}
        self._waiting: _Waiting | None = None
        self._lock = threading.RLock()  # DataParallel replicas run in threads

    def __bool__(self) -> bool:
        """Whether anything was measured."""
        return bool(self._rows or self._shares)

    def forget(self, quantity: Quantity) -> None:
        """Drop the results of one quantity, because a newer batch replaces them."""
        with self._lock:
            places: Any
            for places in (self._rows, self._shares, self._units, self._units_here):
                for key in [key for key in places if key.quantity == quantity]:
                    del places[key]

    def has(self, key: TensorKey) -> bool:
        """Whether this tensor was measured."""
        return key in self._rows

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Measure all tensors added in the `with` block together at its end; they must not change until then."""
        with self._lock:
            self._waiting = {}
            try:
                yield
            finally:
                waiting, self._waiting = self._waiting, None
                self._measure(waiting)

    def replace_all(
        self, places: Sequence[TensorKey], tensors: Sequence[torch.Tensor], before: Sequence[torch.Tensor] = ()
    ) -> None:
        """Measure tensors, inside `batch`, and replace their earlier results.

        With `before` (tensors of the same shapes and dtypes), the differences `tensor - before` are measured, and
        `before` may be overwritten.

        A single loop without a Python function call per tensor: for small layers, calls cost more than measuring.
        """
        assert self._waiting is not None, "inside `batch`"
        rows, dtype, group = self._rows, None, _TensorBatch()
        is_host = self._path == "auto"
        for i, tensor in enumerate(tensors):
            key = places[i]
            rows.pop(key, None)
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
                self.add(key, tensor, before[i] if before else None)
                continue
            if tensor.dtype is not dtype:
                dtype = tensor.dtype
                group = self._waiting.setdefault((_CPU, dtype, False, bool(before)), _TensorBatch())
            group.places.append(key)
            group.tensors.append(tensor)
            if before:
                group.before.append(before[i])

    def add(self, key: TensorKey, tensor: torch.Tensor, before: torch.Tensor | None = None) -> None:
        """Measure a tensor of any layout. Tensors without data or floats are skipped; activations are sampled."""
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
                    self._put([key], self._host.add(Measured(np.array([[n, n, 0.0, 0.0, 0.0, 0.0, 0.0]]), zeros)))
            size = tensor.numel()
            is_activation = key.quantity == "activation"
            if not size or tensor.is_meta:
                return
            if is_activation and before is None and tensor.is_cpu and self._path == "auto":
                dtype = np.float32 if tensor.dtype is torch.float32 else np.float64
                self._put((key,), self._host.sample(tensor.data_ptr(), size, dtype))
                return
            waiting = {} if self._waiting is None else self._waiting
            kind = tensor.device, tensor.dtype, is_activation and size > LARGE, before is not None
            group = waiting.get(kind)
            if group is None:
                group = waiting[kind] = _TensorBatch()
            group.places.append(key)
            group.tensors.append(tensor)
            if before is not None:
                group.before.append(before)
            if self._waiting is None:
                self._measure(waiting)

    def _put(self, places: Sequence[TensorKey], first: int) -> None:
        """Assign the rows from `first` on to these tensors."""
        rows = self._rows
        for row, key in enumerate(places, first):
            known = rows.setdefault(key, row)
            if known is not row:
                rows[key] = [*known, row] if isinstance(known, list) else [known, row]
                self._has_several = True

    def _measure(self, waiting: _Waiting) -> None:
        for (device, dtype, is_sampled, _), group in waiting.items():
            if device.type == "cpu" and self._path == "auto":
                addresses = np.array([tensor.data_ptr() for tensor in group.tensors], np.int64)
                sizes = np.array([tensor.numel() for tensor in group.tensors], np.int64)
                before = np.array([tensor.data_ptr() for tensor in group.before], np.int64) if group.before else None
                kind = np.float32 if dtype is torch.float32 else np.float64
                self._put(group.places, self._host.measure(addresses, sizes, kind, before))
            else:
                with torch.no_grad():
                    self._measure_on_device(device, group, is_sampled)

    def _measure_on_device(self, device: torch.device, group: _TensorBatch, is_sampled: bool) -> None:
        table = self._table(device)
        number = _FIRST_DEVICE + list(self._devices).index(device)
        try:
            first = table.measure(group.tensors, group.before, is_sampled)
        except torch.OutOfMemoryError:
            device_stats.warn_full()
            return
        self._put(group.places, (number << _ROW_BITS) + first)

    def _table(self, device: torch.device) -> DeviceTable:
        table = self._devices.get(device)
        if table is None:
            table = self._devices[device] = DeviceTable(device, use_triton=self._path == "triton" or None)
        return table

    def share(self, key: TensorKey, stat: Stat, hits: torch.Tensor, n: int) -> None:
        """Add to a fraction: `hits` (a one-element tensor) of `n` values."""
        with self._lock:
            if hits.device.type == "cpu" and self._path == "auto":
                self._share(key, stat, int(hits), None, n)
            else:
                self._share(key, stat, self._table(hits.device).number(hits), hits.device, n)

    def _share(self, key: TensorKey, stat: Stat, hits: int, device: torch.device | None, n: int) -> None:
        """Add `hits` of `n` values; with a device, `hits` is the index of the number in the device's table."""
        self._shares.setdefault(key, {}).setdefault(stat, []).append((hits, device, n))

    def units(self, key: TensorKey, tensor: torch.Tensor, axis: int) -> None:
        """Note which units along `axis` (negative) are above zero; units that never are in any call are `dead`."""
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
                active = self._units_here.get(key)
                if active is None or len(active) != n:
                    active = self._units_here[key] = np.zeros(n, bool)
                mark_active(tensor.data_ptr(), (prod(shape[:axis]), n, prod(shape[axis + 1 :])), active)
                return
            others = [i for i in range(tensor.dim()) if i != axis]
            peaks = tensor.detach().amax(others) if others else tensor.detach()
            found = torch.logical_not(peaks <= 0)
            several = self._units.setdefault(key, {})
            known = several.get(tensor.device)
            several[tensor.device] = found if known is None or len(known) != n else found | known

    def seal(self) -> None:
        """End the measurement and start copying results from the devices, with one copy per device."""
        self.is_sealed = True
        by_device: dict[torch.device, list[tuple[TensorKey, torch.Tensor]]] = {}
        for key, those_here in self._units_here.items():
            n = len(those_here)
            self._share(key, "dead", n - int(np.count_nonzero(those_here)), None, n)
        for key, several in self._units.items():
            for device, active in several.items():
                by_device.setdefault(device, []).append((key, active))
        self._units, self._units_here = {}, {}
        for device, those in by_device.items():
            first = self._table(device).number(n_false([active for _, active in those]))
            for i, (key, active) in enumerate(those):
                self._share(key, "dead", first + i, device, len(active))
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
        """Whether `rows` returns without waiting for a device."""
        return all(table.has_arrived() for table in self._devices.values())

    def rows(self) -> Rows:
        """All results; waits for devices."""
        whole = self._host.found()
        numbers: dict[torch.device, list[float]] = {}
        index = self._all_rows()
        if self._devices:
            tables = [whole]
            for device, table in self._devices.items():
                found, numbers[device] = table.result()
                tables.append(found)
            begins = np.cumsum([0, *(len(table.moments) for table in tables)])
            whole = _joined(tables)
            index = begins[index >> _ROW_BITS] + (index & ((1 << _ROW_BITS) - 1))
        if self._has_several:
            sizes = [len(row) if isinstance(row, list) else 1 for row in self._rows.values()]
            if len(index) > len(sizes):
                whole, index = _merged(whole, index, sizes)
        shares = {
            key: {
                stat: sum([hits if device is None else int(numbers[device][hits]) for hits, device, _ in several])
                / sum([n for _, _, n in several])
                for stat, several in stats.items()
            }
            for key, stats in self._shares.items()
        }
        if len(index) != len(whole.moments) or (index != np.arange(len(index))).any():
            whole = Measured(whole.moments[index], whole.histograms.take(index))
        return rows(tuple(self._rows), whole, shares)


def _joined(tables: Sequence[Measured]) -> Measured:
    return Measured(np.concatenate([one.moments for one in tables]), bins.join([one.histograms for one in tables]))


def _merged(
    whole: Measured, index: npt.NDArray[np.int64], sizes: Sequence[int]
) -> tuple[Measured, npt.NDArray[np.int64]]:
    """Append a merged row for each tensor that was measured several times.

    Args:
        whole: The results.
        index: Rows in `whole`, tensor after tensor.
        sizes: Number of rows of each tensor.

    Returns:
        The extended results, and the row of each tensor.
    """
    moments: list[Moments] = []
    counts: list[bins.BinCounts] = []
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
    """Convert to local dense floats in memory order; also return the number of zeros that a sparse tensor omits."""
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
    """Permute the axes to memory order, so that dense tensors (channels last, transposed) need no copy."""
    strides: tuple[int, ...] = tensor.stride()
    order = sorted(range(tensor.dim()), key=lambda axis: (-strides[axis], -tensor.shape[axis]))
    return tensor.permute(order).contiguous()
