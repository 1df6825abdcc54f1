"""Open, check and replace the index: one SQL database beside the runs, safe to delete at any time."""

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
from netscope.store.index.seals import BrokenIndexError

T = TypeVar("T")
Backend = Literal["sqlite", "postgresql", "memory"]
FILE = f"index-{tables.VERSION}.sqlite"  # netscope of an older version may still be using its own file
OLDER = re.compile(r"index(?:-(\d+))?\.sqlite(?:-wal|-shm)?")
BUSY_S = 20
MOST_VARIABLES = 30_000  # per statement; SQLite's limit is 32,766
MOST_IN = 20  # with more ids than this, a query for most rows of a key reads all of them and filters afterwards


BROKEN = (BrokenIndexError, zstandard.ZstdError, msgspec.MsgspecError)
"""Exceptions on reading an index that must be rebuilt: it is gone, or its blocks are damaged."""
DAMAGED = (
    zstandard.ZstdError, msgspec.MsgspecError, struct.error, ArithmeticError, LookupError, TypeError, ValueError,
    MemoryError,
)  # fmt: skip
"""Exceptions on decoding damaged rows, such as a number in place of a string, or invalid UTF-8."""
_REFUSED = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_AUTH,
}  # fmt: skip
"""SQLite errors caused by the environment; any other error means that the file is damaged."""


class IndexLocation(NamedTuple):
    """Where an index can be stored."""

    url: str
    backend: Backend
    path: Path | None
    """The SQLite file, if it is one."""


def index_locations(folder: Path, url: str | None) -> Iterator[IndexLocation]:
    """Possible locations of the index of a folder, best first."""
    if url is not None:
        if not url.startswith("postgresql"):
            raise UsageError(f'index={url!r}: expected "postgresql+psycopg://user:password@host/database"')
        yield IndexLocation(url, "postgresql", None)
        return
    beside = folder / FOLDER / FILE
    if is_writable(folder):
        yield IndexLocation(f"sqlite:///{beside}", "sqlite", beside)
    cache = cache_folder()
    if cache is not None:
        cached = cache / hashlib.blake2b(bytes(folder), digest_size=8).hexdigest() / FILE
        yield IndexLocation(f"sqlite:///{cached}", "sqlite", cached)
    yield IndexLocation("sqlite://", "memory", None)


def is_writable(folder: Path) -> bool:
    """Whether files can be created in the folder, and in its `.netscope` if that exists."""
    inner = folder / FOLDER
    return os.access(folder, os.W_OK | os.X_OK) and (not inner.exists() or os.access(inner, os.W_OK | os.X_OK))


def cache_folder() -> Path | None:
    """The user's cache folder for netscope; None without a home folder."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or str(Path("~/.cache").expanduser())
    except RuntimeError:
        return None
    return Path(base) / "netscope"


class Index:
    """One open database."""

    def __init__(self, location: IndexLocation, schema: str = "") -> None:
        """Open or create a database.

        Args:
            location: Where it is.
            schema: PostgreSQL schema of this folder, so that several folders can share a database.

        Raises:
            BrokenIndexError: It exists but cannot be used; call `set_aside` and try again.
            StorageError: It cannot be created here, or the server does not answer.
        """
        self.backend, self.path, self.schema = location.backend, location.path, schema
        self.engine = self._connect(location)
        # A database in memory has one connection for all threads.
        self._alone: contextlib.AbstractContextManager[Any] = (
            threading.RLock() if location.backend == "memory" else contextlib.nullcontext()
        )
        try:
            with self.writing() as connection:
                self.generation = self._prepare(connection)
        except (StorageError, BrokenIndexError):
            self.engine.dispose()
            raise
        self._inode = self._stat()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def is_there(self) -> bool:
        """Whether the file still exists and was not replaced; costs one `stat`."""
        return self.path is None or self._stat() == self._inode

    def set_aside(self) -> None:
        """Move the database out of the way, so that the next opening creates a new one."""
        set_aside(IndexLocation(str(self.engine.url), self.backend, self.path), self.schema, self.engine)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """Open a connection for queries."""
        with self._alone, self._guard(), self.engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """Open a transaction that commits at its end. SQLite locks at the start, so it cannot fail halfway."""
        with self._alone, self._guard(), self.engine.connect().execution_options(netscope_write=True) as connection:
            with connection.begin():
                yield connection

    def insert(self, table: sql.Table) -> Any:
        """INSERT with ON CONFLICT, which both dialects support."""
        if self.backend == "postgresql":
            from sqlalchemy.dialects import postgresql  # noqa: PLC0415  (saves memory)

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
                    raise BrokenIndexError(str(cause)) from error
                raise StorageError(f"the index {self.path or 'in memory'} cannot be used: {cause}") from error
            if type(cause).__name__ in ("UndefinedTable", "UndefinedColumn", "InvalidSchemaName"):
                raise BrokenIndexError(str(cause)) from error
            raise StorageError(f"the index on PostgreSQL cannot be used: {str(cause).strip()}") from error
        except SQLAlchemyError as error:  # for instance, no connection became free in time
            raise StorageError(f"the index cannot be used: {error}") from error
        except NetscopeError:
            raise
        except DAMAGED as error:
            raise BrokenIndexError(f"its content cannot be read: {type(error).__name__}: {error}") from error

    def _connect(self, location: IndexLocation) -> sql.Engine:
        if location.backend == "postgresql":
            return connect_postgresql(location.url, self.schema)
        if location.path is not None:
            try:
                location.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(f"no index at {location.path}: {error}") from error
        return _sqlite(location.url)

    def _prepare(self, connection: sql.Connection) -> str:
        if self.schema:
            connection.execute(sql.text("SELECT pg_advisory_xact_lock(7304)"))  # two processes may create it at once
            connection.execute(sql.schema.CreateSchema(self.schema, if_not_exists=True))
        names = set(sql.inspect(connection).get_table_names(schema=self.schema or None))
        if not names:
            tables.metadata.create_all(connection)
            if self.path is not None:
                delete_older(self.path.parent)
            generation = secrets.token_hex(8)
            values = [{"name": "version", "value": tables.VERSION}, {"name": "generation", "value": generation}]
            connection.execute(tables.meta.insert(), values)
            return generation
        if "meta" not in names:
            raise BrokenIndexError("it is not a netscope index")
        found = {row.name: row.value for row in connection.execute(sql.select(tables.meta))}
        if found.get("version") != tables.VERSION:
            raise BrokenIndexError(
                f"it has version {found.get('version')}, this netscope uses version {tables.VERSION}"
            )
        if "generation" not in found:
            raise BrokenIndexError("it has no generation")
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
    """Open the index of a folder in the best location that works; broken ones are set aside and noted in `problems`."""
    schema = schema_name(folder) if url is not None else ""
    refusal: StorageError | None = None
    for location in index_locations(folder, url):
        for _ in range(3):
            try:
                return Index(location, schema)
            except BrokenIndexError as lost:
                problems.append(f"the index was rebuilt from the journals: {lost}")
                set_aside(location, schema)
            except StorageError as error:
                refusal = error
                break
    raise refusal or StorageError(f"the index of {folder} cannot be opened")


def schema_name(folder: Path) -> str:
    """The PostgreSQL schema for a folder."""
    return f"netscope_{tables.VERSION}_{hashlib.blake2b(bytes(folder), digest_size=8).hexdigest()}"


def delete_older(folder: Path) -> None:
    """Delete indexes of older versions, but not of newer ones: two versions in use would delete each other's."""
    for path in folder.iterdir():
        found = OLDER.fullmatch(path.name)
        if found and int(found[1] or 0) < int(tables.VERSION):
            with contextlib.suppress(OSError):
                path.unlink()


def set_aside(location: IndexLocation, schema: str, engine: sql.Engine | None = None) -> None:
    """Rename a broken SQLite file to `index.broken.sqlite`; on PostgreSQL, drop the schema."""
    if location.path is not None:
        if engine is not None:
            engine.dispose()
        try:
            for suffix in ("-wal", "-shm"):
                location.path.with_name(location.path.name + suffix).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                location.path.replace(location.path.with_name("index.broken.sqlite"))
        except OSError as error:
            raise StorageError(f"the broken index {location.path} cannot be set aside: {error.strerror}") from error
    elif schema:
        engine = engine or connect_postgresql(location.url, schema)
        with engine.begin() as connection:
            connection.execute(sql.schema.DropSchema(schema, cascade=True, if_exists=True))
        engine.dispose()


def connect_postgresql(url: str, schema: str) -> sql.Engine:
    """Create an engine for the tables of one folder.

    Raises:
        MissingExtraError: psycopg is not installed.
        UsageError: The address is invalid.
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
    """A cursor that transfers blocks as binary, not as hexadecimal digits of twice the size."""
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
    """Switch to WAL. The switch itself does not wait for locks, so processes that open at the same time must retry."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            is_locked = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not is_locked or time.monotonic() > until:  # do not wait for, say, a full disk
                raise
            time.sleep(0.01)


def batches(ids: Iterable[T], most: int = MOST_VARIABLES // 3) -> Iterator[list[T]]:
    """Split ids into batches that fit in a statement.

    >>> list(batches([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    every = list(ids)
    yield from (every[at : at + most] for at in range(0, len(every), most))


def is_most(ids: Sequence[Any], known: int) -> bool:
    """Whether to read all rows and filter afterwards: for a very long list, or more than half of the `known` ids."""
    return len(ids) > MOST_VARIABLES or (len(ids) > MOST_IN and 2 * len(ids) > known)


def within(column: sql.Column[Any], ids: Sequence[Any], known: int) -> sql.ColumnElement[bool]:
    """`column IN ids`, or no condition if `is_most`."""
    return sql.true() if is_most(ids, known) else column.in_(ids)
