"""Read the journals in an index, without creating it and without waiting long."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import sqlalchemy as sql

from netscope.errors import NetscopeError
from netscope.store.index import tables
from netscope.store.index.database import DAMAGED, IndexLocation, connect_postgresql, index_locations, schema_name
from netscope.store.index.indexed_journals import IndexedJournal, read_indexed_journals, read_key_sets
from netscope.store.index.seals import BrokenIndexError
from netscope.store.journal.memtable import KeySet

WAIT_S = 2.0
UNUSABLE = (*DAMAGED, NetscopeError, BrokenIndexError, OSError, sqlite3.Error, sql.exc.SQLAlchemyError)
"""Exceptions from an index that is damaged, locked, of another version or unreachable."""


class IndexContents(NamedTuple):
    """Journals by run and name, and key sets by id; empty without an index."""

    journals: dict[tuple[str, str], IndexedJournal] = {}
    key_sets: dict[int, KeySet] = {}


def read_index(root: Path, run: str | None = None) -> IndexContents:
    """Read the journals and key sets of one run from the index of a folder; or the journals of all runs."""
    root = root.resolve()
    url = os.environ.get("NETSCOPE_INDEX") or None
    try:
        for location in index_locations(root, url):
            if location.backend == "postgresql" or (location.path is not None and location.path.is_file()):
                engine = _engine(location, root)
                try:
                    with engine.connect() as connection:
                        return _read(connection, run)
                finally:
                    engine.dispose()
    except UNUSABLE:
        pass  # the journals have the same data
    return IndexContents()


def _engine(location: IndexLocation, root: Path) -> sql.Engine:
    if location.path is None:
        return connect_postgresql(location.url, schema_name(root))
    address = f"file:{quote(os.fspath(location.path))}?mode=ro"
    return sql.create_engine("sqlite://", creator=lambda: sqlite3.connect(address, WAIT_S, uri=True))


def _read(connection: sql.Connection, run: str | None) -> IndexContents:
    c = tables.meta.c
    if connection.execute(sql.select(c.value).where(c.name == "version")).scalar() != tables.VERSION:
        return IndexContents()
    if run is None:
        return IndexContents({(one.run, one.name): one for one in read_indexed_journals(connection)})
    found = read_indexed_journals(connection, tables.journal.c.run == run)
    key_sets = read_key_sets(connection, {number for one in found for number in one.metadata.key_sets.values()})
    return IndexContents({(one.run, one.name): one for one in found if not one.needs_more_than(key_sets)}, key_sets)
