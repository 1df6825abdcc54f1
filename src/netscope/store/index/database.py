"""The index: one SQL database beside the runs, fed from journals by offset, safe to delete at any time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import sqlite3
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sql
import zstandard
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from netscope.errors import MissingExtraError, NetscopeError, StorageError, UsageError
from netscope.store.folder import FOLDER
from netscope.store.index import tables
from netscope.store.index.seals import IndexLost

T = TypeVar("T")
Backend = Literal["sqlite", "postgresql", "memory"]
FILE = f"index-{tables.VERSION}.sqlite"  # an older netscope that still runs has a file of its own
OLDER = re.compile(r"index(?:-(\d+))?\.sqlite(?:-wal|-shm)?")
BUSY_S = 20
MOST_VARIABLES = 30_000  # of a statement; SQLite takes 32,766
MOST_IN = 20  # above so many ids a query for most of a key reads all of it and drops what was not asked for


BROKEN = (IndexLost, zstandard.ZstdError, msgspec.MsgspecError)
"""What reading an index raises that has to be built anew: it is gone, or its blocks are damaged."""
DAMAGED = (
    zstandard.ZstdError, msgspec.MsgspecError, struct.error, ArithmeticError, LookupError, TypeError, ValueError,
    MemoryError,
)  # fmt: skip
"""What rows raise that are not what was written: a number in the place of a text, a text that is none."""
_REFUSED = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_AUTH,
}  # fmt: skip
"""What SQLite says where the machine refuses; whatever else it says, the file is damaged."""


class Place(NamedTuple):
    """Where an index is."""

    url: str
    backend: Backend
    path: Path | None
    """Of the SQLite file."""


def places(folder: Path, url: str | None) -> Iterator[Place]:
    """Where the index of a folder may be, best first."""
    if url is not None:
        if not url.startswith("postgresql"):
            raise UsageError(f'index={url!r}: expected "postgresql+psycopg://user:password@host/database"')
        yield Place(url, "postgresql", None)
        return
    beside = folder / FOLDER / FILE
    if is_writable(folder):
        yield Place(f"sqlite:///{beside}", "sqlite", beside)
    cache = cache_folder()
    if cache is not None:
        cached = cache / hashlib.blake2b(bytes(folder), digest_size=8).hexdigest() / FILE
        yield Place(f"sqlite:///{cached}", "sqlite", cached)
    yield Place("sqlite://", "memory", None)


def is_writable(folder: Path) -> bool:
    """Whether files can be made in it (and in its `.netscope`, where that exists)."""
    inner = folder / FOLDER
    return os.access(folder, os.W_OK | os.X_OK) and (not inner.exists() or os.access(inner, os.W_OK | os.X_OK))


def cache_folder() -> Path | None:
    """This user's place for what can be made again; None for a user without a home."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or str(Path("~/.cache").expanduser())
    except RuntimeError:
        return None
    return Path(base) / "netscope"


class Index:
    """One open database."""

    def __init__(self, place: Place, schema: str = "") -> None:
        """Open or create it.

        Args:
            place: Where.
            schema: PostgreSQL schema of this folder, so that several folders can share a database.

        Raises:
            IndexLost: It is there but cannot be used; `put_aside` and try again.
            StorageError: It cannot be made here, or the server does not answer.
        """
        self.backend, self.path, self.schema = place.backend, place.path, schema
        self.engine = self._connect(place)
        # In memory there is one connection for all threads.
        self._alone: contextlib.AbstractContextManager[Any] = (
            threading.RLock() if place.backend == "memory" else contextlib.nullcontext()
        )
        try:
            with self.writing() as connection:
                self.generation = self._prepare(connection)
        except (StorageError, IndexLost):
            self.engine.dispose()
            raise
        self._inode = self._stat()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def is_there(self) -> bool:
        """False once somebody deleted or replaced the file: one `stat`."""
        return self.path is None or self._stat() == self._inode

    def put_aside(self) -> None:
        """Move what is there out of the way; the next opening begins anew."""
        put_aside(Place(str(self.engine.url), self.backend, self.path), self.schema, self.engine)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """A connection for queries."""
        with self._alone, self._guard(), self.engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """A transaction that commits at its end. SQLite: takes the write lock at once, so it cannot fail halfway."""
        with self._alone, self._guard(), self.engine.connect().execution_options(netscope_write=True) as connection:
            with connection.begin():
                yield connection

    def insert(self, table: sql.Table) -> Any:
        """INSERT with ON CONFLICT, which is spelt alike in both dialects."""
        if self.backend == "postgresql":
            from sqlalchemy.dialects import postgresql  # noqa: PLC0415  (memory that few need)

            return postgresql.insert(table)
        return sqlite.insert(table)

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if isinstance(cause, sqlite3.Error):
                code = getattr(cause, "sqlite_errorcode", 0)
                if code & 0xFF not in _REFUSED or code == sqlite3.SQLITE_IOERR_SHORT_READ:
                    raise IndexLost(str(cause)) from error
                raise StorageError(f"the index {self.path or 'in memory'} cannot be used: {cause}") from error
            if type(cause).__name__ in ("UndefinedTable", "UndefinedColumn", "InvalidSchemaName"):
                raise IndexLost(str(cause)) from error
            raise StorageError(f"the index on PostgreSQL cannot be used: {str(cause).strip()}") from error
        except SQLAlchemyError as error:  # no connection became free in time
            raise StorageError(f"the index cannot be used: {error}") from error
        except NetscopeError:
            raise
        except DAMAGED as error:
            raise IndexLost(f"what it holds cannot be read: {type(error).__name__}: {error}") from error

    def _connect(self, place: Place) -> sql.Engine:
        if place.backend == "postgresql":
            return connect_postgresql(place.url, self.schema)
        if place.path is not None:
            try:
                place.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(f"no index at {place.path}: {error}") from error
        return _sqlite(place.url)

    def _prepare(self, connection: sql.Connection) -> str:
        if self.schema:
            connection.execute(sql.text("SELECT pg_advisory_xact_lock(7304)"))  # two may create at once
            connection.execute(sql.schema.CreateSchema(self.schema, if_not_exists=True))
        names = set(sql.inspect(connection).get_table_names(schema=self.schema or None))
        if not names:
            tables.metadata.create_all(connection)
            if self.path is not None:
                forget_older(self.path.parent)
            generation = secrets.token_hex(8)
            values = [{"name": "version", "value": tables.VERSION}, {"name": "generation", "value": generation}]
            connection.execute(tables.meta.insert(), values)
            return generation
        if "meta" not in names:
            raise IndexLost("it is not an index of netscope")
        found = {row.name: row.value for row in connection.execute(sql.select(tables.meta))}
        if found.get("version") != tables.VERSION:
            raise IndexLost(f"it is of version {found.get('version')}, this netscope makes version {tables.VERSION}")
        if "generation" not in found:
            raise IndexLost("it does not tell which it is")
        return str(found["generation"])

    def _stat(self) -> tuple[int, int] | None:
        if self.path is None:
            return None
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def open_index(folder: Path, url: str | None, problems: list[str]) -> Index:
    """Open the index of a folder in the best place that works; what is broken is put aside and said in `problems`."""
    schema = schema_name(folder) if url is not None else ""
    refusal: StorageError | None = None
    for place in places(folder, url):
        for _ in range(3):
            try:
                return Index(place, schema)
            except IndexLost as lost:
                problems.append(f"the index was rebuilt from the journals: {lost}")
                put_aside(place, schema)
            except StorageError as error:
                refusal = error
                break
    raise refusal or StorageError(f"the index of {folder} cannot be opened")


def schema_name(folder: Path) -> str:
    """The PostgreSQL schema of a folder."""
    return f"netscope_{tables.VERSION}_{hashlib.blake2b(bytes(folder), digest_size=8).hexdigest()}"


def forget_older(folder: Path) -> None:
    """Delete the indexes of older versions. Never those of newer ones: two versions at work would take turns at it."""
    for path in folder.iterdir():
        found = OLDER.fullmatch(path.name)
        if found and int(found[1] or 0) < int(tables.VERSION):
            with contextlib.suppress(OSError):
                path.unlink()


def put_aside(place: Place, schema: str, engine: sql.Engine | None = None) -> None:
    """Rename a broken SQLite file to `index.broken.sqlite`; drop the tables on PostgreSQL."""
    if place.path is not None:
        if engine is not None:
            engine.dispose()
        try:
            for suffix in ("-wal", "-shm"):
                place.path.with_name(place.path.name + suffix).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                place.path.replace(place.path.with_name("index.broken.sqlite"))
        except OSError as error:
            raise StorageError(f"the broken index {place.path} cannot be set aside: {error.strerror}") from error
    elif schema:
        engine = engine or connect_postgresql(place.url, schema)
        with engine.begin() as connection:
            connection.execute(sql.schema.DropSchema(schema, cascade=True, if_exists=True))
        engine.dispose()


def connect_postgresql(url: str, schema: str) -> sql.Engine:
    """An engine for the tables of one folder.

    Raises:
        MissingExtraError: psycopg is not installed.
        UsageError: Not an address.
    """
    try:
        engine = sql.create_engine(url, pool_pre_ping=True, connect_args={"cursor_factory": _binary_cursor()})
    except ImportError as error:
        raise MissingExtraError("an index on PostgreSQL", "psycopg", "postgres") from error
    except sql.exc.ArgumentError as error:
        raise UsageError(f'index={url!r}: expected "postgresql+psycopg://user:password@host/database"') from error

    @sql.event.listens_for(engine, "connect")
    def begin(connection: Any, record: object) -> None:
        connection.autocommit = True
        connection.execute(f'SET search_path TO "{schema}"')
        connection.autocommit = False

    return engine


def _binary_cursor() -> type:
    """Blocks come as they are, not as twice as many hexadecimal digits."""
    import psycopg  # noqa: PLC0415  (only where the index is on PostgreSQL)

    class BinaryCursor(psycopg.Cursor[Any]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.format = psycopg.pq.Format.BINARY

    return BinaryCursor


def _sqlite(url: str) -> sql.Engine:
    memory = url == "sqlite://"
    options: dict[str, Any] = {"poolclass": sql.pool.StaticPool} if memory else {}
    engine = sql.create_engine(url, connect_args={"timeout": BUSY_S, "check_same_thread": False}, **options)

    @sql.event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None
        for pragma in ("page_size=8192", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-32000"):
            connection.execute(f"PRAGMA {pragma}")
        if not memory:
            _write_ahead(connection)

    @sql.event.listens_for(engine, "begin")
    def begun(connection: sql.Connection) -> None:
        write = connection.get_execution_options().get("netscope_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL. The switch does not wait for locks by itself, so processes that open at once must retry."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            is_locked = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not is_locked or time.monotonic() > until:  # a full disk, for instance, is not waited for
                raise
            time.sleep(0.01)


def batches(ids: Iterable[T], most: int = MOST_VARIABLES // 3) -> Iterator[list[T]]:
    """As many ids at once as a statement takes.

    >>> list(batches([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    every = list(ids)
    yield from (every[at : at + most] for at in range(0, len(every), most))


def is_most(ids: Sequence[Any], known: int) -> bool:
    """Whether to read all and drop what was not asked for: a list of more than half of what is `known`, or too long."""
    return len(ids) > MOST_VARIABLES or (len(ids) > MOST_IN and 2 * len(ids) > known)


def within(column: sql.Column[Any], ids: Sequence[Any], known: int) -> sql.ColumnElement[bool]:
    """`column IN ids`, or nothing where that `is_most`."""
    return sql.true() if is_most(ids, known) else column.in_(ids)
