"""What the index knows of journals: how far each is indexed, its head then, and its key sets."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sql

from netscope.store.index import codec, tables
from netscope.store.index.database import batches
from netscope.store.index.seals import seal, unseal
from netscope.store.journal.follower import Follower
from netscope.store.journal.memtable import KeySet
from netscope.store.journal.metadata import Head


class Saved(NamedTuple):
    """A journal as the index knows it."""

    id: int
    run: str
    name: str
    upto: int
    head: Head

    def needs_more_than(self, key_sets: Collection[int]) -> bool:
        """Whether the journal has a key set that is not among these."""
        return any(number not in key_sets for number in self.head.key_sets.values())

    def follower(self, place: str, key_sets: Mapping[int, KeySet]) -> Follower:
        """A follower that goes on where the index left off; it can take rows of those key sets that are given."""
        follower = Follower(place, self.head, self.upto)
        for number, key_set in self.head.key_sets.items():
            if key_set in key_sets:
                follower.define(number, key_sets[key_set])
        return follower


def saved_journals(connection: sql.Connection, *where: sql.ColumnElement[bool]) -> list[Saved]:
    """The journals that the index knows, or some of them.

    Raises:
        IndexLost: One of them is damaged.
    """
    c = tables.journal.c
    rows = connection.execute(sql.select(c.id, c.run, c.name, c.upto, c.head).where(*where)).all()
    return [Saved(number, run, name, upto, read_head(head, number, upto)) for number, run, name, upto, head in rows]


def saved_key_sets(connection: sql.Connection, wanted: Collection[int] | None = None) -> dict[int, KeySet]:
    """All key sets of the index by id, or those that are wanted and there.

    Raises:
        IndexLost: One of them is damaged.
    """
    c = tables.key_set.c
    query = sql.select(c.id, c.body)
    queries = [query] if wanted is None else [query.where(c.id.in_(some)) for some in batches(sorted(wanted))]
    rows: list[Any] = [row for one in queries for row in connection.execute(one)]
    return {number: read_key_set(body, number) for number, body in rows}


def write_head(head: Head, number: int, upto: int) -> bytes:
    """A head as the index keeps it."""
    body = msgspec.json.encode(head)
    return seal(body, number, upto, zlib.crc32(body))


def read_head(body: bytes, number: int, upto: int) -> Head:
    """The inverse of `write_head`.

    Raises:
        IndexLost: It is damaged, or another journal's.
    """
    return msgspec.json.decode(unseal(body, number, upto, zlib.crc32(body[:-4])), type=Head)


def write_key_set(keys: KeySet) -> bytes:
    """A key set as the index keeps it."""
    return seal(codec.compress(msgspec.msgpack.encode(keys)), keys.id)


def read_key_set(body: bytes, number: int) -> KeySet:
    """The inverse of `write_key_set`.

    Raises:
        IndexLost: It is damaged, or another one.
    """
    return msgspec.msgpack.decode(codec.decompress(unseal(body, number)), type=KeySet)
