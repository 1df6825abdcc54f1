"""A damaged index costs time and never an answer: what is read then is what the journals say."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netscope.errors import NetscopeError
from netscope.store.index.database import FILE, FOLDER
from netscope.store.store import Store
from tests.fuzz import ask, originals
from tests.fuzz.mutate_index import mutate
from tests.fuzzing import examples, seed
from tests.store.journals import Script

SEED = seed()
TOGETHER = 10  # damaged indexes a test


def every_answer(store: Store) -> dict[str, Any]:
    """What a store says of all its runs."""
    store.refresh(None, everything=True)
    runs = [run.id for run in store.table().runs]
    said = {run: ask.answers(store, run) for run in runs}
    summaries = {key.key: store.read.summaries.of(runs, key.key) for key in store.keys(runs, "scalar").keys}
    return {"runs": runs, "summaries": repr(summaries), **said}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder of runs with a full index, and its answers."""
    folder = tmp_path_factory.mktemp("original")
    originals.record(folder)
    for number in range(3):
        script = Script(name=f"run {number}")
        for step in range(3000):
            script.log(step, {"loss": number + 1 / (step + 1), "accuracy": step / 3000})
        for step in range(40):
            script.print(f"line {step}\n").bins(step, {"net/weight/value": (500, [step, 2, 3])})
        script.asset(1, "words", text="once").end().write(folder / f"run-{number}")
    deep, layers = Script(name="deep"), [f"net.{i}/weight/value" for i in range(100)]
    for step in range(5):
        deep.log(step, {f"{layer}/mean": step + i / 8 for i, layer in enumerate(layers)}, kind="layer")
        deep.bins(step, {layer: (500 + i, [step, 2, 3]) for i, layer in enumerate(layers)})
    deep.end().write(folder / "run-deep")
    with Store(folder) as store:
        answers = every_answer(store)
    with Store(folder) as store:
        assert every_answer(store) == answers
    return folder, answers


@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(examples(4)))
def test_a_damaged_index_does_not_change_results(
    tmp_path: Path, original: tuple[Path, dict[str, Any]], number: int
) -> None:
    source, expected = original
    for i in range(TOGETHER):
        folder = tmp_path / str(i)
        shutil.copytree(source, folder)
        where = (
            f"seed {SEED}, {number}, {i}: {mutate(folder / FOLDER / FILE, np.random.default_rng((SEED, number, i)))}"
        )
        try:
            with Store(folder) as store:
                found = every_answer(store)
        except NetscopeError as error:
            pytest.fail(f"{where}: {error}")
        except Exception as error:  # what this is for
            raise AssertionError(where) from error
        different = [name for name in expected if found.get(name) != expected[name]]
        assert found == expected, f"{where}: {different} differ; {store.problems}"
        shutil.rmtree(folder)


def test_a_new_run_is_listed_while_a_broken_index_is_rebuilt(
    original: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    source, _ = original
    folder = tmp_path / "runs"
    shutil.copytree(source, folder)
    with Store(folder) as store:
        store.refresh(None)
        store._indexer.start_over("it is broken")
        Script().log(0, {"x": 1.0}).end().write(folder / "new")
        store.refresh(0.0)
        assert store.is_behind
        assert "new" in {run.id for run in store.table().runs if run.revision}
