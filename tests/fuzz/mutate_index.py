"""Change an index as broken disks and half-done copies would: bytes, pages, rows and whole files."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

Random = np.random.Generator
PAGE = 8192


def mutate(path: Path, random: Random) -> str:
    """Damage an index file that nobody has open; says how."""
    change = CHANGES[int(random.integers(len(CHANGES)))]
    change(path, random)
    return change.__name__


def flip_bits(path: Path, random: Random) -> None:
    """Flip some bits anywhere."""
    data = bytearray(path.read_bytes())
    for _ in range(int(random.choice([1, 10, 100]))):
        data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
    path.write_bytes(data)


def overwrite(path: Path, random: Random) -> None:
    """A stretch of zeros or of noise."""
    data = bytearray(path.read_bytes())
    n = int(random.choice([4, 64, 512, 4096]))
    at = int(random.integers(max(len(data) - n, 1)))
    data[at : at + n] = bytes(n) if random.random() < 0.5 else random.bytes(n)
    path.write_bytes(data)


def swap_pages(path: Path, random: Random) -> None:
    """A page stands where another should: a write that went astray, or never came."""
    data = bytearray(path.read_bytes())
    n = len(data) // PAGE
    if n < 3:
        return
    one, other = (PAGE * int(random.integers(1, n)) for _ in range(2))
    data[one : one + PAGE] = data[other : other + PAGE]
    path.write_bytes(data)


def cut(path: Path, random: Random) -> None:
    """Truncate the end."""
    data = path.read_bytes()
    path.write_bytes(data[: int(random.integers(len(data)))])


def damage_beside(path: Path, random: Random) -> None:
    """The log of what was written last, or the shared memory, is noise."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).write_bytes(random.bytes(int(random.choice([10, 5000, 40_000]))))


def change_rows(path: Path, random: Random) -> None:
    """Rows are lost, or hold something else, in a file that SQLite finds in order."""
    with contextlib.closing(sqlite3.connect(path)) as connection, contextlib.suppress(sqlite3.Error), connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = str(random.choice(names))
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        rows = [row[0] for row in connection.execute(f"SELECT rowid FROM {table}")]
        if not rows:
            return
        some = [int(row) for row in random.choice(rows, min(len(rows), int(random.choice([1, 3]))))]
        what = random.random()
        for row in some:
            if what < 0.35:
                connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
                continue
            column = str(random.choice(columns))
            if what < 0.6:
                other = int(random.choice(rows))
                sentence = (
                    f"UPDATE {table} SET {column} = (SELECT {column} FROM {table} WHERE rowid = ?) WHERE rowid = ?"
                )
                connection.execute(sentence, (other, row))
                continue
            (old,) = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (_other(old, random), row))


def drop(path: Path, random: Random) -> None:
    """A table is gone or empty."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = str(random.choice(names))
        connection.execute(f"DROP TABLE {table}" if random.random() < 0.5 else f"DELETE FROM {table}")


def _other(old: Any, random: Random) -> Any:
    things: list[Any] = [0, -1, 2**40, 1e300, "text", b"\x00\x01", b"", 7]
    if isinstance(old, int) and random.random() < 0.6:
        return old + int(random.choice([-1, 1, 4096]))
    if isinstance(old, bytes) and old and random.random() < 0.7:
        changed = bytearray(old)
        changed[int(random.integers(len(changed)))] ^= 1 << int(random.integers(8))
        return bytes(changed)
    return things[int(random.integers(len(things)))]


CHANGES = [flip_bits, flip_bits, overwrite, overwrite, swap_pages, cut, damage_beside, change_rows, change_rows, drop]
