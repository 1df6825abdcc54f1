"""Fixtures for runs in a temporary folder, and for reading their journals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import netscope
from netscope.record import heartbeat
from netscope.record.run import Run
from tests.record.reading import Journal, read
from tests.waiting import until


@pytest.fixture(autouse=True)
def nothing_beats_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine two seconds may pass between two lines of a test; tests that need heartbeats get quick ones.

    That this comes first also means that what a test replaces is put back last, after its runs have ended.
    """
    monkeypatch.setattr(heartbeat, "BEAT_S", 1e6)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start quiet runs in this test's folder; they are finished after the test."""
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
def settled(begin: Callable[..., Run], journal_of: Callable[[Run], Journal]) -> Run:
    """A run whose background thread has done what it does at the start, and does nothing more until the end."""
    run = begin()
    until(lambda: any(event["event"] == "environment" for event in journal_of(run).events))
    return run


@pytest.fixture
def journal_of() -> Callable[[Run], Journal]:
    """The one journal of a run."""

    def only(run: Run) -> Journal:
        (found,) = read(run.folder)
        return found

    return only
