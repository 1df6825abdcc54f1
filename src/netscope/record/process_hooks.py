"""The runs of this process that still live, and what becomes of them when it ends, crashes or forks."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Protocol


class Life(Protocol):
    """What of a run is needed here."""

    folder: Path
    is_off: bool
    """Whether it records nothing."""

    def crashed(self, error: BaseException) -> None:
        """An exception is ending the process."""

    def leaving(self, code: object) -> None:
        """`sys.exit` was called with a code that tells of a failure."""

    def finish_at_exit(self) -> None:
        """The process ends."""

    def forked(self) -> None:
        """This is a forked child now."""


_LIVING: list[Life] = []
_READY: set[str] = set()


def remember(run: Life) -> None:
    """From now on this run is finished when the process ends, as crashed if an exception ends it."""
    if run not in _LIVING:
        _LIVING.append(run)
    if not run.is_off:
        _prepare()


def forget(run: Life) -> None:
    """It is finished."""
    if run in _LIVING:
        _LIVING.remove(run)


def living() -> list[Life]:
    """Those of this process that are not over, oldest first."""
    return list(_LIVING)


def find(folder: str) -> Life | None:
    """The living run of a folder."""
    return next((run for run in _LIVING if str(run.folder) == folder), None)


def is_child() -> bool:
    """Whether this is a worker: a child of multiprocessing, or forked from a process that had a run."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return "forked" in _READY or (multiprocessing is not None and multiprocessing.parent_process() is not None)


def _prepare() -> None:
    if "process" not in _READY:
        _READY.add("process")
        atexit.register(_at_exit)
        _hook_exceptions()
        _hook_exit()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_in_child)
    multiprocessing = sys.modules.get("multiprocessing.process")
    if "child" not in _READY and multiprocessing is not None and multiprocessing.parent_process() is not None:
        # A child of multiprocessing leaves by os._exit, past atexit.
        _READY.add("child")
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.Finalize(None, _at_exit, exitpriority=100)


def _at_exit() -> None:
    error = sys.exc_info()[1]  # a child of multiprocessing is on its way out with it
    with contextlib.ExitStack() as each:
        for run in list(_LIVING):
            if error is not None and not (isinstance(error, SystemExit) and not error.code):
                run.crashed(error)
            each.callback(run.finish_at_exit)


def _in_child() -> None:
    _READY.discard("child")
    _READY.add("forked")
    for run in _LIVING:
        run.forked()


def _hook_exceptions() -> None:
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        for run in _LIVING:
            run.crashed(error)
        before(kind, error, trace)

    sys.excepthook = hook


def _hook_exit() -> None:
    """`sys.exit` raises past every hook, and `atexit` is not told of the code."""
    before = sys.exit

    def leave(status: Any = None, /) -> NoReturn:
        if status is not None and status != 0 and threading.current_thread() is threading.main_thread():
            for run in _LIVING:
                run.leaving(status)
        before(status)

    sys.exit = leave
