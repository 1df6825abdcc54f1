"""The active runs of this process, and the hooks that end them when the process exits, crashes or forks."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Protocol


class ActiveRun(Protocol):
    """The part of a run that is needed here."""

    folder: Path
    is_disabled: bool
    """Whether the run records nothing."""

    def record_crash(self, error: BaseException) -> None:
        """An exception is ending the process."""

    def record_exit(self, code: object) -> None:
        """`sys.exit` was called with a code that signals a failure."""

    def finish_at_exit(self) -> None:
        """The process is exiting."""

    def after_fork(self) -> None:
        """The process is now a forked child."""


_ACTIVE: list[ActiveRun] = []
_READY: set[str] = set()


def register(run: ActiveRun) -> None:
    """Finish this run when the process exits; as crashed if an exception ends the process."""
    if run not in _ACTIVE:
        _ACTIVE.append(run)
    if not run.is_disabled:
        _install_hooks()


def unregister(run: ActiveRun) -> None:
    """Remove a finished run."""
    if run in _ACTIVE:
        _ACTIVE.remove(run)


def active_runs() -> list[ActiveRun]:
    """The runs of this process that are not over, oldest first."""
    return list(_ACTIVE)


def find(folder: str) -> ActiveRun | None:
    """The active run in a folder."""
    return next((run for run in _ACTIVE if str(run.folder) == folder), None)


def is_child() -> bool:
    """Whether this is a worker: a child of multiprocessing, or a fork of a process that had a run."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return "forked" in _READY or (multiprocessing is not None and multiprocessing.parent_process() is not None)


def _install_hooks() -> None:
    if "process" not in _READY:
        _READY.add("process")
        atexit.register(_at_exit)
        _hook_exceptions()
        _hook_exit()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_in_child)
    multiprocessing = sys.modules.get("multiprocessing.process")
    if "child" not in _READY and multiprocessing is not None and multiprocessing.parent_process() is not None:
        # Children of multiprocessing exit through os._exit, which skips atexit.
        _READY.add("child")
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.Finalize(None, _at_exit, exitpriority=100)


def _at_exit() -> None:
    error = sys.exc_info()[1]  # set in a child of multiprocessing that is crashing
    with contextlib.ExitStack() as each:
        for run in list(_ACTIVE):
            if error is not None and not (isinstance(error, SystemExit) and not error.code):
                run.record_crash(error)
            each.callback(run.finish_at_exit)


def _in_child() -> None:
    _READY.discard("child")
    _READY.add("forked")
    for run in _ACTIVE:
        run.after_fork()


def _hook_exceptions() -> None:
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        for run in _ACTIVE:
            run.record_crash(error)
        before(kind, error, trace)

    sys.excepthook = hook


def _hook_exit() -> None:
    """Wrap `sys.exit`: it bypasses `sys.excepthook`, and `atexit` does not see the exit code."""
    before = sys.exit

    def exit_with(status: Any = None, /) -> NoReturn:
        if status is not None and status != 0 and threading.current_thread() is threading.main_thread():
            for run in _ACTIVE:
                run.record_exit(status)
        before(status)

    sys.exit = exit_with
