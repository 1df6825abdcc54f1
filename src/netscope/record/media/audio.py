"""Audio: samples of any number type, encoded as 16-bit WAV."""

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
FASTEST = 1_000_000  # samples per second
FULL_SCALE = 32_767
CLIPPED = 1e-3  # floats beyond ±1 by at most this much are clipped as rounding errors

Samples = npt.NDArray[Any]


class Audio(Media):
    """Audio samples [sample], [sample, channel] or [channel, sample]: floats from -1 to 1, or 8, 16 or 32-bit integers.

    The full range of an integer type is full scale (`uint8` is silent at 128), as in WAV files. If floats exceed ±1,
    all samples are scaled down, with a warning, so that no peak is clipped.
    """

    kind = "audio"

    def __init__(self, data: Any, rate: int = 44_100, caption: str = "") -> None:
        """Encode as 16-bit WAV; `rate` is in samples per second.

        Raises:
            UsageError: The shape, type or rate is not supported.
        """
        if isinstance(data, str | bytes | os.PathLike):
            raise UsageError(f"audio must be an array of samples, got {data!r:.80}; read the file first")
        rate = _whole_rate(rate)
        samples = as_numpy(data)
        if samples.ndim == 1:
            samples = samples[:, None]
        elif samples.ndim == 2:
            is_first = samples.shape[0] <= MOST_CHANNELS  # torchaudio puts the channels first
            if is_first and (samples.shape[0] < samples.shape[1] or (is_tensor(data) and samples.shape[1] > 1)):
                samples = samples.T
        if samples.ndim != 2 or not samples.size or samples.shape[1] > MOST_CHANNELS:
            raise UsageError(
                f"audio must be [sample] or [sample, channel] with up to {MOST_CHANNELS} channels, got shape "
                f"{np.shape(data) if not is_tensor(data) else tuple(data.shape)}; pass several as a list to run.audio"
            )
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(samples.shape[1])
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(np.ascontiguousarray(_sixteen_bits(samples), "<i2").tobytes())
        self.encoded = Encoded(file.getvalue(), "wav", str(caption), list(samples.shape))


def _whole_rate(rate: Any) -> int:
    """The rate as an int; also accepts 22050.0 and a one-element tensor."""
    try:
        number = float(rate) if hasattr(type(rate), "__float__") and not isinstance(rate, bool) else 0.0
    except (TypeError, ValueError, RuntimeError):
        number = 0.0
    if not (number.is_integer() and 1 <= number <= FASTEST):
        raise UsageError(f"rate must be a whole number of samples per second up to {FASTEST:,}, got {rate!r:.60}")
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
        f"audio must be floats (-1 to 1), int16, int32, int8 or uint8, got {kind}; "
        "write .astype('int16'), or divide by the full scale"
    )


def _from_floats(samples: npt.NDArray[np.float64]) -> Samples:
    is_finite = np.isfinite(samples)
    if n_odd := samples.size - int(is_finite.sum()):
        warn(f"{n_odd:,} of {samples.size:,} audio samples are NaN or infinite; they are replaced by silence")
        samples = np.where(is_finite, samples, 0.0)
    peak = float(np.abs(samples).max())
    if peak > 1 + CLIPPED:
        warn(
            f"audio floats reach ±{peak:,.5g}, expected -1 to 1: all samples were divided by {peak:,.5g}; "
            "divide by the full scale yourself (32768 for 16-bit samples)"
        )
        samples = samples / peak
    sixteen: Samples = np.rint(samples.clip(-1, 1) * FULL_SCALE).astype(np.int16)
    return sixteen
