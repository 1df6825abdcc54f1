"""Read what the index knows of journals, without creating it and without waiting long."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import sqlalchemy as sql

from netscope.errors import NetscopeError
from netscope.store.index import tables
from netscope.store.index.database import DAMAGED, Place, batches, connect_postgresql, places, schema_name
from netscope.store.index.seals import IndexLost
from netscope.store.index.writer import read_head, read_key_set
from netscope.store.journal.follower import Follower
from netscope.store.journal.memtable import KeySet
from netscope.store.journal.metadata import Head

WAIT_S = 2.0
UNUSABLE = (*DAMAGED, NetscopeError, IndexLost, OSError, sqlite3.Error, sql.exc.SQLAlchemyError)
"""What an index raises that is damaged, locked, of another version or not reachable."""


class SavedJournal(msgspec.Struct):
    """A journal as the index knows it."""

    upto: int
    head: Head
    key_sets: dict[int, KeySet]
    """Those of `head`, by their number in the journal."""

    def follower(self, place: str) -> Follower:
        """A follower that goes on where the index left off; from the start where the file is shorter than that."""
        try:
            if os.stat(place).st_size < self.upto:
                return Follower(place)
        except OSError:  # reading it says why
            return Follower(place)
        follower = Follower(place, self.head, self.upto)
        for number, keys in self.key_sets.items():
            follower.define(number, keys)
        return follower


def saved_journals(root: Path, run: str | None = None) -> dict[tuple[str, str], SavedJournal]:
    """By run and name, what the index of a folder knows of all journals, or of those of one run; empty without one."""
    root = root.resolve()
    url = os.environ.get("NETSCOPE_INDEX") or None
    try:
        for place in places(root, url):
            if place.backend == "postgresql" or (place.path is not None and place.path.is_file()):
                engine = _engine(place, root)
                try:
                    with engine.connect() as connection:
                        return _read(connection, run)
                finally:
                    engine.dispose()
    except UNUSABLE:
        pass  # the journals tell the same
    return {}


def _engine(place: Place, root: Path) -> sql.Engine:
    if place.path is None:
        return connect_postgresql(place.url, schema_name(root))
    address = f"file:{quote(os.fspath(place.path))}?mode=ro"
    return sql.create_engine("sqlite://", creator=lambda: sqlite3.connect(address, WAIT_S, uri=True))


def _read(connection: sql.Connection, run: str | None) -> dict[tuple[str, str], SavedJournal]:
    c = tables.meta.c
    if connection.execute(sql.select(c.value).where(c.name == "version")).scalar() != tables.VERSION:
        return {}
    c = tables.journal.c
    query = sql.select(c.id, c.run, c.name, c.upto, c.head)
    rows = connection.execute(query if run is None else query.where(c.run == run)).all()
    heads = {(row.run, row.name): (row.upto, read_head(row.head, row.id, row.upto)) for row in rows}
    # The names of all runs are asked for without their rows, so key sets are of no use there.
    wanted = (
        {} if run is None else dict(_key_sets(connection, {n for _, h in heads.values() for n in h.key_sets.values()}))
    )
    found = {}
    for place, (upto, head) in heads.items():
        sets = {number: wanted[key_set] for number, key_set in head.key_sets.items() if key_set in wanted}
        if run is None or len(sets) == len(head.key_sets):
            found[place] = SavedJournal(upto, head, sets)
    return found


def _key_sets(connection: sql.Connection, wanted: set[int]) -> Iterator[tuple[int, KeySet]]:
    c = tables.key_set.c
    for some in batches(sorted(wanted)):
        for number, body in connection.execute(sql.select(c.id, c.body).where(c.id.in_(some))):
            yield number, read_key_set(body, number)
