"""What one server shows: folders of runs, models, and the jobs that work on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netscope.errors import UsageError
from netscope.show.input_files import InputFiles
from netscope.show.jobs import Jobs
from netscope.show.models import Shelf
from netscope.show.tensors import Tensors
from netscope.store.several import Runs, Stores, names_of, qualified
from netscope.store.store import Store, open_store


class Workspace:
    """Folders of runs, models, and jobs."""

    def __init__(self, stores: Sequence[Store], jobs: Jobs | None = None, models: Shelf | None = None) -> None:
        """Show open stores.

        Args:
            stores: One or several. Ids of runs are their own if there is one, else they begin with their folder's name.
            jobs: Those of the server; new ones unless given.
            models: Its shelf of models; an empty one unless given.
        """
        if not stores:
            raise UsageError("expected at least one folder of runs")
        self.stores = list(stores)
        self.runs: Runs = stores[0] if len(stores) == 1 else Stores(stores)
        self.jobs = jobs or Jobs()
        self.models = models or Shelf()
        self.inputs = InputFiles()
        self.tensors = Tensors()

    @classmethod
    def open(cls, folders: Sequence[str | Path], index: str | None = None) -> Workspace:
        """Open folders, each once.

        Args:
            folders: Of runs.
            index: None for SQLite beside the runs, or the address of a PostgreSQL database.

        Raises:
            UsageError: No folder, or that of a single run.
            NotFoundError: One is not there.
        """
        stores: dict[Path, Store] = {}
        try:
            for folder in folders:
                store = open_store(folder, index)
                if stores.setdefault(store.folder, store) is not store:
                    store.close()
            return cls(list(stores.values()))
        except BaseException:
            for store in stores.values():
                store.close()
            raise

    @property
    def names(self) -> list[str]:
        """Short, distinct names of the folders."""
        return names_of([store.folder for store in self.stores])

    @property
    def prefixes(self) -> list[tuple[str, Store]]:
        """Each store, after what goes before the ids of its runs."""
        if isinstance(self.runs, Stores):
            return [(qualified(name, ""), store) for name, store in self.runs.stores.items()]
        return [("", self.stores[0])]

    def close(self) -> None:
        """Stop the jobs and close the stores."""
        self.jobs.close()
        self.models.close()
        self.tensors.close()
        for store in self.stores:
            store.close()

    def __enter__(self) -> Workspace:
        """Use it in a `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()
