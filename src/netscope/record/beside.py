"""The boundary beside a training: what netscope does there may fail, and the training goes on.

No other place in `record` catches `Exception`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from netscope.errors import MissingExtraError, UsageError
from netscope.record.stacklevel import depth_of_caller

T = TypeVar("T")
D = TypeVar("D")

_warned: set[str] = set()


def attempt(what: str, call: Callable[[], T], otherwise: D) -> T | D:
    """Call something that the training can do without.

    The first failure of each kind is warned of; later ones are silent, because most come back every few seconds.

    Args:
        what: What fails, as the subject of a sentence: "the system figures".
        call: What to do.
        otherwise: Given back where it failed.

    Raises:
        UsageError, MissingExtraError: What the user asked for cannot be done, and the user can mend it.

    >>> attempt("the sum", lambda: 1 + 1, 0)
    2
    """

    def failed(error: Exception) -> D:
        if isinstance(error, UsageError | MissingExtraError):
            raise error
        warn_once(what, f"{what} failed, the training goes on: {type(error).__name__}: {error}"[:1000])
        return otherwise

    return call_or(failed, call)


def call_or(failed: Callable[[Exception], D], call: Callable[..., T], *given: Any) -> T | D:
    """What `call` returns or, where it raises, what `failed` makes of the exception.

    >>> call_or(str, lambda: 1 / 0)
    'division by zero'
    """
    try:
        return call(*given)
    except Exception as error:  # noqa: BLE001  # the boundary
        return failed(error)


def forget_warnings() -> None:
    """Warn of everything once more."""
    _warned.clear()


def warn_once(kind: str, sentence: str) -> None:
    """Warn, in the user's line; only the first time of a kind in this process."""
    if kind not in _warned:
        _warned.add(kind)
        warnings.warn(sentence, RuntimeWarning, stacklevel=depth_of_caller())
