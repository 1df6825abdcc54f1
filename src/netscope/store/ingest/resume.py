"""Find a run to resume, and read what a new attempt needs: name, attempt, next step, configuration, writer.

Indexed bytes of a journal are taken from the index, the rest is read from the file. The index is only read, never
created, written or waited for, because a training must not depend on it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from netscope.errors import FormatError, NotFoundError, UsageError
from netscope.schema.noun import Number
from netscope.schema.run import Rule
from netscope.store.index.read_only import IndexContents, read_index
from netscope.store.ingest.folder_clock import FolderClock
from netscope.store.ingest.run_folder import RunFolder
from netscope.store.ingest.run_row import config_of, run_of
from netscope.store.ingest.run_state import WriterState, attempt_of
from netscope.store.journal.follower import Follower
from netscope.store.journal.metadata import Start
from netscope.store.sources import JOURNALS
from netscope.text import visible

PIECE_BYTES = 8 << 20
BEGINNING_BYTES = 16 << 10  # of a journal; contains its name and the edits that `init` writes


class RunHistory(NamedTuple):
    """What is known of a run before a new attempt."""

    name: str
    attempt: int
    """The last attempt; 0 if there is none."""
    step: int
    """The step after the last logged scalar; 0 if there is none."""
    config: dict[str, Any]
    rules: dict[str, Rule | Number]
    writer: Start | None
    """A process that is still writing the run, if any."""


def find(root: Path, wanted: str) -> Path:
    """Find the folder of a run by id or name.

    Raises:
        NotFoundError: No such run; the message lists the newest runs.
        UsageError: Several runs have this name; the message lists their ids.
    """
    if wanted and Path(wanted).name == wanted and _listed(root / wanted).journals:
        return root / wanted
    index = read_index(root)
    names = {run.folder: _name(run, index) for run in _runs(root)}
    found = [folder for folder, name in names.items() if name == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(ambiguous_name(wanted, [folder.name for folder in found]))
    newest = sorted(names, reverse=True)[:8]
    there = ", ".join(visible(f"{names[folder]} ({folder.name})") for folder in newest) or "no run"
    raise NotFoundError(f"no run {wanted!r} in {root}; the folder has: {there}{' …' if len(names) > 8 else ''}")


def ambiguous_name(name: str, run_ids: Sequence[str]) -> str:
    """The message for a name that several runs have, which lists their ids."""
    ids = ", ".join(visible(run_id) for run_id in sorted(run_ids))
    return f"{len(run_ids)} runs are named {name!r}; give the id of one of them: {ids}"


def read(folder: Path) -> RunHistory:
    """Read what a new attempt of the run in `folder` continues from."""
    run = _listed(folder)
    _resume_from_index(run, read_index(folder.parent, run.id))
    clock = FolderClock(folder.parent)
    for follower in run.followers:
        _read_to_end(follower)
    run.update_state(clock)
    for follower in run.followers:
        if run.writer_states.get(follower.name) in (WriterState.SILENT, WriterState.GONE):
            _read_to_end(follower, thorough=True)
    run.update_state(clock)
    attempts = [f for f in run.ordered if attempt_of(f)]
    last = max(((attempt_of(f), *f.metadata.last_row) for f in attempts if f.metadata.last_row), default=None)
    writer = next((f.metadata.start for f in attempts if run.writer_states[f.name] is WriterState.ALIVE), None)
    row = run_of(run.id, run.ordered, [], 0)
    step = last[-1] + 1 if last is not None else 0
    return RunHistory(row.name, _last_attempt(run), step, config_of(run.ordered), row.rules, writer)


def read_beginning(folder: Path) -> tuple[str, int]:
    """Read name and last attempt from the beginnings of a run's journals; '' and 0 if it has none."""
    run = _listed(folder)
    attempt = _last_attempt(run)
    return (_name(run, IndexContents()) if attempt else ""), attempt


def _runs(root: Path) -> Iterator[RunFolder]:
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return
    runs = (_listed(root / name) for name in names)
    yield from (run for run in runs if run.journals)


def _listed(folder: Path) -> RunFolder:
    """A run with its list of journals, none of them read yet."""
    run = RunFolder(folder.name, folder.parent, JOURNALS)
    listing = run.list_journals()
    if listing is not None:
        run.set_journals(listing)
    return run


def _resume_from_index(run: RunFolder, index: IndexContents) -> None:
    """Start each journal after its indexed bytes, unless the file is shorter than that."""
    for name, follower in list(run.journals.items()):
        indexed = index.journals.get((run.id, name))
        with contextlib.suppress(OSError):  # reading the journal reports the error
            if indexed is not None and os.stat(follower.path).st_size >= indexed.upto:
                run.journals[name] = indexed.follower(type(follower), follower.path, index.key_sets)


def _name(run: RunFolder, index: IndexContents) -> str:
    """The current name of a run; of unindexed journals only the beginning is read, except edits."""
    _resume_from_index(run, index)
    for follower in run.followers:
        if not attempt_of(follower):
            _read_to_end(follower)
        elif not follower.offset:
            _read_some(follower, BEGINNING_BYTES)
    run.sort_journals()
    return _name_of(run)


def _name_of(run: RunFolder) -> str:
    return run_of(run.id, run.ordered, [], 0).name


def _last_attempt(run: RunFolder) -> int:
    return max((attempt_of(f) for f in run.followers), default=0)


def _read_to_end(follower: Follower, *, thorough: bool = False) -> None:
    """Read a journal to its end; points are discarded."""
    while _read_some(follower, PIECE_BYTES, thorough=thorough) >= PIECE_BYTES:
        pass


def _read_some(follower: Follower, most: int, *, thorough: bool = False) -> int:
    """Read about `most` bytes and return how many; 0 for a journal that cannot be read."""
    try:
        return follower.read_new(most, thorough=thorough)
    except FormatError as error:
        follower.problem = str(error)
    except OSError as error:
        follower.problem = f"{follower.name} cannot be read: {error.strerror or error}"
    finally:
        follower.mark_indexed(follower.offset)
    return 0
