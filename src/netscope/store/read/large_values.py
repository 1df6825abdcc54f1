"""Read what is larger than a number: bins, histograms, assets, and which layers were watched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast, get_args

import msgspec
import numpy as np
import sqlalchemy as sql

from netscope.analyse.bins import N_BINS
from netscope.schema.layer import LayerTable, LayerTensor, Quantity, Stat
from netscope.schema.media import Asset, AssetKind, Assets
from netscope.schema.run import Environment
from netscope.store.index import chunks, codec, tables
from netscope.store.index.chunks import Counts
from netscope.store.index.database import batches
from netscope.store.index.seals import IndexLost, unseal
from netscope.store.index.writer import decode_memo
from netscope.store.ingest.run_state import attempt_of, forks
from netscope.store.journal.layer_changes import between
from netscope.store.journal.memtable import Histogram, key_id
from netscope.store.journal.metadata import Memo
from netscope.store.read.lru_cache import Cache
from netscope.store.read.merge_attempts import Part, stitch
from netscope.store.read.series_reader import Moment, Piece, Reader

MOST_STEPS = 2000
CACHE_BYTES = 64 << 20
ROW_BYTES = 500  # of a table of layers, about
STATS: tuple[Stat, ...] = get_args(Stat)  # in the order of the schema
QUANTITIES: tuple[Quantity, ...] = ("value", "gradient", "update", "activation")

R = TypeVar("R", Counts, Histogram)


class Bins(NamedTuple):
    """Fixed bins over steps, sparse: row i has `counts[i]` from bin `first[i]` on."""

    steps: np.ndarray
    times: np.ndarray
    first: np.ndarray
    counts: list[np.ndarray]

    def dense(self) -> np.ndarray:
        """All 2,048 bins: u32 [step, bin]."""
        table = np.zeros((len(self.counts), N_BINS), np.uint32)
        for row, first, counts in zip(table, self.first.tolist(), self.counts, strict=True):
            row[first : first + len(counts)] = counts
        return table


class Logged(NamedTuple):
    """What one call logged under a key: one asset, or a list of them."""

    step: int
    time: float
    assets: list[Asset]

    def takes(self, asset: Asset) -> bool:
        """Whether `asset` goes on with this list."""
        last = self.assets[-1].item
        is_later = asset.item is not None and last is not None and asset.item > last
        return is_later and (asset.step, asset.time) == (self.step, self.time)


class Large:
    """Reads the larger things of runs."""

    def __init__(self, reader: Reader) -> None:
        """Reads where `reader` reads."""
        self.reader = reader
        self._tables: Cache[tuple[int, LayerTable]] = Cache(CACHE_BYTES)  # with the revision of their runs

    def bins(self, run_id: str, key: str) -> Bins:
        """The fixed bins of "layer/tensor/quantity" over steps."""
        rows = self._stitched(
            run_id, key, "bins", chunks.decode_bins, lambda piece: chunks.counts_of(piece.tail.bins_of(key))
        )
        return Bins(
            np.array([r.step for r in rows], np.int64),
            np.array([r.time for r in rows], np.float64),
            np.array([r.first for r in rows], np.int64),
            [r.counts for r in rows],
        )

    def histograms(self, run_id: str, key: str) -> list[Histogram]:
        """The user's own histograms of a key, ascending in step."""
        return self._stitched(
            run_id,
            key,
            "histogram",
            lambda block, _: chunks.decode_histograms(block),
            lambda piece: piece.tail.histograms.get(key, []),
        )

    def assets(self, run_id: str, key: str | None = None, kind: AssetKind | None = None) -> Assets:
        """Assets in the order of key, then step, then item; of what was logged twice at a step the later."""
        return self.reader.retry(lambda: self._assets(run_id, key, kind))

    def _assets(self, run_id: str, key: str | None, kind: AssetKind | None) -> Assets:
        moment = self.reader.moments([run_id], "asset")[run_id]
        pieces: dict[int, list[Asset]] = {p.number: [] for p in moment.pieces}
        for number, body in self._asset_blocks(moment):
            pieces[number] += msgspec.msgpack.decode(codec.decompress(body), type=list[Asset])
        for piece in moment.pieces:
            piece.check(len(pieces[piece.number]))
        by_key: dict[tuple[str, str], dict[int, list[Logged]]] = {}
        for piece in moment.pieces:
            for asset in [*pieces[piece.number], *piece.tail.assets]:
                if key in (None, asset.key) and kind in (None, asset.kind):
                    logged = by_key.setdefault((asset.key, asset.kind), {}).setdefault(piece.number, [])
                    if logged and logged[-1].takes(asset):
                        logged[-1].assets.append(asset)
                    else:
                        logged.append(Logged(asset.step, asset.time, [asset]))
        found: list[Asset] = []
        for _, writers in sorted(by_key.items()):
            for logged_once in _curve(moment, writers):
                found += logged_once.assets
        return Assets(found)

    def _stitched(
        self,
        run_id: str,
        key: str,
        table: str,
        decode: Callable[[bytes, int], list[R]],
        tail: Callable[[Piece], list[R]],
    ) -> list[R]:
        def read() -> list[R]:
            moment = self.reader.moments([run_id], table, key)[run_id]
            upto = {p.number: p.indexed for p in moment.pieces if p.indexed}
            columns = {key_id(table, key): 0}  # in a block; it may be that of a group of keys
            for piece in moment.pieces:
                columns |= piece.groups
            rows = self.reader.rows(tables.metadata.tables[table], list(upto), columns)
            found: dict[int, list[R]] = {}
            n_rows: Counter[int] = Counter()
            for row in sorted(rows, key=lambda row: tuple(row[1:4])):
                if row.upto <= upto.get(row.journal, 0):
                    block = unseal(row.block, *row[:-1])
                    found.setdefault(row.journal, []).extend(decode(block, columns[row.key]))
                    n_rows[row.journal] += row.n
            for piece in moment.pieces:
                piece.check(n_rows[piece.number])
            for piece in moment.pieces:
                if more := tail(piece):
                    found.setdefault(piece.number, []).extend(more)
            return _curve(moment, found)

        return self.reader.retry(read)

    def memo(self, run_id: str) -> Memo:
        """Environment and layers of the latest attempt that told them."""
        return self.reader.retry(lambda: self._memo(run_id))

    def _memo(self, run_id: str) -> Memo:
        with self.reader.indexer.lock:
            followed = self.reader.followed(run_id)
            pending = [(f.number, f.memo) for f in followed.ordered if f.head.has_memo]
            attempts = {f.number: attempt_of(f) for f in followed.ordered}
            starts = forks(followed.ordered)
        c = tables.journal.c
        query = sql.select(c.id, c.memo).where(c.memo.is_not(None))
        saved: dict[int, bytes] = {}
        if pending:
            with self.reader.indexer.index.reading() as connection:
                for some in batches(number for number, _ in pending):
                    saved |= {row.id: row.memo for row in connection.execute(query.where(c.id.in_(some)))}
        by_attempt: dict[int, Memo] = {}
        for number, one in pending:
            if number not in saved and one == Memo():
                raise IndexLost("the environment or the layers of a run are missing")
            known = by_attempt.get(attempts[number], Memo())
            by_attempt[attempts[number]] = known.under(decode_memo(saved.get(number), number)).under(one)
        memo, last = Memo(), None
        for attempt, of in by_attempt.items():
            if of.layers is not None:
                if last is not None:
                    changed = between(
                        (last.layers or [], last.changes), (of.layers, of.changes), starts.get(attempt, 0)
                    )
                    memo = memo.under(Memo(changes=changed))
                last = of
            memo = memo.under(of)
        return memo

    def environment(self, run_id: str) -> Environment:
        """Where the latest attempt ran."""
        told = self.memo(run_id).environment or {}
        try:
            return msgspec.convert(told, Environment, strict=False)
        except msgspec.ValidationError:
            return Environment()

    def layers(self, run_id: str) -> LayerTable:
        """What was watched: modules in forward order, and per tensor what there is of it."""
        self.reader.indexer.begin()
        with self.reader.indexer.lock:
            revision = self.reader.followed(run_id).revision
        before = self._tables.get(run_id)
        if before is None or before[0] != revision:
            before = revision, self._layers(run_id)
            self._tables.put(run_id, before, ROW_BYTES * len(before[1].tensors))
        return before[1]

    def _layers(self, run_id: str) -> LayerTable:
        memo = self.memo(run_id)
        layers = list({layer.layer: layer for layer in memo.layers or []}.values())
        stats: dict[tuple[str, str, str], set[str]] = {}
        binned: set[tuple[str, str, str]] = set()
        one_of_each: list[str] = []
        with self.reader.indexer.lock:
            sets = [keys for f in self.reader.followed(run_id).followers for keys in f.key_sets]
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
        tensors = sorted(stats.keys() | binned, key=lambda t: (order.get(t[0], len(order)), *t))
        steps = [columns.steps for columns in self.reader.of_run(run_id, one_of_each, "layer").values()]
        steps += [self.bins(run_id, "/".join(key)).steps for key in sorted(binned)[:1]]
        every = np.unique(np.concatenate(steps)) if steps else np.zeros(0, np.int64)
        if len(every) > MOST_STEPS:
            every = every[np.linspace(0, len(every) - 1, MOST_STEPS).round().astype(int)]
        known = [
            LayerTensor(layer, tensor, quantity, [s for s in STATS if s in stats.get((layer, tensor, quantity), ())],
                        (layer, tensor, quantity) in binned)
            for layer, tensor, quantity in tensors
            if quantity in QUANTITIES
        ]  # fmt: skip
        return LayerTable(layers, memo.changes, known, every.tolist(), memo.sampled_above)

    def _asset_blocks(self, moment: Moment) -> list[tuple[int, bytes]]:
        """Number of the journal and block, in the order of logging."""
        upto = {p.number: p.indexed for p in moment.pieces if p.indexed}
        c = tables.asset.c
        query = sql.select(c.journal, c.upto, c.seq, c.body).order_by(c.journal, c.upto, c.seq)
        rows: list[Any] = []
        with self.reader.indexer.index.reading() as connection:
            for some in batches(upto):
                rows += connection.execute(query.where(c.journal.in_(some))).all()
        return [
            (row.journal, unseal(row.body, row.journal, row.upto, row.seq))
            for row in rows
            if row.upto <= upto[row.journal]
        ]


def _curve(moment: Moment, found: dict[int, list[Any]]) -> list[Any]:
    """Stitch things with a step and a time as curves are."""
    pieces = [p for p in moment.pieces if found.get(p.number)]
    rows = [row for p in pieces for row in found[p.number]]
    parts = [
        Part(
            p.attempt, p.rank,
            np.array([row.step for row in found[p.number]], np.int64), np.array([row.time for row in found[p.number]]),
        )
        for p in pieces
    ]  # fmt: skip
    return [rows[i] for i in stitch(parts, moment.forks).curve.tolist()]
