"""Pictures: arrays of any number type and Pillow images of any mode as PNG, and which value is black and which white.

What a range means is plain for booleans, for integers up to 255, for unsigned integers of 16 bits and for floats from
0 to 1 or from -1 to 1. Everything else is drawn as if it were one of these, with a warning that names the way out.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope.errors import UsageError
from netscope.formats import png_writer
from netscope.record.media.item import Encoded, Media, as_numpy, is_tensor, origin, warn

LARGEST_SIDE = 16_384
WHITE, WHITE_16 = 255, 65_535
FAR_BEYOND_WHITE = 2.0  # floats that are larger were hardly meant to be from 0 to 1
ROUNDING = 0.01  # floats this little beyond their range are rounding or resampling

Values = npt.NDArray[Any]


class Image(Media):
    """A picture: array [y, x], [y, x, channel] or [channel, y, x] of NumPy or torch, or a Pillow image.

    Floats are black at 0 and white at 1 or, where some are negative and none beyond ±1, black at -1; integers are
    black at 0 and white at 255 (of `uint16` with larger values at 65,535). `low` and `high` say otherwise. Where the
    place of the channels is ambiguous, a torch tensor has them first and a NumPy array last, as is their custom.
    """

    kind = "image"

    def __init__(self, data: Any, caption: str = "", *, low: float | None = None, high: float | None = None) -> None:
        """Encode as PNG."""
        if isinstance(data, str | bytes | os.PathLike):
            raise UsageError(f"an image is an array or a Pillow image, found the path {str(data)!r:.80}; open it first")
        if isinstance(data, list | tuple) and any(hasattr(item, "shape") or hasattr(item, "mode") for item in data):
            raise UsageError(
                f"an image is one picture, found a {type(data).__name__} of {len(data)}; give the list to run.image, "
                "or write [netscope.Image(x) for x in …]"
            )
        is_torch = is_tensor(data)
        values = _from_pillow(data) if not is_torch and is_pillow(data) else as_numpy(data)
        pixels = _shades(_channels_last(values, channels_first=is_torch), low, high)
        self.encoded = Encoded(png_writer.encode(pixels), "png", str(caption), list(pixels.shape))


def is_pillow(data: Any) -> bool:
    """Whether it is Pillow's, or of a kind that behaves like it."""
    return hasattr(data, "mode") and hasattr(data, "convert")


def _from_pillow(image: Any) -> Values:
    """The pixels of a Pillow image of any mode, as grey or RGB, with alpha where it has some."""
    try:
        mode = image.mode
        if mode in ("1", "L", "LA", "RGB", "RGBA", "F") or mode.startswith("I"):
            has_key = "transparency" in image.info and mode in ("1", "L", "RGB")
            values = np.asarray(image.convert("RGBA") if has_key else image)
            if mode == "I" and values.size and values.min() >= 0 and values.max() <= WHITE_16:
                return values.astype(np.uint16)  # how Pillow opens some PNG files of 16 bits
            return values
        if mode == "La":
            return np.asarray(image.convert("LA"))
        if mode == "LAB":
            return np.asarray(_from_lab(image))
        has_alpha = mode in ("PA", "RGBa") or (mode == "P" and "transparency" in image.info)
        return np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
    except (ValueError, OSError) as error:  # a mode unknown to it, a file that is cut short
        raise UsageError(f"an image is an array or a Pillow image; this one cannot be read: {error}") from error


def _from_lab(image: Any) -> Any:
    from PIL import ImageCms  # noqa: PLC0415  # an image of Pillow's is here, so Pillow is

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")


def _channels_last(data: Values, *, channels_first: bool) -> Values:
    """As [y, x, channel]; `channels_first` says which it is where both could be meant."""
    given = data.shape
    if data.ndim == 2:
        data = data[:, :, None]
    elif data.ndim == 3:
        first, last = data.shape[0] in png_writer.COLOUR, data.shape[2] in png_writer.COLOUR
        if first and (channels_first or not last):
            data = data.transpose(1, 2, 0)
    if data.ndim != 3 or data.shape[2] not in png_writer.COLOUR or not data.size or max(data.shape) > LARGEST_SIDE:
        raise UsageError(
            f"an image is [y, x], [y, x, channel] or [channel, y, x] with 1 to 4 channels and sides up to "
            f"{LARGEST_SIDE:,}, found shape {given}; give several as a list, or as a batch [n, …] to run.image"
        )
    return data


def _shades(values: Values, low: float | None, high: float | None) -> png_writer.Pixels:
    """Values as shades from black to white."""
    kind = values.dtype.kind
    if kind == "c":
        raise UsageError(f"an image is of real numbers, found {values.dtype}; log its .real, .imag or abs()")
    if kind not in "fiub":
        raise UsageError(f"an image is of floats, integers or booleans, found {values.dtype}")
    if low is not None or high is not None:
        return _scaled(values, *_given(low, high, WHITE if kind in "iu" else 1))
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(WHITE)
    return _floats(values) if kind == "f" else _integers(values)


def _given(low: Any, high: Any, white: float) -> tuple[float, float]:
    try:
        low, high = float(0 if low is None else low), float(white if high is None else high)
    except (TypeError, ValueError):
        raise UsageError(f"low and high are numbers, found {low!r:.40} and {high!r:.40}") from None
    if not (low < high and math.isfinite(low) and math.isfinite(high)):
        raise UsageError(f"low must be below high, and both finite, found {low:g} and {high:g}")
    return low, high


def _floats(values: Values) -> png_writer.Pixels:
    is_finite = np.isfinite(values)
    smallest = float(values.min(where=is_finite, initial=0))
    largest = float(values.max(where=is_finite, initial=0))
    if n_nan := int(np.isnan(values).sum()):
        warn(f"an image of which {n_nan:,} of {values.size:,} values are NaN; they are drawn black")
    if smallest >= -ROUNDING:
        if largest > FAR_BEYOND_WHITE:
            warn(
                f"an image of floats up to {largest:.4g}: 1 is white, and so is all above it; "
                "divide by 255, make it .astype('uint8'), or give low= and high="
            )
        return _scaled(values, 0, 1)
    if smallest >= -1 - ROUNDING and largest <= 1 + ROUNDING:
        warn(
            f"an image of floats from {smallest:.4g} to {largest:.4g}: -1 is drawn black and 1 white; "
            "write low=-1 where this is meant, low=0 where below 0 is black"
        )
        return _scaled(values, -1, 1)
    warn(
        f"an image of floats from {smallest:.4g} to {largest:.4g}: 0 is black, 1 is white, what is beyond is clipped; "
        "give low= and high="
    )
    return _scaled(values, 0, 1)


def _integers(values: Values) -> png_writer.Pixels:
    smallest, largest = int(values.min()), int(values.max())
    if values.dtype.itemsize == 2 and values.dtype.kind == "u" and largest > WHITE:
        return values.astype(np.uint16)
    if smallest < 0 or largest > WHITE:
        warn(
            f"an image of integers from {smallest:,} to {largest:,}: 0 is black, 255 is white, what lies beyond is "
            f"clipped; give low={smallest} and high={largest}, or whatever is black and white"
        )
    return values.clip(0, WHITE).astype(np.uint8)


def _scaled(values: Values, low: float, high: float) -> npt.NDArray[np.uint8]:
    """8 bits: `low` is 0 and `high` is 255; what lies beyond is clipped, NaN is black."""
    scaled = (values.astype(np.float64) - low) * (WHITE / (high - low))
    return np.nan_to_num(np.rint(scaled), nan=0.0, posinf=WHITE, neginf=0).clip(0, WHITE).astype(np.uint8)


def is_image_like(value: Any) -> bool:
    """Whether `log` takes it as a picture without being told."""
    return origin(value) == "PIL" and is_pillow(value)
