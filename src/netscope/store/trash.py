"""Deleted runs: moved whole to `.netscope/trash`, and back."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from netscope.errors import NotFoundError
from netscope.store.folder import FOLDER


def folder_of(store: Path) -> Path:
    """Where deleted runs lie."""
    return store / FOLDER / "trash"


def has(store: Path, run_id: str) -> bool:
    """Whether a run is there."""
    is_name = "/" not in run_id and "\\" not in run_id and run_id not in ("", ".", "..")
    return is_name and os.path.isdir(folder_of(store) / run_id)  # Path.is_dir fails on too long a name


def put(store: Path, run_id: str) -> None:
    """Move a run to the trash; one of the same id that is there already stays beside it.

    Raises:
        OSError: The file system refused.
    """
    trash = folder_of(store)
    trash.mkdir(parents=True, exist_ok=True)
    names = itertools.chain([run_id], (f"{run_id}.{n}" for n in itertools.count(2)))
    place = next(trash / name for name in names if not (trash / name).exists())
    (store / run_id).rename(place)


def take(store: Path, run_id: str) -> None:
    """Move a run back.

    Raises:
        NotFoundError: It is not in the trash.
        OSError: The file system refused, or a run of this id is there again.
    """
    if not has(store, run_id):
        raise NotFoundError(f"no run {run_id!r} in the trash")
    if (store / run_id).exists():
        raise FileExistsError(17, "a run of this id is there already", run_id)
    (folder_of(store) / run_id).rename(store / run_id)
