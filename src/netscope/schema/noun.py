"""What all nouns share."""

from __future__ import annotations

from typing import Literal

import msgspec

Number = float | Literal["NaN", "Infinity", "-Infinity"]
Scalar = str | int | float | bool | None


class Noun(msgspec.Struct, frozen=True, omit_defaults=False):
    """Base of all nouns."""
