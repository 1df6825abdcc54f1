"""The index of a folder, fed from journals: one transaction that wins only if nobody else indexed the same bytes."""

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
from netscope.store.index.chunks import Row, chunks
from netscope.store.index.database import BROKEN, batches, open_index
from netscope.store.index.saved import Saved, saved_journals, saved_key_sets, write_head, write_key_set
from netscope.store.index.seals import IndexLost, check_of_summary, seal, unseal
from netscope.store.journal.follower import Follower
from netscope.store.journal.memtable import KeySet, journal_number
from netscope.store.journal.metadata import Memo

SUMMARY = ("key", "journal", "last_step", "last", "min", "max")
LARGE_BYTES, LARGE_ROWS, HUGE_BYTES = 1 << 20, 4096, 64 << 20
ERASED_AT_ONCE = 500  # runs; a query takes only so many names
PAUSE_S = 30.0  # between two tries to write where the disk refused

log = logging.getLogger("netscope.store")


def is_large(follower: Follower) -> bool:
    """Whether enough was followed to make good chunks; rows of thousands of keys fill the memory before that."""
    n_bytes = follower.offset - follower.indexed
    return n_bytes >= HUGE_BYTES or (n_bytes >= LARGE_BYTES and follower.tail.longest >= LARGE_ROWS)


class IndexWriter:
    """Opens the index, puts it aside when it is broken, and writes what was followed."""

    def __init__(self, folder: Path, url: str | None, lock: threading.RLock) -> None:
        """Open the index, or begin a new one; `lock` is held where a tail and its offset change together."""
        self.folder, self.url, self.lock = folder, url, lock
        self.problems: list[str] = []
        """What went wrong, in sentences."""
        self._refused_until = 0.0
        self._open()

    def start_over(self, reason: str) -> None:
        """Put the index aside and begin a new one."""
        self.problems.append(f"the index was rebuilt from the journals: {reason}")
        log.warning("%s: the index is rebuilt: %s", self.folder, reason)
        if self.index.is_there():
            self.index.put_aside()
        self.index.close()
        self._open()

    def adopt(self, place: str, saved: Saved) -> Follower:
        """A follower that goes on where the index left off.

        Raises:
            IndexLost: The index lacks a key set of the journal.
        """
        if saved.needs_more_than(self.key_sets):
            with self.index.reading() as connection:
                self.key_sets |= saved_key_sets(connection)
        if saved.needs_more_than(self.key_sets):
            raise IndexLost(f"it lacks a key set of {saved.name}")
        return saved.follower(place, self.key_sets)

    def saved(self, run: str, name: str) -> Saved | None:
        """What the index knows of one journal now."""
        with self.index.reading() as connection:
            return next(iter(saved_journals(connection, tables.journal.c.id == journal_number(run, name))), None)

    def flush(self, followers: Sequence[tuple[str, Follower]]) -> list[Follower] | None:
        """Write the tails of (run, follower) and empty them; those that somebody else has written meanwhile come back.

        The tails of what comes back are kept: what they and the index hold together stays right until the caller
        begins them anew. None while the index refuses: all tails stay in memory.
        """
        due = {f.number: (run, f) for run, f in followers if f.offset > f.indexed}
        if time.monotonic() < self._refused_until:
            return None
        try:
            return self._flush(due) if due else []
        except StorageError as error:
            self._refused(error)
            return None

    def forget_beyond(self, run: str, number: int, size: int) -> None:
        """Remove all rows of a journal if they are of more bytes than `size`; its run is then not known whole."""
        c = tables.journal.c
        try:
            with self.index.writing() as connection:
                gone = connection.execute(tables.journal.delete().where(c.id == number, c.upto > size)).rowcount
                if gone:
                    for table in tables.OF_JOURNAL:
                        connection.execute(table.delete().where(table.c.journal == number))
                    connection.execute(tables.run.delete().where(tables.run.c.id == run))
        except StorageError as error:
            self._refused(error)

    def rest(self, folders: Mapping[str, int]) -> None:
        """Note runs that nobody writes any more: while a folder is unchanged, its journals are known.

        Args:
            folders: Time stamp of the folder, in ns, by run.
        """
        rows: list[Row] = [{"id": run, "folder_mtime": mtime} for run, mtime in folders.items()]
        if rows:
            try:
                with self.index.writing() as connection:
                    self._write(connection, tables.run, rows)
            except StorageError as error:
                self._refused(error)

    def erase(self, run_ids: Sequence[str]) -> None:
        """Remove all rows of runs whose folders are gone."""
        for start in range(0, len(run_ids), ERASED_AT_ONCE):
            some = run_ids[start : start + ERASED_AT_ONCE]
            with self.index.reading() as connection:
                query = sql.select(tables.journal.c.id).where(tables.journal.c.run.in_(some))
                numbers = list(connection.execute(query).scalars())
            if numbers:
                with self.index.writing() as connection:
                    for part in batches(numbers):
                        for table in tables.OF_JOURNAL:
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
                self.index.put_aside()
        raise StorageError(f"the index of {self.folder} cannot be read: {self.problems[-1]}")

    def _load(self) -> None:
        self.known: dict[str, list[Saved]] = {}
        """Journals by run."""
        with self.index.reading() as connection:
            for saved in saved_journals(connection):
                self.known.setdefault(saved.run, []).append(saved)
            self.key_sets: dict[int, KeySet] = saved_key_sets(connection)
            rows = connection.execute(sql.select(tables.run.c.id, tables.run.c.folder_mtime)).all()
        self.rested: dict[str, int] = {row.id: row.folder_mtime for row in rows}
        """Per run that was at rest the time stamp of its folder, in ns, for which `known` has all of its journals."""

    def _refused(self, error: StorageError) -> None:
        self._refused_until = time.monotonic() + PAUSE_S
        sentence = f"the index could not be written, new points stay in memory: {error}"
        if sentence not in self.problems:
            self.problems.append(sentence)
            log.warning("%s: %s", self.folder, sentence)

    def _flush(self, due: dict[int, tuple[str, Follower]]) -> list[Follower]:
        offsets = {number: f.offset for number, (_, f) in due.items()}
        with self.index.writing() as connection:
            lost = self._claim(connection, due)
            writes: dict[str, list[Row]] = defaultdict(list)
            for number, (_, follower) in due.items():
                if number not in lost:
                    for table, rows in chunks(number, follower.offset, follower.tail, follower.head).items():
                        writes[table] += rows
                    self._names(follower, writes)
            self._add_up(connection, [n for n, (_, f) in due.items() if f.indexed and n not in lost], writes["series"])
            for table, rows in writes.items():
                if rows:
                    self._write(connection, tables.metadata.tables[table], rows)
        with self.lock:
            for number, (_, follower) in due.items():
                if number not in lost:
                    follower.indexed_upto(offsets[number])
                    self.key_sets.update((keys.id, keys) for keys in follower.key_sets)
        return [due[number][1] for number in lost]

    def _claim(self, connection: sql.Connection, due: dict[int, tuple[str, Follower]]) -> set[int]:
        """Move the offsets; the numbers of those journals that somebody else has moved already."""
        table = tables.journal
        # In one order everywhere: two processes that lock the same rows must not wait for each other.
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
            {"b_id": n, "b_upto": f.offset, "b_head": write_head(f.head, n, f.offset)}
            for n, f in ((n, due[n][1]) for n in won)
        ]
        here = table.c.id == sql.bindparam("b_id")
        change = table.update().where(here)
        if moved:
            connection.execute(change.values(upto=sql.bindparam("b_upto"), head=sql.bindparam("b_head")), moved)
        for number in won:
            memo = due[number][1].memo
            if memo.environment is not None or memo.layers is not None:
                before = connection.execute(sql.select(table.c.memo).where(table.c.id == number)).scalar_one()
                known = decode_memo(before, number).under(memo)
                body = seal(codec.compress(msgspec.json.encode(known)), number)
                connection.execute(table.update().where(table.c.id == number).values(memo=body))
        return set(due) - set(won)

    def _names(self, follower: Follower, writes: dict[str, list[Row]]) -> None:
        for keys in follower.key_sets:
            if keys.id not in self.key_sets:
                writes["key_set"].append({"id": keys.id, "body": write_key_set(keys)})

    def _add_up(self, connection: sql.Connection, numbers: list[int], rows: list[Row]) -> None:
        """Join the numbers of series with those that the index has of these journals, and give them their checksum."""
        before: dict[tuple[int, int], Row] = {}
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
            before[place] = row  # it may come again, of another key set

    def _write(self, connection: sql.Connection, table: sql.Table, rows: list[Row]) -> None:
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


def _execute_many(connection: sql.Connection, statement: Any, rows: list[Row]) -> None:
    """Rows as they are: SQLAlchemy looks at each value of each, which takes longer than the database does."""
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    names = compiled.positiontup  # None where the database takes them by name
    values = [tuple(row[name] for name in names) for row in rows] if names else rows
    connection.exec_driver_sql(str(compiled), values)


def decode_memo(body: bytes | None, number: int) -> Memo:
    """What `flush` wrote of the large things.

    Raises:
        IndexLost: It is damaged, or another journal's.
    """
    return msgspec.json.decode(codec.decompress(unseal(body, number)), type=Memo) if body else Memo()
