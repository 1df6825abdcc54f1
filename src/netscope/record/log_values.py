"""Parse the argument of `log`: flatten keys, convert numbers to floats, snapshot device scalars, separate media.

All values are checked before anything is written, so an invalid value leaves nothing half-written.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from netscope.errors import UsageError
from netscope.record import guard
from netscope.store.journal.limits import text_of

if TYPE_CHECKING:
    from netscope.record.media.histogram import Histogram
    from netscope.record.media.item import Media

LARGEST_STEP = 2**53
SMALLEST_STEP = -LARGEST_STEP
LONGEST_KEY = 1024
DEEPEST = 64
MOST_KEYS = 100_000
PLAIN: set[type] = {float, int, bool}
"""Types that `struct` packs as a float directly. A NumPy scalar type is added when it is first seen."""


class LogValues(NamedTuple):
    """The parsed argument of one `log` call."""

    keys: tuple[str, ...]
    numbers: list[Any]
    """One per key: floats, and snapshots of device scalars if `has_device_scalars`."""
    has_device_scalars: bool
    media: list[tuple[str, Media | Histogram | list[Media]]]


def whole_step(step: Any) -> int:
    """Convert a step to a Python integer.

    Raises:
        UsageError: `step` is not an integer, or is beyond ±2**53, which a float cannot hold exactly.
    """
    try:
        number = None if isinstance(step, bool) else operator.index(step)
    except TypeError:
        number = None
    if number is None:
        raise UsageError(f"step must be an integer, got {step!r} of type {type(step).__name__}; write step=int(…)")
    if not SMALLEST_STEP <= number <= LARGEST_STEP:
        raise UsageError(f"step {number} is beyond ±2**53, where floats cannot tell neighbouring steps apart")
    return number


def checked_key(key: Any) -> str:
    """Check a key and return it as a plain string; accepts `str`, its subclasses and enum members.

    Raises:
        UsageError: The key is not a string, empty, over 1,024 characters, or not valid Unicode.
    """
    text = text_of(key)
    if not isinstance(text, str):
        found = " ".join(f"{key!r}".split())[:40]
        raise UsageError(
            f"a key must be a string such as 'loss', got {found} of type {type(key).__name__}; write str({found})"
        )
    if not text or len(text) > LONGEST_KEY:
        raise UsageError(f"a key must have 1 to {LONGEST_KEY:,} characters, got {len(text):,}: {text[:60]!r}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"key {text[:60]!r} is not valid Unicode: {error.reason}") from None
    return text


def parse_values(values: Any) -> LogValues:
    """Parse and check everything that was passed to `log`.

    Raises:
        UsageError: A key or value cannot be logged; the message names it and says what to do.
    """
    found: dict[str, Any] = {}
    media: dict[str, Media | Histogram | list[Media]] = {}
    _flatten(values, "", found, media, 0)
    _check_key_count(len(found) + len(media))
    return LogValues(
        tuple(found), list(found.values()), not PLAIN.issuperset(map(type, found.values())), list(media.items())
    )


def _flatten(values: Any, prefix: str, found: dict[str, Any], media: dict[str, Any], depth: int) -> None:
    if not isinstance(values, Mapping):
        raise UsageError(f'log takes a dict such as {{"loss": 0.3}}, got {type(values).__name__}: {values!r:.60}')
    if depth > DEEPEST:
        raise UsageError(f"{prefix[:60]!r}…: dicts are nested over {DEEPEST} deep; does one contain itself?")
    _check_key_count(len(found) + len(media) + len(values))
    for name, value in values.items():
        key = checked_key(prefix + checked_key(name)) if prefix else checked_key(name)
        if isinstance(value, Mapping):
            _flatten(value, key + "/", found, media, depth + 1)
            continue
        if key in found or key in media:
            raise UsageError(f"key {key!r} appears twice: nested dicts are flattened with '/'")
        if type(value) in PLAIN:
            found[key] = value if type(value) is float else _to_float(key, value)
            continue
        number = as_number(key, value)
        if number is None:
            from netscope.record.media.convert import as_media  # noqa: PLC0415  # needs NumPy, which few calls do

            for item_key, items in as_media(key, value).items():
                if item_key in found or item_key in media:
                    raise UsageError(f"key {item_key!r} appears twice")
                media[item_key] = items
        else:
            found[key] = number


def _check_key_count(n: int) -> None:
    if n > MOST_KEYS:
        raise UsageError(
            f"{n:,} keys in one call, the limit is {MOST_KEYS:,}; log many numbers of one kind as a "
            "netscope.Histogram(…) or a netscope.Array(…) under one key"
        )


def as_number(key: str, value: Any) -> Any:
    """A float, a snapshot of a device scalar, or None if `value` is not a single number.

    Raises:
        UsageError: `value` is a complex number, or an array of several numbers.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _from_tensor(key, value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic) and value.dtype.kind in "fiub":
        if value.dtype.itemsize <= 8:  # a long double may hold more than a float
            PLAIN.add(type(value))
        return _to_float(key, value)
    if isinstance(value, str | bytes) or value is None:
        return None
    size = getattr(value, "size", None)
    if isinstance(size, int) and hasattr(value, "dtype") and hasattr(value, "item"):
        return _to_float(key, value.item()) if size == 1 else _raise_array(key, getattr(value, "shape", size))
    if isinstance(value, complex) or hasattr(type(value), "__float__"):
        return _to_float(key, value)
    return None


def _from_tensor(key: str, tensor: Any) -> Any:
    if tensor.is_cpu and tensor.dim() == 0:  # the common case
        return _to_float(key, tensor.item())
    if tensor.numel() != 1:
        _raise_array(key, tuple(tensor.shape))
    if tensor.device.type == "meta":
        raise UsageError(f"{key!r} is a tensor on the meta device and has no value")
    if tensor.is_cpu or tensor.is_complex():
        return _to_float(key, tensor.item())
    # A copy on the device, queued behind the computation: the next step may overwrite the same memory.
    return tensor.detach().reshape(()).clone()


def _to_float(key: str, value: Any) -> float:
    """Convert a number to a float. Integers are rounded if necessary; those too large for a float become infinite."""
    if type(value) is float:
        return value
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        raise UsageError(
            f"{key!r} is {value!r:.60} of type {type(value).__name__}, not a real number; log its parts or its abs()"
        ) from None
    if not -LARGEST_STEP < number < LARGEST_STEP and hasattr(value, "__index__"):
        _warn_if_rounded(key, operator.index(value), number)
    return number


def _warn_if_rounded(key: str, value: int, number: float) -> None:
    if math.isinf(number) or int(number) != value:
        found = str(value) if abs(value) < 10**40 else f"a number of {value.bit_length():,} bits"
        guard.warn_once(
            "rounded",
            f"{key!r} is {found} and is recorded as {number:.17g}: logged numbers are floats, exact up to 2**53. "
            f"To keep all digits use run.config[{key!r}] = … or run.text({key!r}, str(…))",
        )


def _raise_array(key: str, shape: Any) -> None:
    raise UsageError(
        f"{key!r} is an array of shape {shape}, but log takes single numbers: reduce it (.mean()), or wrap it: "
        "netscope.Histogram(…), netscope.Array(…), netscope.Image(…)"
    )
