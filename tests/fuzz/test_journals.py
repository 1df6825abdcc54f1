"""What one run holds, whatever it is, raises nothing but netscope's errors and changes nothing of another run."""

from __future__ import annotations

import shutil
import traceback
from pathlib import Path

import numpy as np
import pytest

from netscope.store.store import Store
from tests.fuzz import ask, originals
from tests.fuzz.mutate_journal import change_json, mutate
from tests.fuzzing import examples, seed

SEED = seed()
TOGETHER = 20  # mutants in one folder


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return originals.record(tmp_path_factory.mktemp("original")).parent


@pytest.mark.parametrize("body", [b'{"time": NaN, "n": 1}', b'{"time": 1e400, "n": 1}'])
def test_mutation_continues_after_a_body_is_no_longer_json(body: bytes) -> None:
    assert len({change_json(body, np.random.default_rng(seed)) for seed in range(20)}) > 5


@pytest.mark.fuzz
@pytest.mark.parametrize("number", range(examples(11)))
def test_no_mutant_raises_or_affects_its_neighbour(tmp_path: Path, original: Path, number: int) -> None:
    (journal,) = original.glob("*.journal")
    shutil.copytree(original, tmp_path / "healthy")
    for i in range(TOGETHER):
        place = tmp_path / f"mutant-{i:02}"
        shutil.copytree(original, place)
        random = np.random.default_rng((SEED, number, i))
        (place / journal.name).write_bytes(mutate(journal.read_bytes(), random))
    faults = ask.everything(tmp_path)
    said = "\n".join(
        f"{run} of seed {SEED}, {number}: {what}: {''.join(traceback.format_exception(error)[-3:])}"
        for run, what, error in faults[:5]
    )
    assert not faults, f"{len(faults)} faults\n{said}"
    shutil.copytree(original, tmp_path / "alone" / "healthy")
    with Store(tmp_path) as store, Store(tmp_path / "alone") as alone:
        store.refresh(None)
        alone.refresh(None)
        assert ask.answers(store, "healthy") == ask.answers(alone, "healthy")
