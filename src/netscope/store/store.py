"""A folder of runs, open for reading (and for what people write by hand)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from netscope.errors import NotFoundError
from netscope.schema import Key, Keys, Kind, RunTable, Summary
from netscope.store.columns import Columns, Reader
from netscope.store.index import Backend, is_writable
from netscope.store.ingest import Ingest
from netscope.store.summary import Summaries
from netscope.store.tail import KeySet


class Store:
    """All runs of a folder. Safe between threads; any number of stores and processes may be open on one folder."""

    def __init__(self, folder: str | Path, index: str | None = None) -> None:
        """Open the folder; `refresh` reads it.

        Args:
            folder: Where the runs are.
            index: None for SQLite beside the runs, or the address of a PostgreSQL database,
                "postgresql+psycopg://user:password@host/database".

        Raises:
            NotFoundError: No such folder.
        """
        self.folder = Path(folder).expanduser().resolve()
        if not self.folder.is_dir():
            raise NotFoundError(f"no folder {str(folder)!r}; runs appear there once netscope.init(dir={str(folder)!r}) made it")
        self.writable = is_writable(self.folder)
        self._ingest = Ingest(self.folder, index)
        self._reader = Reader(self._ingest)
        self._summaries = Summaries(self._reader)

    @property
    def backend(self) -> Backend:
        """Where the index lives."""
        return self._ingest.index.backend

    @property
    def revision(self) -> int:
        """Grows with every change of any run."""
        return self._ingest.revision

    @property
    def problems(self) -> list[str]:
        """What went wrong with the index, in sentences."""
        return list(self._ingest.problems)

    @property
    def is_behind(self) -> bool:
        """Whether `refresh` left something unread because its time was over."""
        return self._ingest.is_behind

    @property
    def bytes_read(self) -> int:
        """Bytes of journals read since this store was opened."""
        return self._ingest.bytes_read

    def close(self) -> None:
        """Close the index."""
        self._ingest.index.close()

    def refresh(self, budget_s: float | None = 0.5, *, everything: bool = False) -> set[str]:
        """Follow the journals; ids of the runs that grew or changed. Cheap when nothing did.

        Args:
            budget_s: A large folder is read in pieces of about so many seconds, the newest runs first (`is_behind`
                says whether there is more); None: all at once.
            everything: Look at every run at rest, too, instead of at the next few hundred.
        """
        return self._ingest.refresh(budget_s, everything=everything)

    def table(self, since: int = 0, keys: Sequence[str] = ()) -> RunTable:
        """The runs that changed since a revision, oldest first, with the summaries of some keys."""
        with self._ingest.lock:
            revision = self._ingest.revision
            rows = [f.run for f in self._ingest.runs.values() if f.revision > since]
            removed = [run_id for at, run_id in self._ingest.removed if at > since] if since else []
        rows.sort(key=lambda run: (run.created, run.id))
        if keys:
            ids = [run.id for run in rows]
            found: dict[str, dict[str, Summary]] = defaultdict(dict)
            for key in keys:
                for run_id, summary in self._summaries.of(ids, key).items():
                    found[run_id][key] = summary
            rows = [msgspec.structs.replace(run, summary=found[run.id]) if run.id in found else run for run in rows]
        return RunTable(revision, rows, removed)

    def keys(self, run_ids: Sequence[str], kind: Kind | None = None) -> Keys:
        """Under which names these runs logged series, and how many of them did.

        Raises:
            NotFoundError: No such run.
        """
        alike: Counter[frozenset[KeySet]] = Counter()
        with self._ingest.lock:
            for run_id in run_ids:
                followed = self._ingest.runs.get(run_id)
                if followed is not None:
                    alike[frozenset(keys for f in followed.followers for keys in f.key_sets)] += 1
        found: Counter[tuple[str, Kind]] = Counter()
        for sets, n in alike.items():
            names: set[tuple[str, Kind]] = set()
            for keys in sets:
                if keys.kind != "bins" and kind in (None, keys.kind):
                    names.update((key, keys.kind) for key in keys.keys)
            for name in names:
                found[name] += n
        return Keys([Key(key, what, n) for (key, what), n in sorted(found.items())])

    def columns(self, run_ids: Sequence[str], key: str, kind: Kind = "scalar") -> dict[str, Columns]:
        """The series of one key of some runs; those that do not have it are left out. One query for all.

        Raises:
            NotFoundError: No such run.
        """
        return self._reader.columns(run_ids, key, kind)
