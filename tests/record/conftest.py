"""Runs in a folder of their own, and their journals read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import netscope
from netscope.record.run import Run
from tests.record.reading import Journal, read


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Begin runs in this test's folder, quietly; they are ended after the test."""
    runs: list[Run] = []

    def begin_one(**options: Any) -> Run:
        runs.append(netscope.init(tmp_path, **{"watch_system": False, "console": False, "quiet": True, **options}))
        return runs[-1]

    yield begin_one
    for run in runs:
        run._session.finish("finished", "")


@pytest.fixture
def run(begin: Callable[..., Run]) -> Run:
    """One run."""
    return begin()


@pytest.fixture
def journal_of() -> Callable[[Run], Journal]:
    """The one journal of a run."""

    def only(run: Run) -> Journal:
        (found,) = read(run.folder)
        return found

    return only
