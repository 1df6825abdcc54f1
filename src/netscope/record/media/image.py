"""Images: encode arrays of any number type and Pillow images of any mode as PNG.

The range from black to white is clear for booleans, integers up to 255, 16-bit unsigned integers, and floats from 0 to
1 or from -1 to 1. Anything else is treated as one of these, with a warning that says how to set the range.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope.errors import UsageError
from netscope.formats import png_writer
from netscope.record.media.item import Encoded, Media, as_numpy, is_tensor, package_of, warn

LARGEST_SIDE = 16_384
WHITE, WHITE_16 = 255, 65_535
FAR_BEYOND_WHITE = 2.0  # larger floats were probably not meant to be from 0 to 1
ROUNDING = 0.01  # floats beyond their range by at most this much come from rounding or resampling

Values = npt.NDArray[Any]


class Image(Media):
    """An image: a NumPy or torch array [y, x], [y, x, channel] or [channel, y, x], or a Pillow image.

    By default, black is 0 and white is 1 for floats, 255 for integers, and 65,535 for `uint16` with values above 255;
    if floats are negative but within ±1, black is -1. `low` and `high` override this. If the channel axis is
    ambiguous, it is the first of a torch tensor and the last of a NumPy array.
    """

    kind = "image"

    def __init__(self, data: Any, caption: str = "", *, low: float | None = None, high: float | None = None) -> None:
        """Encode as PNG.

        Raises:
            UsageError: The shape, type or range is not supported.
        """
        if isinstance(data, str | bytes | os.PathLike):
            raise UsageError(
                f"an image must be an array or a Pillow image, got the path {str(data)!r:.80}; open it first"
            )
        if isinstance(data, list | tuple) and any(hasattr(item, "shape") or hasattr(item, "mode") for item in data):
            raise UsageError(
                f"an Image holds one image, got a {type(data).__name__} of {len(data)}; pass the list to run.image, "
                "or write [netscope.Image(x) for x in …]"
            )
        is_torch = is_tensor(data)
        values = _from_pillow(data) if not is_torch and is_pillow(data) else as_numpy(data)
        pixels = _shades(_channels_last(values, channels_first=is_torch), low, high)
        self.encoded = Encoded(png_writer.encode(pixels), "png", str(caption), list(pixels.shape))


def is_pillow(data: Any) -> bool:
    """Whether the value is a Pillow image or behaves like one."""
    return hasattr(data, "mode") and hasattr(data, "convert")


def _from_pillow(image: Any) -> Values:
    """The pixels of a Pillow image of any mode, as grey or RGB, with alpha if it has any."""
    try:
        mode = image.mode
        if mode in ("1", "L", "LA", "RGB", "RGBA", "F") or mode.startswith("I"):
            has_key = "transparency" in image.info and mode in ("1", "L", "RGB")
            values = np.asarray(image.convert("RGBA") if has_key else image)
            if mode == "I" and values.size and values.min() >= 0 and values.max() <= WHITE_16:
                return values.astype(np.uint16)  # Pillow opens some 16-bit PNG files in this mode
            return values
        if mode == "La":
            return np.asarray(image.convert("LA"))
        if mode == "LAB":
            return np.asarray(_from_lab(image))
        has_alpha = mode in ("PA", "RGBa") or (mode == "P" and "transparency" in image.info)
        return np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
    except (ValueError, OSError) as error:  # an unknown mode, a truncated file
        raise UsageError(f"the Pillow image cannot be read: {error}") from error


def _from_lab(image: Any) -> Any:
    from PIL import ImageCms  # noqa: PLC0415  # installed, because the image is Pillow's

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")


def _channels_last(data: Values, *, channels_first: bool) -> Values:
    """Bring an array to [y, x, channel]; `channels_first` decides ambiguous cases."""
    given = data.shape
    if data.ndim == 2:
        data = data[:, :, None]
    elif data.ndim == 3:
        first, last = data.shape[0] in png_writer.COLOUR, data.shape[2] in png_writer.COLOUR
        if first and (channels_first or not last):
            data = data.transpose(1, 2, 0)
    if data.ndim != 3 or data.shape[2] not in png_writer.COLOUR or not data.size or max(data.shape) > LARGEST_SIDE:
        raise UsageError(
            f"an image must be [y, x], [y, x, channel] or [channel, y, x] with 1 to 4 channels and sides up to "
            f"{LARGEST_SIDE:,}, got shape {given}; pass several as a list, or as a batch [n, …], to run.image"
        )
    return data


def _shades(values: Values, low: float | None, high: float | None) -> png_writer.Pixels:
    """Convert values to pixels from black to white."""
    kind = values.dtype.kind
    if kind == "c":
        raise UsageError(f"an image must be real numbers, got {values.dtype}; log its .real, .imag or abs()")
    if kind not in "fiub":
        raise UsageError(f"an image must be floats, integers or booleans, got {values.dtype}")
    if low is not None or high is not None:
        return _scaled(values, *_given(low, high, WHITE if kind in "iu" else 1))
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(WHITE)
    return _floats(values) if kind == "f" else _integers(values)


def _given(low: Any, high: Any, white: float) -> tuple[float, float]:
    try:
        low, high = float(0 if low is None else low), float(white if high is None else high)
    except (TypeError, ValueError):
        raise UsageError(f"low and high must be numbers, got {low!r:.40} and {high!r:.40}") from None
    if not (low < high and math.isfinite(low) and math.isfinite(high)):
        raise UsageError(f"low must be below high, and both finite, got {low:g} and {high:g}")
    return low, high


def _floats(values: Values) -> png_writer.Pixels:
    is_finite = np.isfinite(values)
    smallest = float(values.min(where=is_finite, initial=0))
    largest = float(values.max(where=is_finite, initial=0))
    if n_nan := int(np.isnan(values).sum()):
        warn(f"{n_nan:,} of {values.size:,} values of an image are NaN; they are shown black")
    if smallest >= -ROUNDING:
        if largest > FAR_BEYOND_WHITE:
            warn(
                f"the floats of an image reach {largest:.4g}: everything above 1 is shown white; "
                "divide by 255, make it .astype('uint8'), or give low= and high="
            )
        return _scaled(values, 0, 1)
    if smallest >= -1 - ROUNDING and largest <= 1 + ROUNDING:
        warn(
            f"the floats of an image range from {smallest:.4g} to {largest:.4g}: -1 is shown black and 1 white; "
            "pass low=-1 if that is intended, or low=0 to show values below 0 black"
        )
        return _scaled(values, -1, 1)
    warn(
        f"the floats of an image range from {smallest:.4g} to {largest:.4g}: 0 is shown black, 1 white, and the rest "
        "is clipped; pass low= and high="
    )
    return _scaled(values, 0, 1)


def _integers(values: Values) -> png_writer.Pixels:
    smallest, largest = int(values.min()), int(values.max())
    if values.dtype.itemsize == 2 and values.dtype.kind == "u" and largest > WHITE:
        return values.astype(np.uint16)
    if smallest < 0 or largest > WHITE:
        warn(
            f"the integers of an image range from {smallest:,} to {largest:,}: 0 is shown black, 255 white, and the "
            f"rest is clipped; pass low={smallest} and high={largest}, or other values for black and white"
        )
    return values.clip(0, WHITE).astype(np.uint8)


def _scaled(values: Values, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Scale to 8 bits, from `low` at 0 to `high` at 255; clip values outside, show NaN black."""
    scaled = (values.astype(np.float64) - low) * (WHITE / (high - low))
    return np.nan_to_num(np.rint(scaled), nan=0.0, posinf=WHITE, neginf=0).clip(0, WHITE).astype(np.uint8)


def is_image_like(value: Any) -> bool:
    """Whether `log` treats the value as an image."""
    return package_of(value) == "PIL" and is_pillow(value)
