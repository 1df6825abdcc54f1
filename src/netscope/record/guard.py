"""The boundary between netscope and the training: netscope's own failures are warned about, never raised into it.

This is the only module in `record` that catches `Exception`.
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
    """Call a function whose failure must not stop the training.

    Only the first failure of each kind warns, because most failures repeat every few seconds.

    Args:
        what: What is attempted, as the subject of the warning: "reading the system metrics".
        call: The function to call.
        otherwise: Returned if the call fails.

    Raises:
        UsageError, MissingExtraError: Raised by `call`: the user's own mistake, which the user can fix.

    >>> attempt("the sum", lambda: 1 + 1, 0)
    2
    """

    def failed(error: Exception) -> D:
        if isinstance(error, UsageError | MissingExtraError):
            raise error
        warn_once(what, f"{what} failed; the training continues: {type(error).__name__}: {error}"[:1000])
        return otherwise

    return call_or(failed, call)


def call_or(failed: Callable[[Exception], D], call: Callable[..., T], *given: Any) -> T | D:
    """Return `call(*given)`, or `failed(error)` if it raises.

    >>> call_or(str, lambda: 1 / 0)
    'division by zero'
    """
    try:
        return call(*given)
    except Exception as error:  # noqa: BLE001  # the boundary
        return failed(error)


def forget_warnings() -> None:
    """Let every kind of warning be shown again."""
    _warned.clear()


def warn_once(kind: str, sentence: str) -> None:
    """Warn once per kind and process, at the user's line of code."""
    if kind not in _warned:
        _warned.add(kind)
        warnings.warn(sentence, RuntimeWarning, stacklevel=depth_of_caller())
