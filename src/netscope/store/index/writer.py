"""Write followed journals to the index, in transactions that skip bytes which another process has already indexed."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sql

from netscope.errors import StorageError
from netscope.store.index import codec, tables
from netscope.store.index.chunks import TableRow, chunks
from netscope.store.index.database import BROKEN, batches, open_index
from netscope.store.index.indexed_journals import (
    IndexedJournal,
    encode_key_set,
    encode_metadata,
    read_indexed_journals,
    read_key_sets,
)
from netscope.store.index.seals import BrokenIndexError, check_of_summary, seal, unseal
from netscope.store.journal.follower import Follower
from netscope.store.journal.memtable import KeySet, journal_number
from netscope.store.journal.metadata import LargeMetadata

SUMMARY = ("key", "journal", "last_step", "last", "min", "max")
LARGE_BYTES, LARGE_ROWS, HUGE_BYTES = 1 << 20, 4096, 64 << 20
DELETED_AT_ONCE = 500  # runs; the number of names in a query is limited
PAUSE_S = 30.0  # between attempts to write after the disk refused

log = logging.getLogger("netscope.store")


def is_large(follower: Follower) -> bool:
    """Whether enough data is in memory for good chunks, or too much memory is used by rows of many keys."""
    n_bytes = follower.offset - follower.indexed
    return n_bytes >= HUGE_BYTES or (n_bytes >= LARGE_BYTES and follower.memtable.max_rows >= LARGE_ROWS)


class IndexWriter:
    """Opens the index, replaces it if it is broken, and writes followed journals to it."""

    def __init__(self, folder: Path, url: str | None, lock: threading.RLock) -> None:
        """Open or create the index; `lock` is held while a memtable and its offset change together."""
        self.folder, self.url, self.lock = folder, url, lock
        self.problems: list[str] = []
        """What went wrong, as sentences."""
        self._refused_until = 0.0
        self._open()

    def start_over(self, reason: str) -> None:
        """Set the index aside and create a new one."""
        self.problems.append(f"the index was rebuilt from the journals: {reason}")
        log.warning("%s: rebuilding the index: %s", self.folder, reason)
        if self.index.is_there():
            self.index.set_aside()
        self.index.close()
        self._open()

    def resume_journal(self, source: type[Follower], path: str, indexed: IndexedJournal) -> Follower:
        """Create a follower that continues after the indexed bytes.

        Raises:
            BrokenIndexError: The index lacks a key set of the journal.
        """
        if indexed.needs_more_than(self.key_sets):
            with self.index.reading() as connection:
                self.key_sets |= read_key_sets(connection)
        if indexed.needs_more_than(self.key_sets):
            raise BrokenIndexError(f"it lacks a key set of {indexed.name}")
        return indexed.follower(source, path, self.key_sets)

    def indexed_journal(self, run: str, name: str) -> IndexedJournal | None:
        """Read one journal from the index."""
        with self.index.reading() as connection:
            return next(iter(read_indexed_journals(connection, tables.journal.c.id == journal_number(run, name))), None)

    def flush(self, followers: Sequence[tuple[str, Follower]]) -> list[Follower] | None:
        """Write and empty the memtables of (run, follower); returns the followers that another process wrote first.

        Returned followers keep their memtables, which stay consistent with the index until the caller restarts them.
        Returns None if the index cannot be written: all memtables stay in memory.
        """
        due = {f.number: (run, f) for run, f in followers if f.offset > f.indexed}
        if time.monotonic() < self._refused_until:
            return None
        try:
            return self._flush(due) if due else []
        except StorageError as error:
            self._pause_writing(error)
            return None

    def delete_beyond(self, run: str, number: int, size: int) -> None:
        """Delete a journal from the index if more than `size` bytes are indexed; its run is then no longer idle."""
        c = tables.journal.c
        try:
            with self.index.writing() as connection:
                gone = connection.execute(tables.journal.delete().where(c.id == number, c.upto > size)).rowcount
                if gone:
                    for table in tables.JOURNAL_TABLES:
                        connection.execute(table.delete().where(table.c.journal == number))
                    connection.execute(tables.run.delete().where(tables.run.c.id == run))
        except StorageError as error:
            self._pause_writing(error)

    def mark_idle(self, folders: Mapping[str, int]) -> None:
        """Record idle runs, whose journals need not be read as long as their folders are unchanged.

        Args:
            folders: Modification time of the folder in ns, by run.
        """
        rows: list[TableRow] = [{"id": run, "folder_mtime": mtime} for run, mtime in folders.items()]
        if rows:
            try:
                with self.index.writing() as connection:
                    self._write(connection, tables.run, rows)
            except StorageError as error:
                self._pause_writing(error)

    def delete_runs(self, run_ids: Sequence[str]) -> None:
        """Delete all rows of runs whose folders are gone."""
        for start in range(0, len(run_ids), DELETED_AT_ONCE):
            some = run_ids[start : start + DELETED_AT_ONCE]
            with self.index.reading() as connection:
                query = sql.select(tables.journal.c.id).where(tables.journal.c.run.in_(some))
                numbers = list(connection.execute(query).scalars())
            if numbers:
                with self.index.writing() as connection:
                    for part in batches(numbers):
                        for table in tables.JOURNAL_TABLES:
                            connection.execute(table.delete().where(table.c.journal.in_(part)))
                        connection.execute(tables.journal.delete().where(tables.journal.c.id.in_(part)))
                    connection.execute(tables.run.delete().where(tables.run.c.id.in_(some)))

    def _open(self) -> None:
        for _ in range(3):
            self.index = open_index(self.folder, self.url, self.problems)
            try:
                self._load()
                return
            except BROKEN as error:
                self.problems.append(f"the index was rebuilt from the journals: {error}")
                self.index.set_aside()
        raise StorageError(f"the index of {self.folder} cannot be read: {self.problems[-1]}")

    def _load(self) -> None:
        self.indexed_journals: dict[str, list[IndexedJournal]] = {}
        """By run; entries are removed as runs are found."""
        with self.index.reading() as connection:
            for indexed in read_indexed_journals(connection):
                self.indexed_journals.setdefault(indexed.run, []).append(indexed)
            self.key_sets: dict[int, KeySet] = read_key_sets(connection)
            rows = connection.execute(sql.select(tables.run.c.id, tables.run.c.folder_mtime)).all()
        self.idle_folders: dict[str, int] = {row.id: row.folder_mtime for row in rows}
        """Per idle run, the modification time of its folder in ns at which `indexed_journals` has all its journals."""

    def _pause_writing(self, error: StorageError) -> None:
        self._refused_until = time.monotonic() + PAUSE_S
        sentence = f"the index cannot be written, new data stays in memory: {error}"
        if sentence not in self.problems:
            self.problems.append(sentence)
            log.warning("%s: %s", self.folder, sentence)

    def _flush(self, due: dict[int, tuple[str, Follower]]) -> list[Follower]:
        offsets = {number: f.offset for number, (_, f) in due.items()}
        with self.index.writing() as connection:
            lost = self._claim(connection, due)
            writes: dict[str, list[TableRow]] = defaultdict(list)
            for number, (_, follower) in due.items():
                if number not in lost:
                    for table, rows in chunks(number, follower.offset, follower.memtable, follower.metadata).items():
                        writes[table] += rows
                    self._add_key_sets(follower, writes)
            self._merge_series(
                connection, [n for n, (_, f) in due.items() if f.indexed and n not in lost], writes["series"]
            )
            for table, rows in writes.items():
                if rows:
                    self._write(connection, tables.metadata.tables[table], rows)
        with self.lock:
            for number, (_, follower) in due.items():
                if number not in lost:
                    follower.mark_indexed(offsets[number])
                    self.key_sets.update((keys.id, keys) for keys in follower.key_sets)
        return [due[number][1] for number in lost]

    def _claim(self, connection: sql.Connection, due: dict[int, tuple[str, Follower]]) -> set[int]:
        """Advance the offsets in the index; returns the ids of journals that another process has already advanced."""
        table = tables.journal
        # Always in the same order, so that two processes that lock the same rows cannot deadlock.
        fresh = [
            {"id": number, "run": run, "name": f.name, "upto": 0, "head": b""}
            for number, (run, f) in sorted(due.items())
            if not f.indexed
        ]
        if fresh:
            connection.execute(self.index.insert(table).on_conflict_do_nothing(), fresh)
        query = sql.select(table.c.id, table.c.upto).order_by(table.c.id).with_for_update()
        found: dict[int, int] = {}
        for some in batches(sorted(due)):
            found.update((row.id, row.upto) for row in connection.execute(query.where(table.c.id.in_(some))))
        won = [number for number, (_, f) in due.items() if found.get(number) == f.indexed]
        moved = [
            {"b_id": n, "b_upto": f.offset, "b_head": encode_metadata(f.metadata, n, f.offset)}
            for n, f in ((n, due[n][1]) for n in won)
        ]
        here = table.c.id == sql.bindparam("b_id")
        change = table.update().where(here)
        if moved:
            connection.execute(change.values(upto=sql.bindparam("b_upto"), head=sql.bindparam("b_head")), moved)
        for number in won:
            large_metadata = due[number][1].large_metadata
            if large_metadata.environment is not None or large_metadata.layers is not None:
                before = connection.execute(sql.select(table.c.memo).where(table.c.id == number)).scalar_one()
                known = decode_large_metadata(before, number).overlay(large_metadata)
                body = seal(codec.compress(msgspec.json.encode(known)), number)
                connection.execute(table.update().where(table.c.id == number).values(memo=body))
        return set(due) - set(won)

    def _add_key_sets(self, follower: Follower, writes: dict[str, list[TableRow]]) -> None:
        for keys in follower.key_sets:
            if keys.id not in self.key_sets:
                writes["key_set"].append({"id": keys.id, "body": encode_key_set(keys)})

    def _merge_series(self, connection: sql.Connection, numbers: list[int], rows: list[TableRow]) -> None:
        """Merge rows of `series` with those in the index, and set their checksums."""
        before: dict[tuple[int, int], TableRow] = {}
        for some in batches(numbers):
            query = sql.select(tables.series).where(tables.series.c.journal.in_(some))
            for known in connection.execute(query).mappings():
                before[known["key"], known["journal"]] = dict(known)
        for row in rows:
            place = row["key"], row["journal"]
            old = before.get(place)
            if old is not None:
                if old["last_step"] > row["last_step"]:
                    row["last_step"], row["last"] = old["last_step"], old["last"]
                row["min"] = min((x for x in (old["min"], row["min"]) if x is not None), default=None)
                row["max"] = max((x for x in (old["max"], row["max"]) if x is not None), default=None)
            row["check"] = check_of_summary(*(row[name] for name in SUMMARY))
            before[place] = row  # the key may occur again in another key set

    def _write(self, connection: sql.Connection, table: sql.Table, rows: list[TableRow]) -> None:
        insert = self.index.insert(table)
        new = insert.excluded
        if table is tables.series:
            insert = insert.on_conflict_do_update(
                index_elements=["key", "journal"],
                set_={c.name: new[c.name] for c in table.c if not c.primary_key},
            )
        elif table is tables.run:
            insert = insert.on_conflict_do_update(
                index_elements=["id"], set_={c.name: new[c.name] for c in table.c if c.name != "id"}
            )
        elif table is tables.key_set:
            rows = sorted({row["id"]: row for row in rows}.values(), key=lambda row: int(row["id"]))
            insert = insert.on_conflict_do_nothing()
        else:
            insert = table.insert()
        _execute_many(connection, insert, rows)


def _execute_many(connection: sql.Connection, statement: Any, rows: list[TableRow]) -> None:
    """Execute for many rows, bypassing SQLAlchemy's per-value processing, which is slower than the database."""
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    names = compiled.positiontup  # None if the database uses named parameters
    values = [tuple(row[name] for name in names) for row in rows] if names else rows
    connection.exec_driver_sql(str(compiled), values)


def decode_large_metadata(body: bytes | None, number: int) -> LargeMetadata:
    """Decode the large metadata of a journal in the index.

    Raises:
        BrokenIndexError: It is damaged, or belongs to another journal.
    """
    return msgspec.json.decode(codec.decompress(unseal(body, number)), type=LargeMetadata) if body else LargeMetadata()
