"""Few rows of many keys share blocks of the index, and each key is read as it was logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import sqlalchemy as sql
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netscope.analyse.bins import Histograms
from netscope.record.journal.array_frames import bins_frame
from netscope.store.index import tables
from netscope.store.index.chunks import FEW_ROWS
from netscope.store.journal.memtable import KEYS_PER_GROUP, WIDE
from netscope.store.store import Store
from tests.fuzzing import examples
from tests.store.journals import Script

Open = Callable[[Path], Store]
ALL = [f"net.{i}/weight/value" for i in range(WIDE + 40)]
SETS = [ALL, ALL[40:], ALL[: WIDE + 1], ALL[:5], ALL[::-1]]
"""Key sets that have keys in common, wide and narrow ones."""
ASKED = [ALL[i] for i in (0, 4, 5, KEYS_PER_GROUP - 1, KEYS_PER_GROUP, 39, 40, WIDE, WIDE + 1, WIDE + 39)]
Sessions = list[list[tuple[int, int]]]
"""Per time that the run was written, rows: which key set, and the step."""
SESSIONS = st.lists(st.lists(st.tuples(st.integers(0, len(SETS) - 1), st.integers(0, 20)), max_size=8), max_size=4)


def value_of(number: int, key: str) -> float:
    """What row `number` says of a key: some are float32 exactly, some are not, some are no numbers."""
    column = ALL.index(key)
    if (number + column) % 7 == 0:
        return [float("nan"), float("inf"), -0.0][column % 3]
    return number + column / 8 if column % 2 else (number + 1) / 3 + column


def counts_of(number: int, key: str) -> np.ndarray:
    """Fixed bins of a key in row `number`; some are empty."""
    table = np.zeros(2048, np.uint32)
    if (number + ALL.index(key)) % 5:
        table[[7, 500 + ALL.index(key), 2047]] = number + 1, 70_000, 1
    return table


def written(sessions: Sessions, kind: str) -> Iterator[bytes]:
    """The journal as it is after each session."""
    script, number = Script(), 0
    for rows in sessions:
        for which, step in rows:
            keys = SETS[which]
            script.log(step, {key: value_of(number, key) for key in keys}, kind=kind)
            found = Histograms.of(np.stack([counts_of(number, key) for key in keys]))
            script.frames.append(bins_frame(script.keys("bins", keys), step, script.created + step, found))
            number += 1
        yield script.bytes


def expected(sessions: Sessions, key: str) -> dict[int, int]:
    """Per step that a key was logged at the row that counts: the last one in the file."""
    rows = [row for session in sessions for row in session]
    return dict(sorted((step, number) for number, (which, step) in enumerate(rows) if key in SETS[which]))


def check(store: Store, sessions: Sessions, kind: str) -> None:
    many = store.read.series.of_run("r", ASKED, kind)  # type: ignore[arg-type]
    for key in ASKED:
        rows = expected(sessions, key)
        values = [value_of(number, key) for number in rows.values()]
        alone = store.columns(["r"], key, kind).get("r")  # type: ignore[arg-type]
        assert (alone is not None) == (key in many) == bool(rows)
        for found in [] if alone is None else [alone, many[key]]:
            assert found.steps.tolist() == list(rows)
            assert found.times.tolist() == [Script().created + step / 8 for step in rows]
            assert found.values.astype(np.float64).tobytes() == np.array(values).tobytes()
        if kind == "scalar" and rows:
            finite = [value for value in every_value(sessions, key) if np.isfinite(value)]
            told = store.read.summaries.of(["r"], key)["r"]
            assert (told.min, told.max) == ((min(finite), max(finite)) if finite else ("NaN", "NaN"))
            assert np.float64(str(told.last)) == values[-1] or np.isnan(values[-1])
        bins, filled = store.read.histograms.watched("r", key), last_filled(sessions, key)
        assert bins.steps.tolist() == list(filled)
        assert np.array_equal(bins.dense(), np.array(list(filled.values()), np.uint32).reshape(-1, 2048))


def every_value(sessions: Sessions, key: str) -> list[float]:
    rows = [row for session in sessions for row in session]
    return [value_of(number, key) for number, (which, _) in enumerate(rows) if key in SETS[which]]


def last_filled(sessions: Sessions, key: str) -> dict[int, np.ndarray]:
    """Per step the last bins that have counts."""
    rows = [row for session in sessions for row in session]
    found = {
        step: counts
        for number, (which, step) in enumerate(rows)
        if key in SETS[which] and (counts := counts_of(number, key)).any()
    }
    return dict(sorted(found.items()))


@settings(max_examples=examples(10), deadline=None)
@given(SESSIONS, st.sampled_from(["layer", "scalar"]))
@example([[(0, 0), (0, 1)], [(0, 2)]], "layer")  # a second part of the same keys
@example([[(0, 0), (1, 1), (0, 2)]], "layer")  # rows of two key sets that alternate
@example([[(0, 0), (2, 1), (4, 1)]], "scalar")  # one after the other, with a step in common
def test_random_key_sets_round_trip_through_two_processes_and_the_index(sessions: Sessions, kind: str) -> None:
    with TemporaryDirectory() as name:
        place = Path(name) / "r" / "1-made-7-0000.journal"
        place.parent.mkdir()
        place.write_bytes(Script().bytes)
        with Store(name) as one, Store(name) as other:
            for number, journal in enumerate(written(sessions, kind)):
                place.write_bytes(journal)
                for store in (one, other) if number % 2 else (other, one):
                    store.refresh(None, everything=True)
                    check(store, sessions[: number + 1], kind)
        with Store(name) as again:
            again.refresh(None, everything=True)
            assert again.bytes_read < 500
            check(again, sessions, kind)
            assert not again.problems


def wide_run(folder: Path, n_rows: int, n_keys: int, first: int = 0, attempt: int = 1) -> list[str]:
    keys = [f"net.{i}/weight/value/mean" for i in range(n_keys)]
    script = Script(attempt)
    for step in range(first, first + n_rows):
        script.log(step, {key: attempt + step + i / 8 for i, key in enumerate(keys)}, kind="layer")
    script.end().write(folder / "r", f"{attempt}-made-7-0000.journal")
    return keys


def n_blocks(store: Store) -> int:
    with store._indexer.index.reading() as connection:
        return connection.execute(sql.select(sql.func.count()).select_from(tables.chunk)).scalar_one()


@pytest.mark.parametrize(
    ("n_rows", "n_keys", "blocks"),
    [
        (FEW_ROWS - 1, WIDE + 1, -(-(WIDE + 1) // KEYS_PER_GROUP)),
        (FEW_ROWS, WIDE + 1, WIDE + 1),
        (3, WIDE, WIDE),
        (3, 1000, 32),
    ],
)
def test_keys_share_blocks_only_if_they_are_many_and_rows_are_few(
    tmp_path: Path, opened: Open, n_rows: int, n_keys: int, blocks: int
) -> None:
    keys = wide_run(tmp_path, n_rows, n_keys)
    store = opened(tmp_path)
    assert n_blocks(store) == blocks
    found = store.read.series.of_run("r", keys, "layer")
    assert list(found) == keys
    for i, key in enumerate(keys):
        assert found[key].values.tolist() == [1 + step + i / 8 for step in range(n_rows)]


def test_a_resumed_run_of_many_keys_keeps_its_ghosts(tmp_path: Path, opened: Open) -> None:
    keys = wide_run(tmp_path, 10, 100)
    wide_run(tmp_path, 5, 100, first=6, attempt=2)
    store = opened(tmp_path)
    many = store.read.series.of_run("r", keys, "layer")
    for i, key in enumerate(keys):
        alone = store.columns(["r"], key, "layer")["r"]
        for found in (alone, many[key]):
            assert found.steps.tolist() == list(range(11))
            assert found.values.tolist() == [(1 if step < 6 else 2) + step + i / 8 for step in range(11)]
            assert [ghost.values.tolist() for ghost in found.ghosts] == [[1 + step + i / 8 for step in range(6, 10)]]


def test_layers_are_known_in_a_folder_that_was_not_read_yet(tmp_path: Path) -> None:
    keys = wide_run(tmp_path, 3, 100)
    with Store(tmp_path) as store:
        assert len(store.read.layers.table("r").tensors) == 100
    with Store(tmp_path) as store:
        assert store.read.series.steps_of_run("r", keys, "layer").tolist() == [0, 1, 2]


def test_runs_of_few_and_of_many_rows_are_read_in_one_query(tmp_path: Path, opened: Open) -> None:
    for name, n_rows in (("few", 5), ("many", FEW_ROWS)):
        wide_run(tmp_path / name, n_rows, 100)
        (tmp_path / name / "r").rename(tmp_path / f"run-{name}")
        (tmp_path / name).rmdir()
    found = opened(tmp_path).columns(["run-few", "run-many"], "net.40/weight/value/mean", "layer")
    assert {run: len(columns.steps) for run, columns in found.items()} == {"run-few": 5, "run-many": FEW_ROWS}


@pytest.mark.parametrize("change", ["another's block", "lost", "one bit", "shorter"])
@pytest.mark.parametrize("table", [tables.chunk, tables.bins])
def test_a_damaged_shared_block_is_noticed(tmp_path: Path, opened: Open, table: sql.Table, change: str) -> None:
    sessions = [[(0, step) for step in range(4)]]
    (journal,) = written(sessions, "layer")
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "1-made-7-0000.journal").write_bytes(journal)
    store = opened(tmp_path)
    with store._indexer.index.writing() as connection:
        first, second = connection.execute(sql.select(table.c.key, table.c.block).order_by(table.c.key)).all()[:2]
        bits = bytearray(first.block)
        bits[-8] ^= 1
        here = table.c.key == first.key
        if change == "lost":
            connection.execute(table.delete().where(here))
        else:
            blocks = {"another's block": second.block, "one bit": bytes(bits), "shorter": first.block[:-1]}
            connection.execute(table.update().where(here).values(block=blocks[change]))
    check(store, sessions, "layer")
    for key in ALL:  # whichever the block is of
        store.columns(["r"], key, "layer")
        store.read.histograms.watched("r", key)
    assert "rebuilt" in store.problems[0]
    check(store, sessions, "layer")


def test_bins_of_a_key_set_of_series_are_damage(tmp_path: Path, opened: Open) -> None:
    script = Script().log(0, {"loss": 1.0})
    found = Histograms.of(np.eye(1, 2048, dtype=np.uint32))
    script.frames.append(bins_frame(script.keys("scalar", ["loss"]), 1, script.created, found))
    script.end().write(tmp_path / "r")
    store = opened(tmp_path)
    assert store.columns(["r"], "loss")["r"].values.tolist() == [1.0]
    (problem,) = [one for one in store.detail("r").problems if "bins" in one]
    assert problem.endswith("its keys are of kind 'scalar'")
