"""Begin a run: a folder with an id, a journal in it, and what is captured beside the numbers."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from netscope.errors import StorageError, UsageError
from netscope.record import beside, process, process_hooks, run_names
from netscope.record.abandoned import end_abandoned
from netscope.record.capture.console import capture
from netscope.record.config import plain_config
from netscope.record.first_line import print_line
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
    """Begin to record a run.

    Args:
        dir: Folder of all runs; without it that of NETSCOPE_DIR, or "runs".
        name: What people call it; without it an adjective and a noun.
        config: A dict, a dataclass, a namespace, or another object with names and values.
        tags: Words to find it by; more with `run.tag`.
        notes: What to know of it; more with `run.note`.
        resume: Name or id of a run to go on with, as a new attempt.
        join: An id that several processes agree on (ranks, workers): all write one run, whoever comes first makes it.
        watch_system: Record what the machine does, every few seconds.
        console: Record what is printed, too.
        quiet: Do not print the line that says where the run is recorded and how to see it.

    With NETSCOPE_MODE=disabled in the environment calls are checked, and nothing is recorded. Nor is it where a worker
    process that was spawned imports the script only to find its functions (a DataLoader's, on macOS and Windows): what
    a worker itself calls, or a run that it is given, is recorded.

    A run that nobody refers to any more, or whose notebook cell ran again, ends as "abandoned" when another begins.

    Raises:
        UsageError: Arguments that cannot mean anything, or a name that several runs have.
        NotFoundError: No run to resume.
        StorageError: The folder cannot be written.
    """
    _check(name, tags, notes, resume, join)
    notes, tags = str.__str__(notes), [str.__str__(tag) for tag in tags]
    name, resume, join = (None if text is None else str.__str__(text) for text in (name, resume, join))
    values = plain_config(config if config is not None else {})
    root = _root(dir)
    cell = current_cell()
    warn = end_abandoned(cell)
    is_imported = process.is_importing_main()
    if is_imported or _is_disabled():
        off = Session(root / (join or run_names.an_id()), name or "disabled", is_off=True)
        off.config.update(values)
        if is_imported:
            off.on_next_log(_tell_of_import)
        process_hooks.remember(off)
        warn()
        return Run(off)
    session = _place(root, name, resume, join)
    session.cell = cell
    session.on_start(lambda: _environment(session))
    if watch_system:
        ends = _system_names(session, join is not None)
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
        beside.attempt("the line that says what is recorded", lambda: print_line(session), None)
    if console:
        beside.attempt("the capture of the console", lambda: capture(session), None)
    warn()
    return Run(session)


def _tell_of_import(step: int) -> None:
    beside.warn_once(
        "import",
        "this run records nothing: it was made while a spawned worker imported the script. Give the worker the run of "
        "the main process as an argument, or call netscope.init where the worker works",
    )


def _environment(session: Session) -> None:
    """Where the run runs. On the background thread, which imports this for itself: `init` does not wait for it."""
    from netscope.record.capture import environment  # noqa: PLC0415  (lists the installed packages: slow to import)

    found = environment.capture()
    session.put_event({"event": "environment", "environment": msgspec.to_builtins(found)})


def _system(session: Session, of_machine: str | None, of_process: str) -> None:
    """What the machine does, from now on."""
    from netscope.record.capture import system  # noqa: PLC0415  (loads psutil)

    system.watch(session, system.Names(of_machine, of_process))


def _system_names(session: Session, is_shared: bool) -> tuple[str | None, str]:
    """Suffixes of the system keys, for machine and process; no machine if another process of it records its figures."""
    if not is_shared:
        return "", ""
    local = process.local_rank()
    is_told = host.has_written(session.folder) if local is None else local > 0
    own = f"{os.getpid()} on {host.host()}" if session.rank is None else f"rank {session.rank}"
    return None if is_told else f"@{host.host()}", f"@{own}"


def _root(dir: object) -> Path:
    """The folder of all runs."""
    if dir is None and (of_environment := os.environ.get("NETSCOPE_DIR")):
        return folder_of(of_environment, "NETSCOPE_DIR")
    return folder_of(DEFAULT_DIR if dir is None else dir)


def _place(root: Path, name: str | None, resume: str | None, join: str | None) -> Session:
    """The session in its folder."""
    rank = process.rank()
    if resume is not None:
        from netscope.store.ingest import resume as so_far  # noqa: PLC0415  (loads numpy and sqlalchemy)

        folder = so_far.find(root, resume)
        before = so_far.read(folder)
        if (other := before.writer) is not None:
            warnings.warn(
                f"run {before.name!r} is still running (process {other.pid} on {other.host}): both go on to write it, "
                f"this one as attempt {before.attempt + 1}, which replaces what the other logs from the same steps on. "
                'Stop the other one first; ranks and workers of one run give join="an-id-they-agree-on" instead',
                stacklevel=depth_of_caller(),
            )
        session = Session(folder, name or before.name, before.attempt + 1, rank=rank, step=before.step)
        session.config.remember(before.config)
        session.summary.remember(before.rules)
        return session
    try:
        root.mkdir(parents=True, exist_ok=True)
        if join is not None:
            folder = root / join
            try:
                folder.mkdir()
            except FileExistsError:
                from netscope.store.ingest import resume as so_far  # noqa: PLC0415

                known, attempt = so_far.joined(folder)
                return Session(folder, known or name or join, max(attempt, 1), rank=rank)
            return Session(folder, name or join, rank=rank)
        while True:
            folder = root / run_names.an_id()
            try:
                folder.mkdir()
            except FileExistsError:
                continue  # someone began within the same second and drew the same letters
            return Session(folder, name or run_names.a_name(), rank=rank)
    except OSError as error:
        raise StorageError(f"no run can be recorded in {root}: {error.strerror or error}") from error


def _check(name: Any, tags: Any, notes: Any, resume: Any, join: Any) -> None:
    if name is not None and (not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME):
        raise UsageError(f"name is a text of 1 to {LONGEST_NAME} characters, found {name!r:.80}")
    if isinstance(tags, str) or not isinstance(tags, Collection) or not all(isinstance(tag, str) for tag in tags):
        raise UsageError(f"tags is a list of texts, found {tags!r:.80}; write tags=[…]")
    if not isinstance(notes, str):
        raise UsageError(f"notes is a text, found {type(notes).__name__}")
    for what, texts in ("name", [name or ""]), ("tags", tags), ("notes", [notes]):
        check_texts(what, texts)
    if resume is not None and join is not None:
        raise UsageError("resume begins a new attempt, join goes into the one that is; give one of them")
    if resume is not None and not isinstance(resume, str):
        raise UsageError(f"resume is the name or id of a run, found {resume!r:.80}")
    if join is not None and (not isinstance(join, str) or not _JOINED.fullmatch(join)):
        raise UsageError(
            f"join is an id of letters, digits, '.', '_' and '-' that all processes agree on, found {join!r:.80}"
        )


def _is_disabled() -> bool:
    mode = os.environ.get("NETSCOPE_MODE", "").strip().lower()
    if mode not in ("", "record", "disabled"):
        raise UsageError(f'NETSCOPE_MODE is "record" or "disabled", found {mode!r}')
    return mode == "disabled"
