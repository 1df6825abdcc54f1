"""Read assets: images, audio, text, tables and other media."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sql

from netscope.schema.media import Asset, AssetKind, Assets
from netscope.store.index import codec, tables
from netscope.store.index.database import batches
from netscope.store.index.seals import unseal
from netscope.store.read.rows_reader import merge_rows
from netscope.store.read.series_reader import RunSnapshot, SeriesReader


class LoggedItems(NamedTuple):
    """The assets that one call logged under a key: one, or a list."""

    step: int
    time: float
    assets: list[Asset]

    def continues_with(self, asset: Asset) -> bool:
        """Whether `asset` is the next item of this list."""
        last = self.assets[-1].item
        is_later = asset.item is not None and last is not None and asset.item > last
        return is_later and (asset.step, asset.time) == (self.step, self.time)


class MediaReader:
    """Reads assets of runs."""

    def __init__(self, series: SeriesReader) -> None:
        """Read runs that `series` reads."""
        self.series = series

    def assets(self, run_id: str, key: str | None = None, kind: AssetKind | None = None) -> Assets:
        """Assets ordered by key, step and item; if a key was logged twice at a step, the later.

        Graphs of networks are not media to look through: they are among the assets only if asked for.
        """
        return self.series.retry(lambda: self._assets(run_id, key, kind))

    def _assets(self, run_id: str, key: str | None, kind: AssetKind | None) -> Assets:
        snapshot = self.series.snapshots([run_id], "asset")[run_id]
        indexed: dict[int, list[Asset]] = {p.number: [] for p in snapshot.journals}
        for number, body in self._asset_blocks(snapshot):
            indexed[number] += msgspec.msgpack.decode(codec.decompress(body), type=list[Asset])
        for journal in snapshot.journals:
            journal.check(len(indexed[journal.number]))
        by_key: dict[tuple[str, str], dict[int, list[LoggedItems]]] = {}
        for journal in snapshot.journals:
            for asset in [*indexed[journal.number], *journal.memtable.assets]:
                is_kind = asset.kind == kind or (kind is None and asset.kind != "graph")
                if is_kind and key in (None, asset.key):
                    logged = by_key.setdefault((asset.key, asset.kind), {}).setdefault(journal.number, [])
                    if logged and logged[-1].continues_with(asset):
                        logged[-1].assets.append(asset)
                    else:
                        logged.append(LoggedItems(asset.step, asset.time, [asset]))
        found: list[Asset] = []
        for _, writers in sorted(by_key.items()):
            for logged_once in merge_rows(snapshot, writers):
                found += logged_once.assets
        return Assets(found)

    def _asset_blocks(self, snapshot: RunSnapshot) -> list[tuple[int, bytes]]:
        """(journal id, block) in the order of logging."""
        upto = {p.number: p.indexed for p in snapshot.journals if p.indexed}
        c = tables.asset.c
        query = sql.select(c.journal, c.upto, c.seq, c.body).order_by(c.journal, c.upto, c.seq)
        with self.series.indexer.index.reading() as connection:  # a damaged row may hold values of any type
            rows: list[Any] = []
            for some in batches(upto):
                rows += connection.execute(query.where(c.journal.in_(some))).all()
            return [
                (row.journal, unseal(row.body, row.journal, row.upto, row.seq))
                for row in rows
                if row.upto <= upto[row.journal]
            ]
