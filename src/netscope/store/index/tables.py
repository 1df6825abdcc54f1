"""The tables of the index: only numbers, bytes and composite keys, so that they work on SQLite and PostgreSQL alike.

Names are stored as 64-bit digests (`memtable.digest`), so that no writer has to ask the database for an id. `upto` is
the journal offset up to which the row's transaction had read: rows with `upto <= x` are exactly the data before byte x.
In `journal`, `head` is the encoded `Metadata`, `memo` the `LargeMetadata`. Both, and all blocks, end with a seal
(`seals`) of their row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

VERSION = "6"

metadata = MetaData()


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=False)


meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
"""`version` of these tables; `generation`, a random id that changes with each rebuild."""

run = Table("run", metadata, Column("id", Text, primary_key=True), _number("folder_mtime"))
"""Idle runs: `journal` has all their journals as long as the folder's modification time (in ns) is unchanged."""

journal = Table(
    "journal",
    metadata,
    _number("id", key=True),
    Column("run", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    _number("upto"),
    Column("head", LargeBinary, nullable=False),
    Column("memo", LargeBinary),
)

key_set = Table("key_set", metadata, _number("id", key=True), Column("body", LargeBinary, nullable=False))

series = Table(
    "series",
    metadata,
    _number("key", key=True),
    _number("journal", key=True),
    _number("last_step"),
    Column("last", Double),
    Column("min", Double),
    Column("max", Double),
    _number("check"),
    Index("series_of_journal", "journal"),
)
"""Summary of one series in one journal. `last` is the value at the largest step; NULL means NaN, which SQLite lacks.
`check` is the checksum of the other columns."""


def _chunks(name: str, *more: Column[Any]) -> Table:
    return Table(
        name,
        metadata,
        _number("key", key=True),
        _number("journal", key=True),
        _number("upto", key=True),
        Column("seq", Integer, primary_key=True, autoincrement=False),
        Column("n", Integer, nullable=False),
        *more,
        Column("block", LargeBinary, nullable=False),
        Index(f"{name}_of_journal", "journal"),
    )


chunk = _chunks("chunk", Column("outline", LargeBinary))
"""`key` is a series, or a group of keys that share the block (`KeySet.group_id`); likewise in `bins`. `outline` is a
block of the extremes of each `chunks.BIN_POINTS` points, for charts with far more points than pixels. It precedes
`block`, so that a row-oriented database can read it from the first page of a row."""
bins = _chunks("bins")
histogram = _chunks("histogram")

asset = Table(
    "asset",
    metadata,
    _number("journal", key=True),
    _number("upto", key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

console = Table(
    "console",
    metadata,
    _number("journal", key=True),
    _number("start", key=True),
    _number("upto"),
    Column("n", Integer, nullable=False),
    Column("block", LargeBinary, nullable=False),
)

JOURNAL_TABLES = (series, chunk, bins, histogram, asset, console)
