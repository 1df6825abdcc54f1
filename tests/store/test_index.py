"""A deleted, broken, foreign or unwritable index never changes results."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sql

from benchmarks import make_runs
from netscope.errors import StorageError, UsageError
from netscope.schema.run import EditRequest
from netscope.store.index import tables
from netscope.store.index.database import FILE
from netscope.store.ingest.indexer import IDLE_AT_ONCE
from netscope.store.store import Store
from tests.store.journals import Script
from tests.store.test_store import answers

Open = Callable[[Path], Store]
INDEX = Path(".netscope") / FILE


def read(folder: Path) -> Store:
    store = Store(folder)
    store.refresh(None, everything=True)
    return store


def remove_index(folder: Path) -> None:
    for file in (folder / ".netscope").iterdir():
        file.unlink()


def test_a_deleted_index_is_rebuilt(tmp_path: Path) -> None:
    make_runs.make(tmp_path, 3, 2, 300)
    with read(tmp_path) as store:
        expected = answers(store)
        remove_index(tmp_path)
        store.refresh(None)
        assert answers(store) == expected
        assert store.problems == ["the index was rebuilt from the journals: it was deleted"]
    remove_index(tmp_path)
    with read(tmp_path) as again:
        assert answers(again) == expected
        assert again.problems == []


def test_an_index_deleted_between_two_queries_loses_nothing(tmp_path: Path) -> None:
    place = make_runs.make(tmp_path, 1, 2, 9000)[0]
    with read(tmp_path) as store:
        remove_index(tmp_path)
        assert len(store.columns([place.name], "train/loss")[place.name].steps) == 9000
        store.refresh()
        while store.is_behind:
            store.refresh()
        assert len(store.columns([place.name], "val/loss")[place.name].steps) == 9000


@pytest.mark.parametrize("junk", [b"", b"not a database" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_not_an_index_is_moved_aside(tmp_path: Path, junk: bytes) -> None:
    make_runs.make(tmp_path, 2, 2, 100)
    (tmp_path / ".netscope").mkdir()
    (tmp_path / INDEX).write_bytes(junk)
    with read(tmp_path) as store:
        assert len(store.table().runs) == 2
        assert len(store.problems) == (1 if junk else 0)
        assert (tmp_path / ".netscope/index.broken.sqlite").exists() == bool(junk)


def test_only_the_last_broken_index_is_kept(tmp_path: Path) -> None:
    make_runs.make(tmp_path, 1, 1, 10)
    for junk in (b"one" * 1000, b"two" * 1000):
        (tmp_path / ".netscope").mkdir(exist_ok=True)
        (tmp_path / INDEX).write_bytes(junk)
        read(tmp_path).close()
    assert sorted(path.name for path in (tmp_path / ".netscope").iterdir()) == [INDEX.name, "index.broken.sqlite"]
    assert (tmp_path / ".netscope/index.broken.sqlite").read_bytes() == junk


@pytest.mark.parametrize("place", ["index", "its folder"])
@pytest.mark.parametrize("what", ["folder", "file", "pipe"])
def test_anything_else_in_place_of_the_index_is_bypassed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, what: str
) -> None:
    folder = tmp_path / "runs"
    make_runs.make(folder, 2, 2, 100)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = folder / INDEX if place == "index" else folder / INDEX.parent
    if what == "folder":
        (path / "inside").mkdir(parents=True)
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100) if what == "file" else os.mkfifo(path)
    with read(folder) as store:
        assert len(answers(store)) > 0
        assert len(store.table().runs) == 2


@pytest.mark.parametrize("cut", [100, 1000, 8192, 20_000])
def test_a_truncated_index_is_rebuilt(tmp_path: Path, cut: int) -> None:
    make_runs.make(tmp_path, 5, 4, 1000)
    with read(tmp_path) as store:
        expected = answers(store)
    os.truncate(tmp_path / INDEX, cut)
    with read(tmp_path) as store:
        assert answers(store) == expected
        assert "the index was rebuilt from the journals" in store.problems[0]


FULL = """
import resource, signal, sys
from netscope.store.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
with Store(sys.argv[1]) as store:
    store.refresh(None)
    store.refresh(None, everything=True)
    ids = [run.id for run in store.table(keys=["train/loss"]).runs]
    print([len(one.points.steps) for one in store.columns(ids, "train/loss").values()])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
@pytest.mark.parametrize("most", [0, 20_000, 100_000, 200_000, 400_000])
def test_files_that_cannot_grow_lose_the_index_but_no_point(tmp_path: Path, most: int) -> None:
    make_runs.make(tmp_path, 2, 4, 20_000)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-W", "error", "-c", FULL, str(tmp_path), str(most)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, "[20000, 20000]\n"), done.stderr


def test_pages_overwritten_in_the_index_are_noticed_when_read(tmp_path: Path) -> None:
    make_runs.make(tmp_path, 5, 4, 3000)
    with read(tmp_path) as store:
        expected = answers(store)
    content = bytearray((tmp_path / INDEX).read_bytes())
    for at in range(8192 * 3 + 200, len(content), 4096):
        content[at : at + 64] = b"\xa5" * 64
    (tmp_path / INDEX).write_bytes(content)
    with read(tmp_path) as store:
        assert answers(store) == expected
        assert "the index was rebuilt from the journals" in store.problems[0]


def test_versions_used_side_by_side_have_separate_indexes(tmp_path: Path) -> None:
    make_runs.make(tmp_path, 1, 1, 10)
    place = tmp_path / ".netscope"
    place.mkdir()
    names = [
        "index.sqlite",
        "index.sqlite-wal",
        f"index-{int(tables.VERSION) - 1}.sqlite",
        "index-99.sqlite",
        "notes.txt",
    ]
    for name in names:
        (place / name).write_bytes(b"another's")
    with read(tmp_path) as store:
        assert not store.problems
    there = {path.name for path in place.iterdir()}
    assert there & set(names) == {"index-99.sqlite", "notes.txt"}
    (place / "index.sqlite").write_bytes(b"the older one came back")
    read(tmp_path).close()
    assert (place / "index.sqlite").read_bytes() == b"the older one came back"


def test_an_index_of_another_version_is_rebuilt(tmp_path: Path, opened: Open) -> None:
    make_runs.make(tmp_path, 2, 2, 100)
    store = opened(tmp_path)
    expected = answers(store)
    with store._indexer.index.writing() as connection:
        connection.execute(tables.meta.update().where(tables.meta.c.name == "version").values(value="0"))
    store.close()
    again = opened(tmp_path)
    assert answers(again) == expected
    (problem,) = again.problems
    assert problem.endswith(f"the journals: it has version 0, this netscope uses version {tables.VERSION}")


def test_a_foreign_database_is_left_unchanged(tmp_path: Path) -> None:
    make_runs.make(tmp_path, 1, 1, 10)
    (tmp_path / ".netscope").mkdir()
    other = sqlite3.connect(tmp_path / INDEX)
    other.execute("CREATE TABLE letters (text)")
    other.close()
    with read(tmp_path) as store:
        assert len(store.table().runs) == 1
    aside = sqlite3.connect(tmp_path / ".netscope/index.broken.sqlite")
    assert aside.execute("SELECT name FROM sqlite_master").fetchall() == [("letters",)]
    aside.close()


def test_tables_dropped_while_open_are_recreated(tmp_path: Path, opened: Open) -> None:
    make_runs.make(tmp_path, 2, 2, 200)
    store = opened(tmp_path)
    expected = answers(store)
    store.read.series._kept_chunks.clear()
    store.read.series._kept_series.clear()
    with store._indexer.index.writing() as connection:
        tables.metadata.drop_all(connection)
    assert answers(store) == expected


def test_an_index_found_broken_by_two_threads_is_rebuilt_once(tmp_path: Path, opened: Open) -> None:
    make_runs.make(tmp_path, 2, 2, 200)
    store = opened(tmp_path)
    expected = answers(store)
    broken = store._indexer.index
    store._indexer.start_over("it is broken", broken)
    rebuilt = store._indexer.index
    assert rebuilt is not broken
    store.refresh(None)
    store._indexer.start_over("it is broken", broken)  # of a thread that met the same index and was slower
    assert store._indexer.index is rebuilt
    assert store.problems == ["the index was rebuilt from the journals: it is broken"]
    assert answers(store) == expected


def test_reading_before_a_new_index_is_filled_is_repeated(tmp_path: Path, opened: Open) -> None:
    make_runs.make(tmp_path, 2, 2, 200)
    store = opened(tmp_path)
    expected = answers(store)
    runs = list(store._indexer.runs)
    keys = [key.key for key in store.keys(runs).keys]
    store.read.series._kept_series.clear()
    store._indexer.start_over("it is broken")
    for key in keys:
        store.columns(runs, key)
    store.refresh(None)
    assert answers(store) == expected


def test_only_a_postgresql_url_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected .postgresql\+psycopg://"):
        Store(tmp_path, "mysql://x")


def test_a_database_server_that_does_not_respond_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the index on PostgreSQL cannot be used"):
        Store(tmp_path, "postgresql+psycopg://nobody@127.0.0.1:1/x?connect_timeout=1")


def test_two_folders_share_a_database_without_interfering(tmp_path: Path, postgresql: str) -> None:
    for name, value in (("a", 1.0), ("b", 2.0)):
        Script().log(0, {"x": value}).end().write(tmp_path / name / "r")
    for _ in range(2):
        for name, value in (("a", 1.0), ("b", 2.0)):
            with Store(tmp_path / name, postgresql) as store:
                store.refresh(None)
                assert store.columns(["r"], "x")["r"].values.tolist() == [value]


READ_ONLY = """
import os, sys
from pathlib import Path
folder, home, warm = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
os.environ["XDG_CACHE_HOME"] = str(home)
from netscope.errors import StorageError
from netscope.schema.run import EditRequest
from netscope.store.store import Store
with Store(warm) as store:  # all modules are imported before root's folders are out of reach
    store.refresh(None)
    store.columns([run.id for run in store.table().runs], "train/loss")
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
store = Store(folder)
store.refresh(None)
ids = [run.id for run in store.table().runs]
print(store.backend, store.writable, len(store.columns(ids, "train/loss")), store.bytes_read > 0, store.problems)
for act in (lambda: store.edit(EditRequest(runs=ids, name="x")), lambda: store.delete(ids), lambda: store.restore(ids)):
    try:
        act()
    except StorageError as error:
        print(error)
store.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
@pytest.mark.parametrize("cache_works", [True, False])
def test_a_read_only_folder_is_read_with_the_index_elsewhere(tmp_path: Path, cache_works: bool) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as base:
        os.chmod(base, 0o755)
        folder, home = Path(base) / "runs", Path(base) / "home"
        make_runs.make(folder, 2, 1, 50)
        warm = make_runs.make(tmp_path, 1, 1, 50)[0].parent
        for place in folder.iterdir():
            os.utime(place, (1e9, 1e9))
        home.mkdir()
        os.chmod(home, 0o777 if cache_works else 0o555)
        os.chmod(folder, 0o555)
        outputs = [
            subprocess.run(
                [sys.executable, "-W", "error", "-c", textwrap.dedent(READ_ONLY), str(folder), str(home), str(warm)],
                capture_output=True, text=True, check=True,
            ).stdout.splitlines()
            for _ in range(2)
        ]  # fmt: skip
        os.chmod(folder, 0o755)
        assert not (folder / ".netscope").exists()
    first, second = outputs
    backend = "sqlite" if cache_works else "memory"
    assert first[0] == f"{backend} False 2 True []"
    assert second[0] == f"{backend} False 2 {not cache_works} []"  # the second time the cached index knows it all
    assert [line.split(" cannot be ")[1] for line in first[1:]] == [
        "edited: the folder is read-only",
        "deleted: the folder is read-only",
        "restored: the folder is read-only",
    ]


def test_with_an_unwritable_index_points_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_runs.make(tmp_path, 1, 1, 5000)[0]
    store = Store(tmp_path)

    def full(*_: object) -> None:
        refusal = sqlite3.OperationalError("database or disk is full")
        refusal.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise sql.exc.OperationalError("", None, refusal)

    monkeypatch.setattr(store._indexer.writer, "_write", full)
    store.refresh(None)
    assert len(store.columns([place.name], "train/loss")[place.name].steps) == 5000
    assert "new data stays in memory" in store.problems[0]
    store.close()


def test_a_database_that_stops_answering_for_a_while_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = make_runs.make(tmp_path, 3, 1, 500)
    store = Store(tmp_path)
    with monkeypatch.context() as patch:

        def silent(*_: object) -> None:
            raise StorageError("no answer")

        patch.setattr(store._indexer, "_store_finished", silent)
        with pytest.raises(StorageError, match="no answer"):
            store.refresh(None)
    for place in places:
        place.touch()
    store.refresh(None, everything=True)
    ids = [place.name for place in places]
    assert [len(c.steps) for c in store.columns(ids, "train/loss").values()] == [500] * 3
    assert {run.id for run in store.table().runs if run.revision} == set(ids)
    store.close()


def test_idle_refreshes_look_at_few_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(1200):
        Script().end().write(tmp_path / f"r{i:04}")
        os.utime(tmp_path / f"r{i:04}", (1e9, 1e9))
    os.utime(tmp_path, (1e9, 1e9))
    with read(tmp_path) as store:
        os.utime(tmp_path, (1e9, 1e9))
        store.refresh(None)
        looks = 0
        real = os.stat

        def count(*arguments: object, **named: object) -> os.stat_result:
            nonlocal looks
            looks += 1
            return real(*arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "stat", count)
        monkeypatch.setattr(os, "scandir", lambda *_: pytest.fail("a folder was listed"))
        monkeypatch.setattr(os, "listdir", lambda *_: pytest.fail("a run was listed"))
        before = store.bytes_read
        assert store.refresh() == set()
        assert 0 < looks <= 2 * IDLE_AT_ONCE + 10
        assert store.bytes_read == before


def test_a_resumed_run_among_many_is_noticed_eventually(tmp_path: Path) -> None:
    for i in range(1200):
        Script().end().write(tmp_path / f"r{i:04}")
    with read(tmp_path) as store:
        Script(attempt=2).log(0, {"x": 1.0}).end().write(tmp_path / "r0007", "2-made-9-0000.journal")
        grew: set[str] = set()
        for _ in range(1200 // IDLE_AT_ONCE + 1):
            grew |= store.refresh(None)
        assert "r0007" in grew


def test_a_folder_that_becomes_a_run_later_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    os.utime(tmp_path, (1e9, 1e9))
    with read(tmp_path) as store:
        assert store.table().runs == []
        Script().log(0, {"x": 1.0}).end().write(tmp_path / "r")
        os.utime(tmp_path, (1e9, 1e9))
        assert store.refresh() == {"r"}


def test_a_silent_writer_that_continues_is_noticed(tmp_path: Path) -> None:
    script = Script().log(0, {"x": 1.0})
    path = script.write(tmp_path / "r", ahead=4096)
    os.utime(tmp_path / "r", (1e9, 1e9))
    with read(tmp_path) as store:
        assert store.table().runs[0].state == "killed"
        assert store.refresh() == set()
        with path.open("r+b") as file:  # into the space allocated ahead: neither size nor time of the folder changes
            file.seek(len(script.bytes))
            file.write(script.log(1, {"x": 2.0}).frames[-1])
        assert store.refresh() == {"r"}
        assert store.columns(["r"], "x")["r"].values.tolist() == [1.0, 2.0]


def test_the_torn_tail_of_a_killed_run_is_not_read_repeatedly(tmp_path: Path) -> None:
    path = Script().log(0, {"x": 1.0}).write(tmp_path / "r")
    with path.open("ab") as file:
        file.write(Script().log(1, {"x": 2.0}).frames[-1][:20])
    os.utime(tmp_path / "r", (1e9, 1e9))
    with read(tmp_path) as store:
        before = store.bytes_read
        for _ in range(10):
            assert store.refresh() == set()
        assert store.bytes_read - before <= 10 * 72


def test_a_large_folder_is_read_in_pieces_newest_first(tmp_path: Path) -> None:
    places = make_runs.make(tmp_path, 30, 2, 200)
    with Store(tmp_path) as store:
        grew = store.refresh(budget_s=0.0)
        assert grew == {places[-1].name}
        assert store.is_behind
        while store.is_behind:
            grew |= store.refresh(budget_s=0.0)
        assert grew == {place.name for place in places}


def test_names_survive_the_index_because_they_are_in_journals(tmp_path: Path) -> None:
    place = make_runs.make(tmp_path, 1, 1, 10)[0]
    with read(tmp_path) as store:
        store.edit(EditRequest(runs=[place.name], name="kept", tags=["t"]))
    remove_index(tmp_path)
    with read(tmp_path) as store:
        assert (store.run("kept").tags, store.run("kept").id) == (["t"], place.name)


@pytest.mark.parametrize("table", ["asset", "chunk", "series", "histogram"])
def test_a_number_in_the_index_with_another_type_is_damage(tmp_path: Path, table: str) -> None:
    script = Script().histogram(0, "spread", [0.0, 1.0], [3.0]).asset(0, "note", text="kept")
    for step in range(20):
        script.log(step, {"x": float(step)})
    script.end().write(tmp_path / "r")
    with Store(tmp_path) as store:
        store.refresh(None)
    column = "last_step" if table == "series" else "upto"
    for value in (b"\x01", "many"):
        with contextlib.closing(sqlite3.connect(tmp_path / INDEX)) as connection:
            assert connection.execute(f"UPDATE {table} SET {column} = ?", (value,)).rowcount
            connection.commit()
        with Store(tmp_path) as store:
            assert [asset.text for asset in store.read.media.assets("r").assets] == ["kept"]
            assert len(store.columns(["r"], "x")["r"].steps) == 20
            assert store.read.summaries.of(["r"], "x")["r"].last == 19.0
            assert store.read.histograms.logged("r", "spread")[0].counts.tolist() == [3.0]
            assert any("rebuilt" in problem for problem in store.problems)
