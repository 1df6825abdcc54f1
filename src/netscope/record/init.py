"""Begin a run: create its folder and journal, and start capturing console, system metrics and environment."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from netscope.errors import StorageError, UsageError
from netscope.record import guard, process, process_hooks, run_names
from netscope.record.abandoned import end_abandoned
from netscope.record.capture.console import capture
from netscope.record.config import plain_config
from netscope.record.first_line import print_first_line
from netscope.record.notebook_cell import current_cell
from netscope.record.run import Run
from netscope.record.session import Session
from netscope.record.stacklevel import depth_of_caller
from netscope.store.folder import folder_of
from netscope.store.journal import host
from netscope.store.journal.limits import LONGEST_NAME, check_texts

DEFAULT_DIR = "runs"
_JOINED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def init(
    dir: str | os.PathLike[str] | None = None,
    name: str | None = None,
    config: Any = None,
    tags: Sequence[str] = (),
    notes: str = "",
    resume: str | None = None,
    join: str | None = None,
    watch_system: bool = True,
    console: bool = True,
    quiet: bool = False,
) -> Run:
    """Start recording a run.

    Args:
        dir: Folder that holds all runs. Defaults to the environment variable NETSCOPE_DIR, else "runs".
        name: Name of the run. Defaults to a random adjective and noun.
        config: Settings, as a dict, a dataclass, a namespace, or another object with named values.
        tags: Tags to find the run by; add more with `run.tag`.
        notes: Free text about the run; add more with `run.note`.
        resume: Name or id of a run to continue, as a new attempt.
        join: An id that several processes (ranks, workers) agree on. All write to one run; the first creates it.
        watch_system: Record system metrics every few seconds.
        console: Record printed output.
        quiet: Do not print the line that says where the run is recorded and how to view it.

    With NETSCOPE_MODE=disabled in the environment, arguments are checked but nothing is recorded. Nothing is recorded
    either while a spawned worker process (of a DataLoader on macOS and Windows) imports the script to find its
    functions; a worker does record to a run that it starts itself or is given.

    A run without references, or whose notebook cell ran again, ends as "abandoned" when another run begins.

    Raises:
        UsageError: An invalid argument, or `resume` is a name that several runs have.
        NotFoundError: There is no run `resume`.
        StorageError: The folder cannot be written.
    """
    _check(name, tags, notes, resume, join)
    notes, tags = str.__str__(notes), [str.__str__(tag) for tag in tags]
    name, resume, join = (None if text is None else str.__str__(text) for text in (name, resume, join))
    values = plain_config(config if config is not None else {})
    root = _root(dir)
    cell = current_cell()
    is_imported = process.is_importing_main()
    if is_imported or _is_disabled():
        off = Session(root / (join or run_names.new_id()), name or "disabled", is_disabled=True)
        off.config.update(values)
        if is_imported:
            off.on_next_log(_warn_of_import)
        warn = end_abandoned(cell)
        process_hooks.register(off)
        warn()
        return Run(off)
    # What may fail comes first: other runs go on if this one does not begin.
    if resume is not None:
        folder = _find(root, resume)
        warn = end_abandoned(cell)  # perhaps the very run that is resumed
        session = _resume_session(folder, name)
    else:
        session = _create_session(root, name, join)
        warn = end_abandoned(cell)
    session.cell = cell
    session.on_start(lambda: _environment(session))
    if watch_system:
        ends = _system_suffixes(session, join is not None)
        session.on_start(lambda: _system(session, *ends))
    is_first = join is None or session.rank == 0 or not host.has_journals(session.folder)
    session.open()
    if resume is not None:
        session.put_event({"event": "attempt", "fork_step": None})
    if resume is not None and name is not None:
        session.put_event({"event": "edit", "name": name})
    session.add("tags", tags)
    session.add("notes", [notes] if notes else [])
    session.config.update(values)
    if is_first and not quiet:
        guard.attempt("printing where the run is recorded", lambda: print_first_line(session), None)
    if console:
        guard.attempt("capturing the console", lambda: capture(session), None)
    warn()
    return Run(session)


def _warn_of_import(step: int) -> None:
    guard.warn_once(
        "import",
        "this run records nothing: it was created while a spawned worker process imported the script. Pass the run of "
        "the main process to the worker as an argument, or call netscope.init inside the worker's function",
    )


def _environment(session: Session) -> None:
    """Record the environment. Runs on the background thread, so that `init` need not wait for the slow import."""
    from netscope.record.capture import environment  # noqa: PLC0415  (lists the installed packages: slow to import)

    found = environment.capture()
    session.put_event({"event": "environment", "environment": msgspec.to_builtins(found)})


def _system(session: Session, of_machine: str | None, of_process: str) -> None:
    """Record system metrics from now on."""
    from netscope.record.capture import system  # noqa: PLC0415  (loads psutil)

    system.watch(session, system.KeySuffixes(of_machine, of_process))


def _system_suffixes(session: Session, is_shared: bool) -> tuple[str | None, str]:
    """Suffixes of the machine's and the process's keys; machine is None if another process records its metrics."""
    if not is_shared:
        return "", ""
    local = process.local_rank()
    is_told = host.has_written(session.folder) if local is None else local > 0
    own = f"{os.getpid()} on {host.host()}" if session.rank is None else f"rank {session.rank}"
    return None if is_told else f"@{host.host()}", f"@{own}"


def _root(dir: object) -> Path:
    """The folder that holds all runs."""
    if dir is None and (of_environment := os.environ.get("NETSCOPE_DIR")):
        return folder_of(of_environment, "NETSCOPE_DIR")
    return folder_of(DEFAULT_DIR if dir is None else dir)


def _find(root: Path, resume: str) -> Path:
    """The folder of a run to resume."""
    from netscope.store.ingest import resume as so_far  # noqa: PLC0415  (loads numpy and sqlalchemy)

    return so_far.find(root, resume)


def _resume_session(folder: Path, name: str | None) -> Session:
    """A new attempt of the run in `folder`."""
    from netscope.store.ingest import resume as so_far  # noqa: PLC0415

    before = so_far.read(folder)
    if (other := before.writer) is not None:
        warnings.warn(
            f"run {before.name!r} is still running (process {other.pid} on {other.host}). Both processes now write "
            f"to it; this one is attempt {before.attempt + 1} and replaces what the other logs at the same steps. "
            'Stop the other process first; for ranks and workers of one run use join="an-id-they-agree-on" instead',
            stacklevel=depth_of_caller(),
        )
    session = Session(folder, name or before.name, before.attempt + 1, rank=process.rank(), step=before.step)
    session.config.remember(before.config)
    session.summary.remember(before.rules)
    return session


def _create_session(root: Path, name: str | None, join: str | None) -> Session:
    """Create the run's folder, or find that of a run to join."""
    rank = process.rank()
    try:
        root.mkdir(parents=True, exist_ok=True)
        if join is not None:
            folder = root / join
            try:
                folder.mkdir()
            except FileExistsError:
                from netscope.store.ingest import resume as so_far  # noqa: PLC0415

                known, attempt = so_far.read_beginning(folder)
                return Session(folder, known or name or join, max(attempt, 1), rank=rank)
            return Session(folder, name or join, rank=rank)
        while True:
            folder = root / run_names.new_id()
            try:
                folder.mkdir()
            except FileExistsError:
                continue  # another run began in the same second and drew the same letters
            return Session(folder, name or run_names.random_name(), rank=rank)
    except OSError as error:
        raise StorageError(f"cannot record a run in {root}: {error.strerror or error}") from error


def _check(name: Any, tags: Any, notes: Any, resume: Any, join: Any) -> None:
    if name is not None and (not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME):
        raise UsageError(f"name must be a string of 1 to {LONGEST_NAME} characters, got {name!r:.80}")
    if isinstance(tags, str) or not isinstance(tags, Collection) or not all(isinstance(tag, str) for tag in tags):
        raise UsageError(f"tags must be a list of strings, got {tags!r:.80}; write tags=[…]")
    if not isinstance(notes, str):
        raise UsageError(f"notes must be a string, got {type(notes).__name__}")
    for what, texts in ("name", [name or ""]), ("tags", tags), ("notes", [notes]):
        check_texts(what, texts)
    if resume is not None and join is not None:
        raise UsageError("give either resume (starts a new attempt) or join (joins the current attempt), not both")
    if resume is not None and not isinstance(resume, str):
        raise UsageError(f"resume must be the name or id of a run, got {resume!r:.80}")
    if join is not None and (not isinstance(join, str) or not _JOINED.fullmatch(join)):
        raise UsageError(
            f"join must be an id of letters, digits, '.', '_' and '-' that all processes agree on, got {join!r:.80}"
        )


def _is_disabled() -> bool:
    mode = os.environ.get("NETSCOPE_MODE", "").strip().lower()
    if mode not in ("", "record", "disabled"):
        raise UsageError(f'NETSCOPE_MODE must be "record" or "disabled", got {mode!r}')
    return mode == "disabled"
