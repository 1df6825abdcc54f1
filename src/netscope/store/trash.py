"""The trash: move runs to `.netscope/trash` and back, list them, or delete them permanently."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from pathlib import Path

from netscope.errors import FormatError, NotFoundError
from netscope.schema.run import Trashed
from netscope.store.folder import FOLDER
from netscope.store.ingest.folder_clock import FolderClock
from netscope.store.ingest.run_folder import RunFolder, is_folder, is_text
from netscope.store.sources import Sources

BEGINNING_BYTES = 16 << 10  # of a journal; contains the run's name


def folder_of(store: Path) -> Path:
    """The folder of deleted runs."""
    return store / FOLDER / "trash"


def has(store: Path, run_id: str) -> bool:
    """Whether a run is in the trash."""
    is_name = "/" not in run_id and "\\" not in run_id and run_id not in ("", ".", "..")
    return is_name and os.path.isdir(folder_of(store) / run_id)  # Path.is_dir raises for very long names


def put(store: Path, run_id: str) -> None:
    """Move a run to the trash; if that has a run of the same id, the new one gets a numbered suffix.

    Raises:
        OSError: The move failed.
    """
    trash = folder_of(store)
    trash.mkdir(parents=True, exist_ok=True)
    names = itertools.chain([run_id], (f"{run_id}.{n}" for n in itertools.count(2)))
    place = next(trash / name for name in names if not (trash / name).exists())
    (store / run_id).rename(place)
    with contextlib.suppress(OSError):
        os.utime(place)  # the time of deletion


def take(store: Path, run_id: str) -> None:
    """Move a run out of the trash.

    Raises:
        NotFoundError: It is not in the trash.
        OSError: The move failed, or a run with this id exists.
    """
    if not has(store, run_id):
        raise NotFoundError(f"no run {run_id!r} in the trash")
    if (store / run_id).exists():
        raise FileExistsError(17, "a run with this id already exists", run_id)
    (folder_of(store) / run_id).rename(store / run_id)


def listed(store: Path, sources: Sources) -> list[Trashed]:
    """The deleted runs, most recently deleted first. Only the beginning of each file is read."""
    trash = folder_of(store)
    try:
        with os.scandir(trash) as entries:
            names = [entry.name for entry in entries if is_text(entry.name) and is_folder(entry)]
    except OSError:
        return []
    clock = FolderClock(store)
    found = [_read(trash, name, clock, sources) for name in names]
    return sorted(found, key=lambda one: (-one.deleted, one.id))


def delete_for_good(store: Path, run_id: str) -> None:
    """Permanently delete a run that is in the trash.

    Raises:
        NotFoundError: It is not in the trash.
        OSError: Deletion failed; the remaining files stay in the trash.
    """
    if not has(store, run_id):
        raise NotFoundError(f"no run {run_id!r} in the trash")
    shutil.rmtree(folder_of(store) / run_id)


def _read(trash: Path, name: str, clock: FolderClock, sources: Sources) -> Trashed:
    folder = RunFolder(name, trash, sources)
    if (listing := folder.list_journals()) is not None:
        folder.set_journals(listing)
    for follower in folder.followers:
        with contextlib.suppress(OSError, FormatError):  # then it is listed under its id
            follower.read_new(BEGINNING_BYTES)
    folder.update_state(clock)
    folder.update_row(0)
    run = folder.run
    return Trashed(name, run.name, run.created, (folder.mtime() or 0) / 1e9, run.tags, _size(trash / name))


def _size(folder: Path) -> int:
    total = 0
    for place, _, files in os.walk(folder):
        for file in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, file)).st_size
    return total
