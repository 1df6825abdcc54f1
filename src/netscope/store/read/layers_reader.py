"""Read the table of watched layers and the environment of a run."""

from __future__ import annotations

from typing import cast, get_args

import msgspec
import numpy as np
import sqlalchemy as sql

from netscope.schema.layer import LayerTable, LayerTensor, Quantity, Stat
from netscope.schema.run import Environment
from netscope.store.index import tables
from netscope.store.index.database import batches
from netscope.store.index.seals import BrokenIndexError
from netscope.store.index.writer import decode_large_metadata
from netscope.store.ingest.run_state import attempt_of, forks
from netscope.store.journal.layer_changes import changes_between
from netscope.store.journal.metadata import LargeMetadata
from netscope.store.read.histogram_reader import HistogramReader
from netscope.store.read.lru_cache import LruCache
from netscope.store.read.series_reader import SeriesReader

MOST_STEPS = 2000
CACHE_BYTES = 64 << 20
ROW_BYTES = 500  # approximate size of a row in memory
STATS: tuple[Stat, ...] = get_args(Stat)  # in the order of the schema
QUANTITIES: tuple[Quantity, ...] = ("value", "gradient", "update", "activation")


class LayersReader:
    """Reads tables of layers and environments, which each attempt records once."""

    def __init__(self, series: SeriesReader, histograms: HistogramReader) -> None:
        """Read runs that these readers read; the cache starts empty."""
        self.series, self.histograms = series, histograms
        self._tables: LruCache[tuple[int, LayerTable]] = LruCache(CACHE_BYTES)  # with the revision of their runs

    def large_metadata(self, run_id: str) -> LargeMetadata:
        """Environment and layers from the latest attempt that recorded them, and all changes of layers."""
        return self.series.retry(lambda: self._large_metadata(run_id))

    def _large_metadata(self, run_id: str) -> LargeMetadata:
        with self.series.indexer.lock:
            run_folder = self.series.run_folder(run_id)
            pending = [(f.number, f.large_metadata) for f in run_folder.ordered if f.metadata.has_large_metadata]
            attempts = {f.number: attempt_of(f) for f in run_folder.ordered}
            starts = forks(run_folder.ordered)
        c = tables.journal.c
        query = sql.select(c.id, c.memo).where(c.memo.is_not(None))
        saved: dict[int, bytes] = {}
        if pending:
            with self.series.indexer.index.reading() as connection:
                for some in batches(number for number, _ in pending):
                    saved |= {row.id: row.memo for row in connection.execute(query.where(c.id.in_(some)))}
        by_attempt: dict[int, LargeMetadata] = {}
        for number, one in pending:
            if number not in saved and one == LargeMetadata():
                raise BrokenIndexError("the environment or layers of a run are missing")
            known = by_attempt.get(attempts[number], LargeMetadata())
            by_attempt[attempts[number]] = known.overlay(decode_large_metadata(saved.get(number), number)).overlay(one)
        merged, last = LargeMetadata(), None
        for attempt, of in by_attempt.items():
            if of.layers is not None:
                if last is not None:
                    changed = changes_between(
                        (last.layers or [], last.changes), (of.layers, of.changes), starts.get(attempt, 0)
                    )
                    merged = merged.overlay(LargeMetadata(changes=changed))
                last = of
            merged = merged.overlay(of)
        return merged

    def environment(self, run_id: str) -> Environment:
        """The environment of the latest attempt."""
        environment = self.large_metadata(run_id).environment or {}
        try:
            return msgspec.convert(environment, Environment, strict=False)
        except msgspec.ValidationError:
            return Environment()

    def table(self, run_id: str) -> LayerTable:
        """The watched modules in forward order, and the statistics available for each tensor."""
        self.series.indexer.ensure_read()
        with self.series.indexer.lock:
            revision = self.series.run_folder(run_id).revision
        before = self._tables.get(run_id)
        if before is None or before[0] != revision:
            before = revision, self._layers(run_id)
            self._tables.put(run_id, before, ROW_BYTES * len(before[1].tensors))
        return before[1]

    def _layers(self, run_id: str) -> LayerTable:
        merged = self.large_metadata(run_id)
        layers = list({layer.layer: layer for layer in merged.layers or []}.values())
        stats: dict[tuple[str, str, str], set[str]] = {}
        binned: set[tuple[str, str, str]] = set()
        one_of_each: list[str] = []
        with self.series.indexer.lock:
            sets = [keys for f in self.series.run_folder(run_id).followers for keys in f.key_sets]
        for keys in sets:
            if keys.kind == "layer":
                one_of_each += keys.keys[:1]
                for key in keys.keys:
                    *tensor, stat = key.split("/")
                    if len(tensor) == 3:
                        stats.setdefault((tensor[0], tensor[1], tensor[2]), set()).add(stat)
            elif keys.kind == "bins":
                names = (tuple(key.split("/")) for key in keys.keys if key.count("/") == 2)
                binned.update(cast(tuple[str, str, str], name) for name in names)
        order = {layer.layer: i for i, layer in enumerate(layers)}
        parameters = {layer.layer: list(layer.parameters) for layer in layers}
        tensors = sorted(
            stats.keys() | binned,
            key=lambda t: (order.get(t[0], len(order)), t[0], _tensor_order(t[1], parameters.get(t[0], [])), *t),
        )
        steps = [columns.steps for columns in self.series.of_run(run_id, one_of_each, "layer").values()]
        steps += [self.histograms.watched(run_id, "/".join(key)).steps for key in sorted(binned)[:1]]
        every = np.unique(np.concatenate(steps)) if steps else np.zeros(0, np.int64)
        if len(every) > MOST_STEPS:
            every = every[np.linspace(0, len(every) - 1, MOST_STEPS).round().astype(int)]
        known = [
            LayerTensor(layer, tensor, quantity, [s for s in STATS if s in stats.get((layer, tensor, quantity), ())],
                        (layer, tensor, quantity) in binned)
            for layer, tensor, quantity in tensors
            if quantity in QUANTITIES
        ]  # fmt: skip
        return LayerTable(layers, merged.changes, known, every.tolist(), merged.sampled_above)


def _tensor_order(tensor: str, parameters: list[str]) -> tuple[bool, bool, int]:
    """Sort key of a tensor in its layer: parameters in their order with biases last, then other tensors."""
    is_parameter = tensor in parameters
    return not is_parameter, "bias" in tensor, parameters.index(tensor) if is_parameter else 0
