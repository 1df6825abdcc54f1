"""Sort out what was given to `log`: keys flattened, numbers as floats, device scalars for later, media apart.

Everything is looked at before anything is written, so a wrong value leaves nothing half-written.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from netscope.errors import UsageError
from netscope.record import beside
from netscope.store.journal.limits import text_of

if TYPE_CHECKING:
    from netscope.record.media.histogram import Histogram
    from netscope.record.media.types import Media

LARGEST_STEP = 2**53
SMALLEST_STEP = -LARGEST_STEP
LONGEST_KEY = 1024
DEEPEST = 64
MOST_KEYS = 100_000
PLAIN: set[type] = {float, int, bool}
"""Types that `struct` packs as a float by itself. NumPy's scalars join when the first of each kind is seen."""


class Sorted(NamedTuple):
    """What one `log` call says."""

    keys: tuple[str, ...]
    numbers: list[Any]
    """One a key: floats, and snapshots of device scalars where `is_late`."""
    is_late: bool
    media: list[tuple[str, Media | Histogram | list[Media]]]


def whole_step(step: Any) -> int:
    """A step as a Python integer.

    Raises:
        UsageError: Not a whole number, or beyond what a float holds exactly.
    """
    try:
        number = None if isinstance(step, bool) else operator.index(step)
    except TypeError:
        number = None
    if number is None:
        raise UsageError(f"step is a whole number, found {step!r} of type {type(step).__name__}; write step=int(…)")
    if not SMALLEST_STEP <= number <= LARGEST_STEP:
        raise UsageError(f"step {number} is beyond ±2**53, where charts could not tell it from its neighbours")
    return number


def checked_key(key: Any) -> str:
    """A key that can be written: the text of a `str`, of its subclasses and of an enum's member.

    Raises:
        UsageError: Not text, empty, over 1,024 characters, or no valid Unicode.
    """
    text = text_of(key)
    if not isinstance(text, str):
        found = " ".join(f"{key!r}".split())[:40]
        raise UsageError(
            f"a key is text such as 'loss', found {found} of type {type(key).__name__}; write str({found})"
        )
    if not text or len(text) > LONGEST_KEY:
        raise UsageError(f"a key has 1 to {LONGEST_KEY:,} characters, found {len(text):,}: {text[:60]!r}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"key {text[:60]!r} is no valid Unicode: {error.reason}") from None
    return text


def sort_out(values: Any) -> Sorted:
    """Look at everything that was given to `log`.

    Raises:
        UsageError: A key or value that cannot be logged, by its name and type, with the way out.
    """
    found: dict[str, Any] = {}
    media: dict[str, Media | Histogram | list[Media]] = {}
    _walk(values, "", found, media, 0)
    _check_number(len(found) + len(media))
    return Sorted(
        tuple(found), list(found.values()), not PLAIN.issuperset(map(type, found.values())), list(media.items())
    )


def _walk(values: Any, prefix: str, found: dict[str, Any], media: dict[str, Any], depth: int) -> None:
    if not isinstance(values, Mapping):
        raise UsageError(f'log takes a dict such as {{"loss": 0.3}}, found {type(values).__name__}: {values!r:.60}')
    if depth > DEEPEST:
        raise UsageError(f"{prefix[:60]!r}…: dicts within dicts, over {DEEPEST} deep; does one hold itself?")
    _check_number(len(found) + len(media) + len(values))
    for name, value in values.items():
        key = checked_key(prefix + checked_key(name)) if prefix else checked_key(name)
        if isinstance(value, Mapping):
            _walk(value, key + "/", found, media, depth + 1)
            continue
        if key in found or key in media:
            raise UsageError(f"key {key!r} is there twice: a dict within a dict is flattened with '/'")
        if type(value) in PLAIN:
            found[key] = value if type(value) is float else _one(key, value)
            continue
        number = as_number(key, value)
        if number is None:
            from netscope.record.media.types import as_media  # noqa: PLC0415  # needs NumPy, which few calls do

            for name_of, things in as_media(key, value).items():
                if name_of in found or name_of in media:
                    raise UsageError(f"key {name_of!r} is there twice")
                media[name_of] = things
        else:
            found[key] = number


def _check_number(n: int) -> None:
    if n > MOST_KEYS:
        raise UsageError(
            f"{n:,} keys in one call, the most are {MOST_KEYS:,}; many numbers of one kind are a "
            "netscope.Histogram(…) or a netscope.Array(…) under one key"
        )


def as_number(key: str, value: Any) -> Any:
    """A float, the snapshot of a device scalar, or None if it is no single number.

    Raises:
        UsageError: A complex number, or an array of several.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _from_tensor(key, value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic) and value.dtype.kind in "fiub":
        if value.dtype.itemsize <= 8:  # a long double may hold more than a float
            PLAIN.add(type(value))
        return _one(key, value)
    if isinstance(value, str | bytes) or value is None:
        return None
    size = getattr(value, "size", None)
    if isinstance(size, int) and hasattr(value, "dtype") and hasattr(value, "item"):
        return _one(key, value.item()) if size == 1 else _several(key, getattr(value, "shape", size))
    if isinstance(value, complex) or hasattr(type(value), "__float__"):
        return _one(key, value)
    return None


def _from_tensor(key: str, tensor: Any) -> Any:
    if tensor.is_cpu and tensor.dim() == 0:  # nearly always
        return _one(key, tensor.item())
    if tensor.numel() != 1:
        _several(key, tuple(tensor.shape))
    if tensor.device.type == "meta":
        raise UsageError(f"{key!r} is a tensor on the meta device, which has no value")
    if tensor.is_cpu or tensor.is_complex():
        return _one(key, tensor.item())
    # A copy on the device, queued behind what computes it: the next step may write into the same memory.
    return tensor.detach().reshape(()).clone()


def _one(key: str, value: Any) -> float:
    """A number as a float; whole numbers that are none are rounded, those too large for any float are infinite."""
    if type(value) is float:
        return value
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        raise UsageError(
            f"{key!r} is {value!r:.60} of type {type(value).__name__}, no real number; log its parts or its abs()"
        ) from None
    if not -LARGEST_STEP < number < LARGEST_STEP and hasattr(value, "__index__"):
        _tell_if_rounded(key, operator.index(value), number)
    return number


def _tell_if_rounded(key: str, value: int, number: float) -> None:
    if math.isinf(number) or int(number) != value:
        found = str(value) if abs(value) < 10**40 else f"a number of {value.bit_length():,} bits"
        beside.warn_once(
            "rounded",
            f"{key!r} is {found}, which is recorded as {number:.17g}: what is logged is a float, exact up to 2**53. "
            f"To keep all digits: run.config[{key!r}] = …, or as text: run.text({key!r}, str(…))",
        )


def _several(key: str, shape: Any) -> None:
    raise UsageError(
        f"{key!r} is an array of shape {shape}; log takes single numbers: reduce it (.mean()), or wrap it: "
        "netscope.Histogram(…), netscope.Array(…), netscope.Image(…)"
    )
