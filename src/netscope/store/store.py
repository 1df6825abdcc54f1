"""An open folder of runs: query, read, edit and delete its runs."""

from __future__ import annotations

import contextlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import msgspec

from netscope import display
from netscope.errors import NotFoundError, StorageError, UsageError
from netscope.schema.run import Deleted, EditRequest, Run, RunDetail, RunTable, Summary, Trashed
from netscope.schema.series import Key, Keys, Kind
from netscope.store import trash
from netscope.store.edit import Editor, change
from netscope.store.folder import folder_of
from netscope.store.index.database import Backend, is_writable
from netscope.store.ingest.indexer import Indexer
from netscope.store.ingest.resume import ambiguous_name
from netscope.store.ingest.run_folder import RunFolder
from netscope.store.ingest.run_row import config_of, problems_of, writer_of
from netscope.store.ingest.run_state import attempt_of, unreadable
from netscope.store.journal import blobs
from netscope.store.journal.exact_numbers import json_text
from netscope.store.journal.memtable import KeySet
from netscope.store.query import run_filter
from netscope.store.query.known_keys import KnownKeys
from netscope.store.read.moving_averages import Means
from netscope.store.read.readers import Readers
from netscope.store.read.series_reader import ChartView, SeriesColumns, unknown_run
from netscope.store.sources import SOURCES, Sources
from netscope.store.stored_run import StoredRun
from netscope.text import natural, visible


def _check_list(run_ids: Sequence[str]) -> None:
    if isinstance(run_ids, str):  # its letters would be taken as ids
        raise UsageError(f"expected a list of run ids, got {run_ids!r:.80}; write [{run_ids!r:.80}]")


def open_store(dir: str | Path = "runs", index: str | None = None) -> Store:
    """Open a folder of runs.

    Args:
        dir: The folder.
        index: None for SQLite beside the runs, or the address of a PostgreSQL database,
            "postgresql+psycopg://user:password@host/database". `NETSCOPE_INDEX` is the default.

    Raises:
        UsageError: It is the folder of a single run.
        NotFoundError: No such folder.
    """
    return Store(dir, index or os.environ.get("NETSCOPE_INDEX") or None)


class FoundRun(NamedTuple):
    """Where a run is: its store, its id there, and the name of its folder ('' with a single store)."""

    store: Store
    id: str
    folder: str


class Store:
    """All runs of a folder. Thread-safe; any number of stores and processes may open the same folder."""

    def __init__(self, folder: str | Path, index: str | None = None, sources: Sources = SOURCES) -> None:
        """Open the folder; `refresh` reads it.

        Args:
            folder: The folder of runs.
            index: None for SQLite beside the runs, or the address of a PostgreSQL database,
                "postgresql+psycopg://user:password@host/database".
            sources: The kinds of files that are followed.

        Raises:
            UsageError: It is not a path, or it is the folder of a single run.
            NotFoundError: No such folder.
        """
        self.folder = folder_of(folder, "the folder of a store").resolve()
        if not self.folder.is_dir():
            raise NotFoundError(f"no folder {str(folder)!r}; netscope.init(dir={str(folder)!r}) creates it")
        listing = RunFolder(self.folder.name, self.folder.parent, sources).list_journals()
        if listing is not None and listing.names:
            raise UsageError(
                f"{str(folder)!r} is the folder of a single run; open its parent folder: {str(self.folder.parent)!r}"
            )
        self.writable = is_writable(self.folder)
        self._indexer = Indexer(self.folder, index, sources)
        self.read = Readers(self._indexer)
        """Readers by kind of data: series, summaries, histograms, media, layers, console."""
        self._editor = Editor()

    def __enter__(self) -> Store:
        """Return the store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        self.close()

    def __repr__(self) -> str:
        with contextlib.suppress(StorageError):  # the database may not answer
            self.refresh(0.0)  # finds all runs, though not all of their data
        return f"<store {self.folder}: {len(self._indexer.runs):,} runs>"

    def _repr_html_(self) -> str:
        """Show the page in a notebook cell."""
        return display.notebook().frame(self.folder)

    @property
    def backend(self) -> Backend:
        """The kind of database that holds the index."""
        return self._indexer.index.backend

    @property
    def revision(self) -> int:
        """Increases with every change of any run."""
        return self._indexer.revision

    @property
    def problems(self) -> list[str]:
        """Problems with the index, as sentences."""
        return list(self._indexer.writer.problems)

    @property
    def is_behind(self) -> bool:
        """Whether `refresh` left data unread because its time was up."""
        return self._indexer.is_behind

    @property
    def reading(self) -> tuple[int, int]:
        """Number of completely read runs, and of all runs."""
        return self._indexer.reading

    @property
    def bytes_read(self) -> int:
        """Bytes of journals read since this store was opened."""
        return self._indexer.bytes_read

    def close(self) -> None:
        """Close the index."""
        self._indexer.index.close()

    def answer_within(self, seconds: float) -> None:
        """Answer queries within about this time from the data read so far; `Run.total_bytes` shows what is missing."""
        self._indexer.patience_s = seconds

    def begin_with(self, run_ids: Sequence[str]) -> None:
        """Find these runs and read their beginnings now, so that they appear in the table."""
        self._indexer.begin_with(run_ids)

    def refresh(self, budget_s: float | None = 0.5, *, everything: bool = False, first: Sequence[str] = ()) -> set[str]:
        """Read new data of all runs; returns the ids of changed runs. Cheap if nothing changed.

        Args:
            budget_s: Stop after about this many seconds, newest runs first (`is_behind` tells whether there is more);
                None: read everything.
            everything: Check all idle runs instead of only the next few hundred.
            first: Check and completely read these runs first, however long that takes.
        """
        return self._indexer.refresh(budget_s, everything=everything, first=first)

    def find(self, run_id: str) -> FoundRun:
        """The store of a run and its id there, as in `Stores`. The run itself may be missing."""
        return FoundRun(self, run_id, "")

    def check_is_there(self, run_id: str) -> None:
        """Check that a run exists.

        Raises:
            NotFoundError: No such run; the message lists the existing ones.
        """
        self._run_folder(run_id)

    def table(self, since: int = 0, keys: Sequence[str] = ()) -> RunTable:
        """The runs that changed since a revision, oldest first, with the summaries of some keys."""
        with self._indexer.lock:
            revision = self._indexer.revision
            rows = [f.run for f in self._indexer.runs.values() if f.revision > since]
            removed = [run_id for at, run_id in self._indexer.removed if at > since] if since else []
        rows.sort(key=lambda run: (run.created, run.id))
        rows = self._with_summaries(rows, keys)
        return RunTable(revision, rows, removed)

    def keys(self, run_ids: Sequence[str], kind: Kind | None = None) -> Keys:
        """The keys of series and histograms of these runs, and how many runs have each. Missing runs have none."""
        self._indexer.ensure_read()
        alike: Counter[tuple[frozenset[KeySet], frozenset[str]]] = Counter()
        with self._indexer.lock:
            for run_id in run_ids:
                run_folder = self._indexer.runs.get(run_id)
                if run_folder is not None:
                    sets = frozenset(keys for f in run_folder.followers for keys in f.key_sets)
                    alike[sets, frozenset(key for f in run_folder.followers for key in f.metadata.n_histograms)] += 1
        found: Counter[tuple[str, Kind]] = Counter()
        for (sets, histograms), n in alike.items():
            names: set[tuple[str, Kind]] = set()
            if kind in (None, "histogram"):
                names.update((key, "histogram") for key in histograms)
            for keys in sets:
                if keys.kind != "bins" and kind in (None, keys.kind):
                    names.update((key, keys.kind) for key in keys.keys)
            for name in names:
                found[name] += n
        ordered = sorted(found.items(), key=lambda item: (natural(item[0][0]), item[0][1]))
        return Keys([Key(key, what, n) for (key, what), n in ordered])

    def columns(
        self, run_ids: Sequence[str], key: str, kind: Kind = "scalar", view: ChartView | None = None
    ) -> dict[str, SeriesColumns]:
        """The series of one key of some runs, in one query; runs without the key are left out.

        With a view, a series with far more points than pixels is returned as an outline: the extremes per 64 points.

        Raises:
            NotFoundError: No such run.
        """
        return self.read.series.columns(run_ids, key, kind, view)

    def means(self, columns: Mapping[str, SeriesColumns], key: str, kind: Kind, weight: float) -> dict[str, Means]:
        """Moving averages over all points of series, by run; `columns` must have been read without a view."""
        return self.read.means.of(columns, key, kind, weight)

    def detail(self, run_id: str) -> RunDetail:
        """Everything about one run except its series.

        Raises:
            NotFoundError: No such run.
        """
        self._indexer.ensure_read()
        with self._indexer.lock:
            run_folder = self._run_folder(run_id)
            followers = run_folder.ordered
            run, attempts = run_folder.run, list(run_folder.attempts)
            config = json_text(config_of(followers))
            writers = [writer_of(f) for f in followers if attempt_of(f)]
            problems = problems_of(followers)
        return RunDetail(
            run, str(run_folder.folder), config, self.read.layers.environment(run_id), attempts, writers, problems
        )

    def unreadable(self, run_id: str) -> str:
        """Why a run cannot be read at all, for instance a journal of a newer version; else ''.

        Raises:
            NotFoundError: No such run.
        """
        with self._indexer.lock:
            return unreadable(self._run_folder(run_id).ordered)

    def blob(self, run_id: str, name: str) -> Path:
        """The path of a blob; never outside the run's folder.

        Raises:
            NotFoundError: No such run, not a blob name, or a link that leads out of the folder.
        """
        return blobs.path_inside(self._run_folder(run_id).folder, name)

    def runs(self, where: str | Callable[[StoredRun], bool] | None = None, sort: str | None = None) -> list[StoredRun]:
        """The current runs, oldest first.

        Args:
            where: A filter such as `config.lr < 0.01 and state == "running"` (docs/query.md), plain words, or a
                function of a run.
            sort: A field, `config.lr` or `summary["val/acc"].max`; a leading "-" sorts in descending order.

        Raises:
            UsageError: `where` or `sort` is invalid.
        """
        if not (where is None or isinstance(where, str) or callable(where)):
            raise UsageError(
                f"where: expected a filter such as 'config.lr < 0.01' or a function of a run, got {where!r:.80}"
            )
        if not (sort is None or isinstance(sort, str)):
            raise UsageError(f"sort: expected a text such as '-created' or 'config.lr', got {sort!r:.80}")
        self.refresh(None, everything=True)
        known = self._known_keys() if where or sort else None
        asked = run_filter.parse_filter(where if isinstance(where, str) else "", known)
        order = run_filter.order_of(sort, known) if sort is not None else None
        rows = self.table(keys=sorted({*asked.keys, *(order.keys if order else [])})).runs
        passing = [run for run in rows if asked.test(run)]
        found = [StoredRun(self, run) for run in (run_filter.sort(passing, order) if order else passing)]
        return [run for run in found if where(run)] if callable(where) else found

    def _known_keys(self) -> KnownKeys | None:
        """The keys that names in a filter may refer to; None without runs, so that any name is accepted."""
        rows = self.table().runs
        if not rows:
            return None
        series = [key.key for key in self.keys([run.id for run in rows], "scalar").keys]
        # A headline number may be set for a key without a series.
        series += [key for run in rows for key in run.rules]
        return KnownKeys(list(dict.fromkeys(key for run in rows for key in run.config)), list(dict.fromkeys(series)))

    def run(self, id_or_name: str) -> StoredRun:
        """One run by id or name.

        Raises:
            NotFoundError: No such run; the message lists the existing ones.
            UsageError: Several runs have this name; the message lists their ids.
        """
        self.refresh(None, everything=True)
        run_folder = self._indexer.run_folder(id_or_name)
        if run_folder is not None:
            return StoredRun(self, run_folder.run)
        rows = self.table().runs
        named = [run for run in rows if run.name == id_or_name]
        if not named:
            raise NotFoundError(unknown_run(id_or_name, [run.name for run in rows]))
        if len(named) > 1:
            raise UsageError(ambiguous_name(id_or_name, [run.id for run in named]))
        return StoredRun(self, named[0])

    def edit(self, request: EditRequest) -> list[Run]:
        """Change name, notes, tags or archived flag of runs; returns the changed runs.

        Raises:
            NotFoundError: One of the runs does not exist; nothing is written.
            StorageError: The folder cannot be written.
        """
        self._need_writable("edited")
        run_ids = list(dict.fromkeys(request.runs))
        for run_id in run_ids:
            self._run_folder(run_id)
        self._indexer.refresh(0.0, first=run_ids)  # so that tags the run has just added are kept
        for one in [self._run_folder(run_id) for run_id in run_ids]:
            changed = change(request, one.run)
            if changed:
                with self._indexer.lock:
                    latest = max((f.metadata.last_edit for f in one.followers), default=0.0)
                self._editor.append(one.folder, changed, latest)
        self._indexer.refresh(0.0, first=run_ids)
        return [self._run_folder(run_id).run for run_id in run_ids]

    def delete(self, run_ids: Sequence[str], force: bool = False) -> Deleted:
        """Move runs to the trash. Runs that are, or may be, still running are kept unless `force` is given.

        Raises:
            UsageError: `run_ids` is one id, not a list.
            StorageError: The folder cannot be written.
        """
        _check_list(run_ids)
        self._need_writable("deleted")
        self._indexer.refresh(0.0, first=run_ids)
        done: list[str] = []
        problems: list[str] = []
        written: list[str] = []
        for run_id in dict.fromkeys(run_ids):
            run_folder = self._indexer.run_folder(run_id)
            if run_folder is None and trash.has(self.folder, run_id):
                problems.append(f"run {run_id!r} is in the trash already; store.restore([{run_id!r}]) brings it back")
            elif run_folder is None:
                problems.append(unknown_run(run_id, list(self._indexer.runs)))
            elif not force and (why := run_folder.may_be_written(self._indexer.clock)):
                written.append(run_id)
                problems.append(
                    f"{visible(run_folder.run.name)} {why}; stop it first, or delete it anyway (in Python: force=True)"
                )
            else:
                try:
                    trash.put(self.folder, run_id)
                    done.append(run_id)
                except OSError as error:
                    problems.append(f"{visible(run_folder.run.name)} could not be moved to the trash: {error.strerror}")
        self._indexer.remove(done)
        return Deleted(done, problems, written)

    def restore(self, run_ids: Sequence[str]) -> Deleted:
        """Bring runs back from the trash.

        Raises:
            UsageError: `run_ids` is one id, not a list.
            StorageError: The folder cannot be written.
        """
        restored = self._take_from_trash(run_ids, trash.take, "restored")
        self.refresh(None, everything=True)
        return restored

    def trash(self) -> list[Trashed]:
        """The deleted runs, most recently deleted first."""
        return trash.listed(self.folder, self._indexer.sources)

    def delete_for_good(self, run_ids: Sequence[str]) -> Deleted:
        """Permanently delete runs that are in the trash.

        Raises:
            UsageError: `run_ids` is one id, not a list.
            StorageError: The folder cannot be written.
        """
        return self._take_from_trash(run_ids, trash.delete_for_good, "deleted")

    def _take_from_trash(self, run_ids: Sequence[str], take: Callable[[Path, str], None], done_as: str) -> Deleted:
        """Take runs out of the trash; what fails for one run is reported, and the others are still taken."""
        _check_list(run_ids)
        self._need_writable(done_as)
        done, problems = [], []
        for run_id in dict.fromkeys(run_ids):
            try:
                take(self.folder, run_id)
                done.append(run_id)
            except NotFoundError as error:
                problems.append(str(error))
            except OSError as error:
                problems.append(f"{run_id} could not be {done_as}: {error.strerror}")
        return Deleted(done, problems)

    def _with_summaries(self, rows: list[Run], keys: Sequence[str]) -> list[Run]:
        found: dict[str, dict[str, Summary]] = defaultdict(dict)
        for key in keys:
            for run_id, summary in self.read.summaries.of([run.id for run in rows], key).items():
                found[run_id][key] = summary
        return [msgspec.structs.replace(run, summary=found[run.id]) if run.id in found else run for run in rows]

    def _run_folder(self, run_id: str) -> RunFolder:
        return self.read.series.run_folder(run_id)

    def _need_writable(self, done: str) -> None:
        if not self.writable:
            raise StorageError(f"runs in {self.folder} cannot be {done}: the folder is read-only")
