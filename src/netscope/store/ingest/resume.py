"""What a process that resumes a run needs to know: name, attempt, next step, configuration, and who writes it.

What the index knows of a journal is taken from there, and the rest of the journal is followed; without an index all of
it is followed. The index is only read, never made, filled or waited for: a training must not depend on it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from netscope.errors import FormatError, NotFoundError, UsageError
from netscope.schema.noun import Number
from netscope.schema.run import Rule
from netscope.store.index.read_only import Known, known_journals
from netscope.store.ingest.folder_clock import FolderClock
from netscope.store.ingest.run_folder import RunFolder
from netscope.store.ingest.run_row import config_of, run_of
from netscope.store.ingest.run_state import Life, attempt_of
from netscope.store.journal.follower import Follower
from netscope.store.journal.metadata import Start

PIECE = 8 << 20
BEGINNING_BYTES = 16 << 10  # of a journal; its name and the edits that `init` writes are there


class Past(NamedTuple):
    """A run so far."""

    name: str
    attempt: int
    """The last one; 0 if there is none."""
    step: int
    """The one after the last step of a scalar; 0 if there is none."""
    config: dict[str, Any]
    rules: dict[str, Rule | Number]
    writer: Start | None
    """A process that still writes it, if there is one."""


def find(root: Path, wanted: str) -> Path:
    """The folder of the run with this id or name.

    Raises:
        NotFoundError: There is none; the message lists the newest.
        UsageError: Several have this name; the message lists their ids.
    """
    if wanted and Path(wanted).name == wanted and _listed(root / wanted).journals:
        return root / wanted
    known = known_journals(root)
    names = {run.folder: _name(run, known) for run in _runs(root)}
    found = [folder for folder, name in names.items() if name == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(sorted(folder.name for folder in found))
        raise UsageError(f"{len(found)} runs are named {wanted!r}; give the id of one of them: {ids}")
    newest = sorted(names, reverse=True)[:8]
    there = ", ".join(f"{names[folder]} ({folder.name})" for folder in newest) or "no run"
    raise NotFoundError(f"no run {wanted!r} in {root}; the folder has: {there}{' …' if len(names) > 8 else ''}")


def read(folder: Path) -> Past:
    """All that a new attempt of the run in `folder` goes on from."""
    run = _listed(folder)
    _take_over(run, known_journals(folder.parent, run.id))
    clock = FolderClock(folder.parent)
    for follower in run.followers:
        _follow(follower)
    run.judge(clock)
    for follower in run.followers:
        if run.lives.get(follower.name) in (Life.SILENT, Life.GONE):
            _follow(follower, thorough=True)
    run.judge(clock)
    attempts = [f for f in run.ordered if attempt_of(f)]
    last = max(((attempt_of(f), *f.head.last_row) for f in attempts if f.head.last_row), default=None)
    writer = next((f.head.start for f in attempts if run.lives[f.name] is Life.ALIVE), None)
    row = run_of(run.id, run.ordered, [], 0)
    step = last[-1] + 1 if last is not None else 0
    return Past(row.name, _last_attempt(run), step, config_of(run.ordered), row.rules, writer)


def joined(folder: Path) -> tuple[str, int]:
    """Name and last attempt of the run in `folder`, from the beginnings of its journals; '' and 0 if it has none."""
    run = _listed(folder)
    attempt = _last_attempt(run)
    return (_name(run, Known()) if attempt else ""), attempt


def _runs(root: Path) -> Iterator[RunFolder]:
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return
    runs = (_listed(root / name) for name in names)
    yield from (run for run in runs if run.journals)


def _listed(folder: Path) -> RunFolder:
    """A run and its journals, of which nothing is read yet."""
    run = RunFolder(folder.name, folder.parent)
    listing = run.look()
    if listing is not None:
        run.have(listing)
    return run


def _take_over(run: RunFolder, known: Known) -> None:
    """Begin each journal where the index left off, unless the file is shorter than that."""
    for name, follower in list(run.journals.items()):
        saved = known.journals.get((run.id, name))
        with contextlib.suppress(OSError):  # reading it says why
            if saved is not None and os.stat(follower.place).st_size >= saved.upto:
                run.journals[name] = saved.follower(follower.place, known.key_sets)


def _name(run: RunFolder, known: Known) -> str:
    """The name a run has now; of what the index does not know only the beginning is read, except of edits."""
    _take_over(run, known)
    for follower in run.followers:
        if not attempt_of(follower):
            _follow(follower)
        elif not follower.offset:
            _grow(follower, BEGINNING_BYTES)
    run.arrange()
    return _name_of(run)


def _name_of(run: RunFolder) -> str:
    return run_of(run.id, run.ordered, [], 0).name


def _last_attempt(run: RunFolder) -> int:
    return max((attempt_of(f) for f in run.followers), default=0)


def _follow(follower: Follower, *, thorough: bool = False) -> None:
    """Read to the end; points are not kept."""
    while _grow(follower, PIECE, thorough=thorough) >= PIECE:
        pass


def _grow(follower: Follower, most: int, *, thorough: bool = False) -> int:
    """Read about `most` bytes and return how many; a journal that cannot be read counts as read."""
    try:
        return follower.grow(most, thorough=thorough)
    except FormatError as error:
        follower.problem = str(error)
    except OSError as error:
        follower.problem = f"{follower.name} cannot be read: {error.strerror or error}"
    finally:
        follower.indexed_upto(follower.offset)
    return 0
