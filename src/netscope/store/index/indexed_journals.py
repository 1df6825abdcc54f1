"""Journals as stored in the index: how far each is indexed, its metadata at that offset, and the key sets."""

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
from netscope.store.journal.metadata import Metadata


class IndexedJournal(NamedTuple):
    """A journal as stored in the index."""

    id: int
    run: str
    name: str
    upto: int
    metadata: Metadata

    def needs_more_than(self, key_sets: Collection[int]) -> bool:
        """Whether the journal has a key set that is missing in `key_sets`."""
        return any(number not in key_sets for number in self.metadata.key_sets.values())

    def follower(self, source: type[Follower], path: str, key_sets: Mapping[int, KeySet]) -> Follower:
        """A follower that continues after the indexed bytes; it can read rows only of the given key sets."""
        follower = source(path, self.metadata, self.upto)
        for number, key_set in self.metadata.key_sets.items():
            if key_set in key_sets:
                follower.define_key_set(number, key_sets[key_set])
        return follower


def read_indexed_journals(connection: sql.Connection, *where: sql.ColumnElement[bool]) -> list[IndexedJournal]:
    """Read all journals of the index, or some.

    Raises:
        BrokenIndexError: One of them is damaged.
    """
    c = tables.journal.c
    rows = connection.execute(sql.select(c.id, c.run, c.name, c.upto, c.head).where(*where)).all()
    return [
        IndexedJournal(number, run, name, upto, decode_metadata(head, number, upto))
        for number, run, name, upto, head in rows
    ]


def read_key_sets(connection: sql.Connection, wanted: Collection[int] | None = None) -> dict[int, KeySet]:
    """Read all key sets of the index by id, or those of `wanted` that exist.

    Raises:
        BrokenIndexError: One of them is damaged.
    """
    c = tables.key_set.c
    query = sql.select(c.id, c.body)
    queries = [query] if wanted is None else [query.where(c.id.in_(some)) for some in batches(sorted(wanted))]
    rows: list[Any] = [row for one in queries for row in connection.execute(one)]
    return {number: decode_key_set(body, number) for number, body in rows}


def encode_metadata(metadata: Metadata, number: int, upto: int) -> bytes:
    """Encode metadata for the index."""
    body = msgspec.json.encode(metadata)
    return seal(body, number, upto, zlib.crc32(body))


def decode_metadata(body: bytes, number: int, upto: int) -> Metadata:
    """The inverse of `encode_metadata`.

    Raises:
        BrokenIndexError: It is damaged, or belongs to another journal.
    """
    return msgspec.json.decode(unseal(body, number, upto, zlib.crc32(body[:-4])), type=Metadata)


def encode_key_set(keys: KeySet) -> bytes:
    """Encode a key set for the index."""
    return seal(codec.compress(msgspec.msgpack.encode(keys)), keys.id)


def decode_key_set(body: bytes, number: int) -> KeySet:
    """The inverse of `encode_key_set`.

    Raises:
        BrokenIndexError: It is damaged, or is another key set.
    """
    return msgspec.msgpack.decode(codec.decompress(unseal(body, number)), type=KeySet)
