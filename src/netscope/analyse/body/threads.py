"""Run compiled functions, which release the interpreter's lock, in threads of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run_all(pool: ThreadPoolExecutor, tasks: Iterable[tuple[Callable[..., None], tuple[Any, ...]]]) -> None:
    """Run tasks, each a function and its arguments, and wait; the first error is raised."""
    for done in [pool.submit(function, *arguments) for function, arguments in tasks]:
        done.result()
