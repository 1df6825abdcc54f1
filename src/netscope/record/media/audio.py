"""Sound: samples of any number type as 16-bit WAV."""

from __future__ import annotations

import io
import os
import wave
from typing import Any

import numpy as np
import numpy.typing as npt

from netscope.errors import UsageError
from netscope.record.media.item import Encoded, Media, as_numpy, is_tensor, warn

MOST_CHANNELS = 8
FASTEST = 1_000_000  # samples a second
FULL_SCALE = 32_767
CLIPPED = 1e-3  # floats this little beyond ±1 are rounding

Samples = npt.NDArray[Any]


class Audio(Media):
    """Sound: samples [sample] or [sample, channel], floats from -1 to 1 or integers of 8, 16 or 32 bits.

    Integers are of full scale at the ends of their type (`uint8` is silent at 128), as in WAV files. Floats beyond ±1
    are scaled down together, with a warning, so that no peak is cut off.
    """

    kind = "audio"

    def __init__(self, data: Any, rate: int = 44_100, caption: str = "") -> None:
        """Encode as 16-bit WAV; `rate` is samples a second."""
        if isinstance(data, str | bytes | os.PathLike):
            raise UsageError(f"audio is an array of samples, found {data!r:.80}; read the file first")
        rate = _whole_rate(rate)
        samples = as_numpy(data)
        if samples.ndim == 1:
            samples = samples[:, None]
        elif samples.ndim == 2:
            is_first = samples.shape[0] <= MOST_CHANNELS  # torchaudio has the channels first
            if is_first and (samples.shape[0] < samples.shape[1] or (is_tensor(data) and samples.shape[1] > 1)):
                samples = samples.T
        if samples.ndim != 2 or not samples.size or samples.shape[1] > MOST_CHANNELS:
            raise UsageError(
                f"audio is [sample] or [sample, channel] with up to {MOST_CHANNELS} channels, found shape "
                f"{np.shape(data) if not is_tensor(data) else tuple(data.shape)}; give several as a list to run.audio"
            )
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(samples.shape[1])
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(np.ascontiguousarray(_sixteen_bits(samples), "<i2").tobytes())
        self.encoded = Encoded(file.getvalue(), "wav", str(caption), list(samples.shape))


def _whole_rate(rate: Any) -> int:
    """As an int; 22050.0 and a tensor of one number are as good as one."""
    try:
        number = float(rate) if hasattr(type(rate), "__float__") and not isinstance(rate, bool) else 0.0
    except (TypeError, ValueError, RuntimeError):
        number = 0.0
    if not (number.is_integer() and 1 <= number <= FASTEST):
        raise UsageError(f"rate is a whole number of samples a second up to {FASTEST:,}, found {rate!r:.60}")
    return int(number)


def _sixteen_bits(samples: Samples) -> Samples:
    kind = samples.dtype
    if kind == np.int16:
        return samples
    if kind == np.int32:
        return samples >> 16
    if kind == np.uint8:
        return (samples.astype(np.int16) - 128) << 8
    if kind == np.int8:
        return samples.astype(np.int16) << 8
    if kind.kind == "f":
        return _from_floats(samples.astype(np.float64))
    raise UsageError(
        f"audio is of floats (-1 to 1) or of int16, int32, int8 or uint8, found {kind}; "
        "write .astype('int16'), or divide by what is full scale"
    )


def _from_floats(samples: npt.NDArray[np.float64]) -> Samples:
    is_finite = np.isfinite(samples)
    if n_odd := samples.size - int(is_finite.sum()):
        warn(f"audio of which {n_odd:,} of {samples.size:,} samples are NaN or infinite; they are silent")
        samples = np.where(is_finite, samples, 0.0)
    peak = float(np.abs(samples).max())
    if peak > 1 + CLIPPED:
        warn(
            f"audio of floats up to ±{peak:,.5g}, expected -1 to 1: all were divided by {peak:,.5g}; "
            "divide by what is full scale (32768 for 16-bit samples)"
        )
        samples = samples / peak
    sixteen: Samples = np.rint(samples.clip(-1, 1) * FULL_SCALE).astype(np.int16)
    return sixteen
