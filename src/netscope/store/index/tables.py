"""The tables of the index. Numbers, bytes and one composite key each: the same on SQLite, PostgreSQL and its kin.

Names are kept as 64-bit digests (`memtable.digest`), so that no writer has to ask for a number. `upto` is the offset of
a journal up to which a row's transaction read: rows with `upto <= x` are exactly what stands before byte x. Blocks,
heads and memos end with a seal (`seals`) of their row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

VERSION = "6"

metadata = MetaData()


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=False)


meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
"""`version` of these tables, `generation`: random, another one after each rebuild."""

run = Table("run", metadata, Column("id", Text, primary_key=True), _number("folder_mtime"))
"""Runs that were at rest: `journal` has all their journals while their folder's time stamp (in ns) is this one."""

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
"""A series of one journal in a few numbers. `last` is the value at the largest step; NULL is NaN (SQLite has none).
`check` is the checksum of the others."""


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
"""`key` is a series, or a group of the keys of a key set that share the block (`KeySet.group_id`); so it is of bins.
`outline` is the block of the extremes of each `chunks.BIN` points, for charts of far more points than pixels. It
stands before the block, so that a database that keeps rows whole reads a page of a chunk and not all of them."""
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

OF_JOURNAL = (series, chunk, bins, histogram, asset, console)
