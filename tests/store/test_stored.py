"""Reading runs in Python."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import netscope
from netscope.errors import MissingExtraError, NotFoundError, UsageError
from netscope.store.read.lru_cache import LruCache
from netscope.store.store import Store
from tests.store.journals import BEGAN, Script


@pytest.fixture
def store(tmp_path: Path) -> Store:
    script = Script(name="calm").event("config", config={"lr": 0.1, "opt": {"name": "adam"}})
    for step in range(3):
        script.log(step, {"loss": 1.0 / (step + 1), "val/acc": step / 2})
    script.end().write(tmp_path / "r")
    return netscope.open(tmp_path)


def test_a_series_unpacks_into_three_arrays(store: Store) -> None:
    steps, times, values = store.run("calm").series("loss")
    assert steps.tolist() == [0, 1, 2]
    assert times.tolist() == [BEGAN, BEGAN + 0.125, BEGAN + 0.25]
    assert values.tolist() == [1.0, 0.5, 1 / 3]


def test_a_key_without_any_undamaged_point_is_an_empty_series(tmp_path: Path) -> None:
    script = Script().log(0, {"loss": 1.0}).end()
    path = script.write(tmp_path / "r")
    broken = bytearray(path.read_bytes())
    broken[len(broken) - len(script.frames[-1]) - 3] ^= 1
    path.write_bytes(broken)
    run = netscope.open(tmp_path).run("r")
    loss = run.series("loss")
    assert (run.keys(), len(loss), loss.smoothed(0.6).values.tolist(), loss.ghosts) == (["loss"], 0, [], [])
    assert repr(loss) == "<series 'loss': 0 points>"
    with pytest.raises(NotFoundError, match="no series 'val'; it has: loss"):
        run.series("val")


def test_a_run_has_its_attributes(store: Store) -> None:
    run = store.run("calm")
    assert (run.id, run.state, run.config["opt.name"], run.keys()) == ("r", "finished", "adam", ["loss", "val/acc"])
    assert run.created.timestamp() == BEGAN
    assert run.duration == 0.25
    assert run.summary("val/acc") == (1.0, 0.0, 1.0)
    assert repr(run) == "<run 'calm' (r), finished>"
    assert repr(run.series("loss")) == "<series 'loss': 3 points, last 0.333333 at step 2>"


def test_a_run_has_its_environment(tmp_path: Path) -> None:
    told = {"host": "h", "cpu_count": 2, "memory_bytes": 2**34, "packages": {"numpy": "2"}}
    Script().event("environment", environment=told).end().write(tmp_path / "told")
    Script().end().write(tmp_path / "silent")
    with netscope.open(tmp_path) as store:
        where = store.run("told").environment
        assert (where.host, where.cpu_count, where.memory_bytes, where.packages) == ("h", 2, 2**34, {"numpy": "2"})
        assert store.run("silent").environment.packages == {}


def test_deleting_twice_says_the_run_is_in_the_trash(store: Store) -> None:
    run = store.run("calm")
    run.delete()
    with pytest.raises(NotFoundError, match=r"in the trash already; store.restore\(\['r'\]\) brings it back"):
        run.delete()
    store.restore([run.id])
    run.delete()
    assert "no run" in store.delete(["x" * 300]).problems[0]


def test_a_store_knows_the_number_of_runs_at_once(tmp_path: Path) -> None:
    for name in "abc":
        Script().log(0, {"x": 1.0}).end().write(tmp_path / name)
    with netscope.open(tmp_path) as store:
        assert repr(store) == f"<store {tmp_path}: 3 runs>"
        Script().end().write(tmp_path / "d")
        assert repr(store) == f"<store {tmp_path}: 4 runs>"


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.read.layers.table("r"),
        lambda store: store.run("calm").layers(),
        lambda store: store.detail("r"),
        lambda store: store.columns(["r"], "loss")["r"],
        lambda store: store.keys(["r"]).keys[0],
        lambda store: store.read.console.lines("r"),
    ],
)
def test_the_first_query_reads_the_folder(store: Store, ask: Callable[[Store], object]) -> None:
    assert ask(store) is not None


def test_a_series_becomes_a_data_frame(store: Store) -> None:
    frame = store.run("calm").series("val/acc").to_pandas()
    assert frame.index.tolist() == [0, 1, 2]
    assert frame["val/acc"].tolist() == [0.0, 0.5, 1.0]
    assert frame["time"].iloc[1].isoformat() == "2023-11-14T22:13:20.125000+00:00"


def test_a_series_becomes_an_arrow_table(store: Store) -> None:
    table = store.run("calm").series("loss").to_arrow()
    assert table.column_names == ["step", "time", "value"]
    assert table["value"].to_pylist() == [1.0, 0.5, 1 / 3]


@pytest.mark.parametrize(
    ("package", "extra", "call"), [("pandas", "pandas", "to_pandas"), ("pyarrow", "arrow", "to_arrow")]
)
def test_a_missing_package_is_reported_with_its_install_command(
    store: Store, monkeypatch: pytest.MonkeyPatch, package: str, extra: str, call: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf'needs {package}: pip install "netscope\[{extra}\]"'):
        getattr(store.run("calm").series("loss"), call)()


def test_importing_the_package_does_not_load_the_store() -> None:
    code = "import sys, netscope.store.journal.frames; print([m for m in ('sqlalchemy', 'torch') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_cache_drops_the_least_recently_used() -> None:
    cache: LruCache[str] = LruCache(10)
    for name in "abcde":
        cache.put(name, name, 2)
    assert cache.get("a") == "a"
    cache.put("f", "f", 2)
    assert [cache.get(name) for name in "abcdef"] == ["a", None, "c", "d", "e", "f"]
    cache.put("large", "large", 9)
    assert cache.get("large") is None
    assert cache.n_bytes == 10


def test_a_single_id_is_not_a_list_of_ids(store: Store) -> None:
    for call in (store.delete, store.restore):
        with pytest.raises(UsageError, match=r"write \['r'\]"):
            call("r")
    assert store.run("calm").id == "r"


def test_an_impossible_name_is_refused(store: Store) -> None:
    run = store.run("calm")
    wrong: list[tuple[Callable[..., None], object]] = [
        (run.rename, ""),
        (run.rename, 3),
        (run.tag, 3),
        (run.set_notes, 3),
    ]
    for call, text in wrong:
        with pytest.raises(UsageError, match=rf"must be a.* text, got {text!r}"):
            call(text)
    with pytest.raises(UsageError, match="201 characters, at most 200 are allowed"):
        run.rename("x" * 201)
    for say in (run.rename, run.tag, run.set_notes):
        with pytest.raises(UsageError, match="not valid Unicode"):
            say("\ud800")
    with pytest.raises(UsageError, match="notes: 1,000,001 characters"):
        run.set_notes("x" * 1_000_001)
    run.set_notes("")
    assert (run.name, run.tags, run.notes) == ("calm", [], "")


def test_runs_are_filtered_and_sorted_by_text(store: Store) -> None:
    with pytest.raises(UsageError, match=r"where: expected a filter .* got 3"):
        store.runs(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"sort: expected a text .* got 3"):
        store.runs(sort=3)  # type: ignore[arg-type]
    for nothing in ("-", " "):
        with pytest.raises(UsageError, match=r"sort is empty; expected for example 'created', or '-config\.lr'"):
            store.runs(sort=nothing)
