"""Several folders of runs as one: the id of a run is its folder's name, a colon and its own id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from netscope.errors import NotFoundError
from netscope.schema.run import Deleted, EditRequest, Run, RunTable, Trashed
from netscope.schema.series import Key, Keys, Kind
from netscope.store.read.moving_averages import Means, MovingAverages
from netscope.store.read.series_reader import ChartView, SeriesColumns, unknown_run
from netscope.store.store import FoundRun, Store
from netscope.text import natural

SEPARATOR = ":"


def names_of(folders: Sequence[Path]) -> list[str]:
    """Short, distinct names of folders: the last part of each path, and parents where needed.

    >>> names_of([Path("/a/runs"), Path("/b/runs"), Path("/b/old")])
    ['a.runs', 'b.runs', 'old']
    """
    depth = dict.fromkeys(range(len(folders)), 1)
    while True:
        names = [_name(folder, depth[i]) for i, folder in enumerate(folders)]
        alike = Counter(names)
        longer = [i for i, name in enumerate(names) if alike[name] > 1 and depth[i] < len(folders[i].parts)]
        if not longer:
            return [
                f"{name}-{names[:i].count(name) + 1}" if name in names[:i] else name for i, name in enumerate(names)
            ]
        for i in longer:
            depth[i] += 1


def _name(folder: Path, depth: int) -> str:
    return ".".join(part.strip("/\\") for part in folder.parts[-depth:]).replace(SEPARATOR, "-").strip(".") or "root"


class Stores:
    """The stores of several folders as one. Results are merged; `find` gives the store of a run."""

    def __init__(self, stores: Sequence[Store]) -> None:
        """Combine open stores; the caller closes them."""
        self.stores = dict(zip(names_of([store.folder for store in stores]), stores, strict=True))
        self._smoother = MovingAverages()

    @property
    def revision(self) -> int:
        """Increases with every change of any run."""
        return max(store.revision for store in self.stores.values())

    @property
    def is_behind(self) -> bool:
        """Whether `refresh` left data unread because its time was up."""
        return any(store.is_behind for store in self.stores.values())

    @property
    def reading(self) -> tuple[int, int]:
        """Number of completely read runs, and of all runs."""
        done, total = zip(*(store.reading for store in self.stores.values()), strict=True)
        return sum(done), sum(total)

    @property
    def bytes_read(self) -> int:
        """Bytes of journals read since the stores were opened."""
        return sum(store.bytes_read for store in self.stores.values())

    def answer_within(self, seconds: float) -> None:
        """Answer queries within about this time from the data read so far."""
        for store in self.stores.values():
            store.answer_within(seconds)

    def refresh(self, budget_s: float | None = 0.5) -> set[str]:
        """Read new data of all folders; returns the ids of changed runs. See `Store.refresh`."""
        share = None if budget_s is None else budget_s / len(self.stores)
        return {qualified(name, run) for name, store in self.stores.items() for run in store.refresh(share)}

    def begin_with(self, run_ids: Sequence[str]) -> None:
        """Find these runs and read their beginnings now, so that they appear in the table."""
        for name, own in self._split(run_ids).items():
            self.stores[name].begin_with(own)

    def find(self, run_id: str) -> FoundRun:
        """The store of a run and its id there.

        Raises:
            NotFoundError: No such folder. The run itself may be missing.
        """
        name, _, own = run_id.partition(SEPARATOR)
        if name not in self.stores:
            known = [run.id for run in self.table().runs]
            raise NotFoundError(unknown_run(run_id, known))
        return FoundRun(self.stores[name], own, name)

    def table(self, since: int = 0, keys: Sequence[str] = ()) -> RunTable:
        """The runs that changed since a revision, oldest first, with the summaries of some keys."""
        revision = self.revision  # before reading the rows, so that concurrent changes are reported again next time
        runs: list[Run] = []
        removed: list[str] = []
        for name, store in self.stores.items():
            table = store.table(since, keys)
            runs += [named(name, run) for run in table.runs]
            removed += [qualified(name, run) for run in table.removed]
        runs.sort(key=lambda run: (run.created, run.id))
        return RunTable(revision, runs, removed)

    def keys(self, run_ids: Sequence[str], kind: Kind | None = None) -> Keys:
        """The keys of series and histograms of these runs, and how many runs have each."""
        found: Counter[tuple[str, Kind]] = Counter()
        for name, own in self._split(run_ids).items():
            for key in self.stores[name].keys(own, kind).keys:
                found[key.key, key.kind] += key.n_runs
        ordered = sorted(found.items(), key=lambda item: (natural(item[0][0]), item[0][1]))
        return Keys([Key(key, what, n) for (key, what), n in ordered])

    def columns(
        self, run_ids: Sequence[str], key: str, kind: Kind = "scalar", view: ChartView | None = None
    ) -> dict[str, SeriesColumns]:
        """The series of one key of some runs, in their order; runs without the key are left out.

        Raises:
            NotFoundError: No such run.
        """
        found: dict[str, SeriesColumns] = {}
        for name, own in self._split(run_ids).items():
            columns = self.stores[name].columns(own, key, kind, view)
            found |= {qualified(name, run): series for run, series in columns.items()}
        return {run: found[run] for run in run_ids if run in found}

    def means(self, columns: Mapping[str, SeriesColumns], key: str, kind: Kind, weight: float) -> dict[str, Means]:
        """Moving averages over all points of series, by run; `columns` must have been read without a view."""
        return self._smoother.of(columns, key, kind, weight)

    def edit(self, request: EditRequest) -> list[Run]:
        """Change name, notes, tags or archived flag of runs; returns the changed runs.

        Raises:
            NotFoundError: One of the runs does not exist; nothing is written.
            StorageError: A folder cannot be written.
        """
        for run in request.runs:
            found = self.find(run)
            found.store.check_is_there(found.id)
        return [
            named(name, run)
            for name, own in self._split(request.runs).items()
            for run in self.stores[name].edit(replace(request, runs=own))
        ]

    def delete(self, run_ids: Sequence[str], force: bool = False) -> Deleted:
        """Move runs to the trash of their folders; see `Store.delete`."""
        return merged({name: self.stores[name].delete(own, force) for name, own in self._split(run_ids).items()})

    def restore(self, run_ids: Sequence[str]) -> Deleted:
        """Bring runs back from the trash; see `Store.restore`."""
        return merged({name: self.stores[name].restore(own) for name, own in self._split(run_ids).items()})

    def trash(self) -> list[Trashed]:
        """The deleted runs of all folders; see `Store.trash`."""
        found = [
            replace(run, id=qualified(name, run.id), folder=name)
            for name, store in self.stores.items()
            for run in store.trash()
        ]
        return sorted(found, key=lambda run: (-run.deleted, run.id))

    def delete_for_good(self, run_ids: Sequence[str]) -> Deleted:
        """Permanently delete runs that are in the trash; see `Store.delete_for_good`."""
        return merged({name: self.stores[name].delete_for_good(own) for name, own in self._split(run_ids).items()})

    def _split(self, run_ids: Sequence[str]) -> dict[str, list[str]]:
        """Ids within each store, by folder name. Ids of unknown folders are left out, like ids of missing runs."""
        found: dict[str, list[str]] = {}
        for run_id in run_ids:
            name, _, own = run_id.partition(SEPARATOR)
            if name in self.stores:
                found.setdefault(name, []).append(own)
        return found


Runs = Store | Stores
"""One folder of runs, or several."""


def qualified(folder: str, run_id: str) -> str:
    """The id of a run across several folders."""
    return f"{folder}{SEPARATOR}{run_id}" if folder else run_id


def named(folder: str, run: Run) -> Run:
    """The row of a run across several folders."""
    return replace(run, id=qualified(folder, run.id), folder=folder)


def merged(parts: Mapping[str, Deleted]) -> Deleted:
    """Merge the results of several folders."""
    return Deleted(
        [qualified(name, run) for name, part in parts.items() for run in part.runs],
        [problem for part in parts.values() for problem in part.problems],
        [qualified(name, run) for name, part in parts.items() for run in part.written],
    )
