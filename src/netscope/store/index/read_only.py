"""Read what the index knows of journals, without creating it and without waiting long."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import sqlalchemy as sql

from netscope.errors import NetscopeError
from netscope.store.index import tables
from netscope.store.index.database import DAMAGED, Place, connect_postgresql, places, schema_name
from netscope.store.index.saved import Saved, saved_journals, saved_key_sets
from netscope.store.index.seals import IndexLost
from netscope.store.journal.memtable import KeySet

WAIT_S = 2.0
UNUSABLE = (*DAMAGED, NetscopeError, IndexLost, OSError, sqlite3.Error, sql.exc.SQLAlchemyError)
"""What an index raises that is damaged, locked, of another version or not reachable."""


class Known(NamedTuple):
    """Journals by run and name, and key sets by id; none without an index."""

    journals: dict[tuple[str, str], Saved] = {}
    key_sets: dict[int, KeySet] = {}


def known_journals(root: Path, run: str | None = None) -> Known:
    """What the index of a folder knows of one run, or without key sets of all runs."""
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
    return Known()


def _engine(place: Place, root: Path) -> sql.Engine:
    if place.path is None:
        return connect_postgresql(place.url, schema_name(root))
    address = f"file:{quote(os.fspath(place.path))}?mode=ro"
    return sql.create_engine("sqlite://", creator=lambda: sqlite3.connect(address, WAIT_S, uri=True))


def _read(connection: sql.Connection, run: str | None) -> Known:
    c = tables.meta.c
    if connection.execute(sql.select(c.value).where(c.name == "version")).scalar() != tables.VERSION:
        return Known()
    if run is None:
        return Known({(one.run, one.name): one for one in saved_journals(connection)})
    found = saved_journals(connection, tables.journal.c.run == run)
    key_sets = saved_key_sets(connection, {number for one in found for number in one.head.key_sets.values()})
    return Known({(one.run, one.name): one for one in found if not one.needs_more_than(key_sets)}, key_sets)
